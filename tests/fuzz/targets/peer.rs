//! A server on loopback that sends an input. Sends the parts between [`TURN`]s one by one, each after receiving
//! bytes; the parts after [`NEXT`] belong to the next connection.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

const TURN: &[u8] = b"\x1e\x1e";
const NEXT: &[u8] = b"\x1d\x1d";

/// How long something is waited for: the other side may be waiting, too.
const TEST_TIMEOUT: Duration = Duration::from_millis(20);

/// The scripts of the next connections; the last one is repeated.
type Script = Arc<Mutex<Vec<Vec<u8>>>>;

pub struct Peer {
    pub address: SocketAddr,
    script: Script,
}

impl Peer {
    /// Listens for as long as the process lives.
    pub fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let peer = Self { address: listener.local_addr().unwrap(), script: Script::default() };
        let script = Arc::clone(&peer.script);
        std::thread::spawn(move || listener.incoming().for_each(|client| serve(&client.unwrap(), &script)));
        peer
    }

    /// What it sends.
    pub fn say(&self, bytes: &[u8]) {
        let connections = split(bytes, NEXT).map(<[u8]>::to_vec).collect();
        *self.script.lock().unwrap_or_else(PoisonError::into_inner) = connections;
    }
}

/// An error means that the other side has gone.
fn serve(mut client: &TcpStream, script: &Script) {
    let said = {
        let mut script = script.lock().unwrap_or_else(PoisonError::into_inner);
        if script.len() > 1 { script.remove(0) } else { script.first().cloned().unwrap_or_default() }
    };
    let mut heard = [0; 4096];
    let _ = client.set_read_timeout(Some(TEST_TIMEOUT));
    for part in split(&said, TURN) {
        let _ = client.read(&mut heard);
        if client.write_all(part).is_err() {
            return;
        }
    }
    let _ = client.shutdown(Shutdown::Write);
    while client.read(&mut heard).is_ok_and(|read| read > 0) {}
}

/// Splits at two adjacent bytes.
fn split<'a>(bytes: &'a [u8], mark: &'static [u8]) -> impl Iterator<Item = &'a [u8]> {
    let mut rest = Some(bytes);
    std::iter::from_fn(move || {
        let all = rest?;
        let at = all.windows(mark.len()).position(|found| found == mark);
        rest = at.map(|at| &all[at + mark.len()..]);
        Some(&all[..at.unwrap_or(all.len())])
    })
}

//! Responses of a name server over UDP and TCP: the query's id, then the input. The first byte selects whether the
//! UDP response is truncated, so that TCP is used. A SERVFAIL follows the input, so that nothing waits.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Duration;

use defender_exporter::config::{Family, ResolverConfig};
use defender_exporter::net::resolver::{NameError, Resolver};
use tokio::runtime::Runtime;

use super::lab::runtime;

/// Flags in the third byte of a message: response, recursion desired; truncated.
const ANSWER: u8 = 0x81;
const TRUNCATED: u8 = 0x83;
const SERVFAIL: u8 = 0x82;

/// How long a lookup may take.
const TEST_TIMEOUT: Duration = Duration::from_millis(200);

static SAID: Mutex<Vec<u8>> = Mutex::new(Vec::new());

static LAB: LazyLock<(Runtime, Resolver)> = LazyLock::new(|| {
    let resolver =
        ResolverConfig { servers: vec![server()], family: Family::Ipv4, ..ResolverConfig::default() };
    let runtime = runtime();
    (runtime, Resolver::new(&resolver, &BTreeMap::new()))
});

pub fn run(bytes: &[u8]) {
    let (runtime, destinations) = &*LAB;
    said().splice(.., bytes.iter().copied()).for_each(drop);
    match runtime.block_on(destinations.addresses("a.example", TEST_TIMEOUT)) {
        Ok(addresses) => assert!(!addresses.is_empty() && addresses.iter().all(std::net::IpAddr::is_ipv4)),
        Err(NameError::Sinkhole { .. }) => panic!("that is for who connects to say"),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

fn said() -> std::sync::MutexGuard<'static, Vec<u8>> {
    SAID.lock().unwrap_or_else(PoisonError::into_inner)
}

/// UDP and TCP on one port of loopback, for as long as the process lives.
fn server() -> SocketAddr {
    let (udp, tcp) = (0..100)
        .find_map(|_| {
            let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            let tcp = TcpListener::bind(udp.local_addr().unwrap()).ok()?;
            Some((udp, tcp))
        })
        .unwrap();
    let address = udp.local_addr().unwrap();
    std::thread::spawn(move || answer_udp(&udp));
    std::thread::spawn(move || tcp.incoming().for_each(|client| drop(answer_tcp(client.unwrap()))));
    address
}

fn answer_udp(udp: &UdpSocket) {
    let mut question = [0; 512];
    loop {
        let Ok((length, from)) = udp.recv_from(&mut question) else { continue };
        for message in answers(&question[..length], false) {
            let _ = udp.send_to(&message, from); // who asked may have gone
        }
    }
}

fn answer_tcp(mut client: TcpStream) -> std::io::Result<()> {
    client.set_read_timeout(Some(TEST_TIMEOUT))?;
    let mut length = [0; 2];
    client.read_exact(&mut length)?;
    let mut question = vec![0; u16::from_be_bytes(length).into()];
    client.read_exact(&mut question)?;
    for message in answers(&question, true) {
        let length = u16::try_from(message.len()).unwrap_or(u16::MAX);
        client.write_all(&length.to_be_bytes())?;
        client.write_all(&message)?;
    }
    Ok(())
}

/// The response to a query, in datagrams or messages.
fn answers(question: &[u8], over_tcp: bool) -> Vec<Vec<u8>> {
    let said = said();
    let (choice, said) = said.split_first().map_or((0, &[][..]), |(choice, said)| (*choice, said));
    let own = |flags: u8, code: u8| [&question[..2], &[flags, code], &question[4..]].concat();
    let given = [&question[..2], said].concat();
    match (choice & 1 == 1, over_tcp) {
        (true, false) => vec![own(TRUNCATED, 0x80)],
        _ => vec![given, own(ANSWER, SERVFAIL)],
    }
}

//! A filter on the path that reads the first segment of a connection and resets those whose TLS record isn't whole in it, as
//! <https://tldr.fail/> describes. Everything else passes.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::TcpStream;

use super::listener::SwitchableListener;

/// The length of a TLS record's header (RFC 8446, section 5.1).
const HEADER: usize = 5;

/// The connections that it resets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resets {
    /// All whose first segment has no whole record.
    Partial,
    /// The first one, if its first segment has no whole record: a hiccup, not a filter.
    PartialOnce,
    /// All, once the first segment is there: an outage.
    All,
}

/// The filter. Dropping it ends its connections.
pub struct Middlebox(SwitchableListener);

impl Middlebox {
    /// Stands before this address.
    pub fn before(origin: SocketAddr, resets: Resets) -> Self {
        let seen = Arc::new(AtomicUsize::new(0));
        let filter = move |stream| {
            let is_first = seen.fetch_add(1, Ordering::Relaxed) == 0;
            filter(stream, origin, resets, is_first)
        };
        Self(SwitchableListener::open((Ipv4Addr::LOCALHOST, 0).into(), filter))
    }

    /// The listen address.
    pub const fn addr(&self) -> SocketAddr {
        self.0.addr()
    }
}

async fn filter(mut client: TcpStream, to: SocketAddr, resets: Resets, is_first: bool) {
    let mut first = vec![0; 16 * 1024];
    let Ok(length) = client.read(&mut first).await else { return };
    let is_partial = !is_whole(&first[..length]);
    let is_reset = match resets {
        Resets::Partial => is_partial,
        Resets::PartialOnce => is_partial && is_first,
        Resets::All => true,
    };
    if is_reset {
        client.set_zero_linger().unwrap(); // resets it
        return;
    }
    let Ok(mut origin) = TcpStream::connect(to).await else { return };
    origin.set_nodelay(true).unwrap();
    if origin.write_all(&first[..length]).await.is_ok() {
        let _ = copy_bidirectional(&mut client, &mut origin).await;
    }
}

/// Whether the bytes have a whole TLS record.
fn is_whole(bytes: &[u8]) -> bool {
    let Some(&[_, _, _, high, low]) = bytes.first_chunk::<HEADER>() else { return false };
    bytes.len() - HEADER >= usize::from(u16::from_be_bytes([high, low]))
}

//! Addresses that can't be connected to, without root: each kind of failure.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use socket2::SockRef;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::timeout;

/// On loopback a connection that is not made at once is not made at all.
const AT_ONCE: Duration = Duration::from_millis(150);

/// The broadcast address of loopback: Linux answers a TCP connect with ENETUNREACH, without a packet.
pub const UNREACHABLE: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::new(127, 255, 255, 255)), 1);

/// A port that refuses connections: bound, so that it stays reserved, but not listening.
pub struct Refusing(TcpSocket);

impl Refusing {
    /// Takes a free port.
    pub fn new() -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        Self(socket)
    }

    /// Where connections are refused.
    pub fn addr(&self) -> SocketAddr {
        self.0.local_addr().unwrap()
    }
}

/// A port where connecting hangs for as long as this lives.
pub struct Hanging {
    listener: TcpListener,
    _jam: Jam,
}

impl Hanging {
    /// Takes a free port and jams it.
    pub async fn new() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let jam = Jam::new(&listener).await;
        Self { listener, _jam: jam }
    }

    /// Where connecting hangs.
    pub fn addr(&self) -> SocketAddr {
        self.listener.local_addr().unwrap()
    }
}

/// A port that resets connections before their clients have seen that they are connected.
pub struct Resetting(std::net::TcpListener);

impl Resetting {
    /// Takes a free port.
    pub fn new() -> Self {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        Self(listener)
    }

    /// Where connections are reset.
    pub fn addr(&self) -> SocketAddr {
        self.0.local_addr().unwrap()
    }

    /// Runs a client and resets its connections. On loopback a connection is made while the client asks for it, and the
    /// client learns of it at its next poll at the earliest; it is accepted and reset before that.
    /// That holds for what `client` does itself, not for tasks that it spawns.
    pub async fn while_running<T>(&self, client: impl Future<Output = T>) -> T {
        let resetting = async {
            loop {
                while let Ok((stream, _)) = self.0.accept() {
                    SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            biased; // the client first, then the reset, in every turn
            seen = client => seen,
            () = resetting => unreachable!("it resets without end"),
        }
    }
}

/// Connections that fill a listener's backlog, so that Linux drops further SYNs.
pub struct Jam(Vec<TcpStream>);

impl Jam {
    /// Fills the backlog of a listener without accept.
    ///
    /// # Panics
    /// When it can't be filled: this system does not drop a SYN for a full backlog.
    pub async fn new(listener: &TcpListener) -> Self {
        SockRef::from(listener).listen(0).unwrap();
        let addr = listener.local_addr().unwrap();
        let mut filling = Vec::new();
        while let Ok(Ok(stream)) = timeout(AT_ONCE, TcpStream::connect(addr)).await {
            filling.push(stream);
            assert!(filling.len() < 64, "the backlog of {addr} does not fill up");
        }
        Self(filling)
    }

    /// Takes the filling connections out, and gives the listener a backlog again.
    pub async fn release(self, listener: &TcpListener, backlog: u32) {
        for _ in &self.0 {
            drop(timeout(AT_ONCE, listener.accept()).await);
        }
        SockRef::from(listener).listen(i32::try_from(backlog).unwrap()).unwrap();
    }
}

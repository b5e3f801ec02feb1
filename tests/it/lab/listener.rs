//! A listener on a fixed port that can refuse connections or let them hang. Its owner serves the connections.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use super::blackhole::Jam;
use super::port;

const BACKLOG: u32 = 1024;

type Serve = Arc<dyn Fn(TcpStream) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

/// What happens to new connections.
enum State {
    /// Accepted. Dropping the tasks ends all connections.
    Open(Arc<TcpListener>, JoinSet<()>),
    /// Refused. The socket reserves the port.
    Shut(TcpSocket),
    /// They hang in the handshake.
    Jammed(Arc<TcpListener>, Jam),
}

/// The listener. Dropping it ends its connections.
pub struct SwitchableListener {
    addr: SocketAddr,
    serve: Serve,
    state: Mutex<Option<State>>,
}

impl SwitchableListener {
    /// Listens, and serves each connection with `serve`.
    pub fn open<F>(at: SocketAddr, serve: impl Fn(TcpStream) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let serve: Serve = Arc::new(move |stream| Box::pin(serve(stream)));
        let listener = bind(at).unwrap().listen(BACKLOG).unwrap();
        let addr = listener.local_addr().unwrap();
        let state = Mutex::new(Some(open(Arc::new(listener), &serve)));
        Self { addr, serve, state }
    }

    /// The listen address, also while shut.
    pub const fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Ends all connections and refuses new ones.
    pub async fn shut(&self) {
        let mut state = self.state.lock().await;
        end(state.take()).await;
        *state = Some(State::Shut(port::again(async || bind(self.addr)).await));
    }

    /// Ends all connections and lets new ones hang in their TCP handshake (Linux: the backlog is full).
    pub async fn jam(&self) {
        let mut state = self.state.lock().await;
        let listener = match state.take() {
            Some(State::Open(listener, mut tasks)) => {
                tasks.shutdown().await;
                listener
            }
            other => {
                end(other).await;
                Arc::new(port::again(async || bind(self.addr)?.listen(BACKLOG)).await)
            }
        };
        let jam = Jam::new(&listener).await;
        *state = Some(State::Jammed(listener, jam));
    }

    /// Opens the same port again, whether shut or jammed. A connection that hung is made when its SYN is next
    /// repeated, on Linux a second after its first.
    pub async fn reopen(&self) {
        let mut state = self.state.lock().await;
        let listener = match state.take() {
            Some(State::Jammed(listener, jam)) => {
                jam.release(&listener, BACKLOG).await;
                listener
            }
            Some(State::Shut(socket)) => Arc::new(socket.listen(BACKLOG).unwrap()),
            open => {
                end(open).await;
                Arc::new(port::again(async || bind(self.addr)?.listen(BACKLOG)).await)
            }
        };
        *state = Some(open(listener, &self.serve));
    }
}

fn bind(addr: SocketAddr) -> std::io::Result<TcpSocket> {
    let socket = if addr.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?; // connections of before may linger
    socket.bind(addr)?;
    Ok(socket)
}

fn open(listener: Arc<TcpListener>, serve: &Serve) -> State {
    let mut tasks = JoinSet::new();
    tasks.spawn(accept(Arc::clone(&listener), Arc::clone(serve)));
    State::Open(listener, tasks)
}

/// Ends the tasks and waits for it, so that the port is free afterwards.
async fn end(state: Option<State>) {
    if let Some(State::Open(_, mut tasks)) = state {
        tasks.shutdown().await;
    }
}

async fn accept(listener: Arc<TcpListener>, serve: Serve) {
    let mut connections = JoinSet::new(); // aborted with this task
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        connections.spawn(serve(stream));
        while connections.try_join_next().is_some() {}
    }
}

//! Socket activation: the listening sockets passed by systemd (systemd.socket(5), sd_listen_fds(3)).

use std::io;

use listenfd::ListenFd;
use tokio::net::{TcpListener, UnixListener};

use super::{BindError, Listener, unix};

/// The passed sockets, in the order of the unit.
pub(super) fn listeners() -> Result<Vec<Listener>, BindError> {
    let mut passed = ListenFd::from_env();
    if passed.len() == 0 {
        return Err(BindError::NoSocket);
    }
    let numbers = 0..passed.len();
    numbers
        .map(|number| take(&mut passed, number).map_err(|source| BindError::Socket { number, source }))
        .collect()
}

fn take(passed: &mut ListenFd, number: usize) -> io::Result<Listener> {
    let unusable =
        || io::Error::new(io::ErrorKind::InvalidInput, "not a listening TCP or Unix stream socket");
    if let Ok(Some(listener)) = passed.take_tcp_listener(number) {
        listener.set_nonblocking(true)?;
        return Ok(Listener::Tcp(TcpListener::from_std(listener)?));
    }
    let listener = passed.take_unix_listener(number).ok().flatten().ok_or_else(unusable)?;
    listener.set_nonblocking(true)?;
    Ok(Listener::Unix(unix::Socket::from_listener(UnixListener::from_std(listener)?)))
}

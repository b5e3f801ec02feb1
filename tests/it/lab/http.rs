//! Handwritten HTTP/1.1, which can violate the protocol: reads request heads and plays replies.

use std::net::Shutdown;
use std::ops::ControlFlow;
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::reply::{End, Reply, Step};

/// The longest request head that is read, and the longest body.
const MAX_HEAD: usize = 64 * 1024;

/// A request as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The SNI name; `None` without TLS or SNI.
    pub sni: Option<String>,
    /// The `Host` header without its port, in lower case.
    pub host: String,
    /// The method.
    pub method: String,
    /// The request target.
    pub path: String,
    /// The whole head, with the empty line at its end.
    pub head: String,
    /// The body, by `Content-Length`.
    pub body: Vec<u8>,
}

impl Request {
    fn parse(sni: Option<&str>, head: String) -> Self {
        let mut line = head.lines().next().unwrap_or_default().split(' ').map(str::to_owned);
        let (method, path) = (line.next().unwrap_or_default(), line.next().unwrap_or_default());
        let (sni, host) = (sni.map(str::to_owned), String::new());
        let mut request = Self { sni, host, method, path, head, body: Vec::new() };
        let host = request.header("host").unwrap_or_default().to_ascii_lowercase();
        request.host = match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|c| c.is_ascii_digit()) => name.to_owned(),
            _ => host,
        };
        request
    }

    /// The value of the first header with this name, in whatever case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let headers = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        headers.filter(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).next()
    }

    /// Whether the client wants the connection closed after the answer.
    fn is_last(&self) -> bool {
        self.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"))
    }
}

/// A connection, plain or TLS, with the TCP stream beneath it.
pub trait Wire: AsyncRead + AsyncWrite + Unpin + Send {
    /// The TCP stream, for what only TCP can do.
    fn tcp(&self) -> &TcpStream;
}

impl Wire for TcpStream {
    fn tcp(&self) -> &TcpStream {
        self
    }
}

impl Wire for TlsStream<TcpStream> {
    fn tcp(&self) -> &TcpStream {
        self.get_ref().0
    }
}

/// Answers requests with the reply of `choose`, until either side closes the connection.
pub async fn serve(mut wire: impl Wire, sni: Option<&str>, choose: impl Fn(Request) -> Reply + Send) {
    while let Some(request) = read(&mut wire, sni).await {
        let (method, last) = (request.method.clone(), request.is_last());
        let reply = choose(request);
        match answer(&mut wire, &reply, &method).await {
            Ok(ControlFlow::Continue(())) => {}
            Ok(ControlFlow::Break(how)) => return end(wire, how).await,
            Err(_) => return, // the peer has gone
        }
        if last && matches!(reply, Reply::Response(_)) {
            return end(wire, End::Close).await;
        }
    }
}

/// Plays a reply. Returns how the connection ends, if the reply ends it.
pub async fn answer(wire: &mut impl Wire, reply: &Reply, method: &str) -> std::io::Result<ControlFlow<End>> {
    for step in reply.script(method) {
        let played = play(wire, step).await?;
        if played.is_break() {
            return Ok(played);
        }
    }
    Ok(ControlFlow::Continue(()))
}

/// None when the peer has gone or sends no request.
pub async fn read(wire: &mut impl Wire, sni: Option<&str>) -> Option<Request> {
    let mut request = Request::parse(sni, read_head(wire).await?);
    let length = request.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    request.body.resize(usize::min(length, MAX_HEAD), 0);
    wire.read_exact(&mut request.body).await.ok()?;
    Some(request)
}

/// None when the peer has gone or sends no head.
async fn read_head(wire: &mut impl Wire) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") && head.len() < MAX_HEAD {
        head.push(wire.read_u8().await.ok()?);
    }
    String::from_utf8(head).ok()
}

async fn play(wire: &mut impl Wire, step: Step) -> std::io::Result<ControlFlow<End>> {
    match step {
        Step::Send(bytes) => send(wire, &bytes).await?,
        Step::Beneath(bytes) => {
            wire.tcp().writable().await?;
            wire.tcp().try_write(&bytes)?;
        }
        Step::Wait(delay) => tokio::time::sleep(delay).await,
        Step::Drip(bytes, every) => drip(wire, &bytes, every).await?,
        Step::Repeat(bytes, times) => {
            for _ in 0..times {
                send(wire, &bytes).await?;
            }
        }
        Step::Hang => {
            until_gone(wire).await;
            return Ok(ControlFlow::Break(End::Cut));
        }
        Step::End(how) => return Ok(ControlFlow::Break(how)),
    }
    Ok(ControlFlow::Continue(()))
}

/// Sends a byte every so often.
pub async fn drip(wire: &mut impl Wire, bytes: &[u8], every: Duration) -> std::io::Result<()> {
    for byte in bytes {
        send(wire, &[*byte]).await?;
        tokio::time::sleep(every).await;
    }
    Ok(())
}

async fn send(wire: &mut impl Wire, bytes: &[u8]) -> std::io::Result<()> {
    wire.write_all(bytes).await?;
    wire.flush().await
}

/// Ends a connection. After a FIN it keeps reading: closing a socket with unread bytes, or before more arrive, would also
/// send a RST.
pub async fn end(mut wire: impl Wire, how: End) {
    match how {
        End::Close => drop(wire.shutdown().await), // the peer may have gone
        End::Cut => drop(SockRef::from(wire.tcp()).shutdown(Shutdown::Write)), // 〃
        End::Reset => return wire.tcp().set_zero_linger().unwrap(),
    }
    until_gone(&mut wire).await;
}

/// Reads and forgets until the peer ends the connection.
pub async fn until_gone(wire: &mut impl Wire) {
    let mut forgotten = [0; 1024];
    while matches!(wire.read(&mut forgotten).await, Ok(1..)) {}
}

//! A minimal HTTP client, which counts the bytes on the wire.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// In what form an answer is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Whatever a plain client gets.
    Text,
    /// Prometheus' request, without compression.
    OpenMetrics,
    /// Prometheus' request.
    Gzip,
}

impl Wanted {
    const fn headers(self) -> &'static str {
        match self {
            Self::Text => "Accept: */*\r\n",
            Self::OpenMetrics => "Accept: application/openmetrics-text;version=1.0.0;q=0.5,*/*;q=0.1\r\n",
            Self::Gzip => {
                "Accept: application/openmetrics-text;version=1.0.0;q=0.5,*/*;q=0.1\r\nAccept-Encoding: gzip\r\n"
            }
        }
    }
}

/// What came.
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Everything that came, head and framing included.
    pub bytes: Vec<u8>,
}

impl Answer {
    /// The values of a metric with their labels; for answers that aren't compressed.
    pub fn samples<'a>(text: &'a str, name: &'a str) -> impl Iterator<Item = (&'a str, f64)> {
        let lines = text.lines().filter_map(move |line| line.strip_prefix(name)?.strip_prefix('{'));
        lines.filter_map(|line| {
            let (labels, value) = line.rsplit_once("} ")?;
            Some((labels, value.parse().ok()?))
        })
    }

    /// The answer as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

/// `None` if nothing responds.
pub async fn get(address: SocketAddr, path: &str, wanted: Wanted) -> Option<Answer> {
    let mut stream = TcpStream::connect(address).await.ok()?;
    let headers = wanted.headers();
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n{headers}Connection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.ok()?;
    let status = std::str::from_utf8(bytes.get(9..12)?).ok()?.parse().ok()?;
    Some(Answer { status, bytes })
}

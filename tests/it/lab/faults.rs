//! Faults after the connection is established: in the TLS handshake, and after a request. Each is data made of
//! `Step`s or bytes; scenarios can define others.

use std::time::Duration;

use super::pki::{Authority, Flaw};
use super::reply::{End, FOR_EVER, Reply, Response, Step};

/// What an origin does with a connection before a byte is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accept {
    /// Serves it.
    Normal,
    /// Resets it, once the client has seen that it is connected (`blackhole::Resetting` doesn't wait for that).
    Reset,
    /// Closes it.
    Close,
    /// Holds it and never speaks.
    Silent,
}

/// What an origin does once it has read the ClientHello.
#[derive(Clone, Debug)]
pub enum Handshake {
    /// Shakes hands.
    Normal,
    /// Shakes hands, late.
    Delay(Duration),
    /// Never answers.
    Silent,
    /// Ends the connection.
    End(End),
    /// Sends these bytes and then nothing, until the peer goes.
    Raw(Vec<u8>),
    /// Sends these bytes one at a time, and then nothing, until the peer goes.
    Drip(Vec<u8>, Duration),
    /// Shakes hands in this version alone.
    Only(&'static rustls::SupportedProtocolVersion),
    /// Refuses the handshake with an alert, unless the ClientHello lists this cipher suite of TLS 1.2: then it sends a
    /// ServerHello that chooses it, and nothing more.
    Suite(rustls::CipherSuite),
    /// Demands a certificate of the client, in this version alone.
    DemandsCertificate(&'static rustls::SupportedProtocolVersion),
}

impl Handshake {
    /// A fatal alert with this description (RFC 8446, section 6); 40 is handshake_failure.
    pub fn alert(description: u8) -> Self {
        Self::Raw(vec![21, 3, 3, 0, 2, 2, description])
    }

    /// A record with a ServerHello of TLS 1.2 that chooses this suite.
    pub fn server_hello(suite: rustls::CipherSuite) -> Self {
        let mut bytes = vec![22, 3, 3, 0, 42, 2, 0, 0, 38, 3, 3];
        bytes.extend([7; 32]); // random
        bytes.push(0); // no session
        bytes.extend(u16::from(suite).to_be_bytes());
        bytes.push(0); // no compression
        Self::Raw(bytes)
    }

    /// A web server's answer to bytes that it takes for plain HTTP.
    pub fn plain_http() -> Self {
        Self::Raw(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n".to_vec())
    }

    /// A record that is TLS, holding a ServerHello that is cut short.
    pub fn bad_server_hello() -> Self {
        Self::Raw(vec![22, 3, 3, 0, 6, 2, 0, 0, 2, 3, 3])
    }

    /// The beginning of a long record that promises a ServerHello, a byte every so often.
    pub fn drip(every: Duration) -> Self {
        let mut bytes = vec![22, 3, 3, 0x0f, 0xff, 2, 0, 0x0f, 0xfb, 3, 3];
        bytes.resize(200, 9);
        Self::Drip(bytes, every)
    }
}

/// Something that goes wrong for one host of an origin, or for all.
#[derive(Clone, Debug)]
pub enum Fault {
    /// In the handshake.
    Handshake(Handshake),
    /// With the certificate chain, under this authority.
    Certificate(Authority, Flaw),
    /// After the request, whatever its path.
    Reply(Reply),
}

impl From<Handshake> for Fault {
    fn from(handshake: Handshake) -> Self {
        Self::Handshake(handshake)
    }
}

impl From<Flaw> for Fault {
    fn from(flaw: Flaw) -> Self {
        Self::Certificate(Authority::Microsoft2011, flaw)
    }
}

impl From<Reply> for Fault {
    fn from(reply: Reply) -> Self {
        Self::Reply(reply)
    }
}

impl From<Response> for Fault {
    fn from(response: Response) -> Self {
        Self::Reply(response.into())
    }
}

/// What large bodies are sent in, in bytes.
const PIECE: usize = 16 * 1024;
const OK: &[u8] = b"HTTP/1.1 200 OK\r\n";
/// Before a reset, so that what came before it has been seen.
pub const MOMENT: Duration = Duration::from_millis(30);

fn script(steps: impl Into<Vec<Step>>) -> Reply {
    Reply::Script(steps.into())
}

fn with_length(length: usize, body: &[u8]) -> Vec<u8> {
    let mut bytes = [OK, format!("Content-Length: {length}\r\n\r\n").as_bytes()].concat();
    bytes.extend(body);
    bytes
}

/// No answer to the request.
pub fn silent() -> Reply {
    script([Step::Hang])
}

/// The end instead of an answer.
pub fn end(end: End) -> Reply {
    script([Step::End(end)])
}

/// Bytes that are no HTTP, then the end.
pub fn garbage_head() -> Reply {
    script([Step::Send(b"\x00\xff\x01 lab \x80\r\n\r\n".to_vec()), Step::End(End::Close)])
}

/// A head that never ends, as fast as it is read.
pub fn endless_headers() -> Reply {
    let headers = b"X-Lab: again and again and again\r\n".repeat(32);
    script([Step::Send(OK.to_vec()), Step::Repeat(headers, FOR_EVER)])
}

/// A head with one header of `length` bytes, and no body.
pub fn huge_head(length: usize) -> Reply {
    let value = "x".repeat(length);
    script([Step::Send([OK, format!("X-Lab: {value}\r\nContent-Length: 0\r\n\r\n").as_bytes()].concat())])
}

/// Interim responses with this status (100, 103) without end (RFC 9110, section 15.2).
pub fn flood_1xx(status: u16) -> Reply {
    script([Step::Repeat(format!("HTTP/1.1 {status} Lab\r\n\r\n").repeat(64).into_bytes(), FOR_EVER)])
}

/// A sound head, a byte every so often.
pub fn drip_head(every: Duration) -> Reply {
    script([Step::Drip(with_length(0, b""), every)])
}

/// A sound head, then the body a byte every so often.
pub fn drip_body(body: &[u8], every: Duration) -> Reply {
    script([Step::Send(with_length(body.len(), b"")), Step::Drip(body.to_vec(), every)])
}

/// Half of the body that was promised, then nothing.
pub fn silent_mid_body() -> Reply {
    script([Step::Send(with_length(2000, &[b'x'; 1000])), Step::Hang])
}

/// Half of the body that was promised, then the end.
pub fn end_mid_body(end: End) -> Reply {
    script([Step::Send(with_length(2000, &[b'x'; 1000])), Step::Wait(MOMENT), Step::End(end)])
}

/// A body without end or length, as fast as it is read.
pub fn endless_body() -> Reply {
    script([Step::Send([OK, b"\r\n"].concat()), Step::Repeat(vec![b'x'; PIECE], FOR_EVER)])
}

/// A body of this many bytes, sent as fast as it is read, with Content-Length.
pub fn big_body(length: usize) -> Reply {
    let pieces = Step::Repeat(vec![b'x'; PIECE], length / PIECE);
    script([Step::Send(with_length(length, b"")), pieces, Step::Send(vec![b'x'; length % PIECE])])
}

/// A chunk whose size is no number.
pub fn bad_chunk() -> Reply {
    let head = b"Transfer-Encoding: chunked\r\n\r\n4\r\nlab \r\n";
    script([Step::Send([OK, head, b"zz\r\nlab\r\n"].concat()), Step::Hang])
}

/// Two lengths that differ (RFC 9112, section 6.3: unrecoverable).
pub fn two_lengths() -> Reply {
    script([Step::Send([OK, b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nlab!"].concat()), Step::Hang])
}

/// Bytes that are no TLS, in the midst of it; on a plain connection no HTTP.
pub fn garbage_beneath() -> Reply {
    script([Step::Beneath(b"\x00\xff\x01 lab \x80".to_vec()), Step::Hang])
}

/// A proxy that demands authentication on the way.
pub fn proxy_authentication() -> Reply {
    Response::new(407).header("Proxy-Authenticate", "Basic realm=\"lab\"").into()
}

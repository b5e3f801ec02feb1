//! An origin's reply as data: a well-formed response, or a script of bytes, pauses and endings. `http.rs` plays it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::http::Request;

/// How a connection is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// In order: close_notify where there is TLS, then FIN.
    Close,
    /// FIN alone: over TLS the end of a stream that was cut.
    Cut,
    /// RST.
    Reset,
}

/// A step of a script.
#[derive(Clone, Debug)]
pub enum Step {
    /// These bytes at once.
    Send(Vec<u8>),
    /// These bytes, a few, on the TCP stream itself, past any TLS.
    Beneath(Vec<u8>),
    /// Nothing for so long.
    Wait(Duration),
    /// A byte at a time.
    Drip(Vec<u8>, Duration),
    /// The same bytes so many times, as fast as they are read.
    Repeat(Vec<u8>, usize),
    /// Nothing more, until the peer goes.
    Hang,
    /// The end.
    End(End),
}

/// More often than anyone reads.
pub const FOR_EVER: usize = usize::MAX;

/// How a body is delimited (RFC 9112, section 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// `Content-Length`.
    Length,
    /// Chunks.
    Chunked,
    /// The end of the connection.
    UntilClose,
}

/// A well-formed response.
#[derive(Clone, Debug)]
pub struct Response {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    framing: Framing,
    before_head: Duration,
    before_body: Duration,
}

impl Response {
    /// A status with an empty body.
    pub const fn new(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Vec::new(),
            framing: Framing::Length,
            before_head: Duration::ZERO,
            before_body: Duration::ZERO,
        }
    }

    /// A redirect.
    pub fn redirect(status: u16, location: &str) -> Self {
        Self::new(status).header("Location", location)
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Sets how the body is delimited.
    #[must_use]
    pub const fn framing(mut self, framing: Framing) -> Self {
        self.framing = framing;
        self
    }

    /// Waits between the request and the head.
    #[must_use]
    pub const fn before_head(mut self, delay: Duration) -> Self {
        self.before_head = delay;
        self
    }

    /// Waits between the head and the body.
    #[must_use]
    pub const fn before_body(mut self, delay: Duration) -> Self {
        self.before_body = delay;
        self
    }

    fn head(&self) -> Vec<u8> {
        let length = match self.framing {
            Framing::Length => format!("Content-Length: {}\r\n", self.body.len()),
            Framing::Chunked => "Transfer-Encoding: chunked\r\n".to_owned(),
            Framing::UntilClose => "Connection: close\r\n".to_owned(),
        };
        let headers: String =
            self.headers.iter().flat_map(|(name, value)| [name.as_str(), ": ", value, "\r\n"]).collect();
        format!("HTTP/1.1 {} Lab\r\n{headers}{length}\r\n", self.status).into_bytes()
    }

    fn framed_body(&self) -> Vec<u8> {
        if self.framing != Framing::Chunked {
            return self.body.clone();
        }
        let mut framed = Vec::new();
        for chunk in self.body.chunks(1000) {
            framed.extend(format!("{:x}\r\n", chunk.len()).bytes());
            framed.extend(chunk);
            framed.extend(b"\r\n");
        }
        framed.extend(b"0\r\n\r\n");
        framed
    }

    fn script(&self, method: &str) -> Vec<Step> {
        let mut steps = vec![Step::Wait(self.before_head), Step::Send(self.head())];
        if method != "HEAD" {
            steps.extend([Step::Wait(self.before_body), Step::Send(self.framed_body())]);
        }
        if self.framing == Framing::UntilClose {
            steps.push(Step::End(End::Close));
        }
        steps
    }
}

/// What follows a request.
#[derive(Clone, Debug)]
pub enum Reply {
    /// A response in order; the connection stays open for the next request, unless the client wants it closed.
    Response(Response),
    /// Anything else.
    Script(Vec<Step>),
    /// What this makes of the request.
    Answer(Answer),
}

/// Makes a reply of a request.
#[derive(Clone)]
pub struct Answer(Arc<dyn Fn(&Request) -> Reply + Send + Sync>);

impl Answer {
    /// By this rule.
    pub fn new(rule: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Self {
        Self(Arc::new(rule))
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Answer")
    }
}

impl From<Answer> for Reply {
    fn from(answer: Answer) -> Self {
        Self::Answer(answer)
    }
}

impl From<Response> for Reply {
    fn from(response: Response) -> Self {
        Self::Response(response)
    }
}

impl Reply {
    /// The reply to this request, according to its rule.
    pub fn to(self, request: &Request) -> Self {
        match self {
            Self::Answer(Answer(rule)) => rule(request).to(request),
            known => known,
        }
    }

    /// The steps that answer a request with this method.
    pub fn script(&self, method: &str) -> Vec<Step> {
        match self {
            Self::Response(response) => response.script(method),
            Self::Script(steps) => steps.clone(),
            Self::Answer(_) => unreachable!("its rule was asked when the reply was chosen"),
        }
    }
}

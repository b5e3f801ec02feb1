//! Stages request and transfer: one HTTP/1.1 exchange over a connection that is then dropped.

use std::future::Future;
use std::pin::pin;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{
    ACCEPT, CONNECTION, HOST, HeaderMap, HeaderName, HeaderValue, PROXY_AUTHORIZATION, USER_AGENT,
};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::catalog::{Method, ProbeUrl};
use crate::config::Proxy;
use crate::failure::StageError;
use crate::metered::Metered;
use crate::sender::{AGENT, authorization};

/// The most that the head of an answer may take, in bytes.
const MAX_HEAD: usize = 64 * 1024;

/// The most that a body may take, in bytes; it is read whole, so that the transfer's time is the service's.
pub(super) const MAX_BODY: u64 = 1024 * 1024;

/// The most that is read of an answer in all: its head, its body with what chunks add, and interim responses.
const MAX_READ: u64 = 2 * MAX_BODY;

type Connection<S> = http1::Connection<TokioIo<Metered<S>>, Empty<Bytes>>;

/// A connection with an answer's head read and its body still to come.
pub(super) struct Exchange<S: AsyncRead + AsyncWrite + Unpin> {
    connection: Connection<S>,
    connected: bool,
    sender: http1::SendRequest<Empty<Bytes>>,
}

/// How a request names what it asks for (RFC 9112, section 3.2).
pub(super) enum Form {
    /// By its path: the connection leads to the endpoint.
    Origin,
    /// By its whole URL: the connection leads to a proxy.
    Absolute {
        /// What the proxy is told of who asks.
        authorization: Option<HeaderValue>,
    },
}

impl Form {
    /// For a proxy.
    pub(super) fn absolute(proxy: &Proxy) -> Self {
        Self::Absolute { authorization: authorization(proxy) }
    }

    /// Whether the proxy is told who asks; none where none is asked.
    const fn told(&self) -> Option<bool> {
        match self {
            Self::Origin => None,
            Self::Absolute { authorization } => Some(authorization.is_some()),
        }
    }
}

/// The head of an answer.
pub(super) struct Head {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    /// As [`Form::told`]: whose answer this may be.
    pub(super) told: Option<bool>,
}

impl Head {
    /// A header's first value as text; one that isn't visible ASCII counts as absent.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        self.headers.get(name)?.to_str().ok()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Exchange<S> {
    /// Takes over a connection. No bytes are sent yet.
    pub(super) async fn new(stream: S) -> Result<Self, StageError> {
        let (sender, connection) = http1::Builder::new()
            .max_buf_size(MAX_HEAD)
            .handshake(TokioIo::new(Metered::new(stream, MAX_READ)))
            .await?;
        Ok(Self { connection, connected: true, sender })
    }

    /// Sends the request and waits for the head of the answer.
    pub(super) async fn request(
        &mut self,
        method: Method,
        url: &ProbeUrl,
        form: &Form,
    ) -> Result<(Head, Incoming), StageError> {
        let request = request(method, url, form)?;
        let answer = self.sender.send_request(request);
        let response = drive(&mut self.connection, &mut self.connected, answer).await?;
        let (parts, body) = Response::into_parts(response);
        Ok((Head { status: parts.status, headers: parts.headers, told: form.told() }, body))
    }

    /// Reads the body to its end, at most [`MAX_BODY`] bytes of it.
    pub(super) async fn transfer(&mut self, body: Incoming, into: &mut Vec<u8>) -> Result<(), StageError> {
        let read = read_body(body, into);
        drive(&mut self.connection, &mut self.connected, read).await
    }
}

async fn read_body(mut body: Incoming, into: &mut Vec<u8>) -> Result<(), StageError> {
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue }; // trailers are of no use
        if (into.len() + data.len()) as u64 > MAX_BODY {
            return Err(StageError::TooLarge { limit: MAX_BODY });
        }
        into.extend_from_slice(&data);
    }
    Ok(())
}

/// Polls the connection beside what waits for it: no task is spawned, so dropping the probe ends everything.
async fn drive<S, F>(connection: &mut Connection<S>, connected: &mut bool, work: F) -> F::Output
where
    S: AsyncRead + AsyncWrite + Unpin,
    F: Future,
{
    let mut work = pin!(work);
    loop {
        tokio::select! {
            biased;
            output = &mut work => return output,
            // An error of the connection reaches `work` by itself, with its cause.
            _ended = &mut *connection, if *connected => *connected = false,
        }
    }
}

fn request(method: Method, url: &ProbeUrl, form: &Form) -> Result<Request<Empty<Bytes>>, hyper::http::Error> {
    let method = match method {
        Method::Get => hyper::Method::GET,
        Method::Head => hyper::Method::HEAD,
    };
    let target = match form {
        Form::Origin => url.path_and_query(),
        Form::Absolute { .. } => url.as_str(),
    };
    let mut request = Request::builder()
        .method(method)
        .uri(target)
        .header(HOST, url.authority())
        .header(USER_AGENT, AGENT)
        .header(ACCEPT, "*/*")
        .header(CONNECTION, "close")
        .body(Empty::new())?;
    if let Form::Absolute { authorization: Some(value) } = form {
        request.headers_mut().insert(PROXY_AUTHORIZATION, value.clone());
    }
    Ok(request)
}

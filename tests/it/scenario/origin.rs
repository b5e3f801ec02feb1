//! An HTTP server, with or without TLS, that follows a script: what it writes is bytes, so that it can be wrong.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

/// What a connection does, step by step. After the last step it closes.
#[derive(Clone, Debug)]
pub enum Step {
    Wait(Duration),
    Write(Vec<u8>),
    /// A byte each time.
    Drip(Vec<u8>, Duration),
    /// The same bytes until the peer goes away.
    Endless(Vec<u8>),
    /// Reads once, whatever comes.
    Read,
    /// Says nothing more, and stays.
    Hang,
    /// Ends with a TCP reset.
    Reset,
    Close,
}

/// The answer to a request, chosen by its head.
type Answer = Arc<dyn Fn(&str) -> Vec<Step> + Send + Sync>;

/// What the origin does with a connection.
#[derive(Clone)]
pub struct Script {
    /// Before anything is understood, on the bare connection.
    pub raw: Vec<Step>,
    /// The answer to a request, chosen by its head.
    pub answer: Answer,
}

impl Script {
    /// Answers every request with these steps.
    pub fn answer(steps: Vec<Step>) -> Self {
        Self { raw: Vec::new(), answer: Arc::new(move |_| steps.clone()) }
    }

    /// Does this on the bare connection; if it doesn't end there, goes on with an empty 200.
    pub fn raw(steps: Vec<Step>) -> Self {
        Self { raw: steps, answer: Arc::new(|_| vec![Step::Write(response(200, &[], b""))]) }
    }
}

/// The bytes of a response.
pub fn response(status: u16, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {status} Lab\r\nContent-Length: {}\r\n", body.len());
    for (name, value) in headers {
        head = format!("{head}{name}: {value}\r\n");
    }
    head.push_str("\r\n");
    [head.as_bytes(), body].concat()
}

/// A running origin; it ends with the value.
pub struct Origin {
    pub address: SocketAddr,
    tls: Option<Arc<ServerConfig>>,
    script: Arc<Mutex<Script>>,
    heads: Arc<Mutex<Vec<String>>>,
    task: Option<JoinHandle<()>>,
}

impl Origin {
    pub async fn start(tls: Option<Arc<ServerConfig>>, script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut origin =
            Self { address, tls, script: Arc::new(Mutex::new(script)), heads: Arc::default(), task: None };
        origin.serve(listener);
        origin
    }

    /// The heads of the requests so far.
    pub fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }

    fn serve(&mut self, listener: TcpListener) {
        let (tls, script, heads) = (self.tls.clone(), Arc::clone(&self.script), Arc::clone(&self.heads));
        self.task = Some(tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let script = script.lock().unwrap().clone();
                connections.spawn(converse(stream, tls.clone(), script, Arc::clone(&heads)));
            }
        }));
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
        }
    }
}

async fn converse(
    mut stream: TcpStream,
    tls: Option<Arc<ServerConfig>>,
    script: Script,
    heads: Arc<Mutex<Vec<String>>>,
) {
    stream.set_nodelay(true).unwrap(); // or what is written late shows in the wrong stage
    let linger = socket2::SockRef::from(&stream).try_clone().unwrap();
    let reset = move || linger.set_linger(Some(Duration::ZERO)).unwrap();
    if !follow(&mut stream, &script.raw, &reset).await {
        return;
    }
    match tls {
        None => answer(stream, &script, &heads, &reset).await,
        Some(config) => {
            if let Ok(stream) = TlsAcceptor::from(config).accept(stream).await {
                answer(stream, &script, &heads, &reset).await;
            }
        }
    }
}

async fn answer<S>(mut stream: S, script: &Script, heads: &Mutex<Vec<String>>, reset: &impl Fn())
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let steps = (script.answer)(&head);
    heads.lock().unwrap().push(head);
    if follow(&mut stream, &steps, reset).await {
        let _gone = stream.shutdown().await;
    }
}

/// Follows the steps; false where they end the connection.
async fn follow<S>(stream: &mut S, steps: &[Step], reset: &impl Fn()) -> bool
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    for step in steps {
        let gone = match step {
            Step::Wait(time) => {
                tokio::time::sleep(*time).await;
                false
            }
            Step::Write(bytes) => stream.write_all(bytes).await.is_err() || stream.flush().await.is_err(),
            Step::Drip(bytes, every) => drip(stream, bytes, *every).await,
            Step::Endless(bytes) => loop {
                if stream.write_all(bytes).await.is_err() {
                    break true;
                }
            },
            Step::Read => stream.read(&mut [0; 4096]).await.is_err(),
            Step::Hang => std::future::pending().await,
            Step::Reset => {
                reset();
                true
            }
            Step::Close => true,
        };
        if gone {
            return false;
        }
    }
    true
}

async fn drip<S: AsyncWrite + Unpin>(stream: &mut S, bytes: &[u8], every: Duration) -> bool {
    for byte in bytes {
        if stream.write_all(&[*byte]).await.is_err() || stream.flush().await.is_err() {
            return true;
        }
        tokio::time::sleep(every).await;
    }
    false
}

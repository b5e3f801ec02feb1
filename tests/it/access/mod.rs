//! Access to the exporter: who may connect, over which protocol, how often. Starts the program like an operator.

mod clients;
mod config_refresh;
mod health;
#[cfg(target_os = "linux")] // it reads /proc
mod limiter;
pub mod pki;
mod sockets;
pub mod tls;
mod users;

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::exporter::PROGRAM;
use crate::load::TEST_TIMEOUT;

/// A single component with unresolvable names: only serving is tested.
pub const QUIET: &str = "\
components:
  update: { enabled: false }
  adl: { enabled: false }
  submission: { enabled: false }
  crl: { enabled: false }
  diagnostics: { enabled: false }
resolver: { servers: [\"127.0.0.1:1\"] }
signatures: { feeds: [], installed: none }
";

/// A running exporter with a folder of its own; both end with the value.
pub struct Served {
    child: Child,
    folder: TempDir,
    said: Arc<Mutex<Vec<String>>>,
}

/// What may be beside the web configuration: names and contents.
pub type Files<'a> = &'a [(&'a str, String)];

impl Served {
    /// Starts it on a free port of 127.0.0.1 with this web configuration and these files beside it.
    pub fn start(web: &str, files: Files<'_>) -> Self {
        Self::start_with(web, files, &["--web.listen-address", "127.0.0.1:0"], Command::new(PROGRAM))
    }

    /// Starts it by this command, to which the arguments are added; `FOLDER` in them is its folder.
    pub fn start_with(web: &str, files: Files<'_>, args: &[&str], mut command: Command) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in files {
            std::fs::write(folder.path().join(name), content).unwrap();
        }
        let (config, web_file) = (folder.path().join("config.yaml"), folder.path().join("web.yaml"));
        std::fs::write(&config, QUIET).unwrap();
        std::fs::write(&web_file, web).unwrap();
        let args = args.iter().map(|arg| arg.replace("FOLDER", folder.path().to_str().unwrap()));
        command.args(args).arg("--config.file").arg(config).arg("--web.config.file").arg(web_file);
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let said = Arc::new(Mutex::new(Vec::new()));
        let (log, heard) = (BufReader::new(child.stderr.take().unwrap()), Arc::clone(&said));
        std::thread::spawn(move || {
            log.lines().map_while(Result::ok).for_each(|line| heard.lock().unwrap().push(line));
        });
        let served = Self { child, folder, said };
        served.line("probing"); // said once it listens
        served
    }

    /// How many lines of its log have these words.
    pub fn count(&self, words: &str) -> usize {
        self.said.lock().unwrap().iter().filter(|line| line.contains(words)).count()
    }

    /// The first line of its log with these words, once it is there.
    pub fn line(&self, words: &str) -> String {
        let deadline = Instant::now() + TEST_TIMEOUT;
        loop {
            let said = self.said.lock().unwrap().clone();
            if let Some(line) = said.iter().find(|line| line.contains(words)) {
                return line.clone();
            }
            assert!(Instant::now() < deadline, "{words:?} was never said: {said:#?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The addresses that it listens on, in their order.
    pub fn addresses(&self) -> Vec<String> {
        let said = self.said.lock().unwrap();
        let places = said.iter().filter_map(|line| line.split_once("msg=listening")?.1.split_once("://"));
        places.map(|(_, place)| place.split("/metrics").next().unwrap().to_owned()).collect()
    }

    pub fn address(&self) -> String {
        self.addresses()[0].clone()
    }

    pub fn port(&self) -> String {
        self.address().rsplit(':').next().unwrap().to_owned()
    }

    /// Where a file beside the web configuration is.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Tells it to stop, and waits for its end.
    #[cfg(unix)] // there are signals
    pub fn stop(mut self) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").arg(pid).status().unwrap().success()); // SIGTERM
        self.child.wait().unwrap();
    }

    /// A connection in the clear.
    pub async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address()).await.unwrap()
    }

    /// The answer in the clear, head and body, to a GET of this path with these header lines more.
    pub async fn get(&self, path: &str, lines: &str) -> String {
        get(self.connect().await, path, lines).await.unwrap()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill(); // it may have ended by itself
        let _ = self.child.wait();
    }
}

/// The answer over this connection, which ends with it.
pub async fn get(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    path: &str,
    lines: &str,
) -> std::io::Result<String> {
    let request =
        format!("GET {path} HTTP/1.1\r\nhost: exporter.example\r\n{lines}connection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    tokio::time::timeout(TEST_TIMEOUT, stream.read_to_end(&mut answer)).await??;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// The status of an answer.
pub fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or_default()
}

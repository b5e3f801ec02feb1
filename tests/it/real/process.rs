//! A program that runs beside a test: its output is stored, and it is killed on drop.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::load::TEST_TIMEOUT;

const PAUSE: Duration = Duration::from_millis(20);

/// The program.
pub struct Running {
    child: Child,
    said: Arc<Mutex<Vec<String>>>,
}

impl Running {
    /// Starts it, with nothing to read.
    pub fn start(command: &mut Command) -> Self {
        let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let said = Arc::default();
        listen(child.stdout.take().unwrap(), &said);
        listen(child.stderr.take().unwrap(), &said);
        Self { child, said }
    }

    /// The first line that contains one of these texts. `None` if the program ends without it.
    ///
    /// # Panics
    /// When it doesn't come.
    pub async fn first_of(&mut self, signs: &[&str]) -> Option<String> {
        let deadline = Instant::now() + TEST_TIMEOUT;
        loop {
            let ended = self.child.try_wait().unwrap().is_some();
            if ended {
                tokio::time::sleep(PAUSE).await; // its last words may still be on the way
            }
            let shows = |line: &&String| signs.iter().any(|sign| line.contains(sign));
            let line = self.lines().iter().find(shows).cloned();
            if line.is_some() || ended {
                return line;
            }
            assert!(Instant::now() < deadline, "none of {signs:?} was said:\n{}", self.said());
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// All output so far.
    pub fn said(&self) -> String {
        self.lines().join("\n")
    }

    fn lines(&self) -> std::sync::MutexGuard<'_, Vec<String>> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill(); // it may have ended by itself
        let _ = self.child.wait();
    }
}

/// Reads all that comes, or the program would block on a full pipe.
fn listen(output: impl Read + Send + 'static, said: &Arc<Mutex<Vec<String>>>) {
    let said = Arc::clone(said);
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            said.lock().unwrap_or_else(PoisonError::into_inner).push(line);
        }
    });
}

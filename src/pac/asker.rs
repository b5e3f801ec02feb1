//! DNS from inside a script: it blocks the script's thread while the runtime that waits for the script answers.

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Instant;

use tokio::sync::mpsc::Sender;

use super::addresses;
use super::answer::is_name;

/// The most names that one evaluation may ask for.
const MAX_QUESTIONS: usize = 32;

/// A name, and where its addresses go.
pub(super) struct Question {
    pub(super) name: String,
    pub(super) reply: SyncSender<Vec<IpAddr>>,
}

/// Asks for names on behalf of one evaluation, each once.
pub(super) struct Asker {
    questions: Sender<Question>,
    known: RefCell<HashMap<String, Vec<IpAddr>>>,
    deadline: Instant,
}

/// The script asked for more names than it may.
pub(super) struct TooMany;

impl Asker {
    pub(super) fn new(questions: Sender<Question>, deadline: Instant) -> Self {
        Self { questions, known: RefCell::default(), deadline }
    }

    /// Tells whether nobody waits for the evaluation any more.
    pub(super) fn abandoned(&self) -> impl Fn() -> bool + use<> {
        let questions = self.questions.clone();
        move || questions.is_closed()
    }

    /// The addresses of a host, IPv6 before IPv4; none where it has none, isn't a name, or time is up.
    pub(super) fn ask(&self, host: &str) -> Result<Vec<IpAddr>, TooMany> {
        if let Some(address) = addresses::parse(host) {
            return Ok(vec![address]);
        }
        let name = host.trim().trim_end_matches('.').to_ascii_lowercase();
        if !is_name(&name) {
            return Ok(Vec::new());
        }
        let mut known = self.known.borrow_mut();
        if let Some(addresses) = known.get(&name) {
            return Ok(addresses.clone());
        }
        if known.len() == MAX_QUESTIONS {
            return Err(TooMany);
        }
        let mut addresses = self.question(&name).unwrap_or_default();
        addresses.sort_by_key(IpAddr::is_ipv4); // stable: within a family the order is DNS's
        known.insert(name, addresses.clone());
        Ok(addresses)
    }

    fn question(&self, name: &str) -> Option<Vec<IpAddr>> {
        let (reply, answer) = sync_channel(1);
        self.questions.try_send(Question { name: name.to_owned(), reply }).ok()?;
        answer.recv_timeout(self.deadline.saturating_duration_since(Instant::now())).ok()
    }
}

//! The version feed: its server, its content, and the expected metrics. The exporter polls at most every five
//! minutes, so the last response counts, not the current content. The proxy doesn't serve it.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use crate::lab::genuine::version_feed;
use crate::lab::origin::Origin;
use crate::lab::pki::Pki;
use crate::lab::reply::{Answer, Reply, Response};
use crate::world::{DIRECT, PROXY};

const HOST: &str = "feed.soak.lab";
/// Its URL.
pub const URL: &str = "https://feed.soak.lab/versions";
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// After an answer the exporter needs a moment to take it in.
const MOMENT: Duration = Duration::from_secs(3);

/// The feed's content.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Feed {
    /// What was published an hour ago.
    #[default]
    Good,
    /// The same version, four days old.
    Old,
    /// An older version than before.
    Backwards,
    /// A page.
    Broken,
    /// 503.
    Error,
    Silent,
}

impl Feed {
    /// All.
    pub const ALL: [Self; 6] =
        [Self::Good, Self::Old, Self::Backwards, Self::Broken, Self::Error, Self::Silent];

    fn reply(self) -> Reply {
        let feed = |version: &str, age: Duration| {
            let published = SystemTime::now() - age;
            Response::new(200).body(version_feed("1.1.26010.1", "4.18.26010.5", version, published)).into()
        };
        match self {
            Self::Good => feed("1.441.2.0", DAY / 24),
            Self::Old => feed("1.441.2.0", 4 * DAY),
            Self::Backwards => feed("1.441.1.0", DAY / 24),
            Self::Broken => Response::new(200).body("<html>Welcome</html>").into(),
            Self::Error => Response::new(503).into(),
            Self::Silent => crate::lab::faults::silent(),
        }
    }
}

#[derive(Default)]
struct FeedState {
    now: Feed,
    answered: Vec<(Instant, Feed)>,
}

/// The server.
pub struct Server {
    origin: Origin,
    state: Arc<Mutex<FeedState>>,
}

impl Server {
    /// Starts it, sound.
    pub fn start(pki: Arc<Pki>) -> Self {
        let origin = Origin::start_tls(Ipv4Addr::LOCALHOST, pki);
        let state = Arc::new(Mutex::new(FeedState::default()));
        let asked = Arc::clone(&state);
        let answer = Answer::new(move |_| {
            let mut state = asked.lock().unwrap_or_else(PoisonError::into_inner);
            let now = state.now;
            state.answered.push((Instant::now(), now));
            now.reply()
        });
        origin.set(HOST, "/", answer);
        Self { origin, state }
    }

    /// Where it is.
    pub fn addr(&self) -> SocketAddr {
        self.origin.addr()
    }

    /// Changes the content.
    pub fn say(&self, feed: Feed) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).now = feed;
    }

    /// The number of requests.
    pub fn asked(&self) -> usize {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).answered.len()
    }

    /// The expected series; `None` while the last response is being processed.
    pub fn expected(&self, timeout: Duration) -> Option<BTreeMap<String, f64>> {
        let (at, last) = *self.state.lock().unwrap_or_else(PoisonError::into_inner).answered.last()?;
        let moment = if last == Feed::Silent { timeout + MOMENT } else { MOMENT };
        if at.elapsed() < moment {
            return None;
        }
        let readable = matches!(last, Feed::Good | Feed::Old | Feed::Backwards);
        let success = |route: &str| format!("defender_signatures_feed_success{{route=\"{route}\"}}");
        let number = |yes: bool| f64::from(u8::from(yes));
        let mut said = BTreeMap::from([(success(DIRECT), number(readable)), (success(PROXY), 0.0)]);
        for (finding, shown) in
            [("old", last == Feed::Old), ("backwards", last == Feed::Backwards), ("behind", false)]
        {
            let series =
                format!("defender_signatures_feed_stale{{route=\"{DIRECT}\",finding=\"{finding}\"}}");
            if readable {
                said.insert(series, number(shown));
            }
        }
        Some(said)
    }
}

//! The version feed: a server of its own, what it says, and what the exporter must then say of it. It is asked every five
//! minutes at most often, so what counts is what it last answered, not what it would answer now. The proxy doesn't know it.

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

/// What the feed says.
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
            let date =
                humantime::format_rfc3339_seconds(SystemTime::now() - age).to_string().replace('T', " ");
            Response::new(200).body(version_feed("1.1.26010.1", "4.18.26010.5", version, &date)).into()
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
struct Told {
    now: Feed,
    answered: Vec<(Instant, Feed)>,
}

/// The server.
pub struct Server {
    origin: Origin,
    told: Arc<Mutex<Told>>,
}

impl Server {
    /// Starts it, sound.
    pub fn start(pki: Arc<Pki>) -> Self {
        let origin = Origin::start_tls(Ipv4Addr::LOCALHOST, pki);
        let told = Arc::new(Mutex::new(Told::default()));
        let asked = Arc::clone(&told);
        let answer = Answer::new(move |_| {
            let mut told = asked.lock().unwrap_or_else(PoisonError::into_inner);
            let now = told.now;
            told.answered.push((Instant::now(), now));
            now.reply()
        });
        origin.set(HOST, "/", answer);
        Self { origin, told }
    }

    /// Where it is.
    pub fn addr(&self) -> SocketAddr {
        self.origin.addr()
    }

    /// What it says from now on.
    pub fn say(&self, feed: Feed) {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).now = feed;
    }

    /// How often it was asked.
    pub fn asked(&self) -> usize {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).answered.len()
    }

    /// What must be said of it; none while its last answer is being taken in.
    pub fn expected(&self, timeout: Duration) -> Option<BTreeMap<String, f64>> {
        let (at, last) = *self.told.lock().unwrap_or_else(PoisonError::into_inner).answered.last()?;
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

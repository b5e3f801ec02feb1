//! What is known, for programs: the JSON of `/api/v1/status` and of `check --format json`. Its schema is the file
//! `deploy/status.schema.json`, made from these types. What the page says in words as well is in `why.rs` and `routes.rs`.

mod endpoint;
mod host;
mod routes;
#[cfg(test)]
pub(crate) mod sample;
mod signatures;
#[cfg(test)]
mod tests;
mod verdicts;
mod why;

use std::time::SystemTime;

use serde::{Serialize, Serializer};

use crate::clock;
use crate::state::Snapshot;
use crate::verdict::{Connection, SslOptions, Verdict};

pub use endpoint::{AddressReport, EndpointReport, ProbeReport};
pub use host::{
    ConnectivityReport, EventReport, HostReport, InstalledReport, MdatpReport, ProblemReport,
    ValidationReport, WindowsReport,
};
pub use routes::{Disagreement, RouteOutcome, disagreements};
pub use signatures::{FeedReport, SignaturesReport, SourceReport, freshness};
pub use verdicts::{ClientReport, ComponentReport, CrlReport, MapsReport};
pub use why::{Why, why};

/// The version of the form: it grows when something is taken away or changes its meaning, not when something is added.
pub const SCHEMA_VERSION: u8 = 1;

/// Everything known at one moment.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(title = "Status of defender-exporter"))]
pub struct Report<'a> {
    /// The version of this form. Members may be added to it; when one is taken away or changes its meaning, it grows.
    pub schema_version: u8,
    /// The version of the exporter.
    pub exporter_version: &'a str,
    /// When this was written.
    pub generated_at: Timestamp,
    /// When the configuration in use was loaded.
    pub config_loaded_at: Timestamp,
    /// Whether each endpoint was probed at least once.
    pub ready: bool,
    /// 0: all well, 1: something is degraded, lost or unknown, 2: MAPS is lost by every route for a client with the default
    /// `SSLOptions`. What `check` exits with.
    pub exit_code: u8,
    /// How many endpoints are in which state; one counts once for each route.
    pub counts: Counts,
    /// How well each component works by each route.
    pub components: Vec<ComponentReport<'a>>,
    /// Whether clients of MAPS get through, by route; empty where MAPS isn't probed.
    pub maps: Vec<MapsReport<'a>>,
    /// Whether clients get security intelligence, and whether it stays fresh.
    pub signatures: SignaturesReport<'a>,
    /// What this machine says of its own Defender; null where it has none, or hasn't been asked yet.
    pub host: Option<HostReport<'a>>,
    /// The revocation lists that the verified chains name, by route.
    pub crls: Vec<CrlReport<'a>>,
    /// Every endpoint by every route, in the catalog's order.
    pub endpoints: Vec<EndpointReport<'a>>,
}

impl<'a> Report<'a> {
    /// What a snapshot says, at this moment of this version of the exporter.
    #[must_use]
    pub fn of(snapshot: &'a Snapshot, now: SystemTime, exporter_version: &'a str) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            exporter_version,
            generated_at: Timestamp(now),
            config_loaded_at: Timestamp(snapshot.config_loaded),
            ready: snapshot.is_ready(),
            exit_code: exit_code(snapshot),
            counts: Counts::of(snapshot),
            components: snapshot.components.iter().map(ComponentReport::of).collect(),
            maps: MapsReport::all(snapshot),
            signatures: SignaturesReport::of(snapshot, now),
            host: snapshot.host.as_deref().map(HostReport::of),
            crls: CrlReport::all(snapshot),
            endpoints: endpoint::all(snapshot),
        }
    }

    /// The report as JSON, with a line end.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Words, numbers and texts: nothing in it that JSON can't hold.
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }
}

/// Endpoints by state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Counts {
    /// As the genuine service answers.
    pub good: usize,
    /// They work, but not all of it as expected.
    pub degraded: usize,
    /// They don't work.
    pub bad: usize,
    /// Not probed yet.
    pub unknown: usize,
}

impl Counts {
    /// Those of a snapshot.
    #[must_use]
    pub fn of(snapshot: &Snapshot) -> Self {
        snapshot.iter().map(|(_, target, state)| state.verdict(target)).collect()
    }

    /// All of them.
    #[must_use]
    pub const fn total(&self) -> usize {
        self.good + self.degraded + self.bad + self.unknown
    }
}

impl FromIterator<Option<Verdict>> for Counts {
    fn from_iter<T: IntoIterator<Item = Option<Verdict>>>(verdicts: T) -> Self {
        let mut counts = Self::default();
        for verdict in verdicts {
            *match verdict {
                Some(Verdict::Good) => &mut counts.good,
                Some(Verdict::Degraded) => &mut counts.degraded,
                Some(Verdict::Bad) => &mut counts.bad,
                None => &mut counts.unknown,
            } += 1;
        }
        counts
    }
}

/// A moment, written as RFC 3339 in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(inline, transparent, extend("format" = "date-time")))]
pub struct Timestamp(#[cfg_attr(test, schemars(with = "String"))] pub SystemTime);

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&clock::rfc3339(self.0))
    }
}

/// 0: all well, 1: something is degraded, lost or unknown, 2: MAPS is lost by every route for a client with the default
/// `SSLOptions`, as `MpCmdRun -ValidateMapsConnection` would find.
#[must_use]
pub fn exit_code(snapshot: &Snapshot) -> u8 {
    let mut maps = snapshot.maps.iter().filter(|maps| maps.options == SslOptions::DEFAULT).peekable();
    if maps.peek().is_some() && maps.all(|maps| matches!(maps.connection, Connection::Lost { .. })) {
        return 2;
    }
    let well = snapshot.iter().all(|(_, target, state)| state.verdict(target) == Some(Verdict::Good));
    u8::from(!well)
}

//! The status report: the JSON of `/api/v1/status` and of `check --format json`. Its schema,
//! `deploy/status.schema.json`, is generated from these types. `why.rs`, `routes.rs`, `causes.rs` and
//! `outcome.rs` also serve the page and the text of `check`.

mod aliases;
mod answer;
mod causes;
mod clock;
mod common_cause;
mod endpoint;
mod hints;
mod host;
mod internet;
mod notes;
mod outcome;
mod routes;
mod signatures;
#[cfg(test)]
pub(crate) mod simulation;
mod split_hello;
mod summary;
#[cfg(test)]
mod tests;
mod update_order;
mod verdicts;
mod why;

pub use aliases::{ALIASES_HEADING, AliasChain, alias_chains, aliases_of};
pub use notes::notes;
pub use summary::{maps_summary, why};

use std::time::SystemTime;

use serde::{Serialize, Serializer};

use crate::state::Snapshot;
use crate::verdict::{MapsConnection, SslOptions, Verdict};

pub use answer::{
    AnsweredHop, CatalogFact, Contradiction, GenuineAnswer, ObjectKind, Proof, contradictions,
    evidence_can_be_dropped,
};
pub use causes::{Affected, CauseGroup, causes};
pub use clock::suspected_clock;
pub use common_cause::{CauseKind, CommonCause, common_cause_sentences, common_causes};
pub use endpoint::{AddressReport, EndpointReport, ProbeReport};
pub use hints::hints;
pub use host::{
    ConnectivityReport, EventReport, HostReport, InstalledReport, MdatpReport, OverruledReport,
    ProblemReport, ProtectionReport, SettingReport, UpdateFailureReport, ValidationReport, WindowsReport,
};
pub use internet::{InternetReport, InternetSituation, internet, internet_sentences};
pub use outcome::{NetworkOutcome, maps_lost, outcome};
pub use routes::{Disagreement, RouteOutcome, disagreements};
pub use signatures::{FeedReport, SignaturesReport, SourceReport, freshness};
pub use split_hello::{SplitHelloReport, split_hello_sentences};
pub use update_order::{DifferenceReport, UpdateOrderReport, update_order};
pub use verdicts::{ClientReport, ComponentReport, CrlReport, MapsReport, UnservedReport};
pub use why::Why;

/// The version of the format. It increases if a member is removed or changes its meaning, not if one is added.
pub const SCHEMA_VERSION: u8 = 1;

/// The state of the exporter at one moment.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(title = "Status of defender-exporter"))]
pub struct StatusReport<'a> {
    /// The version of the format. Members may be added without a new version; it increases if one is removed or changes
    /// its meaning.
    pub schema_version: u8,
    /// The version of the exporter.
    pub exporter_version: &'a str,
    /// When the report was generated.
    pub generated_at: Timestamp,
    /// When the configuration in use was loaded.
    pub config_loaded_at: Timestamp,
    /// Whether each endpoint has been probed at least once.
    pub ready: bool,
    /// The exit code of `check`. 0: all good; 1: something is degraded, lost or unknown; 2: clients with the default
    /// `SSLOptions` reach MAPS on no route.
    pub exit_code: u8,
    /// The number of endpoints of Defender by state; each counts once per route.
    pub counts: Counts,
    /// What suggests that this machine's clock is wrong; null if nothing does.
    pub suspected_clock: Option<String>,
    /// The smallest fact that all failures of a route share and no success has, at most two by route; empty where the
    /// evidence singles none out.
    pub common_causes: Vec<CommonCause>,
    /// The Internet by each route that has a control: whether that answers, and what it says about failures.
    pub internet: Vec<InternetReport<'a>>,
    /// The verdict on each component, by route.
    pub components: Vec<ComponentReport<'a>>,
    /// Whether clients can connect to MAPS, by route; empty if MAPS isn't probed.
    pub maps: Vec<MapsReport<'a>>,
    /// Handshakes whose ClientHello comes in two segments, compared with whole ones, by route; empty before the first.
    pub split_hellos: Vec<SplitHelloReport<'a>>,
    /// Whether clients can update their security intelligence, and whether it stays up to date.
    pub signatures: SignaturesReport<'a>,
    /// The state of this machine's Defender; null if there is none, or it hasn't been read yet.
    pub host: Option<HostReport<'a>>,
    /// The revocation lists named by the verified chains, by route.
    pub crls: Vec<CrlReport<'a>>,
    /// Every endpoint of Defender on every route, in the catalog's order.
    pub endpoints: Vec<EndpointReport<'a>>,
    /// What Windows asks to learn whether there is an Internet, on each route: no endpoints of Defender, and counted nowhere.
    pub controls: Vec<EndpointReport<'a>>,
}

impl<'a> StatusReport<'a> {
    /// The report of a snapshot.
    #[must_use]
    pub fn new(snapshot: &'a Snapshot, now: SystemTime, exporter_version: &'a str) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            exporter_version,
            generated_at: Timestamp(now),
            config_loaded_at: Timestamp(snapshot.config_loaded),
            ready: snapshot.is_ready(),
            exit_code: exit_code(snapshot),
            counts: Counts::from_snapshot(snapshot),
            suspected_clock: suspected_clock(snapshot),
            common_causes: common_causes(snapshot),
            internet: internet(snapshot),
            components: snapshot.components.iter().map(ComponentReport::new).collect(),
            maps: MapsReport::all(snapshot),
            split_hellos: SplitHelloReport::all(snapshot),
            signatures: SignaturesReport::new(snapshot, now),
            host: snapshot.host.as_deref().map(|facts| HostReport::new(facts, snapshot)),
            crls: CrlReport::all(snapshot),
            endpoints: endpoint::all(snapshot),
            controls: endpoint::controls(snapshot),
        }
    }

    /// The report as JSON, with a trailing newline.
    ///
    /// # Errors
    /// If it can't be serialized: a bug in the exporter.
    pub fn to_json(&self) -> serde_json::Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }
}

/// The number of endpoints by state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Counts {
    /// They respond as the genuine service does.
    pub good: usize,
    /// They work, but not entirely as expected.
    pub degraded: usize,
    /// They fail.
    pub bad: usize,
    /// Not probed yet.
    pub unknown: usize,
}

impl Counts {
    /// The counts of a snapshot.
    #[must_use]
    pub fn from_snapshot(snapshot: &Snapshot) -> Self {
        snapshot.defender().map(|(.., state)| state.verdict()).collect()
    }

    /// The total.
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

/// What failures have in common, in sentences: how far they reach, then the facts that they share.
#[must_use]
pub fn shared_sentences(snapshot: &Snapshot) -> Vec<String> {
    let mut sentences = internet_sentences(snapshot);
    sentences.extend(common_cause_sentences(snapshot));
    sentences
}

/// A time, as RFC 3339 in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(inline, transparent, extend("format" = "date-time")))]
pub struct Timestamp(#[cfg_attr(test, schemars(with = "String"))] pub SystemTime);

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&crate::clock::rfc3339(self.0))
    }
}

/// 0: all good; 1: something is degraded, lost or unknown; 2: clients with the default `SSLOptions` reach MAPS on no
/// route, as `MpCmdRun -ValidateMapsConnection` would find.
#[must_use]
pub fn exit_code(snapshot: &Snapshot) -> u8 {
    let mut maps = snapshot.maps.iter().filter(|maps| maps.options == SslOptions::DEFAULT).peekable();
    if maps.peek().is_some() && maps.all(|maps| matches!(maps.connection, MapsConnection::Lost(_))) {
        return 2;
    }
    let well = snapshot.defender().all(|(.., state)| state.verdict() == Some(Verdict::Good));
    u8::from(!well)
}

/// " via ROUTE", if there are several routes.
fn via(snapshot: &Snapshot, route: &str) -> String {
    if snapshot.plan.routes.len() > 1 { format!(" via {route}") } else { String::new() }
}

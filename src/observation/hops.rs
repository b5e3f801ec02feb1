//! The hops of a redirected probe, and what was learned in each.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::{
    AddressSource, Facts, Failure, HopEvidence, HttpFacts, LookupFacts, Observation, Timings, TlsFacts,
    VerifiedPath,
};

/// One hop, with the fields of [`Facts`] for its URL.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HopFacts {
    /// The requested URL, cleaned and truncated.
    pub url: String,
    /// Host and port as written in the URL, cleaned and truncated.
    pub authority: String,
    /// Time and outcome of each phase.
    pub timings: Timings,
    /// The addresses that DNS or the hosts file has.
    pub addresses: Vec<IpAddr>,
    /// The names that the host is an alias of (CNAME), in order, cleaned.
    pub aliases: Vec<String>,
    /// Whether DNS or the hosts file returned them.
    pub source: Option<AddressSource>,
    /// The number of private addresses.
    pub private: Option<usize>,
    /// What the lookup of the name rests on; of the proxy's name, if one was used.
    pub lookup: LookupFacts,
    /// The address and port of the TCP connection.
    pub peer: Option<SocketAddr>,
    /// The proxy.
    pub proxy: Option<String>,
    /// The status of the proxy's response to CONNECT.
    pub proxy_status: Option<u16>,
    /// Facts of the TLS phase.
    pub tls: Option<TlsFacts>,
    /// Facts of the HTTP response.
    pub http: Option<HttpFacts>,
    /// What the judgement rests on: of a recorded round, and of a failure until the next one.
    pub evidence: Option<Box<HopEvidence>>,
}

impl From<HopFacts> for Facts {
    /// The facts of a probe with this hop only.
    fn from(hop: HopFacts) -> Self {
        let HopFacts {
            timings,
            addresses,
            aliases,
            source,
            private,
            lookup,
            peer,
            proxy,
            proxy_status,
            tls,
            http,
            evidence,
            ..
        } = hop;
        Self {
            timings,
            addresses,
            aliases,
            source,
            private,
            lookup,
            peer,
            proxy,
            proxy_status,
            tls,
            http,
            evidence,
            ..Self::default()
        }
    }
}

impl Facts {
    /// The facts of a probe with these hops (at least one). If it failed, they describe the last hop. Otherwise
    /// they describe the first hop, with the last HTTP response. `timings` is the sum over all hops.
    #[must_use]
    pub fn redirected(hops: Vec<HopFacts>, timings: Timings, failed: bool) -> Self {
        let last = hops.len().saturating_sub(1);
        let mut facts = Self { timings, hops, ..Self::default() };
        facts.describe_hop(if failed { last } else { 0 });
        if !failed {
            facts.http = facts.hops.last().and_then(|hop| hop.http.clone());
        }
        facts
    }

    /// Makes the facts describe another hop. Keeps the sum of the times. No-op for a probe without redirects.
    fn describe_hop(&mut self, hop: usize) {
        let Some(described) = self.hops.get(hop) else { return };
        let described = Self::from(described.clone());
        *self = Self {
            timings: std::mem::take(&mut self.timings),
            others: std::mem::take(&mut self.others),
            unprobed: self.unprobed,
            failed_attempts: std::mem::take(&mut self.failed_attempts),
            hops: std::mem::take(&mut self.hops),
            hop,
            ..described
        };
    }

    /// The TLS facts of each hop, in order. `None` for a hop over plain HTTP.
    pub fn tls_by_hop(&self) -> impl Iterator<Item = Option<&TlsFacts>> {
        let own = self.hops.is_empty().then_some(self.tls.as_ref());
        self.hops.iter().map(|hop| hop.tls.as_ref()).chain(own)
    }

    /// The verified chains with their hops, in order.
    pub fn chains(&self) -> impl Iterator<Item = (usize, &Arc<VerifiedPath>)> {
        self.tls_by_hop().enumerate().filter_map(|(hop, tls)| Some((hop, tls?.path.as_ref()?)))
    }

    /// Whether the chain of any hop ends at an unexpected public root. Returns `None` if no chain was verified.
    #[must_use]
    pub fn unexpected_root(&self) -> Option<bool> {
        let verified = self.tls_by_hop().flatten().filter(|tls| tls.verified);
        verified.map(|tls| tls.unexpected_root).reduce(|one, other| one || other)
    }

    /// The peer of the first hop, which may be a proxy.
    #[must_use]
    pub fn own_peer(&self) -> Option<SocketAddr> {
        self.hops.first().map_or(self.peer, |own| own.peer)
    }

    /// The proxy of the first hop.
    #[must_use]
    pub fn own_proxy(&self) -> Option<&str> {
        self.hops.first().map_or(&self.proxy, |own| &own.proxy).as_deref()
    }
}

impl Failure {
    /// The same failure, with the redirect that led to it.
    #[must_use]
    pub fn after_redirect_to(&self, authority: &str) -> Self {
        Self::new(self.phase, self.reason, format!("after a redirect to {authority}: {}", self.detail))
    }
}

impl Observation {
    /// The URL of the hop that failed, if it isn't the first one.
    #[must_use]
    pub fn failed_url(&self) -> Option<&str> {
        let hop = self.facts.hops.get(self.facts.hop).filter(|_| self.facts.hop > 0);
        self.failure.as_ref().and(hop).map(|hop| hop.url.as_str())
    }

    /// Turns the observation into a failure of one of its hops. For failures that are found after the probe.
    pub fn fail_at(&mut self, hop: usize, failure: Failure) {
        self.facts.describe_hop(hop);
        let to = self.facts.hops.get(hop).filter(|_| hop > 0);
        self.failure = Some(match to {
            Some(to) => failure.after_redirect_to(&to.authority),
            None => failure,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::{Anchor, FailureReason, Phase, PhaseOutcome};
    use crate::plan::TargetId;

    fn path(name: &str) -> Arc<VerifiedPath> {
        let anchor = Anchor { subject: Vec::new(), spki: Vec::new() };
        Arc::new(VerifiedPath {
            certificates: vec![name.as_bytes().to_vec().into()],
            anchor,
            stapled: Vec::new(),
        })
    }

    fn hop(name: &str, status: u16) -> HopFacts {
        HopFacts {
            url: format!("https://{name}.example/"),
            authority: format!("{name}.example"),
            peer: Some(([192, 0, 2, 1], status).into()),
            tls: Some(TlsFacts {
                root: Some(name.to_owned()),
                path: Some(path(name)),
                ..TlsFacts::default()
            }),
            http: Some(HttpFacts { status, ..HttpFacts::default() }),
            ..HopFacts::default()
        }
    }

    fn summary(facts: &Facts) -> (usize, Option<&str>, Option<u16>, Option<u16>) {
        let root = facts.tls.as_ref().and_then(|tls| tls.root.as_deref());
        let status = facts.http.as_ref().map(|http| http.status);
        (facts.hop, root, facts.peer.map(|peer| peer.port()), status)
    }

    #[test]
    fn facts_describe_the_failed_hop_or_else_the_first() {
        let hops = || vec![hop("own", 301), hop("cdn", 302), hop("last", 206)];
        let mut timings = Timings::default();
        timings.record(Phase::Connect, PhaseOutcome::Done, std::time::Duration::from_secs(1));
        let good = Facts::redirected(hops(), timings.clone(), false);
        assert_eq!(summary(&good), (0, Some("own"), Some(301), Some(206)), "with the last answer");
        let bad = Facts::redirected(hops(), timings.clone(), true);
        assert_eq!(summary(&bad), (2, Some("last"), Some(206), Some(206)));
        assert_eq!(bad.own_peer().map(|peer| peer.port()), Some(301));

        let at = std::time::SystemTime::UNIX_EPOCH;
        let mut observation = Observation { target: TargetId(0), at, facts: good, failure: None };
        assert_eq!(observation.failed_url(), None);
        let chains: Vec<_> = observation.facts.chains().map(|(hop, seen)| (hop, Arc::clone(seen))).collect();
        assert_eq!(chains, [(0, path("own")), (1, path("cdn")), (2, path("last"))]);
        observation.fail_at(1, Failure::new(Phase::Tls, FailureReason::Revoked, "it is"));
        assert_eq!(summary(&observation.facts), (1, Some("cdn"), Some(302), Some(302)));
        assert_eq!(observation.facts.timings, timings, "the sum of the times stays");
        assert_eq!(observation.failed_url(), Some("https://cdn.example/"));
        assert_eq!(
            observation.failure.as_ref().map(|f| f.detail.as_str()),
            Some("after a redirect to cdn.example: it is")
        );
        assert_eq!(observation.facts.chains().count(), 3);
    }

    #[test]
    fn a_probe_without_redirects_has_one_chain() {
        let mut observation = Observation {
            target: TargetId(0),
            at: std::time::SystemTime::UNIX_EPOCH,
            facts: Facts::from(hop("own", 200)),
            failure: None,
        };
        assert_eq!(observation.facts.chains().collect::<Vec<_>>(), [(0, &path("own"))]);
        let failure = Failure::new(Phase::Tls, FailureReason::Revoked, "it is");
        observation.fail_at(0, failure.clone());
        assert_eq!(
            (observation.failure, summary(&observation.facts)),
            (Some(failure), (0, Some("own"), Some(200), Some(200)))
        );
    }
}

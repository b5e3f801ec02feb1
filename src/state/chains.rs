//! The chains presented to a target's last probe, one per hop, and their revocation status.

use std::sync::Arc;

use super::TargetState;
use crate::observation::{Failure, Observation, Phase, VerifiedPath};
use crate::revocation::{PathReport, RevocationReport};

/// A failure, and the hop that it belongs to.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct HopFailure {
    pub(super) hop: usize,
    pub(super) failure: Failure,
}

impl TargetState {
    /// Stores the results for chains that the last probe was presented. Returns whether there were any.
    pub(super) fn record_revocation(&mut self, found: Vec<PathReport>) -> bool {
        let seen = |path: &Arc<VerifiedPath>| {
            self.last.iter().any(|last| last.facts.chains().any(|(_, known)| known == path))
        };
        let found: Vec<_> = found.into_iter().filter(|found| seen(&found.path)).collect();
        for found in &found {
            self.chains.retain(|known| known.path != found.path);
        }
        let any = !found.is_empty();
        self.chains.extend(found);
        self.revocation = self.last.as_ref().and_then(|last| self.merged_revocation(last));
        any
    }

    /// Drops the chains that a new probe wasn't presented.
    pub(super) fn retain_chains(&mut self, observation: &Observation) {
        self.chains.retain(|known| observation.facts.chains().any(|(_, seen)| *seen == known.path));
        self.revocation = self.merged_revocation(observation);
    }

    /// The revocation status of a probe's chains. Returns `None` if it has none, or one hasn't been checked yet.
    fn merged_revocation(&self, observation: &Observation) -> Option<Arc<RevocationReport>> {
        let reports: Option<Vec<_>> =
            observation.facts.chains().map(|(_, path)| self.report_on(path)).collect();
        reports.filter(|reports| !reports.is_empty()).map(|reports| RevocationReport::merged(&reports))
    }

    fn report_on(&self, path: &Arc<VerifiedPath>) -> Option<&Arc<RevocationReport>> {
        self.chains.iter().find(|known| known.path == *path).map(|known| &known.report)
    }

    /// The first hop of a probe whose chain was revoked at the last check, and the failure that follows from it. The
    /// probe itself fails only while the lists that revoke the chain aren't due: the check that follows it fetches
    /// them, and may find otherwise. An earlier failure, or one in the handshake, takes precedence.
    pub(super) fn still_revoked(&self, observation: &Observation) -> Option<HopFailure> {
        let failed = observation.failure.as_ref().map(|failure| (observation.facts.hop, failure.phase));
        observation.facts.chains().find_map(|(hop, path)| {
            let outweighs = match failed {
                None => true,
                Some((at, Phase::Request | Phase::Transfer)) => at >= hop,
                Some((at, _)) => at > hop,
            };
            let failure = self.report_on(path).filter(|_| outweighs)?.failure()?;
            Some(HopFailure { hop, failure })
        })
    }

    /// Makes a successful last probe fail if a chain turns out to be revoked.
    pub(super) fn revoke(&mut self) -> Option<Failure> {
        let last = self.last.as_ref().filter(|last| last.success())?;
        let HopFailure { hop, failure } = self.still_revoked(last)?;
        let last = self.last.as_mut()?;
        Arc::make_mut(last).fail_at(hop, failure);
        self.failures += 1;
        self.failing_since.get_or_insert(last.at);
        self.last_failure = self.last.clone();
        self.last.as_ref()?.failure.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Event, RevocationChecked};
    use crate::observation::{Anchor, Facts, FailureReason, HopFacts, TlsFacts};
    use crate::plan::TargetId;
    use crate::report::simulation;
    use crate::revocation::{CertificateStatus, RevocationStatus, UndeterminedCause};
    use crate::state::Snapshot;

    fn path(name: &str) -> Arc<VerifiedPath> {
        let anchor = Anchor { subject: Vec::new(), spki: Vec::new() };
        let certificates = vec![name.as_bytes().to_vec().into()];
        Arc::new(VerifiedPath { certificates, anchor, stapled: Vec::new() })
    }

    /// A genuine answer after a redirect from `own` to `cdn`.
    fn redirected(facts: &mut Facts) -> Option<Failure> {
        let hop = |name: &str| HopFacts {
            url: format!("https://{name}.example/"),
            authority: format!("{name}.example"),
            tls: Some(TlsFacts { verified: true, path: Some(path(name)), ..TlsFacts::default() }),
            http: facts.http.clone(),
            ..HopFacts::default()
        };
        *facts = Facts::redirected(vec![hop("own"), hop("cdn")], facts.timings.clone(), false);
        None
    }

    /// Applies these results for the chains of these hosts.
    fn found(snapshot: &mut Snapshot, target: TargetId, of: &[(&str, RevocationStatus)]) {
        let chain = |(name, status): &(&str, RevocationStatus)| {
            let subject = format!("CN={name}");
            let cause = (*status == RevocationStatus::Unknown).then_some(UndeterminedCause::Unreachable);
            let certificate = CertificateStatus {
                subject,
                status: *status,
                cause,
                source: None,
                detail: String::new(),
                failure: None,
            };
            PathReport { path: path(name), report: Arc::new(RevocationReport::new(vec![certificate])) }
        };
        let chains = of.iter().map(chain).collect();
        snapshot.apply(Event::Revocation(Box::new(RevocationChecked { target, chains, crls: Vec::new() })));
    }

    fn status(snapshot: &Snapshot, target: TargetId) -> Option<RevocationStatus> {
        snapshot.targets[target.0].revocation.as_ref().map(|report| report.status)
    }

    fn start() -> (Snapshot, TargetId) {
        let mut snapshot = simulation::healthy(&["direct"]);
        let target = simulation::target(&snapshot, simulation::MAPS, "direct");
        simulation::observe(&mut snapshot, target, 70, redirected);
        (snapshot, target)
    }

    #[test]
    fn what_is_known_of_a_probe_is_known_of_all_its_hops() {
        use RevocationStatus::{Good, Unknown};
        let check = |of: &[(&str, RevocationStatus)], expected| {
            let (mut snapshot, target) = start();
            found(&mut snapshot, target, of);
            assert_eq!(status(&snapshot, target), expected, "{of:?}");
            assert!(snapshot.targets[target.0].last.as_ref().unwrap().success(), "{of:?}");
        };
        check(&[("own", Good), ("cdn", Good)], Some(Good));
        check(&[("own", Good), ("cdn", Unknown)], Some(Unknown));
        check(&[("own", Good)], None);
        check(&[("own", Good), ("another", Good)], None);
    }

    #[test]
    fn a_revoked_chain_fails_its_hop() {
        let (mut snapshot, target) = start();
        found(&mut snapshot, target, &[("own", RevocationStatus::Good), ("cdn", RevocationStatus::Revoked)]);
        for second in [130, 190] {
            let last = snapshot.targets[target.0].last.as_ref().unwrap();
            let failure = last.failure.as_ref().unwrap();
            assert_eq!((failure.phase, failure.reason), (Phase::Tls, FailureReason::Revoked));
            assert!(failure.detail.starts_with("after a redirect to cdn.example: "), "{failure:?}");
            assert_eq!((last.facts.hop, last.failed_url()), (1, Some("https://cdn.example/")));
            simulation::observe(&mut snapshot, target, second, redirected);
        }
        assert_eq!(snapshot.targets[target.0].failures, 3);
        found(&mut snapshot, target, &[("own", RevocationStatus::Good), ("cdn", RevocationStatus::Good)]);
        simulation::observe(&mut snapshot, target, 250, redirected);
        assert!(snapshot.targets[target.0].last.as_ref().unwrap().success());
    }

    #[test]
    fn a_hop_before_the_revoked_one_keeps_its_own_failure() {
        let (mut snapshot, target) = start();
        found(&mut snapshot, target, &[("own", RevocationStatus::Good), ("cdn", RevocationStatus::Revoked)]);
        simulation::observe(&mut snapshot, target, 130, |facts| {
            redirected(facts);
            facts.hops.truncate(1);
            *facts = Facts::redirected(std::mem::take(&mut facts.hops), facts.timings.clone(), true);
            Some(Failure::new(Phase::Request, FailureReason::BlockPage, "a page"))
        });
        let last = snapshot.targets[target.0].last.as_ref().unwrap();
        assert_eq!(last.failure.as_ref().map(|failure| failure.reason), Some(FailureReason::BlockPage));
        assert_eq!(status(&snapshot, target), Some(RevocationStatus::Good), "of the chain that was seen");
    }
}

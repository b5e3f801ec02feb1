//! Judges recorded probes again, by the code that judges probes as they end: chains against the recorded roots at the recorded
//! time, responses by the catalog's evidence. Pure. What the network did (a silent server, a broken connection) is taken
//! from the record.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::genuine::Received;
use super::response::{Rules, http_facts, recorded_head};
use super::tls::{self, Negotiated};
use crate::catalog::{Endpoint, ProbeUrl};
use crate::net::failure::PhaseError;
use crate::net::{ResponseHead, server_name};
use crate::observation::{
    AddressFacts, ChainEvidence, ConcludedChain, Facts, FailedAttempt, Failure, FailureReason, HopEvidence,
    HopFacts, Observation, PackageFacts, Phase, PhaseOutcome, ResponseEvidence, Timings, TlsFacts,
};
use crate::plan::{Plan, TargetId};
use crate::revocation::SignedObjects;
use crate::text::clean;
use crate::tls::{Roots, TrustedChain, VerifiedAgain, verify_again};

/// A recorded probe: what the network did, without what was concluded from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedProbe {
    /// The probed target.
    pub target: TargetId,
    /// When the probe ended.
    pub at: SystemTime,
    /// Its hops, in order, with their evidence, and without facts of TLS and HTTP. Empty if the probe didn't run.
    pub hops: Vec<HopFacts>,
    /// The attempts that failed beside those that counted.
    pub failed_attempts: Vec<FailedAttempt>,
    /// The results for the name's other addresses.
    pub others: Vec<AddressFacts>,
    /// The number of further addresses, which weren't probed.
    pub unprobed: usize,
    /// The newest package in a folder.
    pub package: Option<PackageFacts>,
    /// Why the probe failed, as judged when recorded. It counts where the record has nothing to judge: a folder, or an
    /// answer that wasn't requested.
    pub failure: Option<Failure>,
}

impl RecordedProbe {
    /// What there is to record of an observation.
    #[must_use]
    pub fn from_observation(observation: &Observation) -> Self {
        let Observation { target, at, facts, failure } = observation;
        let bare = |hop: &HopFacts| HopFacts { tls: None, http: None, ..hop.clone() };
        let hops = if facts.hops.is_empty() { vec![only_hop(facts)] } else { facts.hops.clone() };
        Self {
            target: *target,
            at: *at,
            hops: hops.iter().map(bare).collect(),
            failed_attempts: facts.failed_attempts.clone(),
            others: facts.others.clone(),
            unprobed: facts.unprobed,
            package: facts.package.clone(),
            failure: failure.clone(),
        }
    }
}

/// The hop of a probe without redirects.
fn only_hop(facts: &Facts) -> HopFacts {
    HopFacts {
        timings: facts.timings.clone(),
        addresses: facts.addresses.clone(),
        aliases: facts.aliases.clone(),
        source: facts.source,
        private: facts.private,
        lookup: facts.lookup.clone(),
        peer: facts.peer,
        proxy: facts.proxy.clone(),
        proxy_status: facts.proxy_status,
        evidence: facts.evidence.clone(),
        ..HopFacts::default()
    }
}

/// Judges the recorded probes of one plan.
pub struct Replay {
    plan: Arc<Plan>,
    roots: Arc<Roots>,
    objects: SignedObjects,
}

/// A probe that was judged again, and what was concluded of each hop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JudgedProbe {
    /// The result.
    pub observation: Observation,
    /// The conclusions by hop.
    pub hops: Vec<HopConclusion>,
}

/// What was concluded of one hop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HopConclusion {
    /// The URL that was requested.
    pub url: ProbeUrl,
    /// The facts of its chain.
    pub tls: Option<TlsFacts>,
    /// Why its chain isn't trusted, or is refused although it is.
    pub chain: Option<Failure>,
    /// Whether its whole response is genuine. `None` if that wasn't judged.
    pub answer: Option<Result<bool, Failure>>,
}

impl HopConclusion {
    const fn new(url: ProbeUrl) -> Self {
        Self { url, tls: None, chain: None, answer: None }
    }
}

/// The judgement on one hop.
enum HopJudgement {
    Answered,
    Redirected(ProbeUrl),
    Failed(Failure),
    /// The record has nothing to judge.
    AsRecorded,
}

impl Replay {
    /// Judges with these roots.
    #[must_use]
    pub fn new(plan: Arc<Plan>, roots: Arc<Roots>) -> Self {
        let objects = SignedObjects::new(&roots);
        Self { plan, roots, objects }
    }

    /// Learns the issuers of an observation's chains, as the revocation check that follows a probe does.
    pub fn add_issuers(&self, observation: &Observation) {
        observation.facts.chains().for_each(|(_, path)| self.objects.add_issuers(path));
    }

    /// Judges a probe again.
    ///
    /// # Panics
    /// If the target is of another plan.
    #[must_use]
    pub fn judge(&self, probe: RecordedProbe) -> Observation {
        self.conclude(probe).observation
    }

    /// Judges a probe again, and also returns what was concluded of each hop.
    ///
    /// # Panics
    /// If the target is of another plan.
    #[must_use]
    pub fn conclude(&self, probe: RecordedProbe) -> JudgedProbe {
        let RecordedProbe { target, at, hops, failed_attempts, others, unprobed, package, failure } = probe;
        let endpoint = &self.plan.target(target).endpoint;
        let (mut url, mut result) = (endpoint.url.clone(), failure);
        let mut judged: Vec<HopFacts> = Vec::with_capacity(hops.len());
        let mut conclusions = Vec::with_capacity(hops.len());
        for mut hop in hops {
            let redirects = u8::try_from(judged.len()).unwrap_or(u8::MAX); // the catalog's limit is a u8
            let mut conclusion = HopConclusion::new(url.clone());
            let judgement = self.judge_hop(endpoint, redirects, &mut conclusion, &mut hop);
            conclusion.tls.clone_from(&hop.tls);
            conclusions.push(conclusion);
            (hop.url, hop.authority) = (clean(url.as_str()), clean(&url.authority()));
            if let HopJudgement::Failed(failure) = &judgement
                && hop.timings.outcome(failure.phase) == PhaseOutcome::Done
            {
                hop.timings.record(failure.phase, PhaseOutcome::Failed, Duration::ZERO);
            }
            let is_first = judged.is_empty();
            judged.push(hop);
            match judgement {
                HopJudgement::Redirected(next) => {
                    url = next;
                    continue;
                }
                HopJudgement::Answered => result = None,
                HopJudgement::Failed(failure) if is_first => result = Some(failure),
                HopJudgement::Failed(failure) => {
                    result = Some(failure.after_redirect_to(&clean(&url.authority())));
                }
                HopJudgement::AsRecorded => {}
            }
            break;
        }
        let facts = facts(judged, result.is_some());
        let facts = Facts { others, unprobed, package, failed_attempts, ..facts };
        let observation = Observation { target, at, facts, failure: result };
        JudgedProbe { observation, hops: conclusions }
    }

    /// Whether a whole response to a target's probe is genuine, by the evidence alone.
    ///
    /// # Errors
    /// If it is a filter's or another program's.
    ///
    /// # Panics
    /// If the target is of another plan.
    pub fn judge_response(
        &self,
        target: TargetId,
        url: &ProbeUrl,
        response: &ResponseEvidence,
    ) -> Result<bool, Failure> {
        let endpoint = &self.plan.target(target).endpoint;
        let head = recorded_head(response);
        self.rules(endpoint).is_genuine(response.judged_at, received(url, &head, response))
    }

    fn rules<'a>(&'a self, endpoint: &'a Endpoint) -> Rules<'a> {
        Rules { plan: &self.plan, objects: &self.objects, endpoint }
    }

    /// Judges one hop, and adds the facts of TLS and HTTP.
    fn judge_hop(
        &self,
        endpoint: &Endpoint,
        redirects: u8,
        conclusion: &mut HopConclusion,
        hop: &mut HopFacts,
    ) -> HopJudgement {
        let Some(evidence) = hop.evidence.take() else { return HopJudgement::AsRecorded };
        let mut refusal = None;
        let judged = match (&evidence.chain, &evidence.concluded) {
            (Some(chain), _) => Some(self.judge_chain(endpoint, &conclusion.url, chain, &evidence, hop)),
            (None, Some(concluded)) => Some(concluded_chain(concluded, &evidence, hop)),
            (None, None) => None,
        };
        if let Some(judged) = judged {
            let failure = judged.as_ref().map_or_else(Some, Option::as_ref);
            conclusion.chain = failure.cloned();
            match judged {
                Ok(refused) => refusal = refused,
                Err(failure) => return HopJudgement::Failed(failure),
            }
        } else if let Some(failure) = evidence.failed_during(&[Phase::Connect, Phase::Tls]) {
            return HopJudgement::Failed(failure.clone());
        }
        let answered = self.judge_answer(endpoint, redirects, conclusion, &evidence, hop);
        refusal.map_or(answered, HopJudgement::Failed)
    }

    /// Verifies a chain again. Returns why Defender's client would refuse it although this machine trusts it, if it would.
    fn judge_chain(
        &self,
        endpoint: &Endpoint,
        url: &ProbeUrl,
        chain: &ChainEvidence,
        evidence: &HopEvidence,
        hop: &mut HopFacts,
    ) -> Result<Option<Failure>, Failure> {
        let broken = evidence.failed_during(&[Phase::Connect, Phase::Tls]);
        let host = server_name(url);
        let Some(VerifiedAgain { captured, verdict }) =
            verify_again(&self.roots, &self.plan.issuer_hosts, host, chain)
        else {
            return Err(PhaseError::ServerName(host.to_owned()).failure(Phase::Tls));
        };
        let mut facts = tls::facts(&captured, Negotiated { version: chain.version, cipher: chain.cipher });
        let trusted: Option<&TrustedChain> = verdict.as_ref().ok();
        if let Some(trusted) = trusted
            && broken.is_none_or(|failure| failure.reason != FailureReason::BadSignature)
        {
            tls::add_trusted(&mut facts, &captured, trusted, endpoint.trust);
        }
        let inspected = tls::inspected(endpoint, &facts);
        hop.tls = Some(facts);
        if let Some(failure) = broken {
            return Err(failure.clone());
        }
        verdict.map_err(|error| PhaseError::Chain(error).failure(Phase::Tls))?;
        Ok(inspected.or_else(|| evidence.revoked.clone()))
    }

    /// Judges what was answered to the request.
    fn judge_answer(
        &self,
        endpoint: &Endpoint,
        redirects: u8,
        conclusion: &mut HopConclusion,
        evidence: &HopEvidence,
        hop: &mut HopFacts,
    ) -> HopJudgement {
        if let Some(failure) = evidence.failed_during(&[Phase::Request]) {
            return HopJudgement::Failed(failure.clone());
        }
        let Some(response) = &evidence.response else { return HopJudgement::AsRecorded };
        let head = recorded_head(response);
        let (rules, url) = (self.rules(endpoint), &conclusion.url);
        let http = hop.http.insert(http_facts(&head, redirects));
        match rules.judge_head(url, &head, http) {
            Ok(None) => {}
            Ok(Some(next)) => return HopJudgement::Redirected(next),
            Err(failure) => return HopJudgement::Failed(failure),
        }
        http.body_bytes = response.body_bytes;
        if let Some(failure) = evidence.failed_during(&[Phase::Transfer]) {
            return HopJudgement::Failed(failure.clone());
        }
        http.unclean_close = response.unclean_close;
        let judged = || rules.is_genuine(response.judged_at, received(url, &head, response));
        let answer = response.judgement.clone().unwrap_or_else(judged);
        match conclusion.answer.insert(answer).clone() {
            Ok(genuine) => {
                http.genuine = genuine;
                HopJudgement::Answered
            }
            Err(failure) => HopJudgement::Failed(failure),
        }
    }
}

/// A recorded response as it was received.
fn received<'a>(url: &'a ProbeUrl, head: &'a ResponseHead, response: &'a ResponseEvidence) -> Received<'a> {
    Received { url, head, body: &response.body, unclean_close: response.unclean_close }
}

/// Takes over what was concluded of a chain. Returns why it is refused although it is trusted, if it is.
fn concluded_chain(
    concluded: &ConcludedChain,
    evidence: &HopEvidence,
    hop: &mut HopFacts,
) -> Result<Option<Failure>, Failure> {
    hop.tls = Some(concluded.facts.clone());
    if let Some(broken) = evidence.failed_during(&[Phase::Connect, Phase::Tls]) {
        return Err(broken.clone());
    }
    match &concluded.failure {
        Some(failure) if !concluded.facts.verified => Err(failure.clone()),
        refusal => Ok(refusal.clone()),
    }
}

/// The facts of a probe with these hops.
fn facts(mut hops: Vec<HopFacts>, failed: bool) -> Facts {
    match hops.len() {
        0 => Facts::default(),
        1 => Facts::from(hops.remove(0)),
        _ => {
            let mut sum = Timings::default();
            for hop in &hops {
                sum.add(&hop.timings);
            }
            Facts::redirected(hops, sum, failed)
        }
    }
}

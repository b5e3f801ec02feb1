//! Redaction: a record without what identifies a company, its network or its users, which is judged with the same verdicts,
//! reasons and exit code.
//!
//! What isn't known to be public isn't kept. Known are the catalog, chains that are proven to be a catalog host's (they lead to a
//! root of Microsoft or of the public web, so that no inspector can have made them), and lists and certificates with a signature
//! that these prove. Of every other chain the record has what was concluded, since a certificate with other names has no valid
//! signature. Names in texts have pseudonyms (`names.rs`); of texts only this program's own words are kept (`text.rs`).

mod names;
mod plan;
mod public;
mod response;
#[cfg(test)]
mod tests;
mod text;

use std::sync::Arc;

use super::revocation::{CheckedHop, RecordedCheck};
use super::{Record, RecordedEvent, RouteFetches};
use crate::catalog::embedded;
use crate::observation::{
    AddressFacts, AttemptTarget, CertificateFacts, ChainEvidence, ConcludedChain, FailedAttempt, HopEvidence,
    HopFacts, IssuerEvidence, LookupFacts, ObservedFailure, Phase, TlsFacts, VerifiedPath,
};
use crate::plan::{Plan, TargetId};
use crate::probe::{HopConclusion, JudgedProbe, RecordedProbe, Replay};
use crate::revocation::{CertificateStatus, CrlState, RecordedFetch, RevocationReport, STAPLED};
use crate::text::clean;
use crate::tls::{RootKind, Roots, issuer_certificates};
use names::Pseudonyms;
use public::{Public, has_proven_staple, public_path};

/// Redacts one record.
struct Redactor<'a> {
    record: &'a Record,
    names: Pseudonyms,
    public: Public,
    /// The redacted plan.
    plan: Arc<Plan>,
    /// Judges what is redacted.
    replay: Replay,
    /// The verified paths whose certificates aren't kept.
    left_out: Vec<Arc<VerifiedPath>>,
}

impl Record {
    /// The record without names.
    #[must_use]
    pub fn redacted(&self) -> Self {
        let judged = self.conclusions();
        let mut names = Pseudonyms::new(embedded());
        for root in self.roots.parts().filter(|root| root.kind != RootKind::Private) {
            names.add_public_name(&root.name);
        }
        let roots = Roots::from_parts(self.roots.parts().filter(|root| root.kind != RootKind::Private));
        let mut public = Public::new(&roots);
        for (probe, judged) in &judged {
            for (hop, conclusion) in probe.hops.iter().zip(&judged.hops) {
                if let Some(path) = public_path(&roots, &names, hop, conclusion) {
                    public.add(&path, &mut names);
                }
            }
        }
        let plan = Arc::new(names.plan(&self.plan));
        let replay = Replay::new(Arc::clone(&plan), Arc::clone(&roots));
        let mut redactor =
            Redactor { record: self, names, public, plan: Arc::clone(&plan), replay, left_out: Vec::new() };
        let mut judged = judged.iter();
        let events = self.events.iter().filter_map(|event| match event {
            RecordedEvent::Probe(_) => {
                let (probe, judged) = judged.next()?;
                Some(RecordedEvent::Probe(Box::new(redactor.probe(probe, judged))))
            }
            RecordedEvent::Checked(check) => Some(RecordedEvent::Checked(redactor.check(check))),
        });
        let events = events.collect();
        let fetched = redactor.fetched();
        Self { plan, roots, fetched, events, is_redacted: true, ..self.clone() }
    }

    /// The probes with what is concluded of them, in order.
    fn conclusions(&self) -> Vec<(&RecordedProbe, JudgedProbe)> {
        let replay = Replay::new(Arc::clone(&self.plan), Arc::clone(&self.roots));
        let probes = self.events.iter().filter_map(|event| match event {
            RecordedEvent::Probe(probe) => Some(probe.as_ref()),
            RecordedEvent::Checked(_) => None,
        });
        let judged = probes.map(|probe| {
            let judged = replay.conclude(probe.clone());
            if self.checks_revocation {
                replay.add_issuers(&judged.observation);
            }
            (probe, judged)
        });
        judged.collect()
    }
}

impl Redactor<'_> {
    fn probe(&mut self, probe: &RecordedProbe, judged: &JudgedProbe) -> RecordedProbe {
        let hops = probe.hops.iter().zip(&judged.hops);
        let redacted = RecordedProbe {
            target: probe.target,
            at: probe.at,
            hops: hops.map(|(hop, conclusion)| self.hop(probe.target, hop, conclusion)).collect(),
            failed_attempts: probe.failed_attempts.iter().map(|attempt| self.attempt(attempt)).collect(),
            others: probe.others.iter().map(|other| self.other_address(other)).collect(),
            unprobed: probe.unprobed,
            package: probe.package.clone(),
            failure: probe.failure.as_ref().map(|failure| self.names.failure(failure)),
        };
        if self.record.checks_revocation {
            self.replay.add_issuers(&self.replay.judge(redacted.clone()));
        }
        redacted
    }

    fn hop(&mut self, target: TargetId, hop: &HopFacts, conclusion: &HopConclusion) -> HopFacts {
        let evidence = hop.evidence.as_ref().map(|evidence| {
            let path = public_path(&self.record.roots, &self.names, hop, conclusion);
            Box::new(self.evidence(target, evidence, conclusion, path.as_deref()))
        });
        HopFacts {
            timings: hop.timings.clone(),
            addresses: hop.addresses.iter().map(|address| self.names.address(*address)).collect(),
            aliases: hop.aliases.iter().map(|alias| self.names.host(alias)).collect(),
            source: hop.source,
            private: hop.private,
            peer: hop.peer.map(|peer| self.names.socket(peer)),
            proxy: hop.proxy.as_ref().map(|proxy| self.names.url(proxy)),
            proxy_status: hop.proxy_status,
            lookup: LookupFacts {
                resolver: hop.lookup.resolver.map(|server| self.names.socket(server)),
                search_suffix: hop.lookup.search_suffix.as_ref().map(|domain| self.names.host(domain)),
            },
            evidence,
            ..HopFacts::default()
        }
    }

    fn evidence(
        &mut self,
        target: TargetId,
        evidence: &HopEvidence,
        conclusion: &HopConclusion,
        public: Option<&VerifiedPath>,
    ) -> HopEvidence {
        let chain = evidence.chain.as_ref().zip(public).map(|(chain, path)| self.chain(chain, path));
        let has_chain = evidence.chain.is_some() || evidence.concluded.is_some();
        let concluded = match &conclusion.tls {
            Some(tls) if has_chain && chain.is_none() => {
                // The facts first: their names are then known in the failure's words.
                let facts = self.facts(tls);
                let failure = conclusion.chain.as_ref().map(|failure| self.names.failure(failure));
                Some(Box::new(ConcludedChain { facts, failure }))
            }
            _ => None,
        };
        let observed = match (&evidence.failure, &conclusion.chain) {
            (Some(observed), _) => Some(observed.clone()),
            // Without facts: the name can't be that of a TLS server.
            (None, Some(failure)) if conclusion.tls.is_none() => {
                Some(ObservedFailure { during: Phase::Tls, failure: failure.clone() })
            }
            (None, _) => None,
        };
        let failure = observed.map(|ObservedFailure { during, failure }| ObservedFailure {
            during,
            failure: self.names.failure(&failure),
        });
        HopEvidence {
            chain,
            concluded,
            response: evidence.response.as_ref().map(|response| self.response(target, conclusion, response)),
            failure,
            revoked: evidence.revoked.as_ref().map(|failure| self.names.failure(failure)),
        }
    }

    /// A public chain. Of what was fetched for it, its own certificates are kept.
    fn chain(&mut self, chain: &ChainEvidence, path: &VerifiedPath) -> ChainEvidence {
        let issuers = chain.issuers.iter().map(|issuer| {
            let outcome = match &issuer.outcome {
                Ok(body) => {
                    let certificates = issuer_certificates::read(body).unwrap_or_default();
                    let own = certificates.into_iter().find(|der| path.certificates.contains(der));
                    own.map(|der| der.to_vec().into()).ok_or_else(|| "no certificate of the path".to_owned())
                }
                Err(why) => Err(clean(&self.names.text(why))),
            };
            IssuerEvidence { url: self.names.url(&issuer.url), outcome }
        });
        let issuers = issuers.collect();
        let stapled =
            if has_proven_staple(path, chain.verified_at) { chain.stapled.clone() } else { Vec::new() };
        ChainEvidence { stapled, issuers, ..chain.clone() }
    }

    /// The facts of a chain that isn't kept.
    fn facts(&mut self, tls: &TlsFacts) -> TlsFacts {
        let mut certificate = |facts: &CertificateFacts| CertificateFacts {
            subject: self.names.name(&facts.subject),
            issuer: self.names.name(&facts.issuer),
            ..facts.clone()
        };
        let chain = tls.chain.iter().map(&mut certificate).collect();
        let unused = tls.unused.iter().map(&mut certificate).collect();
        let root = tls.root.as_ref().map(|root| self.names.name(root));
        let path = tls.path.as_ref().map(|path| self.placeholder(path));
        TlsFacts { chain, unused, root, path, ..tls.clone() }
    }

    /// What stands for a path, the same for equal paths.
    fn placeholder(&mut self, path: &Arc<VerifiedPath>) -> Arc<VerifiedPath> {
        let known = self.left_out.iter().position(|known| known == path);
        let place = known.unwrap_or_else(|| {
            self.left_out.push(Arc::clone(path));
            self.left_out.len() - 1
        });
        Arc::new(VerifiedPath::placeholder(&format!("chain {}", place + 1)))
    }

    fn attempt(&mut self, attempt: &FailedAttempt) -> FailedAttempt {
        let target = match &attempt.target {
            AttemptTarget::DnsServer(server) => AttemptTarget::DnsServer(self.names.socket(*server)),
            AttemptTarget::Address(address) => AttemptTarget::Address(self.names.socket(*address)),
            AttemptTarget::Proxy(proxy) => AttemptTarget::Proxy(self.names.url(proxy)),
            AttemptTarget::Script(script) => AttemptTarget::Script(self.names.url(script)),
            AttemptTarget::Direct => AttemptTarget::Direct,
        };
        FailedAttempt { target, failure: self.names.failure(&attempt.failure), duration: attempt.duration }
    }

    fn other_address(&mut self, other: &AddressFacts) -> AddressFacts {
        AddressFacts {
            address: self.names.address(other.address),
            failure: other.failure.as_ref().map(|failure| self.names.failure(failure)),
            duration: other.duration,
        }
    }

    /// What revocation checks fetched for public chains.
    fn fetched(&mut self) -> Vec<RouteFetches> {
        let of_routes = self.record.fetched.iter();
        let of_route = |of: &RouteFetches| RouteFetches {
            route: of.route,
            fetched: of.fetched.iter().filter_map(|fetch| self.fetch(fetch)).collect(),
        };
        of_routes.map(of_route).collect()
    }

    /// A fetch, if the check of a public chain makes it, and it has a proven object or none. Without it the conclusions stay.
    fn fetch(&mut self, fetch: &RecordedFetch) -> Option<RecordedFetch> {
        let outcome = match &fetch.outcome {
            _ if !self.public.is_requested(&fetch.key) => return None,
            Ok(body) => Ok(self.public.proves(body, self.record.ended).then(|| body.clone())?),
            Err(failure) => Err(self.names.failure(failure)),
        };
        Some(RecordedFetch { key: fetch.key.clone(), outcome })
    }

    fn check(&mut self, check: &RecordedCheck) -> RecordedCheck {
        let chains = check.chains.iter().map(|checked| {
            let statuses = checked.report.certificates.iter().map(|status| self.status(status));
            CheckedHop { hop: checked.hop, report: Arc::new(RevocationReport::new(statuses.collect())) }
        });
        let chains = chains.collect();
        let crls = check.crls.iter().map(|list| self.list(list)).collect();
        RecordedCheck { target: check.target, chains, crls }
    }

    fn status(&mut self, of: &CertificateStatus) -> CertificateStatus {
        let source = of.source.as_deref();
        CertificateStatus {
            subject: self.names.name(&of.subject),
            status: of.status,
            cause: of.cause,
            source: source.map(|url| if url == STAPLED { url.to_owned() } else { self.names.url(url) }),
            detail: clean(&self.names.text(&of.detail)),
            failure: of.failure.as_ref().map(|failure| self.names.failure(failure)),
        }
    }

    fn list(&mut self, list: &CrlState) -> CrlState {
        let fetch = list.fetch.as_ref();
        let fetch =
            fetch.map(|fetch| fetch.as_ref().map(|&()| ()).map_err(|failure| self.names.failure(failure)));
        CrlState { url: self.names.url(&list.url), fetch, ..list.clone() }
    }
}

//! How much of the evidence of a failure is kept in memory until the next one.

use super::{Facts, Failure, HopEvidence, Observation, Phase};

/// The maximum size of the evidence of one target, in bytes: with the 108 targets of the default catalog, 1 MiB in all.
pub const MAX_EVIDENCE: usize = 1024 * 1024 / 108;

impl HopEvidence {
    /// The memory that certificates, bodies and headers take, in bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        let chain = self.chain.iter().map(|chain| {
            let certificates = chain.certificates.iter().map(|der| der.len());
            let issuers = chain
                .issuers
                .iter()
                .map(|issuer| issuer.outcome.as_ref().map_or_else(String::len, bytes::Bytes::len));
            certificates.chain(issuers).sum::<usize>() + chain.stapled.len()
        });
        let response = self.response.iter().map(|response| {
            let headers = response.headers.iter().map(|header| header.name.len() + header.value.len());
            headers.sum::<usize>() + response.body.len()
        });
        chain.chain(response).sum()
    }
}

impl Observation {
    /// Keeps the evidence of a failure, at most [`MAX_EVIDENCE`], and none of a success.
    pub fn limit_evidence(&mut self) {
        match &self.failure {
            Some(failure) => limit(&mut self.facts, failure),
            None => all(&mut self.facts).for_each(|evidence| *evidence = None),
        }
    }
}

fn all(facts: &mut Facts) -> impl Iterator<Item = &mut Option<Box<HopEvidence>>> {
    let Facts { evidence, hops, .. } = facts;
    hops.iter_mut().map(|hop| &mut hop.evidence).chain([evidence])
}

fn limit(facts: &mut Facts, failure: &Failure) {
    if !facts.hops.is_empty() {
        facts.evidence = None; // that of a hop
    }
    let genuine = facts.http.as_ref().is_some_and(|http| http.genuine);
    let mut left = MAX_EVIDENCE;
    for kept in all(facts) {
        let Some(evidence) = kept else { continue };
        let excess = evidence.size().saturating_sub(left);
        if let Some(response) = evidence.response.as_mut().filter(|_| excess > 0) {
            response.body.truncate(response.body.len().saturating_sub(excess));
            response.body.shrink_to_fit(); // the rest stays allocated otherwise
            let is_of_answer = matches!(failure.phase, Phase::Request | Phase::Transfer);
            let judgement = if is_of_answer { Err(failure.clone()) } else { Ok(genuine) };
            response.judgement.get_or_insert(judgement);
        }
        let size = evidence.size();
        if size > left {
            *kept = None; // a chain of very large certificates
        } else {
            left -= size;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::{ChainEvidence, FailureReason, HopFacts, ResponseEvidence};
    use crate::plan::TargetId;
    use std::time::SystemTime;

    fn evidence(certificate: usize, body: usize) -> Box<HopEvidence> {
        let at = SystemTime::UNIX_EPOCH;
        Box::new(HopEvidence {
            chain: Some(ChainEvidence {
                certificates: vec![vec![0; certificate].into()],
                presented: 1,
                stapled: Vec::new(),
                issuers: Vec::new(),
                verified_at: at,
                version: None,
                cipher: None,
            }),
            response: Some(ResponseEvidence {
                status: 200,
                headers: Vec::new(),
                authenticated: None,
                body: vec![0; body],
                body_bytes: 0,
                unclean_close: false,
                judged_at: at,
                judgement: None,
            }),
            ..HopEvidence::default()
        })
    }

    #[test]
    fn evidence_of_failures_has_a_limit() {
        let failure = Some(Failure::new(Phase::Transfer, FailureReason::BlockPage, "so"));
        let check = |of: &[(usize, usize)], failure: &Option<Failure>, expected: usize| {
            let mut hops: Vec<_> = of
                .iter()
                .map(|(certificate, body)| HopFacts {
                    evidence: Some(evidence(*certificate, *body)),
                    ..HopFacts::default()
                })
                .collect();
            let facts = match hops.len() {
                1 => Facts::from(hops.remove(0)),
                _ => Facts { hops, ..Facts::default() },
            };
            let at = SystemTime::UNIX_EPOCH;
            let mut observation = Observation { target: TargetId(0), at, facts, failure: failure.clone() };
            observation.limit_evidence();
            let kept: usize = all(&mut observation.facts).flatten().map(|evidence| evidence.size()).sum();
            assert_eq!(kept, expected, "{of:?}");
            for evidence in all(&mut observation.facts).flatten() {
                let body = &evidence.response.as_ref().expect("a response").body;
                assert!(
                    body.capacity() <= body.len() + 64,
                    "{of:?}: {} bytes are allocated",
                    body.capacity()
                );
            }
        };
        check(&[(3000, 4096)], &failure, 7096);
        check(&[(3000, 65536)], &failure, MAX_EVIDENCE);
        check(&[(20_000, 10)], &failure, 0);
        check(&[(3000, 100), (3000, 65536)], &failure, MAX_EVIDENCE);
        check(&[(3000, 100), (8000, 100)], &failure, 3100);
        check(&[(3000, 4096)], &None, 0);
    }
}

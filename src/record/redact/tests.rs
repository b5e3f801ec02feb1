//! Tests: only what is proven to be public is kept of lists, certificates, OCSP responses and chains.

use bytes::Bytes;
use rcgen::{DnType, SanType};
use rustls::pki_types::CertificateDer;

use super::*;
use crate::catalog::{BodyKind, ExpectedEvidence, ProbeUrl};
use crate::config::TlsConfig;
use crate::event::Event;
use crate::observation::{Facts, Failure, FailureReason, Observation, ResponseEvidence};
use crate::record::{Recorder, Round};
use crate::report::simulation;
use crate::revocation::fixture::ocsp::{GOOD, Ocsp, parse};
use crate::revocation::fixture::{Authority, access, crls, distribution_point, now};
use crate::revocation::{Certificate, FetchKey, Issuer, ocsp};
use crate::tls::digest::sha256;

const CRL: &str = "http://crl3.digicert.com/DigiCertGlobalRootG2.crl";
const RESPONDER: &str = "http://ocsp.digicert.com";

/// A public CA, and that of a company, which its machines trust.
struct Lab {
    public: Authority,
    company: Authority,
}

impl Lab {
    fn new() -> Self {
        Self { public: Authority::new("Public Root"), company: Authority::new("Contoso Root") }
    }

    /// A server's certificate with number 7, whose revocation is known at the public URLs.
    fn leaf(by: &Authority, host: &str) -> Vec<u8> {
        Self::leaf_without_sources(by, host, |params| {
            params.custom_extensions =
                vec![crls(vec![distribution_point(&[CRL])]), access(&[RESPONDER], &[])];
        })
    }

    fn leaf_without_sources(
        by: &Authority,
        host: &str,
        change: impl FnOnce(&mut rcgen::CertificateParams),
    ) -> Vec<u8> {
        let name = host.to_owned();
        by.issue_with(|params| {
            params.distinguished_name.push(DnType::CommonName, host);
            params.subject_alt_names = vec![SanType::DnsName(name.try_into().unwrap())];
            params.serial_number = Some(rcgen::SerialNumber::from_slice(&[7]));
            change(params);
        })
        .0
    }

    /// The record of probes that got this, without names.
    fn redacted(&self, probes: Vec<(TargetId, HopEvidence)>, fetched: Vec<RecordedFetch>) -> Record {
        let config = TlsConfig {
            genuine_roots: vec![self.public.der().to_vec().into()],
            extra_roots: vec![self.company.der().to_vec().into()],
            ..TlsConfig::default()
        };
        let roots = Roots::from_lists(&[], &[], &config).unwrap();
        let plan = Arc::new(simulation::fresh(&["direct"]).plan.as_ref().clone());
        let round = Round { plan: Arc::clone(&plan), roots, checks_revocation: true, selected: false };
        let mut recorder = Recorder::new(round);
        for (target, evidence) in probes {
            let facts = Facts { evidence: Some(Box::new(evidence)), ..Facts::default() };
            let observation = Observation { target, at: now(), facts, failure: None };
            recorder.add(&Event::Observed(Box::new(observation)));
        }
        recorder.add_fetched(&plan.routes[0], fetched);
        let record = recorder.finish(now(), now());
        let redacted = record.redacted();
        let conclusions = |record: &Record| -> Vec<_> {
            let snapshot = record.judge();
            let all = snapshot.targets.iter().map(|target| {
                let failure = target.last.as_ref().and_then(|last| last.failure.clone());
                (target.verdict(), failure.map(|failure| (failure.phase, failure.reason)))
            });
            all.collect()
        };
        assert_eq!(conclusions(&redacted), conclusions(&record));
        redacted
    }
}

/// The target of this URL, or the first with this evidence.
fn target(is: impl Fn(&crate::plan::Target) -> bool) -> TargetId {
    let plan = simulation::fresh(&["direct"]).plan;
    TargetId(plan.targets.iter().position(is).unwrap())
}

fn firm() -> (TargetId, String) {
    let url = ProbeUrl::parse(simulation::FIRM).unwrap();
    (target(|target| target.endpoint.url == url), url.host().to_owned())
}

fn response(status: u16, body: Vec<u8>) -> ResponseEvidence {
    ResponseEvidence {
        status,
        headers: Vec::new(),
        authenticated: None,
        body_bytes: body.len() as u64,
        body,
        unclean_close: false,
        judged_at: now(),
        judgement: None,
    }
}

fn chain(certificates: &[&[u8]], stapled: Vec<u8>) -> HopEvidence {
    HopEvidence {
        chain: Some(ChainEvidence {
            certificates: certificates.iter().map(|der| CertificateDer::from(der.to_vec())).collect(),
            presented: certificates.len(),
            stapled,
            issuers: Vec::new(),
            verified_at: now(),
            version: None,
            cipher: None,
        }),
        response: Some(response(404, Vec::new())),
        ..HopEvidence::default()
    }
}

fn evidence(record: &Record, probe: usize) -> HopEvidence {
    let RecordedEvent::Probe(probe) = &record.events[probe] else { panic!("a probe") };
    probe.hops[0].evidence.as_deref().unwrap().clone()
}

#[test]
fn a_body_is_kept_if_a_public_issuer_signed_it() {
    let lab = Lab::new();
    let check = |kind: BodyKind, body: Vec<u8>, is_kept: bool| {
        let target =
            target(|target| target.endpoint.evidence.contains(&ExpectedEvidence::Body(kind.clone())));
        let evidence_of =
            HopEvidence { response: Some(response(200, body.clone())), ..HopEvidence::default() };
        let redacted = lab.redacted(vec![(target, evidence_of)], Vec::new());
        let kept = evidence(&redacted, 0).response.unwrap();
        assert_eq!(kept.body, if is_kept { body } else { Vec::new() }, "{kind:?}");
        assert_eq!(kept.judgement.is_none(), is_kept);
    };
    let stranger = Authority::new("Contoso Other Root");
    let below = |by: &Authority| Authority::below(by, "Contoso CA", 3, Vec::new()).der().to_vec();
    check(BodyKind::Crl, lab.public.list().sign(&lab.public), true);
    check(BodyKind::Crl, lab.company.list().sign(&lab.company), false);
    check(BodyKind::Crl, stranger.list().sign(&stranger), false);
    check(BodyKind::Crl, lab.public.list().sign(&stranger), false);
    check(BodyKind::Certificate, below(&lab.public), true);
    check(BodyKind::Certificate, below(&lab.company), false);
    check(BodyKind::Certificate, below(&stranger), false);
    check(BodyKind::Certificate, Lab::leaf(&lab.public, "vpn.contoso.example"), false);
}

#[test]
fn only_what_a_public_chain_needs_and_proves_is_kept_of_fetches() {
    let lab = Lab::new();
    let (firm, host) = firm();
    let maps = ProbeUrl::parse(simulation::MAPS).unwrap();
    let inspected = target(|target| target.endpoint.url == maps);
    let (own, copy) = (Lab::leaf(&lab.public, &host), Lab::leaf(&lab.company, maps.host()));
    let responder = ProbeUrl::parse(RESPONDER).unwrap();
    let query = |leaf: &[u8], by: &Authority| {
        let issuer = Issuer::from_certificate(by.der()).unwrap();
        ocsp::request(&Certificate::read(leaf).unwrap(), &issuer).unwrap()
    };
    let get = |leaf: &[u8], by: &Authority| FetchKey {
        url: ocsp::get_url(&responder, &query(leaf, by)).unwrap(),
        body: None,
    };
    let post = |leaf: &[u8], by: &Authority| FetchKey {
        url: responder.clone(),
        body: Some(sha256(&query(leaf, by))),
    };
    let answer = |by: &Authority| Bytes::from(Ocsp::new(by, 7, GOOD).sign(by.key()));
    let with_more = Bytes::from({
        let mut answer = Ocsp::new(&lab.public, 7, GOOD);
        answer.certificates = Some(vec![parse(lab.company.der())]);
        answer.sign(lab.public.key())
    });
    let list = |by: &Authority| Bytes::from(by.list().sign(by));
    let of_list = || FetchKey { url: ProbeUrl::parse(CRL).unwrap(), body: None };
    let below = FetchKey { url: ProbeUrl::parse(&format!("{RESPONDER}/contoso")).unwrap(), body: None };
    let refused = || Err(Failure::new(Phase::Connect, FailureReason::Refused, "connection refused"));
    let cases = [
        (get(&own, &lab.public), Ok(answer(&lab.public)), true),
        (post(&own, &lab.public), Ok(answer(&lab.public)), true),
        (get(&own, &lab.public), Ok(answer(&lab.company)), false),
        (get(&own, &lab.public), Ok(with_more), false),
        (get(&own, &lab.public), refused(), true),
        (get(&copy, &lab.company), Ok(answer(&lab.company)), false),
        (get(&copy, &lab.company), refused(), false),
        (post(&copy, &lab.company), refused(), false),
        (below, refused(), false),
        (of_list(), Ok(list(&lab.public)), true),
        (of_list(), Ok(list(&lab.company)), false),
        (of_list(), Ok(Bytes::from([&list(&lab.public)[..], b"jane.doe"].concat())), false),
    ];
    for (n, (key, outcome, is_kept)) in cases.into_iter().enumerate() {
        let probes = vec![(firm, chain(&[&own], Vec::new())), (inspected, chain(&[&copy], Vec::new()))];
        let redacted = lab.redacted(probes, vec![RecordedFetch { key, outcome }]);
        assert!(evidence(&redacted, 0).chain.is_some() && evidence(&redacted, 1).chain.is_none());
        assert_eq!(redacted.fetched[0].fetched.len(), usize::from(is_kept), "case {n}");
    }
}

#[test]
fn a_stapled_response_is_kept_if_its_issuer_signed_it() {
    let lab = Lab::new();
    let (firm, host) = firm();
    let (leaf, bare) = (Lab::leaf(&lab.public, &host), Lab::leaf_without_sources(&lab.public, &host, |_| {}));
    let answer = |by: &Authority| Ocsp::new(by, 7, GOOD).sign(by.key());
    let check = |leaf: &[u8], stapled: Vec<u8>, expected: Option<Vec<u8>>| {
        let redacted = lab.redacted(vec![(firm, chain(&[leaf], stapled))], Vec::new());
        assert_eq!(evidence(&redacted, 0).chain.map(|chain| chain.stapled), expected);
    };
    check(&leaf, Vec::new(), Some(Vec::new()));
    let proven = answer(&lab.public);
    check(&leaf, proven.clone(), Some(proven));
    check(&leaf, answer(&lab.company), Some(Vec::new()));
    check(&leaf, b"jane.doe".to_vec(), Some(Vec::new()));
    // Without another source, the status rests on it.
    check(&bare, answer(&lab.company), None);
}

#[test]
fn what_copies_a_roots_name_and_key_is_no_root() {
    let lab = Lab::new();
    let (firm, host) = firm();
    let leaf = Lab::leaf(&lab.public, &host);
    let whole = lab.redacted(vec![(firm, chain(&[&leaf, lab.public.der()], Vec::new()))], Vec::new());
    assert!(evidence(&whole, 0).chain.is_some());
    // Another certificate of that name and key, which nobody with the key signed.
    let mut copied = lab.public.der().to_vec();
    *copied.last_mut().unwrap() ^= 1;
    let forged = lab.redacted(vec![(firm, chain(&[&leaf, &copied], Vec::new()))], Vec::new());
    assert!(evidence(&forged, 0).chain.is_none());
}

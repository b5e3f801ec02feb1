//! A recalled verdict is the one that would be computed: whatever changes it, is verified again.

use std::time::{Duration, SystemTime};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;

use super::super::{Issuers, Judge, Roots};
use super::*;
use crate::config::TlsConfig;

const HOST: &str = "wdcp.microsoft.com";
const DAY: i64 = 24 * 60 * 60;

/// 2026-11-24, 00:00 UTC.
const NOW: i64 = 1_795_478_400;

/// A root, and what a server presents.
struct Lab {
    root: CertificateDer<'static>,
    chain: Vec<CertificateDer<'static>>,
}

impl Lab {
    /// A leaf for [`HOST`] under an intermediate, valid for these days around [`NOW`].
    fn new(leaf: (i64, i64), intermediate: (i64, i64)) -> Self {
        let key = || KeyPair::generate().unwrap();
        let root = CertifiedIssuer::self_signed(params("Root", (-1000, 1000), true), key()).unwrap();
        let ca = CertifiedIssuer::signed_by(params("CA", intermediate, true), key(), &root).unwrap();
        let leaf = params(HOST, leaf, false).signed_by(&key(), &ca).unwrap();
        Self { root: root.der().clone(), chain: vec![leaf.der().clone(), ca.der().clone()] }
    }

    fn judge(&self, trusted: bool) -> Judge {
        let extra_roots = if trusted { vec![self.root.clone()] } else { Vec::new() };
        let roots = Roots::of(&[], &[], &TlsConfig { extra_roots, ..TlsConfig::default() }).unwrap();
        let algorithms = ring::default_provider().signature_verification_algorithms;
        Judge::new(roots, Arc::new(Issuers::new(Vec::new())), algorithms)
    }

    fn presented(&self) -> Presented {
        Presented { certificates: self.chain.clone(), stapled: Vec::new() }
    }
}

fn params(name: &str, (from, to): (i64, i64), authority: bool) -> CertificateParams {
    let mut params = CertificateParams::new(vec![HOST.to_owned()]).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    (params.not_before, params.not_after) = (moment(from * DAY).into(), moment(to * DAY).into());
    if authority {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.subject_alt_names.clear();
    }
    params
}

fn moment(after: i64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(NOW + after).unwrap())
}

fn unix(after: i64) -> UnixTime {
    UnixTime::since_unix_epoch(moment(after).duration_since(SystemTime::UNIX_EPOCH).unwrap())
}

fn named(host: &str) -> ServerName<'_> {
    ServerName::try_from(host).unwrap()
}

/// Shows a chain to a judge who has believed `known` at [`NOW`], and to one who remembers nothing: both say the same. Whether
/// the first recalled it.
fn recalled(lab: &Lab, known: &Presented, shown: &Presented, host: &str, after: i64) -> bool {
    let judge = lab.judge(true);
    let first = judge.record(known.clone(), &named(HOST), unix(0)).verdict.unwrap();
    let again = judge.record(shown.clone(), &named(host), unix(after)).verdict;
    let anew = lab.judge(true).record(shown.clone(), &named(host), unix(after)).verdict;
    match (again, anew) {
        (Ok(again), Ok(anew)) => {
            assert_eq!((&again.path, &again.root, again.completed), (&anew.path, &anew.root, anew.completed));
            Arc::ptr_eq(&again.path, &first.path)
        }
        (Err(again), Err(anew)) => {
            assert_eq!(again.to_string(), anew.to_string());
            false
        }
        (again, anew) => panic!("{host}, {after}: recalled {again:?}, computed {anew:?}"),
    }
}

#[test]
fn a_chain_is_recalled_while_each_of_its_certificates_is_valid() {
    let long = Lab::new((-10, 10), (-20, 20));
    let short = Lab::new((-10, 10), (-5, 5)); // the intermediate's end comes first
    for (lab, after, expected) in [
        (&long, 0, true),
        (&long, 10 * DAY, true),
        (&long, 10 * DAY + 1, false),
        (&long, -10 * DAY, true),
        (&long, -10 * DAY - 1, false), // the clock was set back
        (&short, 5 * DAY, true),
        (&short, 5 * DAY + 1, false),
        (&short, -5 * DAY - 1, false),
    ] {
        let presented = lab.presented();
        assert_eq!(recalled(lab, &presented, &presented, HOST, after), expected, "{after}");
    }
}

#[test]
fn another_chain_and_another_name_are_verified() {
    let lab = Lab::new((-10, 10), (-20, 20));
    let known = lab.presented();
    let changed = |change: fn(&mut Presented)| {
        let mut presented = known.clone();
        change(&mut presented);
        presented
    };
    let flip = |presented: &mut Presented, n: usize| {
        let mut der = presented.certificates[n].to_vec();
        *der.last_mut().unwrap() ^= 1; // in the signature
        presented.certificates[n] = der.into();
    };
    for (what, shown, host) in [
        ("another name", known.clone(), "evil.example"),
        (
            "the leaf's signature",
            {
                let mut p = known.clone();
                flip(&mut p, 0);
                p
            },
            HOST,
        ),
        (
            "the intermediate's signature",
            {
                let mut p = known.clone();
                flip(&mut p, 1);
                p
            },
            HOST,
        ),
        ("no intermediate", changed(|presented| presented.certificates.truncate(1)), HOST),
        (
            "the leaf twice",
            changed(|presented| presented.certificates.push(presented.certificates[0].clone())),
            HOST,
        ),
        ("another OCSP answer", changed(|presented| presented.stapled = vec![0x30, 0]), HOST),
        (
            "a byte moved from one part to the next",
            changed(|presented| {
                let last = presented.certificates.pop().unwrap();
                presented.stapled = last.to_vec();
            }),
            HOST,
        ),
    ] {
        assert!(!recalled(&lab, &known, &shown, host, 0), "{what}");
    }
}

#[test]
fn a_refusal_is_not_remembered_and_roots_have_memories_of_their_own() {
    let lab = Lab::new((-10, 10), (-20, 20));
    let (trusting, other) = (lab.judge(true), lab.judge(false));
    let record = |judge: &Judge, after| judge.record(lab.presented(), &named(HOST), unix(after)).verdict;
    assert!(record(&trusting, 11 * DAY).is_err());
    assert!(record(&trusting, 0).is_ok(), "an expired chain is valid again once the clock is right");
    assert!(record(&other, 0).is_err(), "what others believe counts for nothing");
}

#[test]
fn names_are_bounded() {
    let lab = Lab::new((-10, 10), (-20, 20));
    let trusted = lab.judge(true).record(lab.presented(), &named(HOST), unix(0)).verdict.unwrap();
    let (memory, believed) = (Memory::default(), Believed { chain: Arc::from([]), trusted });
    for n in 0..=MAX_NAMES {
        memory.keep(&lab.presented(), &named(&format!("a{n}.example")), believed.clone());
    }
    assert!(memory.names().len() <= MAX_NAMES);
    let last = format!("a{MAX_NAMES}.example");
    assert!(memory.recall(&lab.presented(), &named(&last), unix(0)).is_some());
}

//! A cached verdict equals a computed one, and changed inputs are verified again.

use rustls::pki_types::CertificateDer;

use super::*;
use crate::config::TlsConfig;
use crate::tls::fixture::{DAY, Days, HOST, chain_verifier, intermediate_ca, leaf, root, unix};
use crate::tls::{ChainVerifier, Roots};

/// A root, and the chain that a server presents.
struct Lab {
    root: CertificateDer<'static>,
    chain: Vec<CertificateDer<'static>>,
}

impl Lab {
    /// A leaf for [`HOST`] under an intermediate, with these validities.
    fn new(leaf: Days, intermediate: Days) -> Self {
        Self::with_root((-1000, 1000), leaf, intermediate)
    }

    /// Like [`Self::new`], under a root with this validity.
    fn with_root(root: Days, leaf: Days, intermediate: Days) -> Self {
        let root = self::root("Root", root);
        let ca = intermediate_ca("CA", intermediate, &root);
        Self { root: root.der().clone(), chain: vec![self::leaf(leaf, &ca), ca.der().clone()] }
    }

    fn verifier(&self, trusted: bool) -> ChainVerifier {
        let extra_roots = if trusted { vec![self.root.clone()] } else { Vec::new() };
        chain_verifier(
            Roots::from_lists(&[], &[], &TlsConfig { extra_roots, ..TlsConfig::default() }).unwrap(),
        )
    }

    fn presented(&self) -> PresentedChain {
        PresentedChain { certificates: self.chain.clone(), stapled: Vec::new() }
    }
}

fn named(host: &str) -> ServerName<'_> {
    ServerName::try_from(host).unwrap()
}

/// Verifies a chain with a verifier that has trusted `known` at [`NOW`], and with a fresh one. Both verdicts
/// must agree. Returns whether the first came from the cache.
fn is_cached(lab: &Lab, known: &PresentedChain, shown: &PresentedChain, host: &str, after: i64) -> bool {
    let verifier = lab.verifier(true);
    let first = verifier.capture(known.clone(), &named(HOST), unix(0)).verdict.unwrap();
    let again = verifier.capture(shown.clone(), &named(host), unix(after)).verdict;
    let anew = lab.verifier(true).capture(shown.clone(), &named(host), unix(after)).verdict;
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
fn a_chain_is_cached_while_all_of_its_certificates_are_valid() {
    let long = Lab::new((-10, 10), (-20, 20));
    let short = Lab::new((-10, 10), (-5, 5)); // the intermediate expires first
    let root = Lab::with_root((-3, 3), (-10, 10), (-5, 5)); // the root expires first
    for (lab, after, expected) in [
        (&long, 0, true),
        (&long, 10 * DAY, true),
        (&long, 10 * DAY + 1, false),
        (&long, -10 * DAY, true),
        (&long, -10 * DAY - 1, false), // the clock was set back
        (&short, 5 * DAY, true),
        (&short, 5 * DAY + 1, false),
        (&short, -5 * DAY - 1, false),
        (&root, 3 * DAY, true),
        (&root, 3 * DAY + 1, false),
        (&root, -3 * DAY - 1, false),
    ] {
        let presented = lab.presented();
        assert_eq!(is_cached(lab, &presented, &presented, HOST, after), expected, "{after}");
    }
}

#[test]
fn another_chain_and_another_name_are_verified() {
    let lab = Lab::new((-10, 10), (-20, 20));
    let known = lab.presented();
    let changed = |change: fn(&mut PresentedChain)| {
        let mut presented = known.clone();
        change(&mut presented);
        presented
    };
    let flip = |presented: &mut PresentedChain, n: usize| {
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
        assert!(!is_cached(&lab, &known, &shown, host, 0), "{what}");
    }
}

#[test]
fn refusals_are_not_cached_and_verifiers_share_no_cache() {
    let lab = Lab::new((-10, 10), (-20, 20));
    let (with_root, without_root) = (lab.verifier(true), lab.verifier(false));
    let record = |verifier: &ChainVerifier, after| {
        verifier.capture(lab.presented(), &named(HOST), unix(after)).verdict
    };
    assert!(record(&with_root, 11 * DAY).is_err());
    assert!(record(&with_root, 0).is_ok(), "an expired chain is valid again once the clock is right");
    assert!(record(&without_root, 0).is_err(), "verifiers share no cache");
}

#[test]
fn the_least_recently_used_name_is_evicted() {
    let lab = Lab::new((-10, 10), (-20, 20));
    let trusted = lab.verifier(true).capture(lab.presented(), &named(HOST), unix(0)).verdict.unwrap();
    let (cache, verdict) =
        (VerdictCache::new(NonZeroUsize::new(3).unwrap()), CachedVerdict { chain: Arc::from([]), trusted });
    let recalls = |name: &str| cache.get(&lab.presented(), &named(name), unix(0)).is_some();
    let keep = |name: &str| cache.insert(&lab.presented(), &named(name), verdict.clone());
    ["a.example", "b.example", "c.example"].into_iter().for_each(keep);
    assert!(recalls("a.example"));
    keep("d.example");
    let known = ["a.example", "b.example", "c.example", "d.example"].map(recalls);
    assert_eq!(known, [true, false, true, true]);
}

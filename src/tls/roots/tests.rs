//! The kinds and validities of roots.

use std::time::Duration;

use rcgen::{CertificateParams, DnType, KeyPair};

use super::*;
use crate::catalog::embedded;

/// 2026-11-24, 00:00 UTC.
const NOW: u64 = 1_795_478_400;

fn now() -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(NOW))
}

fn only(genuine_roots: &[CertificateDer<'static>]) -> Result<Arc<Roots>, RootsError> {
    let config = TlsConfig { genuine_roots: genuine_roots.to_vec(), ..TlsConfig::default() };
    Roots::from_lists(&[], &embedded().microsoft_roots, &config)
}

fn params() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "Root");
    params
}

fn root(key: &KeyPair) -> CertificateDer<'static> {
    params().self_signed(key).unwrap().der().clone()
}

/// The same root, valid for these days around now.
fn root_valid(key: &KeyPair, (from, to): (i64, i64)) -> CertificateDer<'static> {
    let day = |days: i64| {
        let seconds = NOW.checked_add_signed(days * 24 * 60 * 60).unwrap();
        std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    };
    let mut params = params();
    (params.not_before, params.not_after) = (day(from).into(), day(to).into());
    params.self_signed(key).unwrap().der().clone()
}

#[test]
fn roots_have_names_and_kinds() {
    let roots = only(&[]).unwrap();
    let about: Vec<_> = roots.anchors().iter().filter_map(|anchor| roots.find(anchor, now())).collect();
    let names = ["Certificate Authority 2011", "Certificate Authority 2018", "Microsoft TLS RSA Root G2"];
    assert_eq!(about.len(), names.len());
    for (root, name) in about.iter().zip(names) {
        assert!(root.name.contains(name), "{root:?}");
        assert_eq!(root.kind, RootKind::Microsoft, "{root:?}");
        assert!(root.validity.contains(now()), "{root:?}");
    }
}

/// Four of the catalog's roots are public; the others are in no Mozilla-derived bundle.
#[test]
fn the_public_roots_of_the_catalog_are_mozillas() {
    let bundle: BTreeSet<_> =
        webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().map(|der| fingerprint(der)).collect();
    let known = embedded().microsoft_roots.iter().filter(|root| bundle.contains(&root.sha256));
    assert_eq!(
        known.map(|root| root.name.as_str()).collect::<Vec<_>>(),
        [
            "DigiCert Global Root G2",
            "DigiCert Global Root G3",
            "Microsoft RSA Root Certificate Authority 2017",
            "Microsoft ECC Root Certificate Authority 2017"
        ]
    );
}

#[test]
fn kinds_follow_from_where_a_root_is_listed() {
    let der = root(&KeyPair::generate().unwrap());
    let known = anchor(&der).unwrap();
    let check = |listed_public: bool, config: TlsConfig, expected| {
        let public: &[TrustAnchor<'_>] = if listed_public { std::slice::from_ref(&known) } else { &[] };
        let roots = Roots::with_public(&[], public, &[], &config).unwrap();
        assert_eq!(roots.find(&known, now()).map(|root| root.kind), expected);
    };
    let of = |extra: bool, genuine: bool| TlsConfig {
        extra_roots: extra.then(|| der.clone()).into_iter().collect(),
        genuine_roots: genuine.then(|| der.clone()).into_iter().collect(),
        ..TlsConfig::default()
    };
    check(false, of(false, false), None);
    check(true, of(false, false), None); // known to be public, and not trusted here
    check(false, of(true, false), Some(RootKind::Private));
    check(true, of(true, false), Some(RootKind::Public));
    check(false, of(false, true), Some(RootKind::Microsoft));
    check(true, of(true, true), Some(RootKind::Microsoft));
}

/// Windows' store has Microsoft roots without a published fingerprint. Their keys are known from DigiCert's
/// cross-signed certificates.
#[test]
fn a_cross_signed_root_is_recognised_by_its_key() {
    for der in microsoft_intermediates() {
        let (roots, known) =
            (Roots::from_lists(std::slice::from_ref(der), &[], &TlsConfig::default()), anchor(der).unwrap());
        let found = roots.unwrap().find(&known, now()).unwrap();
        assert_eq!(found.kind, RootKind::Microsoft, "{found:?}");
    }
}

#[test]
fn the_fit_of_a_root_depends_on_the_endpoint() {
    use RootFit::{Foreign, Genuine, Unexpected};
    for (trust, expected) in [
        (Trust::Microsoft, [Genuine, Unexpected, Foreign]),
        (Trust::Public, [Genuine, Genuine, Foreign]),
        (Trust::Any, [Genuine; 3]),
    ] {
        assert_eq!(RootKind::ALL.map(|kind| kind.fit(trust)), expected, "{trust}");
    }
}

#[test]
fn the_longest_valid_certificate_of_a_root_counts() {
    let key = KeyPair::generate().unwrap();
    let (expired, short, long, future) = (
        root_valid(&key, (-20, -10)),
        root_valid(&key, (-20, 5)),
        root_valid(&key, (-20, 9)),
        root_valid(&key, (2, 50)),
    );
    let check = |store: &[&CertificateDer<'static>], expected: &CertificateDer<'static>| {
        let store: Vec<_> = store.iter().map(|der| (*der).clone()).collect();
        let found = Roots::from_lists(&store, &[], &TlsConfig::default())
            .unwrap()
            .find(&anchor(expected).unwrap(), now());
        let (_, expected) = X509Certificate::from_der(expected).unwrap();
        assert_eq!(found.map(|root| root.validity), Some(Validity::from(&expected)));
    };
    check(&[&expired], &expired);
    check(&[&expired, &short], &short);
    check(&[&short, &expired, &long, &future], &long);
    check(&[&expired, &future], &future);
}

#[test]
fn garbage_is_refused() {
    let error = only(&[CertificateDer::from(vec![0x30, 0x00])]).unwrap_err();
    assert_eq!((error.key, error.position), ("genuine_roots", 1));
}

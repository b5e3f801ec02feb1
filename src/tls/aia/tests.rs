//! Completion of chains without a fetch, and for how long.

mod completion;

use std::sync::Arc;

use rustls::pki_types::ServerName;

use super::*;
use crate::config::TlsConfig;
use crate::tls::fixture::{
    Ca, DAY, HOST, cross_signed, intermediate_ca, leaf, leaf_with_ca_issuers, root, unix, verifier_with,
};
use crate::tls::{ChainError, ChainVerifier, Roots};

const URL: &str = "http://aia.pki.lab/ca.crt";

fn verifier(root: &Ca, issuers: &Arc<AiaIssuers>) -> ChainVerifier {
    let config = TlsConfig { genuine_roots: vec![root.der().clone()], ..TlsConfig::default() };
    verifier_with(Roots::from_lists(&[], &[], &config).unwrap(), Arc::clone(issuers))
}

fn presented(certificates: &[&CertificateDer<'static>]) -> PresentedChain {
    PresentedChain {
        certificates: certificates.iter().map(|der| (*der).clone()).collect(),
        stapled: Vec::new(),
    }
}

fn url(text: &str) -> ProbeUrl {
    ProbeUrl::parse(text).unwrap()
}

/// Verifies a chain `days` from now: whether it was completed, or else the error and whether a fetch may change
/// it.
fn verify(verifier: &ChainVerifier, chain: &PresentedChain, days: i64) -> Result<bool, (ChainError, bool)> {
    let name = ServerName::try_from(HOST).unwrap();
    let captured = verifier.capture(chain.clone(), &name, unix(days * DAY));
    let may_be_completed = captured.may_be_completed;
    captured.verdict.map(|trusted| trusted.completed).map_err(|error| (error, may_be_completed))
}

#[test]
fn a_cached_issuer_is_dropped_when_it_expires() {
    let root = root("Root", (-100, 100));
    let ca = intermediate_ca("CA", (-20, 5), &root);
    let chain = presented(&[&leaf_with_ca_issuers((-10, 10), &ca, &[URL])]);
    let issuers = Arc::new(AiaIssuers::new(Vec::new()));
    let verifier = verifier(&root, &issuers);
    let lacks = |result| {
        matches!(result, Err((ChainError::Refused { error: webpki::Error::UnknownIssuer, .. }, true)))
    };
    assert!(lacks(verify(&verifier, &chain, 0)), "nothing is known yet");
    issuers.cache(&url(URL), &[ca.der().clone()]);
    assert!(matches!(verify(&verifier, &chain, 0), Ok(true)));
    assert!(matches!(verify(&verifier, &chain, 5), Ok(true)));
    assert!(lacks(verify(&verifier, &chain, 6)), "what was kept has expired: another is to be fetched");
    assert_eq!(issuers.cache.lock().len(), 0);
}

/// An issuer with another key under the same name is fetched again; for an expired leaf nothing is fetched.
#[test]
fn an_issuer_is_fetched_again_if_another_key_could_help() {
    let root = root("Root", (-100, 100));
    let (old, new) = (intermediate_ca("CA", (-20, 50), &root), intermediate_ca("CA", (-20, 50), &root));
    let issuers = Arc::new(AiaIssuers::new(Vec::new()));
    let verifier = verifier(&root, &issuers);
    let of_new = presented(&[&leaf_with_ca_issuers((-10, 10), &new, &[URL])]);
    issuers.cache(&url(URL), &[old.der().clone()]);
    let verdict = verify(&verifier, &of_new, 0);
    let bad_signature = webpki::Error::InvalidSignatureForPublicKey;
    assert!(
        matches!(&verdict, Err((ChainError::Refused { error, .. }, true)) if *error == bad_signature),
        "{verdict:?}"
    );
    let expired = presented(&[&leaf_with_ca_issuers((-10, 2), &old, &[URL])]);
    let verdict = verify(&verifier, &expired, 3);
    let error = matches!(
        &verdict,
        Err((ChainError::Refused { error: webpki::Error::CertExpired { .. }, .. }, false))
    );
    assert!(error, "{verdict:?}");
}

/// Servers omit the cross-signed certificates of Microsoft's newer roots.
#[test]
fn embedded_intermediates_need_no_fetch() {
    let (public, new) = (root("Public", (-100, 100)), root("New", (-100, 100)));
    let ca = intermediate_ca("CA", (-20, 50), &new);
    let chain = presented(&[&leaf((-10, 10), &ca), ca.der()]);
    let embedded: &[_] = Box::leak(Box::new([cross_signed(&new, "New", (-20, 50), &public)]));
    let lacking = verifier(&public, &Arc::new(AiaIssuers::new(Vec::new())));
    assert!(verify(&lacking, &chain, 0).is_err());
    let verifier = verifier(&public, &Arc::new(AiaIssuers { embedded, ..AiaIssuers::new(Vec::new()) }));
    assert!(matches!(verify(&verifier, &chain, 0), Ok(true)));
    assert!(verify(&verifier, &chain, 60).is_err(), "it has an end like every other");
}

#[test]
fn the_least_recently_used_issuer_is_evicted() {
    let root = root("Root", (-100, 100));
    let ca = intermediate_ca("CA", (-20, 50), &root);
    let issuers = AiaIssuers::new(Vec::new());
    let at = |n: usize| format!("http://aia.pki.lab/{n}.crt");
    let chain = |n: usize| presented(&[&leaf_with_ca_issuers((-10, 10), &ca, &[&at(n)])]);
    let embedded = issuers.embedded.len();
    let is_cached = |n: usize| issuers.known(&chain(n), unix(0)).len() > embedded;
    for n in 0..MAX_CACHED.get() {
        issuers.cache(&url(&at(n)), &[ca.der().clone()]);
    }
    assert!(is_cached(0)); // used again
    issuers.cache(&url(&at(MAX_CACHED.get())), &[ca.der().clone()]);
    assert_eq!([0, 1, 2, MAX_CACHED.get()].map(is_cached), [true, false, true, true]);
}

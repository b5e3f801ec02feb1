//! Issuers are only learned from genuine paths, and the least recently used name is evicted.

use super::*;
use crate::config::TlsConfig;
use crate::observation::Anchor;
use crate::tls::fixture::{Ca, DAY, Days, crl, intermediate_ca, leaf, moment, root};

const LONG: Days = (-100, 100);

/// A machine with one genuine root that also trusts an inspector's root.
fn objects(genuine: &Ca, inspector: &Ca) -> SignedObjects {
    let config = TlsConfig {
        genuine_roots: vec![genuine.der().clone()],
        extra_roots: vec![inspector.der().clone()],
        ..TlsConfig::default()
    };
    SignedObjects::new(&Roots::from_lists(&[], &[], &config).unwrap())
}

/// A verified path from a leaf through this CA to its root.
fn path(ca: &Ca, root: &Ca) -> VerifiedPath {
    let certificates = vec![leaf((-10, 10), ca), ca.der().clone()];
    let anchor = Anchor::from(&webpki::anchor_from_trusted_cert(root.der()).unwrap());
    VerifiedPath { certificates, anchor, stapled: Vec::new() }
}

fn verdict(objects: &SignedObjects, list: &[u8]) -> &'static str {
    match objects.check_crl(list, moment(0)) {
        Ok(()) => "genuine",
        Err(ObjectError::BadSignature(_)) => "bad signature",
        Err(ObjectError::Expired(_)) => "expired",
        Err(ObjectError::Malformed(_)) => "malformed",
    }
}

/// An inspector's CA with a genuine issuer's name neither invalidates a genuine list nor authenticates a forged
/// one.
#[test]
fn an_inspectors_ca_with_a_genuine_name_is_ignored() {
    let (genuine, inspector) = (root("Genuine", LONG), root("Inspector", LONG));
    let (ca, mirrored) =
        (intermediate_ca("Update CA", LONG, &genuine), intermediate_ca("Update CA", LONG, &inspector));
    let objects = objects(&genuine, &inspector);
    objects.add_issuers(&path(&mirrored, &inspector));
    assert_eq!(verdict(&objects, &crl(&ca)), "genuine", "its issuer isn't known yet");
    objects.add_issuers(&path(&ca, &genuine));
    objects.add_issuers(&path(&mirrored, &inspector));
    assert_eq!(verdict(&objects, &crl(&ca)), "genuine");
    assert_eq!(verdict(&objects, &crl(&mirrored)), "bad signature");
}

/// Nor does such a CA's certificate that an inspector serves in place of a genuine one.
#[test]
fn a_certificate_below_a_private_root_teaches_nothing() {
    let (genuine, inspector) = (root("Genuine", LONG), root("Inspector", LONG));
    let (ca, mirrored) =
        (intermediate_ca("Update CA", LONG, &genuine), intermediate_ca("Update CA", LONG, &inspector));
    let objects = objects(&genuine, &inspector);
    assert_eq!(objects.check_certificate(mirrored.der()), Ok(()), "a root of this machine has signed it");
    assert_eq!(verdict(&objects, &crl(&ca)), "genuine", "its issuer isn't known yet");
    assert_eq!(objects.check_certificate(ca.der()), Ok(()));
    assert_eq!(verdict(&objects, &crl(&ca)), "genuine");
    assert_eq!(verdict(&objects, &crl(&mirrored)), "bad signature");
}

#[test]
fn every_key_of_a_name_is_tried() {
    let (genuine, inspector) = (root("Genuine", LONG), root("Inspector", LONG));
    let objects = objects(&genuine, &inspector);
    let cas: Vec<Ca> =
        (0..=MAX_ISSUERS_PER_NAME).map(|_| intermediate_ca("Update CA", LONG, &genuine)).collect();
    for ca in &cas[..MAX_ISSUERS_PER_NAME] {
        objects.add_issuers(&path(ca, &genuine));
        objects.add_issuers(&path(ca, &genuine)); // known already
    }
    for ca in &cas[..MAX_ISSUERS_PER_NAME] {
        assert_eq!(verdict(&objects, &crl(ca)), "genuine");
    }
    let last = &cas[MAX_ISSUERS_PER_NAME];
    assert_eq!(verdict(&objects, &crl(last)), "bad signature", "its key isn't known yet");
    objects.add_issuers(&path(last, &genuine));
    assert_eq!(verdict(&objects, &crl(last)), "genuine");
    assert_eq!(verdict(&objects, &crl(&cas[0])), "bad signature", "the oldest is forgotten");
}

#[test]
fn the_least_recently_used_name_is_evicted() {
    let (genuine, inspector) = (root("Genuine", LONG), root("Inspector", LONG));
    let objects = objects(&genuine, &inspector);
    let stranger = root("Stranger", LONG);
    let most = MAX_ISSUERS.get();
    let learn = |n: usize| objects.add_issuer(intermediate_ca(&format!("CA {n}"), LONG, &genuine).der());
    // A list by another CA of that name is refused while the name is cached.
    let is_cached = |n: usize| {
        verdict(&objects, &crl(&intermediate_ca(&format!("CA {n}"), LONG, &stranger))) != "genuine"
    };
    (0..most).for_each(learn);
    assert!(is_cached(0)); // used again
    learn(most);
    assert_eq!([0, 1, 2, most].map(is_cached), [true, false, true, true]);
    assert_eq!(objects.seen_issuers.lock().len(), most);
}

#[test]
fn an_expired_list_is_reported_whatever_its_signer() {
    let (genuine, inspector) = (root("Genuine", LONG), root("Inspector", LONG));
    let objects = objects(&genuine, &inspector);
    let ca = intermediate_ca("Update CA", LONG, &genuine);
    for known in [false, true] {
        if known {
            objects.add_issuers(&path(&ca, &genuine));
        }
        let later = objects.check_crl(&crl(&ca), moment(7 * DAY));
        assert!(matches!(later, Err(ObjectError::Expired(_))), "known: {known}, {later:?}");
    }
}

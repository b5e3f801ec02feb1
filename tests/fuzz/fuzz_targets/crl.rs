//! Any bytes as a revocation list, and as the delta to a sound one: nothing panics, and nothing but the issuer's signature
//! makes a list usable.
#![no_main]

mod parties;

use defender_exporter::trust::revocation::crl::{Question, check, freshness, verify_object};
use libfuzzer_sys::fuzz_target;
use parties::{PARTIES, now};

const LIST: &[u8] = include_bytes!("../seeds/int.crl");

fuzz_target!(|bytes: &[u8]| {
    let (certificate, issuer) = &*PARTIES;
    let now = now();
    let question = Question { certificate, issuer, point: &certificate.sources.points[0], now };
    let _ = freshness(bytes);
    let usable = verify_object(bytes, issuer, now).is_ok();
    assert!(!usable || bytes == LIST, "a list that the issuer didn't sign");
    assert!(check(&question, bytes, None).is_err() || bytes == LIST);
    assert!(check(&question, LIST, Some(bytes)).is_err(), "a delta that the issuer didn't sign");
});

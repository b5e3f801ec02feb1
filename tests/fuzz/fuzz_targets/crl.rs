//! Any bytes as a revocation list, and as the delta to a sound one: nothing panics, and nothing but the issuer's signature
//! makes a list usable.
#![no_main]

use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

use defender_exporter::trust::revocation::crl::{Question, check, freshness, verify_object};
use defender_exporter::trust::revocation::{Certificate, Issuer};
use libfuzzer_sys::fuzz_target;

const LIST: &[u8] = include_bytes!("../seeds/int.crl");

static PARTIES: LazyLock<(Certificate, Issuer)> = LazyLock::new(|| {
    let certificate = Certificate::read(include_bytes!("../seeds/leaf.der")).unwrap();
    (certificate, Issuer::from_certificate(include_bytes!("../seeds/int.der")).unwrap())
});

fuzz_target!(|bytes: &[u8]| {
    let (certificate, issuer) = &*PARTIES;
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    let question = Question { certificate, issuer, point: &certificate.sources.points[0], now };
    let _ = freshness(bytes);
    let usable = verify_object(bytes, issuer, now).is_ok();
    assert!(!usable || bytes == LIST, "a list that the issuer didn't sign");
    assert!(check(&question, bytes, None).is_err() || bytes == LIST);
    assert!(check(&question, LIST, Some(bytes)).is_err(), "a delta that the issuer didn't sign");
});

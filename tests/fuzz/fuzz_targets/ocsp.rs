//! Any bytes as an OCSP answer: nothing panics, and nothing but the issuer's signature makes an answer usable.
#![no_main]

use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

use defender_exporter::trust::revocation::ocsp::check;
use defender_exporter::trust::revocation::{Certificate, Issuer};
use libfuzzer_sys::fuzz_target;

static PARTIES: LazyLock<(Certificate, Issuer)> = LazyLock::new(|| {
    let certificate = Certificate::read(include_bytes!("../seeds/leaf.der")).unwrap();
    (certificate, Issuer::from_certificate(include_bytes!("../seeds/int.der")).unwrap())
});

fuzz_target!(|bytes: &[u8]| {
    let (certificate, issuer) = &*PARTIES;
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    if let Ok(found) = check(certificate, issuer, bytes, now) {
        let sound = check(certificate, issuer, include_bytes!("../seeds/resp.der"), now);
        assert_eq!(Ok(found), sound, "an answer that the issuer didn't sign");
    }
});

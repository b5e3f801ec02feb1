//! Any bytes as an OCSP answer: nothing panics, and nothing but the issuer's signature makes an answer usable.
#![no_main]

mod parties;

use defender_exporter::trust::revocation::ocsp::check;
use libfuzzer_sys::fuzz_target;
use parties::{PARTIES, now};

fuzz_target!(|bytes: &[u8]| {
    let (certificate, issuer) = &*PARTIES;
    let now = now();
    if let Ok(found) = check(certificate, issuer, bytes, now) {
        let sound = check(certificate, issuer, include_bytes!("../seeds/resp.der"), now);
        assert_eq!(Ok(found), sound, "an answer that the issuer didn't sign");
    }
});

//! Any bytes as an OCSP answer: nothing panics, and nothing but the issuer's signature makes an answer usable.

use super::parties::{PARTIES, now};
use defender_exporter::trust::revocation::ocsp::check;

pub fn run(bytes: &[u8]) {
    let (certificate, issuer) = &*PARTIES;
    let now = now();
    if let Ok(found) = check(certificate, issuer, bytes, now) {
        let sound = check(certificate, issuer, include_bytes!("../seeds/ocsp/resp.der"), now);
        assert_eq!(Ok(found), sound, "an answer that the issuer didn't sign");
    }
}

//! Any bytes as an OCSP response: nothing panics, and only the issuer's signature makes a response usable.

use super::issuance::{ISSUANCE, now};
use defender_exporter::revocation::ocsp::check;

pub fn run(bytes: &[u8]) {
    let (certificate, issuer) = &*ISSUANCE;
    let now = now();
    if let Ok(found) = check(certificate, issuer, bytes, now) {
        let sound = check(certificate, issuer, include_bytes!("../seeds/ocsp/resp.der"), now);
        assert_eq!(Ok(found), sound, "an answer that the issuer didn't sign");
    }
}

//! Any bytes as a CRL, and as the delta of a valid one: nothing panics, and only the issuer's signature makes a
//! list usable.

use super::issuance::{ISSUANCE, now};
use defender_exporter::revocation::crl::{CrlQuery, LargeCrlReader, List, check, freshness, verify_object};

const LIST: &[u8] = include_bytes!("../seeds/crl/int.crl");

pub fn run(bytes: &[u8]) {
    let (certificate, issuer) = &*ISSUANCE;
    let now = now();
    let question = CrlQuery { certificate, issuer, point: &certificate.sources.points[0], now };
    let _ = freshness(bytes);
    let usable = verify_object(bytes, issuer, now).is_ok();
    assert!(!usable || bytes == LIST, "a list that the issuer didn't sign");
    assert!(check(&question, List::Whole(bytes), None).is_err() || bytes == LIST);
    assert!(check(&question, List::Whole(LIST), Some(bytes)).is_err(), "a delta that the issuer didn't sign");
    for chunk in [1, 100, bytes.len().max(1)] {
        let mut reader = LargeCrlReader::new([certificate.serial.clone()].into());
        let read = bytes.chunks(chunk).try_for_each(|piece| reader.push(piece));
        let Ok(large) = read.and_then(|()| reader.finish()) else { continue };
        assert!(check(&question, List::Large(&large), None).is_err() || bytes == LIST);
    }
}

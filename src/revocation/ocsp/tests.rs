//! Responses with one flaw each and the resulting error; valid responses; and randomly damaged bytes.

use der::asn1::Null;
use proptest::prelude::*;
use rcgen::{ExtendedKeyUsagePurpose, KeyPair};
use ring::digest::SHA1_FOR_LEGACY_USE_ONLY;
use x509_cert::ext::pkix::CrlReason;

use super::*;
use crate::revocation::fixture::ocsp::{
    GOOD, Ocsp, SHA256_ID, SHA384_ID, SHA512_ID, at, id as id_of, parse, revoked,
};
use crate::revocation::fixture::{Authority, DAY, damage, extension, now};

const SERIAL: u8 = 0x42;

struct Lab {
    authority: Authority,
    issuer: Issuer,
    certificate: Certificate,
}

impl Lab {
    fn new() -> Self {
        let authority = Authority::new("Test CA");
        let issuer = Issuer::from_certificate(authority.der()).unwrap();
        let certificate = Certificate::read(&authority.issue(SERIAL, Vec::new())).unwrap();
        Self { authority, issuer, certificate }
    }

    fn answer(&self, status: CertStatus, change: impl FnOnce(&mut Ocsp)) -> Vec<u8> {
        let mut answer = Ocsp::new(&self.authority, SERIAL, status);
        change(&mut answer);
        answer.sign(self.authority.key())
    }

    fn check(&self, answer: &[u8]) -> Result<OcspStatus, OcspProblem> {
        check(&self.certificate, &self.issuer, answer, now())
    }

    fn short(&self, answer: &[u8]) -> Result<OcspCertStatus, UndeterminedCause> {
        self.check(answer).map(|answer| answer.status).map_err(|problem| problem.cause())
    }

    /// A modified certificate for OCSP signing, and its key.
    fn delegate(&self, change: impl FnOnce(&mut rcgen::CertificateParams)) -> (Vec<u8>, KeyPair) {
        self.authority.issue_with(|params| {
            params.distinguished_name.push(rcgen::DnType::CommonName, "Test responder");
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::OcspSigning];
            change(params);
        })
    }
}

fn revoked_for(reason: Reason) -> OcspCertStatus {
    OcspCertStatus::Revoked(Revocation { reason, at: now() - DAY })
}

#[test]
fn requests_follow_rfc_5019() {
    let lab = Lab::new();
    let request = request(&lab.certificate, &lab.issuer).unwrap();
    let read = OcspRequest::from_der(&request).unwrap();
    assert_eq!((read.optional_signature, read.tbs_request.request_extensions), (None, None));
    let [single] = &read.tbs_request.request_list[..] else { panic!("one certificate") };
    let key = digest(&SHA1_FOR_LEGACY_USE_ONLY, lab.issuer.key().unwrap());
    assert_eq!(single.req_cert.issuer_key_hash.as_bytes(), key.as_ref());
    assert_eq!(single.req_cert.issuer_name_hash.as_bytes().len(), 20);
    assert_eq!(single.req_cert.serial_number.as_bytes(), [SERIAL]);
    let mut long = lab.certificate.clone();
    long.serial = vec![1; 30];
    assert_eq!(super::request(&long, &lab.issuer), None);
}

#[test]
fn short_requests_are_gets() {
    let check = |responder: &str, request: &[u8], expected: Option<&str>| {
        let url = get_url(&ProbeUrl::parse(responder).unwrap(), request);
        assert_eq!(url.as_ref().map(ProbeUrl::as_str), expected, "{responder}");
    };
    let bytes = [0xfb, 0xff, 0xbe, 0x01];
    check("http://ocsp.test", &bytes, Some("http://ocsp.test/%2B%2F%2B%2BAQ%3D%3D"));
    check("http://ocsp.test/", &bytes, Some("http://ocsp.test/%2B%2F%2B%2BAQ%3D%3D"));
    check("http://ocsp.test/a%20b/", &bytes, Some("http://ocsp.test/a%20b/%2B%2F%2B%2BAQ%3D%3D"));
    check("http://ocsp.test/?x=1", &bytes, None);
    check("http://ocsp.test/", &[0; 189], Some(&format!("http://ocsp.test/{}", "A".repeat(252))));
    check("http://ocsp.test/a/", &[0; 189], None);
}

#[test]
fn responses_of_the_issuer_are_accepted() {
    let lab = Lab::new();
    let check = |what: &str, status: CertStatus, change: fn(&Lab, &mut Ocsp), expected: OcspCertStatus| {
        let answer = lab.answer(status, |answer| change(&lab, answer));
        assert_eq!(lab.short(&answer), Ok(expected), "{what}");
    };
    check("good", GOOD, |_, _| {}, OcspCertStatus::Good);
    check("unknown", CertStatus::unknown(), |_, _| {}, OcspCertStatus::Unknown);
    check("revoked", revoked(None), |_, _| {}, revoked_for(Reason::Unspecified));
    let compromised = revoked(Some(CrlReason::KeyCompromise));
    check("why", compromised, |_, _| {}, revoked_for(Reason::KeyCompromise));
    for digest in [SHA256_ID, SHA384_ID, SHA512_ID] {
        let answer = lab.answer(GOOD, |answer| {
            answer.single().cert_id = id_of(&parse(lab.authority.der()), SERIAL, digest);
        });
        assert_eq!(lab.short(&answer), Ok(OcspCertStatus::Good), "{digest:?}");
    }
    let by_key = |lab: &Lab, answer: &mut Ocsp| {
        let hash = digest(&SHA1_FOR_LEGACY_USE_ONLY, lab.issuer.key().unwrap());
        answer.data.responder_id = ResponderId::ByKey(OctetString::new(hash.as_ref()).unwrap());
    };
    check("by key", GOOD, by_key, OcspCertStatus::Good);
    let several = |lab: &Lab, answer: &mut Ocsp| {
        let mut other = answer.single().clone();
        other.cert_id = id_of(&parse(lab.authority.der()), 1, SHA256_ID);
        other.cert_status = revoked(None);
        answer.data.responses.insert(0, other);
    };
    check("among others", GOOD, several, OcspCertStatus::Good);
    let both = |_: &Lab, answer: &mut Ocsp| {
        let mut other = answer.single().clone();
        other.cert_status = revoked(None);
        answer.data.responses.push(other);
    };
    check("two answers", GOOD, both, revoked_for(Reason::Unspecified));
    let nonce = |_: &Lab, answer: &mut Ocsp| {
        answer.data.response_extensions = Some(vec![extension("1.3.6.1.5.5.7.48.1.2", false, &Null)]);
    };
    check("other extension", GOOD, nonce, OcspCertStatus::Good);
}

#[test]
fn every_flaw_has_its_cause() {
    let lab = Lab::new();
    let stranger = Authority::new("Test CA");
    let check = |what: &str, change: &dyn Fn(&mut Ocsp), expected: UndeterminedCause| {
        assert_eq!(lab.short(&lab.answer(GOOD, change)), Err(expected), "{what}");
    };
    check("refused", &|a| a.status = OcspResponseStatus::TryLater, UndeterminedCause::OcspError);
    check("other type", &|a| a.kind = "1.2.3.4", UndeterminedCause::Unsupported);
    check(
        "other certificate",
        &|a| a.single().cert_id.serial_number = SerialNumber::new(&[1]).unwrap(),
        UndeterminedCause::OutOfScope,
    );
    check(
        "other issuer",
        &|a| a.single().cert_id = id_of(&parse(stranger.der()), SERIAL, SHA256_ID),
        UndeterminedCause::OutOfScope,
    );
    let other_name = OctetString::new([0; 20]).unwrap();
    let of_other_name = |a: &mut Ocsp| a.single().cert_id.issuer_name_hash = other_name.clone();
    check("other name", &of_other_name, UndeterminedCause::OutOfScope);
    check("no answer", &|a| a.data.responses.clear(), UndeterminedCause::OutOfScope);
    let critical = || Some(vec![extension("1.2.3.4", true, &Null)]);
    check("critical extension", &|a| a.data.response_extensions = critical(), UndeterminedCause::Unsupported);
    check("of the answer", &|a| a.single().single_extensions = critical(), UndeterminedCause::Unsupported);
    let unknown_key = ResponderId::ByKey(OctetString::new([0; 20]).unwrap());
    check("unknown signer", &|a| a.data.responder_id = unknown_key.clone(), UndeterminedCause::WrongIssuer);
    let signed_by_stranger = Ocsp::new(&lab.authority, SERIAL, GOOD).sign(stranger.key());
    assert_eq!(lab.short(&signed_by_stranger), Err(UndeterminedCause::BadSignature));
    let good = lab.answer(GOOD, |_| {});
    assert_eq!(lab.short(&[&good[..], &[0]].concat()), Err(UndeterminedCause::Malformed));
    assert_eq!(lab.short(&good[..good.len() - 1]), Err(UndeterminedCause::Malformed));
    assert_eq!(lab.short(b"<html>"), Err(UndeterminedCause::Malformed));
    assert_eq!(
        lab.short(&[0x30, 0x03, 0x0a, 0x01, 0x00]),
        Err(UndeterminedCause::Malformed),
        "success without an answer"
    );
    assert_eq!(lab.short(&vec![0; 65_536]), Err(UndeterminedCause::Malformed), "as large as may be");
    assert_eq!(lab.short(&vec![0; 65_537]), Err(UndeterminedCause::TooLarge));
}

#[test]
fn a_response_is_valid_for_its_period() {
    let lab = Lab::new();
    let second = Duration::from_secs(1);
    let check = |what: &str,
                 this: SystemTime,
                 next: Option<SystemTime>,
                 expected: Result<OcspCertStatus, UndeterminedCause>| {
        let answer = lab.answer(GOOD, |answer| {
            answer.single().this_update = at(this);
            answer.single().next_update = next.map(at);
        });
        assert_eq!(lab.short(&answer), expected, "{what}");
    };
    check("current", now() - DAY, Some(now() + second), Ok(OcspCertStatus::Good));
    check("at its end", now() - DAY, Some(now()), Err(UndeterminedCause::Expired));
    check("without an end", now() - DAY + second, None, Ok(OcspCertStatus::Good));
    check("without an end, old", now() - DAY, None, Err(UndeterminedCause::Expired));
    let skew = Duration::from_secs(300);
    check("within the skew", now() + skew, Some(now() + DAY), Ok(OcspCertStatus::Good));
    check("beyond the skew", now() + skew + second, None, Err(UndeterminedCause::NotYetValid));
}

#[test]
fn a_delegate_needs_the_issuers_certificate_for_ocsp_signing() {
    let lab = Lab::new();
    let other = Authority::new("Other CA");
    let check = |what: &str,
                 (delegate, key): (Vec<u8>, KeyPair),
                 expected: Result<OcspCertStatus, UndeterminedCause>| {
        let mut answer = Ocsp::new(&lab.authority, SERIAL, GOOD);
        assert_eq!(lab.short(&answer.by(&delegate).sign(&key)), expected, "{what}");
    };
    check("sound", lab.delegate(|_| {}), Ok(OcspCertStatus::Good));
    check(
        "for servers",
        lab.delegate(|p| p.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth]),
        Err(UndeterminedCause::WrongIssuer),
    );
    check(
        "for anything",
        lab.delegate(|p| p.extended_key_usages.clear()),
        Err(UndeterminedCause::WrongIssuer),
    );
    check(
        "expired",
        lab.delegate(|p| p.not_after = (now() - DAY / 2).into()),
        Err(UndeterminedCause::Expired),
    );
    check(
        "not yet",
        lab.delegate(|p| p.not_before = (now() + DAY).into()),
        Err(UndeterminedCause::NotYetValid),
    );
    let of_other = other.issue_with(|params| {
        params.distinguished_name.push(rcgen::DnType::CommonName, "Test responder");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::OcspSigning];
    });
    check("another issuer's", of_other, Err(UndeterminedCause::WrongIssuer));
    let (delegate, _) = lab.delegate(|_| {});
    check("another key", (delegate, KeyPair::generate().unwrap()), Err(UndeterminedCause::BadSignature));
}

/// A responder that got a new certificate keeps its name, and may send the old one too.
#[test]
fn each_certificate_of_the_responder_is_tried() {
    let lab = Lab::new();
    let sound = lab.delegate(|_| {});
    let other_key = lab.delegate(|_| {});
    let expired = lab.delegate(|params| params.not_after = (now() - DAY / 2).into());
    let for_servers =
        lab.delegate(|params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth]);
    let check =
        |what: &str, sent: &[&(Vec<u8>, KeyPair)], expected: Result<OcspCertStatus, UndeterminedCause>| {
            let mut answer = Ocsp::new(&lab.authority, SERIAL, GOOD);
            for (certificate, _) in sent {
                answer.by(certificate);
            }
            assert_eq!(lab.short(&answer.sign(&sound.1)), expected, "{what}");
        };
    let good = Ok(OcspCertStatus::Good);
    check("an expired one first", &[&expired, &sound], good);
    check("one with another key first", &[&other_key, &sound], good);
    check("one for servers first", &[&for_servers, &other_key, &expired, &sound], good);
    check("the sound one first", &[&sound, &expired], good);
    check("none that is sound", &[&expired, &for_servers], Err(UndeterminedCause::Expired));
    check("none that signed", &[&other_key, &expired], Err(UndeterminedCause::BadSignature));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_are_no_answer(bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        thread_local!(static LAB: Lab = Lab::new());
        LAB.with(|lab| assert!(lab.check(&bytes).is_err()));
    }

    #[test]
    fn damage_never_clears_a_certificate(kind in 0..4u8, at: prop::sample::Index, with: u8, delegated: bool) {
        thread_local!(static LAB: (Lab, [Vec<u8>; 2], [Vec<u8>; 2]) = {
            let lab = Lab::new();
            let (delegate, key) = lab.delegate(|_| {});
            let of = |status| [
                Ocsp::new(&lab.authority, SERIAL, status).sign(lab.authority.key()),
                Ocsp::new(&lab.authority, SERIAL, status).by(&delegate).sign(&key),
            ];
            let (good, revoked) = (of(GOOD), of(revoked(None)));
            (lab, good, revoked)
        });
        LAB.with(|(lab, good, revoked)| {
            let mut bytes = revoked[usize::from(delegated)].clone();
            damage(&mut bytes, kind, at, with);
            assert_ne!(lab.short(&bytes), Ok(OcspCertStatus::Good));
            let mut bytes = good[usize::from(delegated)].clone();
            damage(&mut bytes, kind, at, with);
            assert!(lab.check(&bytes).is_err());
        });
    }
}

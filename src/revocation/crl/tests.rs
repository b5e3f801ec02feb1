//! Lists with one flaw each and the resulting error, and valid lists, each read whole and as it arrives.
//! `tests/damaged.rs`: randomly damaged bytes; `tests/scope.rs`: what a list covers.

mod damaged;
mod large;
mod scope;

use std::time::Duration;

use der::Encode as _;
use der::asn1::{Null, OctetString, UintRef};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::crl::dp::Reasons;
use x509_cert::ext::pkix::{AuthorityKeyIdentifier, CrlReason};

use super::*;
use crate::revocation::fixture::{
    Authority, CRL_URL, Crl, DAY, algorithm, crls, distribution_point, extension, full_name, now, time,
};
use crate::revocation::{Certificate, Issuer, Reason, UndeterminedCause};

const SERIAL: u8 = 0x42;

/// A CA, and a certificate of it that names its list.
struct Lab {
    authority: Authority,
    issuer: Issuer,
    certificate: Certificate,
}

impl Lab {
    fn new() -> Self {
        Self::with_authority(Authority::rsa("Test CA", 0))
    }

    fn with_authority(authority: Authority) -> Self {
        let issuer = Issuer::from_certificate(authority.der()).unwrap();
        let leaf = authority.issue(SERIAL, vec![crls(vec![distribution_point(&[CRL_URL])])]);
        Self { issuer, certificate: Certificate::read(&leaf).unwrap(), authority }
    }

    fn check(&self, list: &[u8], delta: Option<&[u8]>) -> Result<CrlStatus, CrlProblem> {
        let point = &self.certificate.sources.points[0];
        let query = CrlQuery { certificate: &self.certificate, issuer: &self.issuer, point, now: now() };
        let whole = check(&query, List::Whole(list), delta);
        if self.authority.is_rsa() && list.len() <= MAX_LIST {
            for chunk in [1, 37, list.len().max(1)] {
                let large =
                    self.large(list, chunk).and_then(|large| check(&query, List::Large(&large), delta));
                // Damage can show in the entries or in the signature first.
                assert_eq!(large.ok(), whole.as_ref().ok().copied(), "in pieces of {chunk} bytes: {whole:?}");
            }
        }
        whole
    }

    /// A list that arrives in pieces of this size.
    fn large(&self, list: &[u8], chunk: usize) -> Result<LargeCrl, CrlProblem> {
        let mut reader = LargeCrlReader::new([self.certificate.serial.clone()].into());
        for piece in list.chunks(chunk) {
            reader.push(piece)?;
        }
        reader.finish()
    }

    fn list(&self, change: impl FnOnce(&mut Crl)) -> Vec<u8> {
        let mut list = self.authority.list();
        change(&mut list);
        list.sign(&self.authority)
    }
}

/// An AuthorityKeyIdentifier that no issuer has.
fn key_id() -> AuthorityKeyIdentifier {
    AuthorityKeyIdentifier { key_identifier: Some(OctetString::new([7; 20]).unwrap()), ..Default::default() }
}

/// A short form of the result: not revoked, the reason of the revocation, or the error.
type Verdict = Result<Option<Reason>, UndeterminedCause>;

fn short(answer: Result<CrlStatus, CrlProblem>) -> Verdict {
    answer.map(|answer| answer.revoked.map(|revoked| revoked.reason)).map_err(|problem| problem.cause())
}

#[test]
fn a_list_covers_its_issuers_certificates() {
    let lab = Lab::new();
    let check = |what: &str, change: fn(&mut Crl), expected: Verdict| {
        assert_eq!(short(lab.check(&lab.list(change), None)), expected, "{what}");
    };
    let critical = || vec![extension("1.2.3.4", true, &Null)];
    check("nothing in it", |_| {}, Ok(None));
    check("others in it", |l| _ = l.revoke(1, None).revoke(2, Some(CrlReason::KeyCompromise)), Ok(None));
    check("without a reason", |l| _ = l.revoke(1, None).revoke(SERIAL, None), Ok(Some(Reason::Unspecified)));
    check(
        "with a reason",
        |l| _ = l.revoke(SERIAL, Some(CrlReason::Superseded)),
        Ok(Some(Reason::Superseded)),
    );
    check(
        "on hold",
        |l| _ = l.revoke(SERIAL, Some(CrlReason::CertificateHold)),
        Ok(Some(Reason::CertificateHold)),
    );
    check(
        "a reason without a name",
        |l| _ = l.entry(SERIAL, Some(vec![extension("2.5.29.21", false, &7u8)])),
        Ok(Some(Reason::Unspecified)),
    );
    check(
        "twice in it",
        |l| _ = l.revoke(SERIAL, Some(CrlReason::RemoveFromCRL)).revoke(SERIAL, None),
        Ok(Some(Reason::Unspecified)),
    );
    check(
        "twice in it, the other way",
        |l| _ = l.revoke(SERIAL, None).revoke(SERIAL, Some(CrlReason::RemoveFromCRL)),
        Ok(Some(Reason::Unspecified)),
    );
    check(
        "critical extension",
        |l| _ = l.extend("1.2.3.4", true, &Null),
        Err(UndeterminedCause::Unsupported),
    );
    check("other extension", |l| _ = l.extend("1.2.3.4", false, &Null), Ok(None));
    check("critical, and understood", |l| _ = l.extend("2.5.29.18", true, &Null), Ok(None));
    check(
        "an extension twice",
        |l| _ = l.extend("2.5.29.20", false, &5u8),
        Err(UndeterminedCause::Malformed),
    );
    let entry = |what: &str, extension: Extension| {
        let list = lab.list(|list| _ = list.entry(SERIAL, Some(vec![extension])));
        assert_eq!(short(lab.check(&list, None)), Ok(Some(Reason::Unspecified)), "{what}");
    };
    entry("an entry's other extension", extension("1.2.3.4", false, &Null));
    entry("when a key was lost, critical", extension("2.5.29.24", true, &time(now())));
    let list = lab.list(|l| _ = l.entry(1, Some(critical())).revoke(SERIAL, None));
    assert_eq!(
        short(lab.check(&list, None)),
        Err(UndeterminedCause::Unsupported),
        "critical extension of another's entry"
    );
    check("no extensions at all", |l| l.tbs.crl_extensions = None, Ok(None));
}

#[test]
fn a_list_is_valid_for_its_period() {
    let lab = Lab::new();
    let check = |what: &str, this: SystemTime, next: Option<SystemTime>, expected: Verdict| {
        let list = lab.list(|list| {
            list.tbs.this_update = time(this);
            list.tbs.next_update = next.map(time);
        });
        assert_eq!(short(lab.check(&list, None)), expected, "{what}");
    };
    let second = Duration::from_secs(1);
    check("current", now() - DAY, Some(now() + second), Ok(None));
    check("at its end", now() - DAY, Some(now()), Err(UndeterminedCause::Expired));
    check("without an end", now() - DAY, None, Err(UndeterminedCause::NoNextUpdate));
    let skew = Duration::from_secs(300);
    check("within the skew", now() + skew, Some(now() + DAY), Ok(None));
    check("beyond the skew", now() + skew + second, Some(now() + DAY), Err(UndeterminedCause::NotYetValid));
}

#[test]
fn a_list_is_signed_by_its_issuer() {
    let lab = Lab::new();
    let stranger = Lab::with_authority(Authority::rsa("Test CA", 1));
    let good = lab.list(|list| _ = list.revoke(SERIAL, None));
    let check = |what: &str, list: &[u8], expected: UndeterminedCause| {
        assert_eq!(short(lab.check(list, None)), Err(expected), "{what}");
    };
    check("same name, other key", &stranger.list(|_| {}), UndeterminedCause::BadSignature);
    let elsewhere = Authority::new("Other CA");
    check("other name", &elsewhere.list().sign(&elsewhere), UndeterminedCause::WrongIssuer);
    let other_key = lab.list(|l| _ = l.extend("2.5.29.35", false, &key_id()));
    check("other key id", &other_key, UndeterminedCause::WrongIssuer);
    let sha1 = lab.list(|l| {
        l.tbs.signature = algorithm("1.2.840.10045.4.1");
        l.algorithm = algorithm("1.2.840.10045.4.1");
    });
    check("SHA-1", &sha1, UndeterminedCause::Unsupported);
    let two = lab.list(|l| l.algorithm = algorithm("1.2.840.10045.4.3.3"));
    check("two algorithms", &two, UndeterminedCause::Malformed);
    check("trailing bytes", &[&good[..], &[0]].concat(), UndeterminedCause::Malformed);
    check("cut", &good[..good.len() - 1], UndeterminedCause::Malformed);
    check("empty", &[], UndeterminedCause::Malformed);
    check("HTML", b"<html>blocked</html>", UndeterminedCause::Malformed);
    check("as large as may be", &vec![0; 10_485_760], UndeterminedCause::Malformed);
    check("too large", &vec![0; 10_485_761], UndeterminedCause::TooLarge);
    let many = lab.list(|l| {
        for n in 0..9000u32 {
            l.extend(&format!("1.2.3.{n}"), false, &Null);
        }
    });
    check("too many extensions", &many, UndeterminedCause::Malformed);
}

#[test]
fn the_number_of_a_list_has_20_octets_at_most() {
    let lab = Lab::new();
    let check = |octets: usize, expected: Verdict| {
        let number = vec![1; octets];
        let number = UintRef::new(&number).unwrap();
        let list = lab.list(|list| _ = list.without("2.5.29.20").extend("2.5.29.20", false, &number));
        assert_eq!(short(lab.check(&list, None)), expected, "{octets}");
    };
    check(1, Ok(None));
    check(20, Ok(None));
    check(21, Err(UndeterminedCause::Malformed));
    check(22, Err(UndeterminedCause::Malformed));
}

#[test]
fn extensions_may_have_64_kib() {
    let lab = Lab::new();
    // In all, with one that is filled up.
    let list = |length: usize| {
        let fill = |list: &mut Crl, bytes: usize| {
            list.without("1.2.3.4");
            list.extend("1.2.3.4", false, &OctetString::new(vec![0; bytes]).unwrap());
            let extensions = list.tbs.crl_extensions.iter().flatten();
            extensions.map(|one| usize::try_from(one.encoded_len().unwrap()).unwrap()).sum::<usize>()
        };
        lab.list(|list| {
            let others = fill(list, 60_000) - 60_000;
            assert_eq!(fill(list, length - others), length);
        })
    };
    assert_eq!(short(lab.check(&list(65_536), None)), Ok(None));
    assert_eq!(short(lab.check(&list(65_537), None)), Err(UndeterminedCause::Malformed));
}

#[test]
fn the_issuer_must_be_allowed_to_sign_lists() {
    let lab = Lab::with_authority(Authority::with("Test CA", |params| {
        params.key_usages = vec![rcgen::KeyUsagePurpose::KeyCertSign];
    }));
    assert_eq!(lab.check(&lab.list(|_| {}), None), Err(CrlProblem::NotASigner));
    let lab = Lab::with_authority(Authority::with("Test CA", |params| params.key_usages.clear()));
    assert_eq!(short(lab.check(&lab.list(|_| {}), None)), Ok(None));
}

#[test]
fn a_trust_anchor_is_an_issuer_too() {
    let mut lab = Lab::new();
    let der = rustls::pki_types::CertificateDer::from(lab.authority.der().to_vec());
    let anchor = webpki::anchor_from_trusted_cert(&der).unwrap();
    lab.issuer = Issuer::from_anchor(&anchor.subject, &anchor.subject_public_key_info).unwrap();
    let list = lab.list(|list| _ = list.revoke(SERIAL, None));
    assert_eq!(short(lab.check(&list, None)), Ok(Some(Reason::Unspecified)));
    // Its key identifier isn't known, so any will do; but a delta must have the complete list's.
    let base = |list: &mut Crl| _ = list.extend("2.5.29.35", false, &key_id());
    assert_eq!(short(lab.check(&lab.list(base), None)), Ok(None));
    let delta = lab.list(|list| _ = list.delta(5, 6));
    assert_eq!(short(lab.check(&lab.list(base), Some(&delta))), Err(UndeterminedCause::OutOfScope));
}

#[test]
fn a_delta_takes_precedence() {
    let lab = Lab::new();
    let hold = |list: &mut Crl| _ = list.revoke(SERIAL, Some(CrlReason::CertificateHold));
    let clean = |_: &mut Crl| {};
    let check = |what: &str, base: &dyn Fn(&mut Crl), delta: fn(&mut Crl), expected: Verdict| {
        let (base, delta) = (lab.list(base), lab.list(delta));
        assert_eq!(short(lab.check(&base, Some(&delta))), expected, "{what}");
    };
    check("adds nothing", &clean, |d| _ = d.delta(5, 6), Ok(None));
    check("keeps", &hold, |d| _ = d.delta(5, 6), Ok(Some(Reason::CertificateHold)));
    check("revokes", &clean, |d| _ = d.delta(5, 6).revoke(SERIAL, None), Ok(Some(Reason::Unspecified)));
    check(
        "adds to an older base",
        &clean,
        |d| _ = d.delta(3, 6).revoke(SERIAL, None),
        Ok(Some(Reason::Unspecified)),
    );
    check("lifts", &hold, |d| _ = d.delta(5, 6).revoke(SERIAL, Some(CrlReason::RemoveFromCRL)), Ok(None));
    check(
        "is older",
        &hold,
        |d| _ = d.delta(3, 4).revoke(SERIAL, Some(CrlReason::RemoveFromCRL)),
        Ok(Some(Reason::CertificateHold)),
    );
    check("needs a later base", &clean, |d| _ = d.delta(6, 7), Err(UndeterminedCause::OutOfScope));
    check("is none", &clean, |_| {}, Err(UndeterminedCause::OutOfScope));
    check(
        "is of another scope",
        &clean,
        |d| _ = d.delta(5, 6).scope(|_| {}),
        Err(UndeterminedCause::OutOfScope),
    );
    let ended = |d: &mut Crl| d.delta(5, 6).tbs.next_update = Some(time(now() - DAY));
    check("has ended", &clean, ended, Err(UndeterminedCause::Expired));
    check("has ended, but the base says enough", &hold, ended, Ok(Some(Reason::CertificateHold)));
    let garbage = lab.check(&lab.list(|_| {}), Some(b"garbage")).unwrap_err();
    assert!(matches!(garbage, CrlProblem::Delta(_)), "{garbage}");
    let shorter = lab.list(|d| d.delta(5, 6).tbs.next_update = Some(time(now() + DAY)));
    let answer = lab.check(&lab.list(|_| {}), Some(&shorter)).unwrap();
    assert_eq!(answer.period.next_update, now() + DAY, "the first end of both");
}

#[test]
fn rcgens_lists_are_read_too() {
    use rcgen::{
        CertificateRevocationListParams, CrlDistributionPoint, CrlIssuingDistributionPoint, CrlScope,
        RevocationReason, RevokedCertParams,
    };
    let lab = Lab::new();
    let list = CertificateRevocationListParams {
        this_update: (now() - DAY).into(),
        next_update: (now() + DAY).into(),
        crl_number: vec![1].into(),
        issuing_distribution_point: Some(CrlIssuingDistributionPoint {
            distribution_point: CrlDistributionPoint { uris: vec![CRL_URL.to_owned()] },
            scope: Some(CrlScope::UserCertsOnly),
        }),
        revoked_certs: vec![RevokedCertParams {
            serial_number: vec![SERIAL].into(),
            revocation_time: now().into(),
            reason_code: Some(RevocationReason::KeyCompromise),
            invalidity_date: Some((now() - DAY).into()),
        }],
        key_identifier_method: rcgen::KeyIdMethod::Sha256,
    };
    let list = list.signed_by(lab.authority.issuer()).unwrap();
    let answer = lab.check(list.der(), None).unwrap();
    assert_eq!(answer.revoked, Some(Revocation { reason: Reason::KeyCompromise, at: now() }));
}

#[test]
fn a_list_can_be_verified_without_a_certificate() {
    let lab = Lab::new();
    let delta = distribution_point(&["http://crl.test/delta.crl"]);
    let points = x509_cert::ext::pkix::CrlDistributionPoints(vec![delta]);
    let list = lab.list(|list| _ = list.extend("2.5.29.46", false, &points));
    let read = freshness(&list).unwrap();
    assert_eq!(read.this_update, now() - DAY);
    assert_eq!(read.next_update, Some(now() + 6 * DAY));
    assert_eq!(read.freshest[0].urls[0].as_str(), "http://crl.test/delta.crl");
    let period = verify_object(&list, &lab.issuer, now()).unwrap();
    assert_eq!(period, Period { this_update: now() - DAY, next_update: now() + 6 * DAY });
    assert_eq!(
        verify_object(&list, &lab.issuer, now() + 7 * DAY).unwrap_err().cause(),
        UndeterminedCause::Expired
    );
    assert_eq!(freshness(b"x").unwrap_err().cause(), UndeterminedCause::Malformed);
}

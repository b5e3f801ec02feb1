//! OCSP requests, and the evaluation of responses (RFC 6960, in the profile of RFC 5019). No IO and no clock:
//! the time is an argument. Doesn't check whether a responder's own certificate was revoked.

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use der::asn1::{AnyRef, ObjectIdentifier, OctetString};
use der::{Any, Decode as _, Encode as _, Reader as _, SliceReader, Tag, TagMode, TagNumber};
use ring::digest::{Algorithm, SHA1_FOR_LEGACY_USE_ONLY, SHA256, SHA384, SHA512, digest};
use rustls::pki_types::{CertificateDer, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, KeyUsage};
use x509_cert::ext::Extension;
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::AlgorithmIdentifierOwned;
use x509_ocsp::{
    CertId, CertStatus, OcspRequest, OcspResponse, OcspResponseStatus, Request, ResponderId, ResponseData,
    SingleResponse, TbsRequest,
};

use super::{Certificate, Issuer, Period, Reason, Revocation, SKEW, UndeterminedCause};
use crate::catalog::ProbeUrl;
use crate::tls::refusal;
use crate::tls::signature::{SignatureError, Signed};

/// The maximum size of a response, in bytes.
pub const MAX_ANSWER: usize = 64 * 1024;
/// Requests with a shorter path than this, in bytes, are sent as a GET (RFC 6960 appendix A.1).
pub const MAX_GET: usize = 255;
/// The validity of a response without `nextUpdate`: newer information is "available all the time" (RFC 6960
/// section 4.2.2.1).
pub const DEFAULT_VALIDITY: Duration = Duration::from_secs(24 * 60 * 60);

/// The maximum number of a response's certificates that are checked.
const MAX_CERTIFICATES: usize = 8;
/// id-pkix-ocsp-basic (RFC 6960 section 4.2.1).
const BASIC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1.1");
/// id-kp-OCSPSigning, 1.3.6.1.5.5.7.3.9 (RFC 6960 section 4.2.2.2), as DER contents.
const OCSP_SIGNING: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x09];
/// The supported digests of certificate ids.
const DIGESTS: [(ObjectIdentifier, &Algorithm); 4] = [
    (ObjectIdentifier::new_unwrap("1.3.14.3.2.26"), &SHA1_FOR_LEGACY_USE_ONLY),
    (ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1"), &SHA256),
    (ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.2"), &SHA384),
    (ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.3"), &SHA512),
];

/// Why a response can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OcspProblem {
    /// The response exceeds the size limit.
    #[error("the OCSP response has {bytes} bytes, the limit is {MAX_ANSWER}")]
    TooLarge {
        /// The response's size.
        bytes: usize,
    },
    /// Not an OCSP response in DER.
    #[error("not an OCSP response: {0}")]
    Malformed(#[from] der::Error),
    /// The responder answered with an error.
    #[error("the responder answered {}", status_name(*.0))]
    Refused(OcspResponseStatus),
    /// Not a basic OCSP response.
    #[error("the OCSP response is of type {id}")]
    OtherType {
        /// The type's object identifier, dotted.
        id: String,
    },
    /// The response is about other certificates.
    #[error("the OCSP response is for another certificate")]
    OtherCertificate,
    /// Signed by neither the issuer nor a certificate in the response.
    #[error("the OCSP response is signed by neither the issuer nor its delegate")]
    UnknownSigner,
    /// Signed by a delegate whose certificate isn't valid.
    #[error("the OCSP signer's certificate: {}", refusal::describe(.0, &[]))]
    Delegate(webpki::Error),
    /// The signature is invalid, or its algorithm isn't accepted.
    #[error("{0}")]
    Signature(SignatureError),
    /// An unsupported critical extension.
    #[error("unsupported critical extension {id}")]
    CriticalExtension {
        /// Its object identifier, dotted.
        id: String,
    },
    /// Not valid yet, beyond the accepted clock skew.
    #[error("the OCSP response is not valid before {}", humantime::format_rfc3339_seconds(*.this_update))]
    NotYetValid {
        /// When it was issued.
        this_update: SystemTime,
    },
    /// The response has expired.
    #[error("the OCSP response expired at {}", humantime::format_rfc3339_seconds(*.next_update))]
    Expired {
        /// When it ended.
        next_update: SystemTime,
    },
}

impl OcspProblem {
    /// The cause, for labels.
    #[must_use]
    pub const fn cause(&self) -> UndeterminedCause {
        match self {
            Self::TooLarge { .. } => UndeterminedCause::TooLarge,
            Self::Malformed(_) => UndeterminedCause::Malformed,
            Self::Refused(_) => UndeterminedCause::OcspError,
            Self::OtherType { .. }
            | Self::CriticalExtension { .. }
            | Self::Signature(SignatureError::Unsupported) => UndeterminedCause::Unsupported,
            Self::OtherCertificate => UndeterminedCause::OutOfScope,
            Self::Expired { .. } | Self::Delegate(webpki::Error::CertExpired { .. }) => {
                UndeterminedCause::Expired
            }
            Self::NotYetValid { .. } | Self::Delegate(webpki::Error::CertNotValidYet { .. }) => {
                UndeterminedCause::NotYetValid
            }
            Self::UnknownSigner | Self::Delegate(_) => UndeterminedCause::WrongIssuer,
            Self::Signature(SignatureError::Bad) => UndeterminedCause::BadSignature,
        }
    }
}

/// A certificate's status in an OCSP response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OcspCertStatus {
    /// Not revoked.
    Good,
    /// Revoked.
    Revoked(Revocation),
    /// The responder doesn't know it.
    Unknown,
}

/// The verified status of one certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OcspStatus {
    /// The status.
    pub status: OcspCertStatus,
    /// The validity period. Without `nextUpdate` it ends after [`DEFAULT_VALIDITY`].
    pub period: Period,
}

/// Builds the request (DER) for one certificate: SHA-1 ids and no nonce, as in RFC 5019 and in Windows'
/// requests. Returns `None` if the serial number is longer than RFC 5280 allows.
#[must_use]
pub fn request(certificate: &Certificate, issuer: &Issuer) -> Option<Vec<u8>> {
    let id = id(certificate, issuer, DIGESTS[0])?;
    let request = Request { req_cert: id, single_request_extensions: None };
    let tbs_request = TbsRequest { request_list: vec![request], ..TbsRequest::default() };
    OcspRequest { tbs_request, optional_signature: None }.to_der().ok()
}

/// The URL of a request as a GET, which HTTP caches can answer (RFC 6960 appendix A.1). Returns `None` if it is
/// too long.
#[must_use]
pub fn get_url(responder: &ProbeUrl, request: &[u8]) -> Option<ProbeUrl> {
    let encoded = STANDARD.encode(request).replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    let url = ProbeUrl::parse(&format!("{}/{encoded}", responder.as_str().trim_end_matches('/'))).ok()?;
    // Behind a query string, the request would become part of it.
    let fits = !responder.path_and_query().contains('?') && url.path_and_query().len() < MAX_GET;
    fits.then_some(url)
}

/// Evaluates a response (DER) for a certificate.
///
/// # Errors
/// If the response can't be used for this certificate at this time.
pub fn check(
    certificate: &Certificate,
    issuer: &Issuer,
    answer: &[u8],
    now: SystemTime,
) -> Result<OcspStatus, OcspProblem> {
    let basic = basic_answer(answer)?;
    let (signed, certificates) = parts(&basic)?;
    let data = ResponseData::from_der(signed.data)?;
    verify_signer(&data.responder_id, issuer, &certificates, now, &signed)?;
    check_critical(data.response_extensions.as_deref())?;
    evaluate(response_for(&data.responses, certificate, issuer).ok_or(OcspProblem::OtherCertificate)?, now)
}

/// Whether a response can be used as by [`check`], and all that is in it is the issuer's: a response may have certificates that
/// its signature doesn't cover.
#[must_use]
pub fn is_proven(certificate: &Certificate, issuer: &Issuer, answer: &[u8], now: SystemTime) -> bool {
    let is_issued = |certificate: &Any| {
        let der = certificate.to_der().unwrap_or_default();
        let signed = AnyRef::from_der(&der).and_then(|whole| whole.sequence(Signed::read));
        signed.is_ok_and(|signed| issuer.verify(&signed).is_ok())
    };
    check(certificate, issuer, answer, now).is_ok()
        && basic_answer(answer).is_ok_and(|basic| {
            parts(&basic).is_ok_and(|(_, certificates)| certificates.iter().all(is_issued))
        })
}

/// What a `BasicOCSPResponse` signs, and the certificates in it.
fn parts(basic: &[u8]) -> der::Result<(Signed<'_>, Vec<Any>)> {
    let mut reader = SliceReader::new(basic)?;
    let (signed, certificates) = AnyRef::decode(&mut reader)?.sequence(|reader| {
        let signed = Signed::read(reader)?;
        Ok((signed, reader.context_specific::<Vec<Any>>(TagNumber::N0, TagMode::Explicit)?))
    })?;
    reader.finish(())?;
    Ok((signed, certificates.unwrap_or_default()))
}

/// Extracts the `BasicOCSPResponse` (DER) of a successful response.
fn basic_answer(answer: &[u8]) -> Result<Vec<u8>, OcspProblem> {
    if answer.len() > MAX_ANSWER {
        return Err(OcspProblem::TooLarge { bytes: answer.len() });
    }
    let OcspResponse { response_status, response_bytes } = OcspResponse::from_der(answer)?;
    if response_status != OcspResponseStatus::Successful {
        return Err(OcspProblem::Refused(response_status));
    }
    let bytes = response_bytes.ok_or_else(|| Tag::Sequence.value_error())?;
    if bytes.response_type != BASIC {
        return Err(OcspProblem::OtherType { id: bytes.response_type.to_string() });
    }
    Ok(bytes.response.into_bytes())
}

/// Verifies that the issuer signed, or a delegate with a certificate of the issuer for OCSP signing (RFC 6960
/// section 4.2.2.2). Tries each certificate with the responder's id: responders keep their name when they get a new key.
///
/// # Errors
/// Why the first signer with the responder's id isn't accepted.
fn verify_signer(
    id: &ResponderId,
    issuer: &Issuer,
    certificates: &[Any],
    now: SystemTime,
    signed: &Signed<'_>,
) -> Result<(), OcspProblem> {
    let mut refusal = None;
    if matches_id(id, issuer) {
        match issuer.verify(signed) {
            Ok(()) => return Ok(()),
            Err(error) => refusal = Some(OcspProblem::Signature(error)),
        }
    }
    for certificate in certificates.iter().take(MAX_CERTIFICATES) {
        let der = certificate.to_der()?;
        let Ok(delegate) = Issuer::from_certificate(&der) else { continue };
        if !matches_id(id, &delegate) {
            continue;
        }
        let verified = verify_delegate(&der, issuer, now).map_err(OcspProblem::Delegate);
        match verified.and_then(|()| delegate.verify(signed).map_err(OcspProblem::Signature)) {
            Ok(()) => return Ok(()),
            Err(error) => _ = refusal.get_or_insert(error),
        }
    }
    Err(refusal.unwrap_or(OcspProblem::UnknownSigner))
}

/// Whether a responder's id matches this issuer's name or key.
fn matches_id(id: &ResponderId, candidate: &Issuer) -> bool {
    match id {
        ResponderId::ByName(name) => name.to_der().is_ok_and(|name| name == candidate.name()),
        ResponderId::ByKey(hash) => candidate
            .key()
            .is_some_and(|key| digest(&SHA1_FOR_LEGACY_USE_ONLY, key).as_ref() == hash.as_bytes()),
    }
}

/// Verifies a delegate's certificate: issuer, key usage and time.
fn verify_delegate(delegate: &[u8], issuer: &Issuer, now: SystemTime) -> Result<(), webpki::Error> {
    let contents = |der| AnyRef::from_der(der).map(AnyRef::value).map_err(|_| webpki::Error::BadDer);
    let anchor = TrustAnchor {
        subject: contents(issuer.name())?.into(),
        subject_public_key_info: contents(issuer.spki())?.into(),
        name_constraints: None,
    };
    let now = UnixTime::since_unix_epoch(now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default());
    let delegate = CertificateDer::from(delegate);
    EndEntityCert::try_from(&delegate)?
        .verify_for_usage(
            webpki::ALL_VERIFICATION_ALGS,
            &[anchor],
            &[],
            now,
            KeyUsage::required(OCSP_SIGNING),
            None,
            None,
        )
        .map(|_| ())
}

/// The response about this certificate. If there are several, a revocation takes precedence.
fn response_for<'a>(
    answers: &'a [SingleResponse],
    certificate: &Certificate,
    issuer: &Issuer,
) -> Option<&'a SingleResponse> {
    let own = DIGESTS.map(|digest| id(certificate, issuer, digest));
    let matching = |answer: &&SingleResponse| {
        own.iter().flatten().any(|own| {
            // The digest's parameters may be NULL or absent.
            own.hash_algorithm.oid == answer.cert_id.hash_algorithm.oid
                && own.issuer_name_hash == answer.cert_id.issuer_name_hash
                && own.issuer_key_hash == answer.cert_id.issuer_key_hash
                && own.serial_number == answer.cert_id.serial_number
        })
    };
    let revoked = |answer: &&SingleResponse| matches!(answer.cert_status, CertStatus::Revoked(_));
    let mut answers = answers.iter().filter(matching);
    let first = answers.next()?;
    if revoked(&first) { Some(first) } else { answers.find(revoked).or(Some(first)) }
}

fn id(
    certificate: &Certificate,
    issuer: &Issuer,
    (oid, algorithm): (ObjectIdentifier, &'static Algorithm),
) -> Option<CertId> {
    let hash = |bytes| OctetString::new(digest(algorithm, bytes).as_ref()).ok();
    let serial = AnyRef::new(Tag::Integer, &certificate.serial).and_then(|serial| serial.to_der()).ok()?;
    Some(CertId {
        hash_algorithm: AlgorithmIdentifierOwned { oid, parameters: Some(Any::null()) },
        issuer_name_hash: hash(issuer.name())?,
        issuer_key_hash: hash(issuer.key()?)?,
        serial_number: SerialNumber::from_der(&serial).ok()?,
    })
}

fn check_critical(extensions: Option<&[Extension]>) -> Result<(), OcspProblem> {
    match extensions.unwrap_or_default().iter().find(|extension| extension.critical) {
        Some(extension) => Err(OcspProblem::CriticalExtension { id: extension.extn_id.to_string() }),
        None => Ok(()),
    }
}

fn evaluate(answer: &SingleResponse, now: SystemTime) -> Result<OcspStatus, OcspProblem> {
    check_critical(answer.single_extensions.as_deref())?;
    let this_update = answer.this_update.0.to_system_time();
    let end = answer.next_update.map(|end| end.0.to_system_time());
    let next_update = end.unwrap_or(this_update + DEFAULT_VALIDITY);
    if this_update > now + SKEW {
        return Err(OcspProblem::NotYetValid { this_update });
    }
    if next_update <= now {
        return Err(OcspProblem::Expired { next_update });
    }
    let status = match answer.cert_status {
        CertStatus::Good(_) => OcspCertStatus::Good,
        CertStatus::Unknown(_) => OcspCertStatus::Unknown,
        CertStatus::Revoked(info) => OcspCertStatus::Revoked(Revocation {
            reason: info.revocation_reason.map_or(Reason::Unspecified, Reason::from),
            at: info.revocation_time.0.to_system_time(),
        }),
    };
    Ok(OcspStatus { status, period: Period { this_update, next_update } })
}

/// The name of a response's status (RFC 6960, section 4.2.1).
const fn status_name(status: OcspResponseStatus) -> &'static str {
    match status {
        OcspResponseStatus::Successful => "successful",
        OcspResponseStatus::MalformedRequest => "malformedRequest",
        OcspResponseStatus::InternalError => "internalError",
        OcspResponseStatus::TryLater => "tryLater",
        OcspResponseStatus::SigRequired => "sigRequired",
        OcspResponseStatus::Unauthorized => "unauthorized",
    }
}

#[cfg(test)]
mod tests;

//! What a CRL says of a certificate, after RFC 5280 section 6.3.3, with Windows' strictness: a list must have a
//! `nextUpdate`, and a delta that is named must be had ("if … clients may not be able to retrieve the delta CRL …
//! certificate validation may fail", learn.microsoft.com dd379478). No IO, and no clock: the time is an argument.
//! Indirect lists and lists for some reasons alone aren't judged: no public authority issues them.

use std::time::{Duration, SystemTime};

use x509_cert::ext::pkix::IssuingDistributionPoint;

use super::list::{Found, List, signed};
use super::sources::{Point, names};
use super::{Cause, Certificate, Issuer, Period, Revocation, SKEW};
use crate::trust::signature::SignatureError;

/// The longest list that is read, in bytes. One of nearly this size, 400 000 entries, is judged within 50 ms by an optimised
/// build, without memory beyond its bytes.
pub const MAX_LIST: usize = 10 * 1024 * 1024;

/// Why a list can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CrlProblem {
    /// More bytes than a list may have.
    #[error("the list has {bytes} bytes, at most {MAX_LIST} are read")]
    TooLarge {
        /// How many it has.
        bytes: usize,
    },
    /// Not a CRL in DER.
    #[error("not a certificate revocation list: {0}")]
    Malformed(#[from] der::Error),
    /// Its issuer is not the certificate's.
    #[error("the list is of another issuer")]
    OtherIssuer,
    /// Its key identifier is not the issuer's: signed by another key of the same name.
    #[error("the list is signed by another key of the issuer's name")]
    OtherKey,
    /// The issuer's key usage forbids it to sign CRLs. Windows refuses such lists too.
    #[error("the issuer's certificate does not allow it to sign lists")]
    NotASigner,
    /// The signature doesn't hold, or its algorithm isn't accepted.
    #[error("{0}")]
    Signature(SignatureError),
    /// Not valid yet, by more than the accepted difference of clocks.
    #[error("the list begins in {} seconds", .ahead.as_secs())]
    NotYetValid {
        /// How far its `thisUpdate` is ahead.
        ahead: Duration,
    },
    /// Its `nextUpdate` has passed, or it has none.
    #[error("{}", expired(*.next_update))]
    Expired {
        /// When it ended.
        next_update: Option<SystemTime>,
    },
    /// A critical extension that isn't understood, of the list or an entry.
    #[error("the critical extension {id} is not understood")]
    CriticalExtension {
        /// Its object identifier, dotted.
        id: String,
    },
    /// The list doesn't cover the certificate.
    #[error("{0}")]
    Scope(#[from] Scope),
    /// The delta list can't be used, and the complete one alone doesn't say enough.
    #[error("delta list: {0}")]
    Delta(Box<CrlProblem>),
}

/// How a list fails to cover a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Scope {
    /// For another distribution point than the one it was fetched for.
    #[error("the list is for another distribution point")]
    OtherPoint,
    /// For end entities alone, and the certificate is an authority's.
    #[error("the list covers certificates of users alone")]
    UsersOnly,
    /// For authorities alone, and the certificate is an end entity's.
    #[error("the list covers certificates of authorities alone")]
    AuthoritiesOnly,
    /// For attribute certificates alone.
    #[error("the list covers attribute certificates alone")]
    AttributesOnly,
    /// For some reasons alone, by its own word or the certificate's.
    #[error("the list covers some reasons alone, or is signed by another than the issuer")]
    Limited,
    /// Entries of several issuers.
    #[error("the list is an indirect one")]
    Indirect,
    /// A delta in place of a complete list.
    #[error("the list is a delta, without the list that it adds to")]
    LoneDelta,
    /// A complete list in place of a delta, or a delta to another list.
    #[error("the list is no delta to this complete list")]
    OtherBase,
}

impl CrlProblem {
    /// The closed word for it.
    #[must_use]
    pub fn cause(&self) -> Cause {
        match self {
            Self::TooLarge { .. } => Cause::TooLarge,
            Self::Malformed(_) => Cause::Malformed,
            Self::OtherIssuer | Self::OtherKey | Self::NotASigner => Cause::WrongIssuer,
            Self::Signature(SignatureError::Bad) => Cause::BadSignature,
            Self::Signature(SignatureError::Unsupported) | Self::CriticalExtension { .. } => {
                Cause::Unsupported
            }
            Self::NotYetValid { .. } => Cause::NotYetValid,
            Self::Expired { .. } => Cause::Expired,
            Self::Scope(_) => Cause::OutOfScope,
            Self::Delta(problem) => problem.cause(),
        }
    }
}

fn expired(next_update: Option<SystemTime>) -> String {
    match next_update {
        Some(at) => format!("the list ended at {}", humantime::format_rfc3339_seconds(at)),
        None => "the list does not say when it ends".to_owned(),
    }
}

/// What is asked of a list.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The certificate.
    pub certificate: &'a Certificate,
    /// Its issuer.
    pub issuer: &'a Issuer,
    /// The certificate's distribution point that the list was fetched for.
    pub point: &'a Point,
    /// The time of asking.
    pub now: SystemTime,
}

/// What a list that covers a certificate says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// None: not revoked.
    pub revoked: Option<Revocation>,
    /// What the answer holds for: of a delta, where one was applied, and ending with the first of both.
    pub period: Period,
}

/// What a list says of itself, signature unchecked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Freshness {
    /// When it was made.
    pub this_update: SystemTime,
    /// When it ends.
    pub next_update: Option<SystemTime>,
    /// Where deltas to it can be had.
    pub freshest: Vec<Point>,
}

/// What a list (DER), and the delta to it where there is one, say of a certificate.
///
/// # Errors
/// When the list can't be used for this certificate at this time; when the delta can't, unless the complete list alone
/// says that the certificate was revoked.
pub fn check(question: &Question<'_>, list: &[u8], delta: Option<&[u8]>) -> Result<Answer, CrlProblem> {
    let (base, period) = verified(list, question.issuer, question.now)?;
    if base.base.is_some() {
        return Err(Scope::LoneDelta.into());
    }
    covers(&base, question)?;
    // `removeFromCRL` means something in a delta alone.
    let revoked = match base.find(&question.certificate.serial)? {
        Some(Found::Revoked(revocation)) => Some(revocation),
        Some(Found::Removed) | None => None,
    };
    let complete = Answer { revoked, period };
    match delta.map(|delta| apply(question, &base, complete, delta)) {
        None => Ok(complete),
        Some(Err(_)) if revoked.is_some() => Ok(complete),
        Some(applied) => applied.map_err(|problem| CrlProblem::Delta(Box::new(problem))),
    }
}

/// Holds a list to its issuer and the time alone, whatever certificates it covers.
///
/// # Errors
/// When its issuer, signature or time don't hold.
pub fn verify_object(list: &[u8], issuer: &Issuer, now: SystemTime) -> Result<Period, CrlProblem> {
    verified(list, issuer, now).map(|(_, period)| period)
}

/// What a list says of itself, held to its issuer alone: it may have ended.
///
/// # Errors
/// When its issuer or signature don't hold.
pub fn belongs(list: &[u8], issuer: &Issuer) -> Result<Freshness, CrlProblem> {
    signed_by(list, issuer).map(List::freshness)
}

/// What a list says of itself, without holding its signature to a key.
///
/// # Errors
/// When it isn't a list.
pub fn freshness(list: &[u8]) -> Result<Freshness, CrlProblem> {
    List::read(&signed(bounded(list)?)?).map(List::freshness)
}

fn bounded(list: &[u8]) -> Result<&[u8], CrlProblem> {
    if list.len() > MAX_LIST { Err(CrlProblem::TooLarge { bytes: list.len() }) } else { Ok(list) }
}

/// A list that its issuer signed and that is valid now.
fn verified<'a>(list: &'a [u8], issuer: &Issuer, now: SystemTime) -> Result<(List<'a>, Period), CrlProblem> {
    let list = signed_by(list, issuer)?;
    if let Some(id) = list.unknown {
        return Err(CrlProblem::CriticalExtension { id: id.to_string() });
    }
    let period = valid_at(&list, now)?;
    Ok((list, period))
}

/// A list that its issuer signed. Little is read before the signature holds.
fn signed_by<'a>(list: &'a [u8], issuer: &Issuer) -> Result<List<'a>, CrlProblem> {
    let signed = signed(bounded(list)?)?;
    let list = List::read(&signed)?;
    if list.issuer != issuer.name() {
        return Err(CrlProblem::OtherIssuer);
    }
    if list.key_id.as_ref().is_some_and(|id| !issuer.may_be(id)) {
        return Err(CrlProblem::OtherKey);
    }
    if !issuer.signs_crls() {
        return Err(CrlProblem::NotASigner);
    }
    issuer.verify(&signed).map_err(CrlProblem::Signature)?;
    Ok(list)
}

fn valid_at(list: &List<'_>, now: SystemTime) -> Result<Period, CrlProblem> {
    if list.this_update > now + SKEW {
        let ahead = list.this_update.duration_since(now).unwrap_or_default();
        return Err(CrlProblem::NotYetValid { ahead });
    }
    match list.next_update {
        Some(next_update) if next_update > now => Ok(Period { this_update: list.this_update, next_update }),
        next_update => Err(CrlProblem::Expired { next_update }),
    }
}

/// RFC 5280 section 6.3.3 (b).
fn covers(list: &List<'_>, question: &Question<'_>) -> Result<(), Scope> {
    if question.point.limited {
        return Err(Scope::Limited);
    }
    let Some(scope) = &list.scope else { return Ok(()) };
    if scope.indirect_crl {
        return Err(Scope::Indirect);
    }
    if scope.only_some_reasons.is_some() {
        return Err(Scope::Limited);
    }
    if scope.only_contains_attribute_certs {
        return Err(Scope::AttributesOnly);
    }
    if scope.only_contains_user_certs && question.certificate.is_ca {
        return Err(Scope::UsersOnly);
    }
    if scope.only_contains_ca_certs && !question.certificate.is_ca {
        return Err(Scope::AuthoritiesOnly);
    }
    if names_other_point(scope, question.point) { Err(Scope::OtherPoint) } else { Ok(()) }
}

/// A list that names its distribution point must name that of the certificate: otherwise one partition could stand in for
/// another.
fn names_other_point(scope: &IssuingDistributionPoint, point: &Point) -> bool {
    let named = scope.distribution_point.as_ref().map(names);
    named.is_some_and(|named| !named.iter().any(|name| point.names.iter().any(|own| own == name)))
}

/// RFC 5280 section 6.3.3 (c) and section 5.2.4: the delta's word over the complete list's.
fn apply(
    question: &Question<'_>,
    base: &List<'_>,
    complete: Answer,
    delta: &[u8],
) -> Result<Answer, CrlProblem> {
    let (delta, period) = verified(delta, question.issuer, question.now)?;
    let adds_to_base = match (&delta.base, &delta.number, &base.number) {
        (Some(needed), Some(_), Some(number)) => needed <= number,
        _ => false,
    };
    if !adds_to_base || delta.scope != base.scope || delta.key_id != base.key_id {
        return Err(Scope::OtherBase.into());
    }
    let next_update = period.next_update.min(complete.period.next_update);
    if delta.number <= base.number {
        // Older than the complete list: it has nothing to add.
        return Ok(complete);
    }
    let revoked = match delta.find(&question.certificate.serial)? {
        Some(Found::Revoked(revocation)) => Some(revocation),
        Some(Found::Removed) => None,
        None => complete.revoked,
    };
    Ok(Answer { revoked, period: Period { this_update: period.this_update, next_update } })
}

#[cfg(test)]
mod tests;

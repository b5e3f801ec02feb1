//! Evaluates a CRL for a certificate according to RFC 5280 section 6.3.3, as strictly as Windows: a list must
//! have a `nextUpdate`, and if a delta is named, it must be available ("if … clients may not be able to
//! retrieve the delta CRL … certificate validation may fail", learn.microsoft.com dd379478). No IO and no
//! clock: the time is an argument. Indirect lists and lists for some reasons only aren't evaluated: no public
//! CA issues them.

mod problem;
mod reader;

use std::time::SystemTime;

use x509_cert::ext::pkix::IssuingDistributionPoint;

pub use self::problem::{CrlProblem, CrlScope, MAX_LIST};
pub use self::reader::Freshness;
use self::reader::{Crl, EntryStatus, signed};
use super::{Certificate, Issuer, Period, Revocation, SKEW};
use crate::tls::certificate_urls::{DistributionPoint, PointName, names};

/// Parameters of an evaluation.
#[derive(Clone, Copy, Debug)]
pub struct CrlQuery<'a> {
    /// The certificate.
    pub certificate: &'a Certificate,
    /// Its issuer.
    pub issuer: &'a Issuer,
    /// The certificate's distribution point that the list was fetched for.
    pub point: &'a DistributionPoint,
    /// The time of evaluation.
    pub now: SystemTime,
}

/// The status of a certificate according to a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CrlStatus {
    /// `None` if the certificate isn't revoked.
    pub revoked: Option<Revocation>,
    /// The period in which the status is valid. With a delta, it starts with the delta and ends with the first
    /// list to end.
    pub period: Period,
}

/// Evaluates a list (DER), and its delta if there is one, for a certificate.
///
/// # Errors
/// If the list can't be used for this certificate at this time. Also if the delta can't, unless the complete
/// list already revokes the certificate.
pub fn check(query: &CrlQuery<'_>, list: &[u8], delta: Option<&[u8]>) -> Result<CrlStatus, CrlProblem> {
    let (base, period) = verified(list, query.issuer, query.now)?;
    if base.base.is_some() {
        return Err(CrlScope::LoneDelta.into());
    }
    covers(&base, query)?;
    // `removeFromCRL` only has a meaning in a delta.
    let revoked = match base.find(&query.certificate.serial)? {
        Some(EntryStatus::Revoked(revocation)) => Some(revocation),
        Some(EntryStatus::Removed) | None => None,
    };
    let complete = CrlStatus { revoked, period };
    match delta.map(|delta| apply(query, &base, complete, delta)) {
        None => Ok(complete),
        Some(Err(_)) if revoked.is_some() => Ok(complete),
        Some(applied) => applied.map_err(|problem| CrlProblem::Delta(Box::new(problem))),
    }
}

/// Verifies a list's issuer, signature and time, regardless of its scope.
///
/// # Errors
/// If one of them is wrong.
pub fn verify_object(list: &[u8], issuer: &Issuer, now: SystemTime) -> Result<Period, CrlProblem> {
    verified(list, issuer, now).map(|(_, period)| period)
}

/// Reads a list's times after verifying its issuer and signature. The list may have expired.
///
/// # Errors
/// If issuer or signature are wrong.
pub fn verify_issuer(list: &[u8], issuer: &Issuer) -> Result<Freshness, CrlProblem> {
    signed_by(list, issuer).map(Crl::freshness)
}

/// Reads a list's times without verifying its signature.
///
/// # Errors
/// If it isn't a list.
pub fn freshness(list: &[u8]) -> Result<Freshness, CrlProblem> {
    Crl::read(&signed(bounded(list)?)?).map(Crl::freshness)
}

fn bounded(list: &[u8]) -> Result<&[u8], CrlProblem> {
    if list.len() > MAX_LIST { Err(CrlProblem::TooLarge { bytes: list.len() }) } else { Ok(list) }
}

/// Parses a list, and verifies its issuer, signature and time.
fn verified<'a>(list: &'a [u8], issuer: &Issuer, now: SystemTime) -> Result<(Crl<'a>, Period), CrlProblem> {
    let list = signed_by(list, issuer)?;
    if let Some(id) = list.unknown {
        return Err(CrlProblem::CriticalExtension { id: id.to_string() });
    }
    let period = valid_at(&list, now)?;
    Ok((list, period))
}

/// Parses a list and verifies its issuer and signature. Parses entries only after the signature is verified.
fn signed_by<'a>(list: &'a [u8], issuer: &Issuer) -> Result<Crl<'a>, CrlProblem> {
    let signed = signed(bounded(list)?)?;
    let list = Crl::read(&signed)?;
    if list.issuer != issuer.name() {
        return Err(CrlProblem::OtherIssuer);
    }
    if list.key_id.as_ref().is_some_and(|id| !issuer.matches_key_id(id)) {
        return Err(CrlProblem::OtherKey);
    }
    if !issuer.signs_crls() {
        return Err(CrlProblem::NotASigner);
    }
    issuer.verify(&signed).map_err(CrlProblem::Signature)?;
    Ok(list)
}

fn valid_at(list: &Crl<'_>, now: SystemTime) -> Result<Period, CrlProblem> {
    if list.this_update > now + SKEW {
        return Err(CrlProblem::NotYetValid { this_update: list.this_update });
    }
    match list.next_update {
        Some(next_update) if next_update > now => Ok(Period { this_update: list.this_update, next_update }),
        next_update => Err(CrlProblem::Expired { next_update }),
    }
}

/// RFC 5280 section 6.3.3 (b).
fn covers(list: &Crl<'_>, query: &CrlQuery<'_>) -> Result<(), CrlScope> {
    if query.point.some_reasons || names_other_issuer(list, query.point) {
        return Err(CrlScope::Limited);
    }
    let Some(scope) = &list.scope else { return Ok(()) };
    if scope.indirect_crl {
        return Err(CrlScope::Indirect);
    }
    if scope.only_some_reasons.is_some() {
        return Err(CrlScope::Limited);
    }
    if scope.only_contains_attribute_certs {
        return Err(CrlScope::AttributesOnly);
    }
    if scope.only_contains_user_certs && query.certificate.is_ca {
        return Err(CrlScope::UsersOnly);
    }
    if scope.only_contains_ca_certs && !query.certificate.is_ca {
        return Err(CrlScope::AuthoritiesOnly);
    }
    if names_other_point(scope, query.point) { Err(CrlScope::OtherPoint) } else { Ok(()) }
}

/// Whether the certificate names another signer of the list. Some CAs name themselves, which RFC 5280 section 4.2.1.13
/// forbids and clients accept.
fn names_other_issuer(list: &Crl<'_>, point: &DistributionPoint) -> bool {
    let own = || PointName::from_name(list.issuer);
    point.crl_issuers.as_ref().is_some_and(|named| own().is_none_or(|own| !named.contains(&own)))
}

/// Whether the list names a distribution point other than the certificate's. Without this check, one partition
/// of a CRL could replace another.
fn names_other_point(scope: &IssuingDistributionPoint, point: &DistributionPoint) -> bool {
    let named = scope.distribution_point.as_ref().map(names);
    named.is_some_and(|named| !named.iter().any(|name| point.names.contains(name)))
}

/// Applies a delta, which takes precedence over the complete list (RFC 5280 section 6.3.3 (c) and section
/// 5.2.4).
fn apply(
    query: &CrlQuery<'_>,
    base: &Crl<'_>,
    complete: CrlStatus,
    delta: &[u8],
) -> Result<CrlStatus, CrlProblem> {
    let (delta, period) = verified(delta, query.issuer, query.now)?;
    let adds_to_base = match (&delta.base, &delta.number, &base.number) {
        (Some(needed), Some(_), Some(number)) => needed <= number,
        _ => false,
    };
    if !adds_to_base || delta.scope != base.scope || delta.key_id != base.key_id {
        return Err(CrlScope::OtherBase.into());
    }
    let next_update = period.next_update.min(complete.period.next_update);
    if delta.number <= base.number {
        // Older than the complete list, so it adds nothing.
        return Ok(complete);
    }
    let revoked = match delta.find(&query.certificate.serial)? {
        Some(EntryStatus::Revoked(revocation)) => Some(revocation),
        Some(EntryStatus::Removed) => None,
        None => complete.revoked,
    };
    Ok(CrlStatus { revoked, period: Period { this_update: period.this_update, next_update } })
}

#[cfg(test)]
mod tests;

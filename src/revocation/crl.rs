//! Evaluates a CRL for a certificate according to RFC 5280 section 6.3.3: a list must have a `nextUpdate`, and, as in
//! Windows, if a delta is named, it must be available ("if … clients may not be able to
//! retrieve the delta CRL … certificate validation may fail", learn.microsoft.com dd379478). No IO and no
//! clock: the time is an argument. Indirect lists and lists for some reasons only aren't evaluated: no public
//! CA issues them.

mod large;
mod problem;
mod reader;

use std::time::SystemTime;

use x509_cert::ext::pkix::IssuingDistributionPoint;

pub use self::large::{LargeCrl, LargeCrlReader};
pub use self::problem::{CrlProblem, CrlScope, MAX_LARGE, MAX_LIST};
pub use self::reader::Freshness;
use self::reader::{EntryStatus, ParsedCrl, signed};
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

/// A fetched list.
#[derive(Clone, Copy, Debug)]
pub enum List<'a> {
    /// The whole list (DER).
    Whole(&'a [u8]),
    /// A list that is too large to be kept.
    Large(&'a LargeCrl),
}

/// A parsed list, with what finds its entries.
struct ReadList<'a> {
    crl: ParsedCrl<'a>,
    list: List<'a>,
}

impl ReadList<'_> {
    /// The entry of a serial number.
    fn find(&self, serial: &[u8]) -> Result<Option<EntryStatus>, CrlProblem> {
        match self.list {
            List::Whole(_) => self.crl.find(serial),
            List::Large(large) => large.find(serial),
        }
    }
}

/// Evaluates a list, and its delta (DER) if there is one, for a certificate.
///
/// # Errors
/// If the list can't be used for this certificate at this time. Also if the delta can't, unless the complete
/// list already revokes the certificate.
pub fn check(query: &CrlQuery<'_>, list: List<'_>, delta: Option<&[u8]>) -> Result<CrlStatus, CrlProblem> {
    let (base, period) = verified(list, query.issuer, query.now)?;
    if base.crl.base.is_some() {
        return Err(CrlScope::LoneDelta.into());
    }
    covers(&base.crl, query)?;
    // `removeFromCRL` only has a meaning in a delta.
    let revoked = match base.find(&query.certificate.serial)? {
        Some(EntryStatus::Revoked(revocation)) => Some(revocation),
        Some(EntryStatus::Removed) | None => None,
    };
    let complete = CrlStatus { revoked, period };
    match delta.map(|delta| apply(query, &base.crl, complete, delta)) {
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
    verified(List::Whole(list), issuer, now).map(|(_, period)| period)
}

/// Reads a list's times after verifying its issuer and signature. The list may have expired.
///
/// # Errors
/// If issuer or signature are wrong.
pub fn verify_issuer(list: List<'_>, issuer: &Issuer) -> Result<Freshness, CrlProblem> {
    signed_by(list, issuer).map(|list| list.crl.freshness())
}

/// Reads a list's times without verifying its signature.
///
/// # Errors
/// If it isn't a list.
pub fn freshness(list: &[u8]) -> Result<Freshness, CrlProblem> {
    let signed = signed(bounded(list)?)?;
    ParsedCrl::read(signed.data, signed.algorithm).map(ParsedCrl::freshness)
}

fn bounded(list: &[u8]) -> Result<&[u8], CrlProblem> {
    if list.len() > MAX_LIST {
        Err(CrlProblem::TooLarge { bytes: list.len(), limit: MAX_LIST })
    } else {
        Ok(list)
    }
}

/// Parses a list, and verifies its issuer, signature and time.
fn verified<'a>(
    list: List<'a>,
    issuer: &Issuer,
    now: SystemTime,
) -> Result<(ReadList<'a>, Period), CrlProblem> {
    let list = signed_by(list, issuer)?;
    if let Some(id) = list.crl.unknown {
        return Err(CrlProblem::CriticalExtension { id: id.to_string() });
    }
    let period = valid_at(&list.crl, now)?;
    Ok((list, period))
}

/// Parses a list and verifies its issuer and signature. Parses the entries of a whole list only after the signature is
/// verified.
fn signed_by<'a>(list: List<'a>, issuer: &Issuer) -> Result<ReadList<'a>, CrlProblem> {
    match list {
        List::Whole(der) => {
            let signed = signed(bounded(der)?)?;
            let crl = ParsedCrl::read(signed.data, signed.algorithm)?;
            may_sign(&crl, issuer)?;
            issuer.verify(&signed).map_err(CrlProblem::Signature)?;
            Ok(ReadList { crl, list })
        }
        List::Large(large) => {
            let crl = large.head()?;
            may_sign(&crl, issuer)?;
            large.verify(issuer.spki()).map_err(CrlProblem::Signature)?;
            Ok(ReadList { crl, list })
        }
    }
}

/// Whether the issuer may have signed the list.
fn may_sign(list: &ParsedCrl<'_>, issuer: &Issuer) -> Result<(), CrlProblem> {
    if list.issuer != issuer.name() {
        return Err(CrlProblem::OtherIssuer);
    }
    if list.key_id.as_ref().is_some_and(|id| !issuer.matches_key_id(id)) {
        return Err(CrlProblem::OtherKey);
    }
    if issuer.signs_crls() { Ok(()) } else { Err(CrlProblem::NotASigner) }
}

fn valid_at(list: &ParsedCrl<'_>, now: SystemTime) -> Result<Period, CrlProblem> {
    if list.this_update > now + SKEW {
        return Err(CrlProblem::NotYetValid { this_update: list.this_update });
    }
    let next_update = list.next_update.ok_or(CrlProblem::NoNextUpdate)?;
    if next_update <= now {
        return Err(CrlProblem::Expired { next_update });
    }
    Ok(Period { this_update: list.this_update, next_update })
}

/// RFC 5280 section 6.3.3 (b).
fn covers(list: &ParsedCrl<'_>, query: &CrlQuery<'_>) -> Result<(), CrlScope> {
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
fn names_other_issuer(list: &ParsedCrl<'_>, point: &DistributionPoint) -> bool {
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
    base: &ParsedCrl<'_>,
    complete: CrlStatus,
    delta: &[u8],
) -> Result<CrlStatus, CrlProblem> {
    let (delta_list, period) = verified(List::Whole(delta), query.issuer, query.now)?;
    let delta = &delta_list.crl;
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

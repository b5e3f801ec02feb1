//! Whether the certificates of a verified path were revoked, found as Windows finds it. What a certificate names is in
//! `sources.rs`; `crl.rs` and `ocsp.rs` judge what was fetched, `store.rs` keeps it, all without IO; `checker.rs` fetches
//! and puts them together.

mod checker;
pub mod crl;
#[cfg(test)]
mod fixture;
mod hosts;
mod list;
pub mod ocsp;
mod parties;
mod report;
mod round;
pub mod sources;
mod store;

use std::time::{Duration, SystemTime};

use x509_cert::ext::pkix::CrlReason;

use crate::words::words;

pub use checker::{Checker, Fetch, Settings};
pub use parties::{Certificate, Issuer, NotACertificate};
pub use report::{CertificateStatus, CrlState, RevocationReport, Status};
pub use store::Pace;

/// How far ahead of this machine's clock an issuer's may be.
pub const SKEW: Duration = Duration::from_secs(5 * 60);

words! {
    /// Why the status of a certificate isn't known.
    Cause {
        /// It hasn't been looked at yet.
        Pending = "pending",
        /// The certificate names no CRL and no responder that can be asked.
        NoSource = "no_source",
        /// The list or the responder can't be fetched.
        Unreachable = "unreachable",
        /// More bytes than a list or an answer may have.
        TooLarge = "too_large",
        /// Not a list or an answer in DER.
        Malformed = "malformed",
        /// Its signature is not the issuer's.
        BadSignature = "bad_signature",
        /// Made by someone who doesn't speak for the certificate's issuer.
        WrongIssuer = "wrong_issuer",
        /// It doesn't speak of this certificate.
        OutOfScope = "out_of_scope",
        /// It uses what this program doesn't understand.
        Unsupported = "unsupported",
        /// Its time has passed.
        Expired = "expired",
        /// Its time hasn't come.
        NotYetValid = "not_yet_valid",
        /// The responder doesn't know the certificate.
        OcspUnknown = "ocsp_unknown",
        /// The responder answered with an error.
        OcspError = "ocsp_error",
    }
}

words! {
    /// Why a certificate was revoked (RFC 5280 section 5.3.1).
    Reason {
        /// No reason was given, or one without a name.
        Unspecified = "unspecified",
        /// The holder's key is known to others.
        KeyCompromise = "key_compromise",
        /// The authority's key is.
        CaCompromise = "ca_compromise",
        /// The holder's name or employer changed.
        AffiliationChanged = "affiliation_changed",
        /// Another certificate replaced it.
        Superseded = "superseded",
        /// It is no longer needed.
        CessationOfOperation = "cessation_of_operation",
        /// Suspended; may be lifted.
        CertificateHold = "certificate_hold",
        /// A privilege named in it was withdrawn.
        PrivilegeWithdrawn = "privilege_withdrawn",
        /// The attribute authority's key is known to others.
        AaCompromise = "aa_compromise",
    }
}

impl From<CrlReason> for Reason {
    fn from(reason: CrlReason) -> Self {
        match reason {
            // Lifts a hold in a delta; as a reason it says nothing.
            CrlReason::Unspecified | CrlReason::RemoveFromCRL => Self::Unspecified,
            CrlReason::KeyCompromise => Self::KeyCompromise,
            CrlReason::CaCompromise => Self::CaCompromise,
            CrlReason::AffiliationChanged => Self::AffiliationChanged,
            CrlReason::Superseded => Self::Superseded,
            CrlReason::CessationOfOperation => Self::CessationOfOperation,
            CrlReason::CertificateHold => Self::CertificateHold,
            CrlReason::PrivilegeWithdrawn => Self::PrivilegeWithdrawn,
            CrlReason::AaCompromise => Self::AaCompromise,
        }
    }
}

/// That a certificate was revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// Why.
    pub reason: Reason,
    /// When, as the issuer says.
    pub at: SystemTime,
}

/// The period that a list or an answer speaks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// When it was made.
    pub this_update: SystemTime,
    /// When it ends.
    pub next_update: SystemTime,
}

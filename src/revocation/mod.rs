//! Revocation checks of verified paths, done as Windows does them. `crl.rs` and `ocsp.rs` evaluate what was
//! fetched and `store.rs` caches it, all without IO. `lookup.rs` and `checker.rs` fetch and combine.

mod certificates;
mod host_availability;
mod keyed_mutex;
mod signed_objects;

mod lookup;
mod lookup_context;

mod checker;
pub mod crl;
#[cfg(test)]
pub(crate) mod fixture;
pub mod ocsp;
mod recorded;
mod report;
mod store;

pub use signed_objects::{ObjectError, SignedObjects};

use std::time::{Duration, SystemTime};

use x509_cert::ext::pkix::CrlReason;

use crate::string_enum::string_enum;

pub use certificates::{Certificate, Issuer, NotACertificate};
pub use checker::RevocationChecker;
pub use lookup_context::{CheckerSettings, Fetch};
pub use recorded::{FetchKey, RecordedChecker, RecordedFetch, RecordingFetch};
pub use report::{CertificateStatus, ClockFault, CrlState, PathReport, RevocationReport, RevocationStatus};
pub use store::FetchIntervals;

/// The source of a status that the server's stapled OCSP response determined.
pub const STAPLED: &str = "stapled";

/// The accepted clock skew: how far an issuer's clock may be ahead of this machine's.
pub const SKEW: Duration = Duration::from_secs(5 * 60);

string_enum! {
    /// Why the revocation status of a certificate is unknown.
    UndeterminedCause {
        /// Not checked yet.
        Pending = "pending",
        /// The certificate names no CRL or OCSP responder over plain HTTP.
        NoSource = "no_source",
        /// The CRL or the OCSP response can't be fetched.
        Unreachable = "unreachable",
        /// The CRL or the OCSP response exceeds the size limit.
        TooLarge = "too_large",
        /// Not a CRL or OCSP response in DER.
        Malformed = "malformed",
        /// The signature is not the issuer's.
        BadSignature = "bad_signature",
        /// Signed by an entity that the certificate's issuer hasn't authorised.
        WrongIssuer = "wrong_issuer",
        /// The CRL or the OCSP response doesn't cover this certificate.
        OutOfScope = "out_of_scope",
        /// The CRL or the OCSP response uses an unsupported feature.
        Unsupported = "unsupported",
        /// The CRL or the OCSP response has expired.
        Expired = "expired",
        /// The CRL doesn't say when it ends. RFC 5280 section 5.1.2.5 requires that; no document says whether Windows does.
        NoNextUpdate = "no_next_update",
        /// The CRL or the OCSP response is not valid yet.
        NotYetValid = "not_yet_valid",
        /// The responder doesn't know the certificate.
        OcspUnknown = "ocsp_unknown",
        /// The responder answered with an error.
        OcspError = "ocsp_error",
    }
}

impl UndeterminedCause {
    /// Whether Windows may know the status all the same: the check isn't done, or this program lacks a feature that Windows
    /// may have.
    #[must_use]
    pub const fn is_inconclusive(self) -> bool {
        matches!(self, Self::Pending | Self::Unsupported | Self::NoNextUpdate)
    }
}

string_enum! {
    /// Why a certificate was revoked (RFC 5280 section 5.3.1).
    Reason {
        /// No reason was given, or one without a name.
        Unspecified = "unspecified",
        /// The subject's key was compromised.
        KeyCompromise = "key_compromise",
        /// The CA's key was compromised.
        CaCompromise = "ca_compromise",
        /// The subject's name or affiliation changed.
        AffiliationChanged = "affiliation_changed",
        /// Another certificate replaced it.
        Superseded = "superseded",
        /// The certificate is no longer needed.
        CessationOfOperation = "cessation_of_operation",
        /// Suspended, possibly temporarily.
        CertificateHold = "certificate_hold",
        /// A privilege in the certificate was withdrawn.
        PrivilegeWithdrawn = "privilege_withdrawn",
        /// The attribute authority's key was compromised.
        AaCompromise = "aa_compromise",
    }
}

impl From<CrlReason> for Reason {
    fn from(reason: CrlReason) -> Self {
        match reason {
            // Lifts a hold in a delta; not a reason otherwise.
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

/// The revocation of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Revocation {
    /// The reason.
    pub reason: Reason,
    /// The time, according to the issuer.
    pub at: SystemTime,
}

/// The validity period of a CRL or OCSP response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// When it was issued.
    pub this_update: SystemTime,
    /// When it ends.
    pub next_update: SystemTime,
}

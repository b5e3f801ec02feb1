//! Errors of CRLs.

use std::time::SystemTime;

use crate::revocation::UndeterminedCause;
use crate::tls::signature::SignatureError;

/// The maximum size of a list that is kept, in bytes. An optimised build evaluates a list of nearly this size, 400 000
/// entries, within 50 ms and without further memory.
pub const MAX_LIST: usize = 10 * 1024 * 1024;

/// The maximum size of a list, in bytes. One that is longer than [`MAX_LIST`] is read as it arrives. The longest lists that
/// CAs are reported to publish have tens of megabytes.
pub const MAX_LARGE: usize = 64 * 1024 * 1024;

/// Why a list can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CrlProblem {
    /// The list exceeds the size limit.
    #[error("the CRL has {bytes} bytes, the limit is {limit}")]
    TooLarge {
        /// The list's size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// Not a CRL in DER.
    #[error("not a certificate revocation list: {0}")]
    Malformed(#[from] der::Error),
    /// The list's issuer is not the certificate's issuer.
    #[error("the CRL belongs to another issuer")]
    OtherIssuer,
    /// The list's key identifier is not the issuer's: another key with the same name signed it.
    #[error("the CRL is signed by another key of the same issuer name")]
    OtherKey,
    /// The issuer's key usage forbids signing CRLs. Windows refuses such lists too.
    #[error("the issuer's certificate does not allow it to sign CRLs")]
    NotASigner,
    /// The signature is invalid, or its algorithm isn't accepted.
    #[error("{0}")]
    Signature(SignatureError),
    /// Not valid yet, beyond the accepted clock skew.
    #[error("the CRL is not valid before {}", humantime::format_rfc3339_seconds(*.this_update))]
    NotYetValid {
        /// When it was issued.
        this_update: SystemTime,
    },
    /// Its `nextUpdate` has passed.
    #[error("the CRL expired at {}", humantime::format_rfc3339_seconds(*.next_update))]
    Expired {
        /// When it ended.
        next_update: SystemTime,
    },
    /// It has no `nextUpdate`.
    #[error("the CRL has no nextUpdate")]
    NoNextUpdate,
    /// The list or an entry has an unsupported critical extension.
    #[error("unsupported critical extension {id}")]
    CriticalExtension {
        /// Its object identifier, dotted.
        id: String,
    },
    /// A large list that may contain this certificate, and was fetched before it was asked for.
    #[error("the CRL has not been searched for this certificate yet")]
    NotSearched,
    /// The list doesn't cover the certificate.
    #[error("{0}")]
    Scope(#[from] CrlScope),
    /// The delta can't be used, and the complete list doesn't list the certificate.
    #[error("delta CRL: {0}")]
    Delta(Box<CrlProblem>),
}

/// Why a list doesn't cover a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CrlScope {
    /// For another distribution point than the one it was fetched for.
    #[error("the CRL is for another distribution point")]
    OtherPoint,
    /// Only for end entities, but the certificate is a CA's.
    #[error("the CRL covers only end-entity certificates")]
    UsersOnly,
    /// Only for CAs, but the certificate is an end entity's.
    #[error("the CRL covers only CA certificates")]
    AuthoritiesOnly,
    /// Only for attribute certificates.
    #[error("the CRL covers only attribute certificates")]
    AttributesOnly,
    /// Only for some reasons, according to the list or the certificate.
    #[error("the CRL covers only some reasons, or is signed by another issuer")]
    Limited,
    /// An indirect list, with entries of several issuers.
    #[error("the CRL is indirect")]
    Indirect,
    /// A delta in place of a complete list.
    #[error("the CRL is a delta CRL without its base")]
    LoneDelta,
    /// A complete list in place of a delta, or a delta to another list.
    #[error("the delta CRL does not match the base CRL")]
    OtherBase,
}

impl CrlProblem {
    /// The cause, for labels.
    #[must_use]
    pub fn cause(&self) -> UndeterminedCause {
        match self {
            Self::TooLarge { .. } => UndeterminedCause::TooLarge,
            Self::Malformed(_) => UndeterminedCause::Malformed,
            Self::OtherIssuer | Self::OtherKey | Self::NotASigner => UndeterminedCause::WrongIssuer,
            Self::Signature(SignatureError::Bad) => UndeterminedCause::BadSignature,
            Self::Signature(SignatureError::Unsupported) | Self::CriticalExtension { .. } => {
                UndeterminedCause::Unsupported
            }
            Self::NotYetValid { .. } => UndeterminedCause::NotYetValid,
            Self::Expired { .. } => UndeterminedCause::Expired,
            Self::NoNextUpdate => UndeterminedCause::NoNextUpdate,
            Self::NotSearched => UndeterminedCause::Pending,
            Self::Scope(_) => UndeterminedCause::OutOfScope,
            Self::Delta(problem) => problem.cause(),
        }
    }
}

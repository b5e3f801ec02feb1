//! The judgement of an endpoint: its verdict and, if that isn't good, the concern. It is made once, when the
//! state is updated, and stored there. `report/why.rs` puts concerns into words.

use std::fmt;
use std::time::Duration;

use super::Verdict;
use crate::catalog::Expectation;
use crate::observation::{AttemptTarget, Failure, FailureCode, FailureReason, Phase};
use crate::revocation::{ClockFault, UndeterminedCause};
use crate::string_enum::string_enum;

/// The judgement of an endpoint's last probe and its chain's revocation status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// It works as expected.
    Good,
    /// It works, but not all of it as expected.
    Degraded(Concern),
    /// It does not work.
    Bad(Concern),
    /// The probe failed because of this program or its machine, so the endpoint's state is unknown.
    Unknown(Concern),
}

impl Judgement {
    /// The verdict. `None` if the state is unknown.
    #[must_use]
    pub const fn verdict(&self) -> Option<Verdict> {
        match self {
            Self::Good => Some(Verdict::Good),
            Self::Degraded(_) => Some(Verdict::Degraded),
            Self::Bad(_) => Some(Verdict::Bad),
            Self::Unknown(_) => None,
        }
    }

    /// The concern. `None` if the judgement is good.
    #[must_use]
    pub const fn concern(&self) -> Option<&Concern> {
        match self {
            Self::Good => None,
            Self::Degraded(concern) | Self::Bad(concern) | Self::Unknown(concern) => Some(concern),
        }
    }
}

/// Why an endpoint isn't good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Concern {
    /// The probe failed, or its chain is revoked.
    Failure {
        /// The failure.
        failure: Failure,
        /// Whether the route's proxy wasn't reached, so that nothing is known about the endpoint.
        at_proxy: bool,
    },
    /// The response is genuine, but the revocation status can't be determined although the certificates name
    /// sources.
    RevocationUnknown {
        /// Why the status is unknown.
        cause: UndeterminedCause,
        /// The URL of the CRL or OCSP responder that failed.
        source: Option<String>,
        /// Details in words, cleaned and truncated.
        detail: String,
        /// Phase and reason of the source's fetch, if that failed.
        fetch: Option<FailureCode>,
        /// This machine's clock, if it is the likely cause.
        clock: Option<ClockFault>,
    },
    /// The response is genuine, but has an unexpected status.
    UnexpectedStatus {
        /// The actual status.
        status: u16,
        /// The expected statuses.
        expected: Expectation,
    },
    /// A range was requested (`Range`, RFC 9110, section 14.2), but the response is the whole object: an
    /// intermediary removes the header, which BITS and Delivery Optimization need.
    RangeStripped,
    /// The response is genuine, but an address, a proxy or a DNS server failed before another one worked.
    Failover {
        /// What failed first.
        target: AttemptTarget,
        /// Why.
        failure: Failure,
        /// The number of failed attempts.
        attempts: usize,
        /// The time that clients lose to them.
        lost: Duration,
    },
}

string_enum! {
    /// The kinds of [`Concern`]: a closed set, used as a label.
    ConcernKind {
        /// The probe failed.
        Failure = "failure",
        /// The revocation status can't be determined.
        RevocationUnknown = "revocation_unknown",
        /// The status is unexpected.
        UnexpectedStatus = "unexpected_status",
        /// A range was requested, but the whole object was sent.
        RangeStripped = "range_stripped",
        /// An address, a proxy or a DNS server failed before another one worked.
        Failover = "failover",
    }
}

impl Concern {
    /// The concern's kind.
    #[must_use]
    pub const fn kind(&self) -> ConcernKind {
        match self {
            Self::Failure { .. } => ConcernKind::Failure,
            Self::RevocationUnknown { .. } => ConcernKind::RevocationUnknown,
            Self::UnexpectedStatus { .. } => ConcernKind::UnexpectedStatus,
            Self::RangeStripped => ConcernKind::RangeStripped,
            Self::Failover { .. } => ConcernKind::Failover,
        }
    }

    /// Phase and reason of what clients meet. `None` if they get an answer over a good chain, if late.
    #[must_use]
    pub const fn failed(&self) -> Option<FailureCode> {
        match self {
            Self::Failover { .. } => None,
            _ => self.code(),
        }
    }

    /// Phase and reason, as `explain` takes them. `None` if no attempt failed and the chain is good.
    #[must_use]
    pub const fn code(&self) -> Option<FailureCode> {
        match self {
            Self::Failure { failure, .. } | Self::Failover { failure, .. } => Some(failure.code()),
            Self::RevocationUnknown { .. } => {
                Some(FailureCode::new(Phase::Tls, FailureReason::RevocationUnknown))
            }
            Self::UnexpectedStatus { .. } | Self::RangeStripped => None,
        }
    }
}

/// One line, for logs and tables.
impl fmt::Display for Concern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failure { failure: Failure { phase, reason, detail }, .. } => {
                write!(f, "{phase}: {reason}: {detail}")
            }
            Self::RevocationUnknown { cause, source, detail, .. } => {
                let source = source.as_deref().unwrap_or_default();
                write!(f, "genuine, but its revocation is unknown: {cause}: {source}: {detail}")
            }
            Self::UnexpectedStatus { expected, .. } => {
                write!(f, "genuine, but the service usually answers {expected}")
            }
            Self::RangeStripped => f.write_str(
                "genuine, but the whole object came instead of the requested byte: Range is stripped",
            ),
            Self::Failover { target, failure, .. } => {
                write!(f, "genuine, but {target} failed first: {}", failure.detail)
            }
        }
    }
}

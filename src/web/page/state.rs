//! The states on the page: a verdict, or unknown before the first one.

use std::fmt;

use crate::verdict::Verdict;

/// A state, worst first. The page shows its word beside its colour and shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum DisplayState {
    /// Doesn't work.
    Bad,
    /// Works, but not as expected.
    Degraded,
    /// Not known yet.
    Unknown,
    /// Works.
    Good,
}

impl DisplayState {
    pub(crate) const ALL: &[Self] = &[Self::Bad, Self::Degraded, Self::Unknown, Self::Good];

    /// The word in query strings, CSS classes and text.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Bad => "bad",
            Self::Degraded => "degraded",
            Self::Unknown => "unknown",
            Self::Good => "good",
        }
    }
}

impl fmt::Display for DisplayState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl From<Option<Verdict>> for DisplayState {
    fn from(verdict: Option<Verdict>) -> Self {
        match verdict {
            Some(Verdict::Good) => Self::Good,
            Some(Verdict::Degraded) => Self::Degraded,
            Some(Verdict::Bad) => Self::Bad,
            None => Self::Unknown,
        }
    }
}

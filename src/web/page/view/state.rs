//! How something does, for the page: a verdict, or that there is none yet.

use std::fmt;

use crate::verdict::Verdict;

/// How something does, worst first; the word is shown beside its colour and shape.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum State {
    /// It doesn't work.
    Bad,
    /// It works, not as expected.
    Degraded,
    /// Not known yet.
    Unknown,
    /// It works.
    Good,
}

impl State {
    /// Every one.
    pub(crate) const ALL: &[Self] = &[Self::Bad, Self::Degraded, Self::Unknown, Self::Good];

    /// The word for it: in addresses, as a class, and to read.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Bad => "bad",
            Self::Degraded => "degraded",
            Self::Unknown => "unknown",
            Self::Good => "good",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl From<Option<Verdict>> for State {
    fn from(verdict: Option<Verdict>) -> Self {
        match verdict {
            Some(Verdict::Good) => Self::Good,
            Some(Verdict::Degraded) => Self::Degraded,
            Some(Verdict::Bad) => Self::Bad,
            None => Self::Unknown,
        }
    }
}

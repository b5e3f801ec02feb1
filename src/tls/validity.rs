//! Validity periods of certificates and their intersections.

use std::time::{Duration, SystemTime};

use rustls::pki_types::UnixTime;
use serde::{Deserialize, Serialize};
use x509_parser::prelude::X509Certificate;

/// A period in Unix seconds, both ends included (RFC 5280, section 4.1.2.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Validity {
    not_before: i64,
    not_after: i64,
}

impl From<&X509Certificate<'_>> for Validity {
    fn from(certificate: &X509Certificate<'_>) -> Self {
        let validity = certificate.validity();
        Self { not_before: validity.not_before.timestamp(), not_after: validity.not_after.timestamp() }
    }
}

impl Validity {
    /// The intersection of two periods.
    #[must_use]
    pub fn intersection(self, other: Self) -> Self {
        Self {
            not_before: self.not_before.max(other.not_before),
            not_after: self.not_after.min(other.not_after),
        }
    }

    /// Whether the period includes `at`.
    #[must_use]
    pub fn contains(self, at: UnixTime) -> bool {
        i64::try_from(at.as_secs()).is_ok_and(|at| (self.not_before..=self.not_after).contains(&at))
    }

    /// Whether the period ended before `at`. If neither this nor [`Self::contains`] is true, it has yet to
    /// begin.
    #[must_use]
    pub fn has_ended(self, at: UnixTime) -> bool {
        i64::try_from(at.as_secs()).map_or(true, |at| at > self.not_after)
    }

    /// Its first moment.
    #[must_use]
    pub fn not_before(self) -> SystemTime {
        moment(self.not_before)
    }

    /// Its last moment.
    #[must_use]
    pub fn not_after(self) -> SystemTime {
        moment(self.not_after)
    }
}

/// Unix seconds as a time; certificates may lie before 1970 and up to the year 9999. What a system's clock can't hold (Windows
/// begins in 1601) is its epoch.
fn moment(seconds: i64) -> SystemTime {
    let (epoch, distance) = (SystemTime::UNIX_EPOCH, Duration::from_secs(seconds.unsigned_abs()));
    let at = if seconds < 0 { epoch.checked_sub(distance) } else { epoch.checked_add(distance) };
    at.unwrap_or(epoch)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> UnixTime {
        UnixTime::since_unix_epoch(Duration::from_secs(seconds))
    }

    #[test]
    fn both_ends_count() {
        let validity = Validity { not_before: 10, not_after: 20 };
        for (seconds, contains, has_ended) in [
            (9, false, false),
            (10, true, false),
            (20, true, false),
            (21, false, true),
            (u64::MAX, false, true),
        ] {
            assert_eq!(validity.contains(at(seconds)), contains, "{seconds}");
            assert_eq!(validity.has_ended(at(seconds)), has_ended, "{seconds}");
        }
    }

    #[test]
    fn all_of_several_are_valid_where_each_is() {
        let validity = |not_before, not_after| Validity { not_before, not_after };
        let check = |one: Validity, other: Validity, expected| {
            assert_eq!(one.intersection(other), expected);
            assert_eq!(other.intersection(one), expected);
        };
        check(validity(0, 20), validity(10, 30), validity(10, 20));
        check(validity(-5, 50), validity(10, 30), validity(10, 30));
        // Periods that don't meet leave one that contains nothing.
        assert!(!validity(0, 10).intersection(validity(20, 30)).contains(at(15)));
    }
}

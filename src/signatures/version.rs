//! Versions of Defender: four numbers, compared as numbers.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A version of signatures, engine or platform, such as `1.421.1234.0`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub [u32; 4]);

/// The text isn't four numbers separated by dots.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a version is four numbers with dots between them")]
pub struct VersionError;

impl FromStr for Version {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, VersionError> {
        let mut version = [0; 4];
        let mut parts = text.split('.');
        for number in &mut version {
            let part = parts.next().ok_or(VersionError)?;
            // `parse` would accept a sign.
            if !part.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(VersionError);
            }
            *number = part.parse().map_err(|_| VersionError)?;
        }
        if parts.next().is_some() { Err(VersionError) } else { Ok(Self(version)) }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self([major, minor, build, revision]) = self;
        write!(f, "{major}.{minor}.{build}.{revision}")
    }
}

impl Serialize for Version {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<[u32; 4]>) {
        assert_eq!(text.parse().ok(), expected.map(Version), "{text:?}");
    }

    #[test]
    fn a_version_is_four_numbers() {
        check("1.421.1234.0", Some([1, 421, 1234, 0]));
        check("0.0.0.0", Some([0; 4]));
        check("4294967295.0.0.1", Some([u32::MAX, 0, 0, 1]));
        check("1.007.0.0", Some([1, 7, 0, 0]));
        for wrong in ["", "1", "1.2.3", "1.2.3.4.5", "1.2.3.", ".1.2.3", "1..2.3", "1.2.3.4.", "a.b.c.d"] {
            check(wrong, None);
        }
        for wrong in
            ["4294967296.0.0.0", "+1.2.3.4", "-1.2.3.4", " 1.2.3.4", "1.2.3.4 ", "1,2,3,4", "１.2.3.4"]
        {
            check(wrong, None);
        }
    }

    #[test]
    fn versions_compare_as_numbers() {
        let rising = ["1.9.0.0", "1.10.0.0", "1.10.0.1", "1.421.99.0", "1.421.100.0", "2.0.0.0"];
        let versions: Vec<Version> = rising.iter().map(|text| text.parse().unwrap()).collect();
        assert!(versions.is_sorted_by(|a, b| a < b), "{versions:?}");
    }

    proptest::proptest! {
        #[test]
        fn versions_round_trip(numbers in proptest::array::uniform4(proptest::num::u32::ANY)) {
            let version = Version(numbers);
            proptest::prop_assert_eq!(version.to_string().parse(), Ok(version));
        }
    }
}

//! Product versions as written by Windows and `mdatp`, and the newest platform folder. Pure. Signatures and engines
//! have another format (`signatures`).

use std::fmt;
use std::str::FromStr;

/// The maximum number of digits per number.
const MAX_DIGITS: usize = 10;

/// A version of two to four numbers, such as `4.18.25110.5` or `101.25092.0003`. Keeps leading zeros; its length is
/// bounded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProductVersion(String);

/// The text isn't two to four numbers separated by dots.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not a version such as 4.18.25110.5")]
pub struct NoVersion;

impl FromStr for ProductVersion {
    type Err = NoVersion;

    fn from_str(text: &str) -> Result<Self, NoVersion> {
        numbers(text.trim()).map(|_| Self(text.trim().to_owned())).ok_or(NoVersion)
    }
}

impl fmt::Display for ProductVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The numbers of a version, padded with 0.
fn numbers(text: &str) -> Option<[u64; 4]> {
    let (mut numbers, mut count) = ([0; 4], 0);
    for part in text.split('.') {
        let digits = (1..=MAX_DIGITS).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
        *numbers.get_mut(count)? = part.parse().ok().filter(|_| digits)?;
        count += 1;
    }
    (count >= 2).then_some(numbers)
}

/// The newest folder below `%ProgramData%\Microsoft\Windows Defender\Platform`, and its version: `4.18.25070.5-0` is
/// build 0 of version 4.18.25070.5. Ignores other names.
pub fn newest_platform<'a>(folders: impl IntoIterator<Item = &'a str>) -> Option<(&'a str, ProductVersion)> {
    let platforms = folders.into_iter().filter_map(|name| Some((platform(name)?, name)));
    let (_, name) = platforms.max_by_key(|(order, _)| *order)?;
    let version = name.split_once('-').map_or(name, |(version, _)| version);
    Some((name, version.parse().ok()?))
}

/// The sort key of a folder.
fn platform(folder: &str) -> Option<([u64; 4], u32)> {
    let (version, build) = folder.split_once('-').unwrap_or((folder, "0"));
    Some((numbers(version)?, build.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn versions_are_read_and_written() {
        for text in ["4.18.25110.5", "101.25092.0003", "4.18", "0.0.0.9999999999"] {
            assert_eq!(
                text.parse::<ProductVersion>().map(|version| version.to_string()),
                Ok(text.to_owned())
            );
        }
        for text in [
            "",
            "1",
            ".",
            "1.",
            ".1",
            "1..2",
            "1.2.3.4.5",
            "1.2.3.99999999999",
            "1.+2",
            "1.-2",
            "v1.2",
            "1.2 3",
        ] {
            assert_eq!(text.parse::<ProductVersion>(), Err(NoVersion), "{text}");
        }
    }

    #[test]
    fn the_newest_folder_is_the_highest_by_number() {
        let check = |folders: &[&str], newest: Option<&str>| {
            assert_eq!(newest_platform(folders.iter().copied()).map(|(name, _)| name), newest, "{folders:?}");
        };
        check(&[], None);
        check(&["Scans", "4", "latest", "4.18.x"], None);
        check(&["4.18.2009.7-0"], Some("4.18.2009.7-0"));
        // Numeric order, not alphabetical.
        check(&["4.18.25070.5-0", "4.18.9.1-0", "4.18.25110.5-0"], Some("4.18.25110.5-0"));
        check(&["4.18.25110.5-0", "4.18.25110.5-2", "4.18.25110.5-10", "Backup"], Some("4.18.25110.5-10"));
        check(&["4.9.1.0-0", "4.18.1.0"], Some("4.18.1.0"));
        let version = newest_platform(["4.18.25110.5-10"]).map(|(_, version)| version.to_string());
        assert_eq!(version.as_deref(), Some("4.18.25110.5"));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".{0,40}") {
            if let Ok(version) = text.parse::<ProductVersion>() {
                prop_assert_eq!(version.to_string().parse(), Ok(version.clone()));
                prop_assert!(version.to_string().len() <= 43);
            }
            let _ = newest_platform([text.as_str()]);
        }
    }
}

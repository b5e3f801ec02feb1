//! Versions of signatures, engine and platform, as Defender writes them; and the newest of the platform's folders. Pure.

use std::fmt;
use std::str::FromStr;

/// A version: two to four numbers with dots between them, `1.401.1165.0`. So its text is bounded whatever it was read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    numbers: [u32; 4],
    count: u8,
}

/// It isn't two to four numbers with dots between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is no version such as 1.401.1165.0")]
pub struct NoVersion;

impl FromStr for Version {
    type Err = NoVersion;

    fn from_str(text: &str) -> Result<Self, NoVersion> {
        let (mut numbers, mut count) = ([0; 4], 0_u8);
        for part in text.trim().split('.') {
            let slot = numbers.get_mut(usize::from(count)).ok_or(NoVersion)?;
            if !part.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(NoVersion); // a sign
            }
            *slot = part.parse().map_err(|_| NoVersion)?;
            count += 1;
        }
        if count >= 2 { Ok(Self { numbers, count }) } else { Err(NoVersion) }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, number) in self.numbers.iter().take(usize::from(self.count)).enumerate() {
            let dot = if n == 0 { "" } else { "." };
            write!(f, "{dot}{number}")?;
        }
        Ok(())
    }
}

/// The newest of the folders below `%ProgramData%\Microsoft\Windows Defender\Platform`, and the platform's version that it
/// stands for: `4.18.25070.5-0` is build 0 of version 4.18.25070.5. Other names don't matter.
pub fn newest_platform<'a>(folders: impl IntoIterator<Item = &'a str>) -> Option<(&'a str, Version)> {
    let versions = folders.into_iter().filter_map(|name| Some((platform(name)?, name)));
    versions.max_by_key(|(key, _)| *key).map(|((version, _), name)| (name, version))
}

fn platform(folder: &str) -> Option<(Version, u32)> {
    let (version, build) = folder.split_once('-').unwrap_or((folder, "0"));
    Some((version.parse().ok()?, build.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn versions_are_read_and_written() {
        for text in ["1.401.1165.0", "101.23.60", "4.18", "0.0.0.4294967295"] {
            assert_eq!(text.parse::<Version>().map(|version| version.to_string()), Ok(text.to_owned()));
        }
        for text in [
            "",
            "1",
            ".",
            "1.",
            ".1",
            "1..2",
            "1.2.3.4.5",
            "1.2.3.4294967296",
            "1.+2",
            "1.-2",
            "v1.2",
            "1.2 3",
        ] {
            assert_eq!(text.parse::<Version>(), Err(NoVersion), "{text}");
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
        // Not the order of the letters.
        check(&["4.18.25070.5-0", "4.18.9.1-0", "4.18.25110.5-0"], Some("4.18.25110.5-0"));
        check(&["4.18.25110.5-0", "4.18.25110.5-2", "4.18.25110.5-10", "Backup"], Some("4.18.25110.5-10"));
        check(&["4.9.1.0-0", "4.18.1.0"], Some("4.18.1.0"));
        let version = newest_platform(["4.18.25110.5-10"]).map(|(_, version)| version.to_string());
        assert_eq!(version.as_deref(), Some("4.18.25110.5"));
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".{0,40}") {
            if let Ok(version) = text.parse::<Version>() {
                prop_assert_eq!(version.to_string().parse(), Ok(version));
                prop_assert!(version.to_string().len() <= 43);
            }
            let _ = newest_platform([text.as_str()]);
        }
    }
}

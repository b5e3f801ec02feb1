//! Parses `FILETIME`: eight bytes, little-endian, in units of 100 ns since 1601 (Microsoft's page "FILETIME
//! structure"). Pure.

use std::time::{Duration, SystemTime};

use super::SENSIBLE;

/// 1970-01-01 in ticks since 1601.
const UNIX_EPOCH: u64 = 116_444_736_000_000_000;

/// Ticks per second.
const SECOND: u64 = 10_000_000;

/// Why a value isn't a valid time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FileTimeError {
    /// The value isn't eight bytes long.
    #[error("{0} bytes instead of 8")]
    Length(usize),
    /// The time is before 2000 or after 2199.
    #[error("{0} ticks is not a time from 2000 to 2199")]
    OutOfRange(u64),
}

/// The time; `None` for 0, which means never.
///
/// # Errors
/// If there aren't eight bytes, or the time is out of range.
pub fn parse(bytes: &[u8]) -> Result<Option<SystemTime>, FileTimeError> {
    let bytes: [u8; 8] = bytes.try_into().map_err(|_| FileTimeError::Length(bytes.len()))?;
    let ticks = u64::from_le_bytes(bytes);
    if ticks == 0 {
        return Ok(None);
    }
    let since = ticks.checked_sub(UNIX_EPOCH).filter(|since| SENSIBLE.contains(&(since / SECOND)));
    let since = since.ok_or(FileTimeError::OutOfRange(ticks))?;
    let nanos = u32::try_from(since % SECOND * 100).unwrap_or(0); // less than a second
    Ok(Some(SystemTime::UNIX_EPOCH + Duration::new(since / SECOND, nanos)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> SystemTime {
        humantime::parse_rfc3339(text).unwrap()
    }

    #[test]
    fn times_are_read() {
        for (hexadecimal, time) in [
            // 2000-01-01, the first accepted: 125 911 584 000 000 000 ticks.
            ("00406d25eb53bf01", Ok(Some(at("2000-01-01T00:00:00Z")))),
            // 2026-11-24: 134 399 520 000 000 000 ticks, and one more.
            ("004095bfa67bdd01", Ok(Some(at("2026-11-24T00:00:00Z")))),
            ("014095bfa67bdd01", Ok(Some(at("2026-11-24T00:00:00.000000100Z")))),
            ("0000000000000000", Ok(None)),
            ("0100000000000000", Err(FileTimeError::OutOfRange(1))),
            ("ffffffffffffffff", Err(FileTimeError::OutOfRange(u64::MAX))),
            ("ff3f6d25eb53bf01", Err(FileTimeError::OutOfRange(125_911_583_999_999_999))),
            ("", Err(FileTimeError::Length(0))),
            ("00406d25eb53bf", Err(FileTimeError::Length(7))),
            ("00406d25eb53bf0100", Err(FileTimeError::Length(9))),
        ] {
            assert_eq!(parse(&hex::decode(hexadecimal).unwrap()), time, "{hexadecimal}");
        }
    }

    proptest! {
        #[test]
        fn every_tick_is_a_time_or_an_error(ticks in any::<u64>()) {
            if let Ok(Some(time)) = parse(&ticks.to_le_bytes()) {
                let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos() / 100;
                prop_assert_eq!(u128::from(ticks - UNIX_EPOCH), since);
            }
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..12)) {
            let _ = parse(&bytes);
        }
    }
}

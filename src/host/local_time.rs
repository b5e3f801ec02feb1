//! Parses local times in the formats of Windows' locales. Pure: date order and zone are arguments. Ambiguous dates are
//! rejected.

use std::time::SystemTime;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// The order of the parts of a date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DateOrder {
    /// 8/20/2025.
    MonthFirst,
    /// 20/08/2025.
    DayFirst,
    /// 2025-08-20.
    YearFirst,
}

impl DateOrder {
    /// From the registry value `iDate` of `Control Panel\International` (Microsoft's page on `LOCALE_IDATE`).
    #[must_use]
    pub fn from_registry(value: &str) -> Option<Self> {
        match value.trim() {
            "0" => Some(Self::MonthFirst),
            "1" => Some(Self::DayFirst),
            "2" => Some(Self::YearFirst),
            _ => None,
        }
    }
}

/// Parses a numeric date and a time to the second, with AM and PM in English or Korean. Returns `None` if day and month
/// are ambiguous and `order` isn't known.
#[must_use]
pub fn parse(text: &str, order: Option<DateOrder>) -> Option<DateTime> {
    let mut numbers = text.split(|c: char| !c.is_ascii_digit()).filter(|part| !part.is_empty());
    let mut next = || numbers.next()?.parse::<i16>().ok();
    let date = [next()?, next()?, next()?];
    let [hour, minute, second] = [next()?, next()?, next()?];
    if numbers.next().is_some() {
        return None;
    }
    let (year, month, day) = in_order(date, order)?;
    let hour = hour_of_day(hour, text)?;
    let small = |number: i16| i8::try_from(number).ok();
    DateTime::new(year, small(month)?, small(day)?, hour, small(minute)?, small(second)?, 0).ok()
}

/// Year, month and day.
fn in_order([a, b, c]: [i16; 3], order: Option<DateOrder>) -> Option<(i16, i16, i16)> {
    let is_year = |number: i16| number >= 1000;
    match (a, b) {
        _ if is_year(a) => Some((a, b, c)),
        _ if !is_year(c) => None,
        (13.., _) => Some((c, b, a)),
        (_, 13..) => Some((c, a, b)),
        _ if a == b => Some((c, a, b)),
        _ => match order? {
            DateOrder::MonthFirst => Some((c, a, b)),
            DateOrder::DayFirst => Some((c, b, a)),
            DateOrder::YearFirst => None, // contradicts the text
        },
    }
}

/// The hour from 0 to 23, using the AM or PM marker in the text.
fn hour_of_day(hour: i16, text: &str) -> Option<i8> {
    let letters: String = text.chars().filter(|c| c.is_alphabetic()).flat_map(char::to_lowercase).collect();
    let hour = match (letters.as_str(), hour) {
        ("", _) | ("am" | "오전", 1..12) | ("pm" | "오후", 12) => hour,
        ("am" | "오전", 12) => 0,
        ("pm" | "오후", 1..12) => hour + 12,
        _ => return None,
    };
    i8::try_from(hour).ok()
}

/// Converts a local time. If it occurs twice at a DST change, the first; if it is skipped, the time moved forward by
/// the gap.
#[must_use]
pub fn moment(local: DateTime, zone: TimeZone) -> Option<SystemTime> {
    local.to_zoned(zone).ok().map(|zoned| zoned.timestamp().into())
}

#[cfg(test)]
mod tests {
    use jiff::tz::Offset;
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, order: Option<DateOrder>, expected: Option<&str>) {
        let expected = expected.map(|expected| expected.parse::<DateTime>().unwrap());
        assert_eq!(parse(text, order), expected, "{text} {order:?}");
    }

    #[test]
    fn what_can_be_read_in_one_way_is_read() {
        for order in
            [None, Some(DateOrder::MonthFirst), Some(DateOrder::DayFirst), Some(DateOrder::YearFirst)]
        {
            // The formats of captured outputs.
            check("8/20/2025 6:36:34 PM", order, Some("2025-08-20T18:36:34"));
            check("20/08/2025 18:36:34", order, Some("2025-08-20T18:36:34"));
            check("2025-08-20 오후 6:36:34", order, Some("2025-08-20T18:36:34"));
            check("2025-08-20 오전 12:00:01", order, Some("2025-08-20T00:00:01"));
            check("20.08.2025 06:36:34", order, Some("2025-08-20T06:36:34"));
            check(
                "\u{200e}8\u{200e}/\u{200e}20\u{200e}/\u{200e}2025 12:00:00 p.m.",
                order,
                Some("2025-08-20T12:00:00"),
            );
            check("8/8/2025 12:30:00 AM", order, Some("2025-08-08T00:30:00"));
            for text in [
                "",
                "never",
                "8/20/2025",
                "8/20/25 6:36:34 PM",
                "8/20/2025 6:36 PM",
                "8/20/2025 6:36:34.5 PM",
                "8/20/2025 13:36:34 PM",
                "8/20/2025 0:36:34 AM",
                "8/20/2025 6:36:34 μμ",
                "20/13/2025 18:36:34",
                "2/30/2025 6:36:34 PM",
                "8/20/2025 24:00:00",
                "8/20/2025 6:60:34 PM",
                "99999/20/2025 6:36:34 PM",
                "0/0/2025 6:36:34 PM",
            ] {
                check(text, order, None);
            }
        }
    }

    #[test]
    fn the_order_tells_day_from_month() {
        let text = "7/6/2026 3:19:44 PM";
        check(text, None, None);
        check(text, Some(DateOrder::YearFirst), None);
        check(text, Some(DateOrder::MonthFirst), Some("2026-07-06T15:19:44"));
        check(text, Some(DateOrder::DayFirst), Some("2026-06-07T15:19:44"));
        let known = ["0", "1", "2"].map(DateOrder::from_registry);
        assert_eq!(
            known,
            [Some(DateOrder::MonthFirst), Some(DateOrder::DayFirst), Some(DateOrder::YearFirst)]
        );
        assert_eq!(["", "3", "M"].map(DateOrder::from_registry), [None; 3]);
    }

    #[test]
    fn local_times_are_moments_in_a_zone() {
        let local = "2025-08-20T18:36:34".parse().unwrap();
        let moment = |hours| moment(local, TimeZone::fixed(Offset::constant(hours))).unwrap();
        assert_eq!(moment(0), humantime::parse_rfc3339("2025-08-20T18:36:34Z").unwrap());
        assert_eq!(moment(9), humantime::parse_rfc3339("2025-08-20T09:36:34Z").unwrap());
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[0-9apmAPM/:. 오후-]{0,40}") {
            for order in [None, Some(DateOrder::DayFirst)] {
                if let Some(local) = parse(&text, order) {
                    let _ = moment(local, TimeZone::UTC);
                }
            }
        }
    }
}

//! Parses HRESULTs as written by Windows, Microsoft's pages, shells and logs.

use super::texts::winhttp_hresult;

/// Parses one word: WinHTTP's number, or an HRESULT in hexadecimal (with or without 0x) or decimal (signed, as an exit
/// code, or unsigned). Accepts 800722F0D, a misprint of 0x80072F0D on a Microsoft page.
pub(super) fn one(word: &str) -> Option<u32> {
    if let Some(code) = word.parse().ok().and_then(winhttp_hresult) {
        return Some(code);
    }
    if word.starts_with('-') {
        return word.parse::<i32>().ok().map(i32::cast_unsigned);
    }
    if let Some(code) = word.parse().ok().filter(|code| is_failure(*code)) {
        return Some(code);
    }
    let digits = word.strip_prefix("0x").or_else(|| word.strip_prefix("0X")).unwrap_or(word);
    if digits.eq_ignore_ascii_case("800722F0D") {
        return Some(0x8007_2F0D);
    }
    u32::from_str_radix(digits, 16).ok()
}

/// The first failure in a line or output, such as "(hr=0x80072F8F httpcode=451)". Ignores successes (hr = 0x1).
pub(crate) fn in_text(text: &str) -> Option<u32> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
    words.filter(|word| word.len() >= 8).filter_map(one).find(|code| is_failure(*code))
}

/// Whether the highest bit is set ([MS-ERREF], section 2.1).
const fn is_failure(code: u32) -> bool {
    code >= 1 << 31
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_is_read() {
        for (text, code) in [
            ("0x80072F8F", 0x8007_2F8F),
            ("0X80072f8f", 0x8007_2F8F),
            ("80072F8F", 0x8007_2F8F),
            ("-2147012721", 0x8007_2F8F),
            ("2147954575", 0x8007_2F8F),
            ("12175", 0x8007_2F8F),
            ("800722F0D", 0x8007_2F0D),
            ("0x800722F0D", 0x8007_2F0D),
            ("0x1", 1),
            // not a WinHTTP number, so hexadecimal
            ("13000", 0x13000),
        ] {
            assert_eq!(one(text), Some(code), "{text}");
        }
        for text in ["", "0x", "-", "-0x80072F8F", "nonsense", "99999999999", "0x180072F8F", "+"] {
            assert_eq!(one(text), None, "{text}");
        }
    }

    #[test]
    fn whole_lines_are_read() {
        for (text, code) in [
            // Microsoft's page, which misprints httpcode.
            (
                "ValidateMapsConnection failed to establish a connection to MAPS (hr=0x80070006 httpcore=451)",
                0x8007_0006,
            ),
            (
                "ValidateMapsConnection failed to establish a connection to MAPS (hr=80072EE7 httpcode=451)",
                0x8007_2EE7,
            ),
            ("MpEnsureProcessMitigationPolicy: hr = 0x1\nMpCmdRun.exe: hr = 0x80070006**", 0x8007_0006),
            ("ValidateMapsConnection failed (800106BA)", 0x8001_06BA),
            ("hr=800722F0D", 0x8007_2F0D),
            ("exit code: -2147012889.", 0x8007_2EE7),
        ] {
            assert_eq!(in_text(text), Some(code), "{text}");
        }
        for text in ["", "hr = 0x1", "MpIsConnectedToInternet(): hr = 0, fIsConnectedToInternet: true"] {
            assert_eq!(in_text(text), None, "{text}");
        }
    }
}

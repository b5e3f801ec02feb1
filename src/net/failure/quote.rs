//! What a peer sent in place of the expected protocol, for messages: the line that names a portal or a filter. Pure.

use crate::text::clean;

/// The maximum length of a quoted line, in characters.
const MAX_LINE: usize = 100;

/// The number of bytes shown of what isn't text.
const MAX_BYTES: usize = 8;

/// Quotes the first bytes that a peer sent: the status of an HTTP response with the target of its redirect, another
/// line of text, or bytes. `None` if there are none.
pub(crate) fn quote(first: &[u8]) -> Option<String> {
    let start = first.trim_ascii_start();
    let line = start.split(|byte| matches!(byte, b'\r' | b'\n')).next().filter(|line| !line.is_empty());
    let text = line.and_then(|line| text(line, line.len() < start.len()));
    match text {
        Some(line) => Some(format!("\"{}\"", cut(&redirect(&line, start).unwrap_or(line)))),
        None if first.is_empty() => None,
        None => {
            let shown: Vec<_> = first.iter().take(MAX_BYTES).map(|byte| format!("{byte:02x}")).collect();
            let more = if first.len() > MAX_BYTES { " …" } else { "" };
            Some(format!("bytes {}{more}", shown.join(" ")))
        }
    }
}

/// A line as text. `None` if it has control characters, or isn't UTF-8. A line without an end may end within a character.
fn text(line: &[u8], is_complete: bool) -> Option<String> {
    let text = match std::str::from_utf8(line) {
        Ok(text) => text,
        Err(error) if !is_complete && error.error_len().is_none() => {
            std::str::from_utf8(&line[..error.valid_up_to()]).ok()?
        }
        Err(_) => return None,
    };
    (!text.is_empty() && !text.contains(|c: char| c.is_control() && c != '\t')).then(|| text.to_owned())
}

/// "HTTP/1.1 302 to http://…", for a status line with a `Location` among what follows.
fn redirect(line: &str, response: &[u8]) -> Option<String> {
    let mut words = line.split(' ').filter(|_| line.starts_with("HTTP/"));
    let (version, status) = (words.next()?, words.next()?);
    let head = String::from_utf8_lossy(response);
    let mut headers = head.lines().skip(1).take_while(|line| !line.is_empty());
    let location = headers.find_map(|header| {
        let (name, value) = header.split_once(':')?;
        name.eq_ignore_ascii_case("location").then(|| value.trim().to_owned())
    })?;
    Some(format!("{version} {status} to {location}"))
}

fn cut(line: &str) -> String {
    let mut shown: String = clean(line).chars().take(MAX_LINE).collect();
    if line.chars().nth(MAX_LINE).is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_is_quoted() {
        let long =
            format!("HTTP/1.1 302 Found\r\nLocation: http://portal.example/{}\r\n\r\n", "x".repeat(300));
        let cut = format!("\"HTTP/1.1 302 to http://portal.example/{}…\"", "x".repeat(100 - 39 + 1));
        let cases: &[(&[u8], &str)] = &[
            (b"HTTP/1.1 400 Bad Request\r\nServer: nginx\r\n\r\n", "\"HTTP/1.1 400 Bad Request\""),
            (
                b"HTTP/1.1 302 Found\r\nServer: x\r\nLOCATION:  http://portal.example/login\r\n\r\n<html>",
                "\"HTTP/1.1 302 to http://portal.example/login\"",
            ),
            (b"HTTP/1.1 200 OK\r\n\r\nLocation: http://body.example/", "\"HTTP/1.1 200 OK\""),
            (long.as_bytes(), &cut),
            (b"<html>Blocked</html>", "\"<html>Blocked</html>\""),
            (b"\r\n220 mail.lab ESMTP\r\n", "\"220 mail.lab ESMTP\""),
            ("caf\u{e9}\u{202e}\r\n".as_bytes(), "\"caf\u{e9} \""),
            (&"caf\u{e9}".as_bytes()[..4], "\"caf\""),
            (b"\x00\xff\x01 lab \x80\r\n", "bytes 00 ff 01 20 6c 61 62 20 …"),
            (b"\x05\x00", "bytes 05 00"),
            (b"\r\n", "bytes 0d 0a"),
        ];
        for (first, expected) in cases {
            assert_eq!(quote(first).as_deref(), Some(*expected), "{first:?}");
        }
        assert_eq!(quote(b""), None);
    }

    proptest::proptest! {
        #[test]
        fn quotes_are_clean_and_short(first in proptest::collection::vec(proptest::num::u8::ANY, 1..600), head in "[A-Z/0-9. ]{0,40}\r?\n?(Location: )?\\PC{0,300}") {
            for bytes in [&first, &head.into_bytes()] {
                let said = quote(bytes).unwrap_or_default();
                proptest::prop_assert!(said.chars().count() <= MAX_LINE + 3, "{said}");
                proptest::prop_assert!(said.chars().all(crate::text::is_harmless), "{said:?}");
            }
        }
    }
}

//! Text from elsewhere (the network, programs, files), made fit for logs, pages and messages.

/// The longest text kept of what a server sent, in characters.
pub const MAX_TEXT: usize = 256;

/// Makes text from the network fit to show: control characters become spaces, and it is cut at [`MAX_TEXT`].
#[must_use]
pub fn clean(text: &str) -> String {
    let mut cleaned: String =
        text.chars().map(|c| if is_harmless(c) { c } else { ' ' }).take(MAX_TEXT).collect();
    if text.chars().nth(MAX_TEXT).is_some() {
        cleaned.push('…');
    }
    cleaned
}

/// Whether it can't end, forge or turn around a line of a log or a page: no control, separator or mark of direction.
pub(crate) fn is_harmless(c: char) -> bool {
    !c.is_control()
        && !matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}')
}

//! Lines of logfmt: `time=… level=warn target=… msg="endpoint fails" reason=nxdomain`. Values are quoted where they must be, and
//! whatever is in them stays in their line.

use std::fmt::{self, Debug, Write as _};
use std::time::SystemTime;

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_log::NormalizeEvent as _;
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::clock::Clock;
use crate::text::is_harmless;

/// Writes events.
pub(super) struct Logfmt {
    /// Not where the reader notes the time itself.
    pub(super) with_time: bool,
    /// Whether the level has a colour.
    pub(super) coloured: bool,
}

/// Writes the fields of events.
pub(super) struct Fields;

impl<S, N> FormatEvent<S, N> for Logfmt
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut line: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        if self.with_time {
            write!(line, "time={} ", time(Clock::System.now()))?;
        }
        // Where it comes from the `log` crate, the fields tell of the record what the event's own data doesn't.
        let of_log = event.normalized_metadata();
        let metadata = of_log.as_ref().unwrap_or_else(|| event.metadata());
        let level = metadata.level().as_str().to_ascii_lowercase();
        match self.coloured.then(|| colour(*metadata.level())) {
            Some(colour) => write!(line, "level=\x1b[{colour}m{level}\x1b[0m")?,
            None => write!(line, "level={level}")?,
        }
        write!(line, " target={}", metadata.target())?;
        context.format_fields(line.by_ref(), event)?;
        writeln!(line)
    }
}

impl<'writer> FormatFields<'writer> for Fields {
    fn format_fields<R: RecordFields>(&self, line: Writer<'writer>, fields: R) -> fmt::Result {
        let mut pairs = Pairs { line, result: Ok(()) };
        fields.record(&mut pairs);
        pairs.result
    }
}

/// The colour of a level on a terminal (ECMA-48, SGR).
const fn colour(level: Level) -> u8 {
    match level {
        Level::ERROR => 31,
        Level::WARN => 33,
        Level::INFO => 32,
        Level::DEBUG => 34,
        Level::TRACE => 35,
    }
}

/// UTC, by RFC 3339, in milliseconds.
fn time(at: SystemTime) -> String {
    let at = at.max(SystemTime::UNIX_EPOCH); // it can't write earlier ones
    humantime::format_rfc3339_millis(at).to_string()
}

/// Writes each field as it comes. tracing hands over the message first.
struct Pairs<'writer> {
    line: Writer<'writer>,
    result: fmt::Result,
}

impl Pairs<'_> {
    fn pair(&mut self, field: &Field, value: &str) {
        if field.name().starts_with("log.") {
            return; // where a record of the `log` crate comes from: that is its line's target
        }
        let key = if field.name() == "message" { "msg" } else { field.name() };
        self.result = self.result.and_then(|()| write!(self.line, " {key}={}", Value(value)));
    }
}

impl Visit for Pairs<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.pair(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.pair(field, &format!("{value:?}"));
    }
}

/// A value as it stands in a line.
struct Value<'a>(&'a str);

impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if is_plain(self.0) {
            return f.write_str(self.0);
        }
        f.write_char('"')?;
        for c in self.0.chars() {
            match c {
                '"' | '\\' => write!(f, "\\{c}")?,
                '\n' => f.write_str("\\n")?,
                c if !is_harmless(c) => write!(f, "\\u{:04x}", u32::from(c))?,
                c => f.write_char(c)?,
            }
        }
        f.write_char('"')
    }
}

fn is_plain(value: &str) -> bool {
    !value.is_empty()
        && value.chars().all(|c| !c.is_whitespace() && is_harmless(c) && !matches!(c, '"' | '=' | '\\'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_stays_in_its_line() {
        let check = |value: &str, expected: &str| assert_eq!(Value(value).to_string(), expected, "{value:?}");
        check("nxdomain", "nxdomain");
        check("https://wdcp.microsoft.com/", "https://wdcp.microsoft.com/");
        check("", "\"\"");
        check("two words", "\"two words\"");
        check("a=b", "\"a=b\"");
        check("프록시", "프록시");
        check("x\nlevel=error msg=forged", "\"x\\nlevel=error msg=forged\"");
        check("\"\\", "\"\\\"\\\\\"");
        check("\u{1b}[31m\r\0\u{202e}\u{2028}", "\"\\u001b[31m\\u000d\\u0000\\u202e\\u2028\"");
    }
}

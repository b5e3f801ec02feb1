//! Formats log lines as logfmt: `time=… level=warn target=… msg="endpoint fails" reason=nxdomain`. Values are quoted if
//! necessary and can't break out of their line.

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

/// Formats events.
pub(super) struct Logfmt {
    /// False if the log's reader adds the time, as systemd's journal does.
    pub(super) with_time: bool,
    /// Whether levels are coloured.
    pub(super) coloured: bool,
}

/// Formats the fields of events.
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
        // Events of the `log` crate carry their metadata in fields.
        let log_metadata = event.normalized_metadata();
        let metadata = log_metadata.as_ref().unwrap_or_else(|| event.metadata());
        let level = level(*metadata.level());
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

/// The ANSI colour code of a level (ECMA-48, SGR).
const fn colour(level: Level) -> u8 {
    match level {
        Level::ERROR => 31,
        Level::WARN => 33,
        Level::INFO => 32,
        Level::DEBUG => 34,
        Level::TRACE => 35,
    }
}

/// The key of a field. `None` for metadata of the `log` crate, which is in the line's target already.
pub(super) fn key(field: &Field) -> Option<&'static str> {
    match field.name() {
        "message" => Some("msg"),
        name => (!name.starts_with("log.")).then_some(name),
    }
}

/// The name of a level, as in Prometheus' logs.
pub(super) const fn level(level: Level) -> &'static str {
    match level {
        Level::ERROR => "error",
        Level::WARN => "warn",
        Level::INFO => "info",
        Level::DEBUG => "debug",
        Level::TRACE => "trace",
    }
}

/// RFC 3339 in UTC, with milliseconds.
pub(super) fn time(at: SystemTime) -> String {
    let at = at.max(SystemTime::UNIX_EPOCH); // earlier times can't be formatted
    humantime::format_rfc3339_millis(at).to_string()
}

/// Writes fields in order. tracing passes the message first.
struct Pairs<'writer> {
    line: Writer<'writer>,
    result: fmt::Result,
}

impl Pairs<'_> {
    fn pair(&mut self, field: &Field, value: &str) {
        if let Some(key) = key(field) {
            self.result = self.result.and_then(|()| write!(self.line, " {key}={}", QuotedValue(value)));
        }
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

/// A value, quoted if necessary.
struct QuotedValue<'a>(&'a str);

impl fmt::Display for QuotedValue<'_> {
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
        let check =
            |value: &str, expected: &str| assert_eq!(QuotedValue(value).to_string(), expected, "{value:?}");
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

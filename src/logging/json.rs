//! Formats log lines as JSON, with the keys of `logfmt.rs`: `{"time":"…","level":"warn","target":"…","msg":"endpoint
//! fails","reason":"nxdomain"}`.

use std::fmt::{self, Debug, Display, Write as _};

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_log::NormalizeEvent as _;
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use super::logfmt::{key, level, time};
use crate::clock::Clock;
use crate::text::is_harmless;

/// Formats events.
pub(super) struct Json;

/// Formats the fields of events.
pub(super) struct JsonFields;

impl<S, N> FormatEvent<S, N> for Json
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
        // Events of the `log` crate carry their metadata in fields.
        let log_metadata = event.normalized_metadata();
        let metadata = log_metadata.as_ref().unwrap_or_else(|| event.metadata());
        let (time, level) = (time(Clock::System.now()), level(*metadata.level()));
        write!(
            line,
            "{{\"time\":{},\"level\":{},\"target\":{}",
            JsonString(&time),
            JsonString(level),
            JsonString(metadata.target())
        )?;
        context.format_fields(line.by_ref(), event)?;
        writeln!(line, "}}")
    }
}

impl<'writer> FormatFields<'writer> for JsonFields {
    fn format_fields<R: RecordFields>(&self, line: Writer<'writer>, fields: R) -> fmt::Result {
        let mut members = Members { line, result: Ok(()) };
        fields.record(&mut members);
        members.result
    }
}

/// Writes fields in order, each after a comma.
struct Members<'writer> {
    line: Writer<'writer>,
    result: fmt::Result,
}

impl Members<'_> {
    fn member(&mut self, field: &Field, value: &dyn Display) {
        if let Some(key) = key(field) {
            self.result = self.result.and_then(|()| write!(self.line, ",{}:{value}", JsonString(key)));
        }
    }
}

impl Visit for Members<'_> {
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.member(field, &value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.member(field, &value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.member(field, &value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.member(field, &JsonString(value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.member(field, &JsonString(&format!("{value:?}")));
    }
}

/// A JSON string (RFC 8259, section 7). Escapes what a terminal or a viewer would act on as well.
struct JsonString<'a>(&'a str);

impl Display for JsonString<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for c in self.0.chars() {
            match c {
                '"' | '\\' => write!(f, "\\{c}")?,
                '\n' => f.write_str("\\n")?,
                c if is_harmless(c) => f.write_char(c)?,
                c => write!(f, "\\u{:04x}", u32::from(c))?, // all of them have four digits
            }
        }
        f.write_char('"')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_is_a_json_string_without_controls() {
        let check = |text: &str, expected: &str| {
            let written = JsonString(text).to_string();
            assert_eq!(written, expected, "{text:?}");
            assert_eq!(serde_json::from_str::<String>(&written).ok().as_deref(), Some(text), "{written}");
        };
        check("nxdomain", "\"nxdomain\"");
        check("프록시 \u{1f600}", "\"프록시 \u{1f600}\"");
        check("a\"b\\c\n", "\"a\\\"b\\\\c\\n\"");
        check("\u{1b}[31m\r\0\u{202e}\u{2028}\u{7f}", "\"\\u001b[31m\\u000d\\u0000\\u202e\\u2028\\u007f\"");
    }
}

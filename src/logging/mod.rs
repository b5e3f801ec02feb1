//! Logging: one line per event, as logfmt or JSON, with levels by module.

mod json;
mod levels;
mod logfmt;
mod panics;

use std::fmt;
use std::io::{self, IsTerminal as _};

use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, MakeWriter};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;

use json::{Json, JsonFields};
pub use levels::{Levels, LevelsError};
use logfmt::{Fields, Logfmt};
pub use panics::log_panics;

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// key=value pairs.
    #[value(alias = "text")]
    Logfmt,
    /// One JSON object a line.
    Json,
}

/// Initializes logging to `writer`. Must be called once. Includes libraries that use the `log` crate. `coloured`
/// applies to logfmt unless it goes to the journal, which has its own colours.
pub fn init<W>(levels: &Levels, format: LogFormat, coloured: bool, writer: W)
where
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    let by_journal = is_the_journal();
    let layer = tracing_subscriber::fmt::layer().with_writer(writer).with_ansi(false);
    let registry = tracing_subscriber::registry();
    let filter = levels.filter();
    match format {
        LogFormat::Logfmt => {
            let format = Logfmt { with_time: !by_journal, coloured: coloured && !by_journal };
            let format = ByJournal { by_journal, format };
            registry.with(filter).with(layer.event_format(format).fmt_fields(Fields)).init();
        }
        LogFormat::Json => {
            let format = ByJournal { by_journal, format: Json };
            registry.with(filter).with(layer.event_format(format).fmt_fields(JsonFields)).init();
        }
    }
}

/// Whether standard error is a terminal that shows colours and the user hasn't disabled them (<https://no-color.org>).
/// Not on Windows, whose console might print the codes instead.
#[must_use]
pub fn colours() -> bool {
    let unwanted = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    cfg!(unix) && io::stderr().is_terminal() && !unwanted("NO_COLOR") && !dumb
}

/// Whether standard error is systemd's journal: `JOURNAL_STREAM` contains its device and inode (systemd.exec(5)). They
/// are compared because the variable may be inherited from another service.
#[cfg(unix)]
fn is_the_journal() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let stream = std::env::var("JOURNAL_STREAM").ok();
    let own = std::fs::metadata("/dev/stderr").ok().map(|own| format!("{}:{}", own.dev(), own.ino()));
    own.is_some() && stream == own
}

/// Only Unix has a journal.
#[cfg(not(unix))]
const fn is_the_journal() -> bool {
    false
}

/// Prefixes lines with their level for the journal (sd-daemon(3)).
struct ByJournal<F> {
    by_journal: bool,
    format: F,
}

impl<S, N, F> FormatEvent<S, N> for ByJournal<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut line: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        if self.by_journal {
            write!(line, "<{}>", severity(*event.metadata().level()))?;
        }
        self.format.format_event(context, line, event)
    }
}

/// The syslog severity of a level (RFC 5424, section 6.2.1).
const fn severity(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        Level::DEBUG | Level::TRACE => 7,
    }
}

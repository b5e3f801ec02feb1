//! The log: one line an event, as logfmt or JSON, at levels by module. What is worth a line is decided where
//! it happens.

mod levels;
mod logfmt;

use std::fmt;
use std::io::{self, IsTerminal as _};

use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::{Format, JsonFields, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, MakeWriter};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;

pub use levels::{Levels, LevelsError};
use logfmt::{Fields, Logfmt};

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// key=value pairs (logfmt).
    Text,
    /// One JSON object a line.
    Json,
}

/// Begins to log there; to be called once. Libraries that log by the `log` crate are heard, too. `coloured`: the levels of text
/// have colours, where the journal doesn't have its own.
pub fn init<W>(levels: &Levels, format: LogFormat, coloured: bool, writer: W)
where
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    let by_journal = is_the_journal();
    let layer = tracing_subscriber::fmt::layer().with_writer(writer).with_ansi(false);
    let registry = tracing_subscriber::registry();
    let filter = levels.filter();
    match format {
        LogFormat::Text => {
            let format = Logfmt { with_time: !by_journal, coloured: coloured && !by_journal };
            let format = ByJournal { by_journal, format };
            registry.with(filter).with(layer.event_format(format).fmt_fields(Fields)).init();
        }
        LogFormat::Json => {
            let format = ByJournal { by_journal, format: Format::default().json() };
            registry.with(filter).with(layer.event_format(format).fmt_fields(JsonFields::new())).init();
        }
    }
}

/// Whether standard error shows colours to a person, who can turn them off (<https://no-color.org>). A console of Windows might
/// show their codes instead.
#[must_use]
pub fn colours() -> bool {
    let unwanted = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    cfg!(unix) && io::stderr().is_terminal() && !unwanted("NO_COLOR") && !dumb
}

/// Whether standard error goes to systemd's journal: `JOURNAL_STREAM` names its device and inode (systemd.exec(5)). What an
/// earlier service left in the environment isn't believed.
#[cfg(unix)]
fn is_the_journal() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let stream = std::env::var("JOURNAL_STREAM").ok();
    let own = std::fs::metadata("/dev/stderr").ok().map(|own| format!("{}:{}", own.dev(), own.ino()));
    own.is_some() && stream == own
}

/// There is none.
#[cfg(not(unix))]
const fn is_the_journal() -> bool {
    false
}

/// A format whose lines begin with what the journal takes for their level (sd-daemon(3)), where it reads them.
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

/// syslog's number for a level (RFC 5424, section 6.2.1).
const fn severity(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        Level::DEBUG | Level::TRACE => 7,
    }
}

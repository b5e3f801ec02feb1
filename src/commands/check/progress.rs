//! A progress bar on standard error while `check` probes, only on a terminal. Log lines don't mix with it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tracing_subscriber::fmt::MakeWriter;

use crate::event::Event;

/// The time between two drawings of the bar, which shows that the program is alive.
const TICK: Duration = Duration::from_millis(100);

const TEMPLATE: &str = "{spinner} {pos} of {len} probes done {wide_bar} {elapsed} {msg}";

/// Clears the line of a terminal: carriage return, erase in line (ECMA-48).
const CLEAR: &[u8] = b"\r\x1b[2K";

/// The progress of one round of probes.
#[derive(Clone, Debug)]
pub struct Progress {
    bar: ProgressBar,
    is_drawn: Arc<AtomicBool>,
}

impl Default for Progress {
    fn default() -> Self {
        Self { bar: ProgressBar::hidden(), is_drawn: Arc::new(AtomicBool::new(false)) }
    }
}

impl Progress {
    /// Begins to draw if standard error is a terminal. The number of probes is known once the configuration is read.
    pub fn start(&self) {
        self.bar.set_style(style("{spinner} reading the configuration"));
        self.bar.set_draw_target(ProgressDrawTarget::stderr());
        if !self.bar.is_hidden() {
            self.is_drawn.store(true, Ordering::Relaxed);
            self.bar.enable_steady_tick(TICK);
        }
    }

    /// Draws the bar for this number of probes.
    pub fn expect(&self, probes: usize) {
        self.bar.set_length(probes.try_into().unwrap_or(u64::MAX));
        self.bar.set_style(style(TEMPLATE));
        self.bar.tick();
    }

    /// Counts a completed probe. Revocation checks may still run after the last one.
    pub fn count(&self, event: &Event) {
        if matches!(event, Event::Observed(_)) {
            self.bar.inc(1);
            if self.bar.length() == Some(self.bar.position()) {
                self.bar.set_message("(checking revocation)");
            }
        }
    }

    /// Removes the bar.
    pub fn clear(&self) {
        self.bar.finish_and_clear();
        self.is_drawn.store(false, Ordering::Relaxed);
    }
}

/// A style from one of the templates here, which are valid.
fn style(template: &str) -> ProgressStyle {
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    style.progress_chars("=> ")
}

/// Log lines go to standard error, each in place of the bar, which is drawn again below.
impl<'writer> MakeWriter<'writer> for Progress {
    type Writer = LogWriter<'writer>;

    fn make_writer(&'writer self) -> Self::Writer {
        LogWriter(self)
    }
}

/// Writes a log line.
pub struct LogWriter<'a>(&'a Progress);

impl io::Write for LogWriter<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        // A Windows console might print the codes instead.
        if cfg!(unix) && self.0.is_drawn.load(Ordering::Relaxed) {
            io::stderr().write_all(&[CLEAR, line].concat())?; // in one piece, so that no drawing comes between
            return Ok(line.len());
        }
        io::stderr().write(line)
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

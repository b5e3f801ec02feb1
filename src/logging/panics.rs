//! Logs panics, since a Windows service has no standard error. A panic's message may contain data of a peer or secrets
//! of a file, so only the literal part of the message is logged.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::PanicHookInfo;

use crate::task::Task;
use crate::text::clean;

/// Logs every panic from now on.
pub fn log_panics() {
    std::panic::set_hook(Box::new(log));
}

fn log(info: &PanicHookInfo<'_>) {
    let message =
        match (info.payload().downcast_ref::<&'static str>(), info.payload().downcast_ref::<String>()) {
            (Some(text), _) => clean(text),
            (None, Some(text)) => clean(&own_words(text)),
            (None, None) => String::new(),
        };
    let location = info.location().map(ToString::to_string).unwrap_or_default();
    let thread = std::thread::current();
    let (task, thread) = (Task::current().map_or("none", Task::as_str), thread.name().unwrap_or("unnamed"));
    let backtrace = Backtrace::capture(); // if RUST_BACKTRACE is set
    let backtrace = (backtrace.status() == BacktraceStatus::Captured).then(|| backtrace.to_string());
    tracing::error!(task, location, message, thread, backtrace, "panic: a bug in the exporter");
}

/// The start of a formatted message, up to the first value: after a colon or within quotes.
fn own_words(message: &str) -> String {
    // The one message of the standard library with quotes before its values: Result::unwrap.
    let starts = message.strip_prefix("called `Result::").map_or(0, |rest| message.len() - rest.len());
    let quote = message[starts..].find(['"', '\'', '“', '‘']);
    let colon = message[starts..].find(": ");
    let tick = message[starts..].find('`').filter(|_| starts == 0);
    match [quote, colon, tick].into_iter().flatten().min() {
        Some(end) => format!("{} …", message[..starts + end].trim_end()),
        None => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_left_out_of_messages() {
        for (message, shown) in [
            (
                "called `Result::unwrap()` on an `Err` value: Os { code: 2 }",
                "called `Result::unwrap()` on an `Err` value …",
            ),
            ("a valid path: Parse(\"secret\")", "a valid path …"),
            ("byte index 3 is out of bounds of `secret`", "byte index 3 is out of bounds of …"),
            (
                "byte index 1 is not a char boundary; it is inside 'é' (bytes 0..2) of `é`",
                "byte index 1 is not a char boundary; it is inside …",
            ),
            ("begin <= end (4 <= 2) when slicing `secret`", "begin <= end (4 <= 2) when slicing …"),
            ("unknown host \"secret\"", "unknown host …"),
            ("the list has an end", "the list has an end"),
            ("", ""),
        ] {
            assert_eq!(own_words(message), shown);
        }
        assert!(
            own_words("index out of bounds: the len is 3 but the index is 5")
                .starts_with("index out of bounds")
        );
    }
}

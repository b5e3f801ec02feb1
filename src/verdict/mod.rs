//! Observation → good, degraded or bad, in Defender's terms. Pure: no clock, no IO.

use crate::words::words;

words! {
    /// How well something works, best first.
    Verdict {
        /// As the genuine service answers.
        Good = "good",
        /// It works, but not all of it as expected.
        Degraded = "degraded",
        /// It does not work.
        Bad = "bad",
    }
}

//! Elements that all sections of the page use. A state always has a word and a shape, never only a colour.

use maud::{Markup, html};

use crate::web::page::state::DisplayState;
use crate::web::page::view::When;

/// The SVG symbols of the states, which [`shape`] references.
pub(super) fn shapes() -> Markup {
    html! {
        svg class="shapes" width="0" height="0" aria-hidden="true" focusable="false" {
            symbol id="shape-good" viewBox="0 0 16 16" {
                circle cx="8" cy="8" r="7" fill="currentColor" {}
                path d="M4.6 8.3 7 10.7 11.5 5.8" class="mark" {}
            }
            symbol id="shape-degraded" viewBox="0 0 16 16" {
                path d="M8 .9 15.6 14.6H.4z" fill="currentColor" stroke="currentColor" stroke-linejoin="round" {}
                path d="M8 5.6v4.2M8 12.2v.1" class="mark" {}
            }
            symbol id="shape-bad" viewBox="0 0 16 16" {
                path d="M5 .8h6L15.2 5v6L11 15.2H5L.8 11V5z" fill="currentColor" {}
                path d="M5.4 5.4 10.6 10.6M10.6 5.4 5.4 10.6" class="mark" {}
            }
            symbol id="shape-unknown" viewBox="0 0 16 16" {
                circle cx="8" cy="8" r="6.2" fill="none" stroke="currentColor" stroke-width="1.6" stroke-dasharray="2.6 2" {}
            }
        }
    }
}

/// The shape of a state. The caller must add the word.
pub(super) fn shape(state: DisplayState) -> Markup {
    let href = match state {
        DisplayState::Good => "#shape-good",
        DisplayState::Degraded => "#shape-degraded",
        DisplayState::Bad => "#shape-bad",
        DisplayState::Unknown => "#shape-unknown",
    };
    html! {
        svg class="shape" width="16" height="16" aria-hidden="true" focusable="false" { use href=(href) {} }
    }
}

/// A state: its shape and its word.
pub(super) fn badge(state: DisplayState) -> Markup {
    worded_badge(state, state.as_str())
}

/// A state: its shape and another word.
pub(super) fn worded_badge(state: DisplayState, word: &str) -> Markup {
    html! { span class={ "badge " (state) } { (shape(state)) (word) } }
}

/// A time, relative and absolute.
pub(super) fn time(when: &When) -> Markup {
    html! {
        time datetime=(when.machine) { (when.relative) " " span class="absolute" { (when.absolute) } }
    }
}

/// A time for narrow columns. The tooltip has the full date and time.
pub(super) fn short_time(when: &When) -> Markup {
    html! {
        time datetime=(when.machine) title=(when.absolute) {
            (when.relative) " " span class="absolute" { (when.short) }
        }
    }
}

/// Text that may come from a server. `bdi` isolates its direction from the surrounding text.
pub(super) fn foreign(text: &str) -> Markup {
    html! { bdi { (text) } }
}

/// A code that can wrap after `.` and `_`.
pub(super) fn code(text: &str) -> Markup {
    html! { code { @for part in text.split_inclusive(['.', '_']) { (part) wbr; } } }
}

/// Text for screen readers only.
pub(super) fn hidden(text: &str) -> Markup {
    html! { span class="hidden" { (text) } }
}

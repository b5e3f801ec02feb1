//! The section about the Defender of this machine.

use maud::{Markup, html};

use super::super::view::HostView;
use super::components::{badge, foreign, time};
use super::details::{failure, fields};

/// The section. Empty if this machine has no Defender.
pub(super) fn section(host: Option<&HostView>) -> Markup {
    html! {
        @if let Some(host) = host {
            section class="host" aria-labelledby="host-title" {
                h2 id="host-title" { "Defender on this machine" }
                div class={ "card " (host.state) } {
                    p { (badge(host.state)) " checked " (time(&host.at)) }
                    @if let Some(of) = &host.failure { (failure(of)) }
                    (fields(&host.fields))
                    @for hint in &host.hints { p { (foreign(hint)) } }
                    @if !host.problems.is_empty() {
                        p { "What could not be read:" }
                        ul { @for problem in &host.problems { li { (foreign(problem)) } } }
                    }
                }
            }
        }
    }
}

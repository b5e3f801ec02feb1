//! The section about security intelligence: a card for its freshness, and for each source and version feed.

use maud::{Markup, html};

use super::super::view::{FeedView, SourceRoute, SourceView, StaleView, UpdatesView, available};
use super::components::{foreign, shape, short_time, time, worded_badge};

/// The section. Empty if no update source is probed.
pub(super) fn section(updates: &UpdatesView) -> Markup {
    html! {
        @if !updates.sources.is_empty() {
            section class="updates" aria-labelledby="updates-title" {
                h2 id="updates-title" { "Security intelligence" }
                ul class="cards" {
                    @if let Some(of) = &updates.stale { (stale(of)) }
                    @for of in &updates.sources { (source(of)) }
                    @for of in &updates.feeds { (feed(of)) }
                }
            }
        }
    }
}

fn stale(of: &StaleView) -> Markup {
    let whose = if of.installed_here {
        "This machine's signatures"
    } else if of.is_known {
        "A client that updated when a source last worked"
    } else {
        "No source has been reached since the exporter's start. A client that updated then"
    };
    html! {
        li class={ "card " (of.state) } {
            h3 { (shape(of.state)) "Freshness" }
            p class="count" {
                (whose) " " strong class=(of.state) { @if of.at.past { "turned stale " } @else { "turns stale " } }
                (time(&of.at))
            }
        }
    }
}

fn source(of: &SourceView) -> Markup {
    html! {
        li class={ "card " (of.state) } {
            h3 { (shape(of.state)) (of.name) }
            @if let [only @ SourceRoute { route: None, .. }] = of.routes.as_slice() {
                p class="count" { strong class=(of.state) { (only.word()) } (last(only, " · ")) }
            } @else {
                p class="count" { strong class=(of.state) { (available(of.state)) } }
                ul class="routes" { @for by in &of.routes { (route(by)) } }
            }
        }
    }
}

fn route(by: &SourceRoute) -> Markup {
    html! {
        li {
            (worded_badge(by.state, by.word()))
            @if let Some(route) = &by.route { span class="route" { (route) } }
            (last(by, " "))
        }
    }
}

/// When the source was last available, preceded by `before`. Empty if the source is available now.
fn last(by: &SourceRoute, before: &str) -> Markup {
    let works = by.word() == "available";
    html! { @if let (Some(at), false) = (&by.last, works) { span { (before) "last available " (short_time(at)) } } }
}

fn feed(of: &FeedView) -> Markup {
    html! {
        li class={ "card " (of.state) } {
            h3 {
                (shape(of.state)) "Version feed"
                @if let Some(route) = &of.route { " via " span class="route" { (route) } }
            }
            p class="count" { strong class=(of.state) { (of.state) } " · " (of.words.join("; ")) }
            @if !of.detail.is_empty() { p class="count" { (foreign(&of.detail)) } }
            @if !of.versions.is_empty() {
                p class="count" {
                    @for (n, (name, version)) in of.versions.iter().enumerate() {
                        @if n > 0 { ", " } (name) " " (foreign(version))
                    }
                    @if let Some(at) = &of.published { ", " (short_time(at)) }
                }
            }
        }
    }
}

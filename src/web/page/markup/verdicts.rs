//! The verdicts at the top, and what to change.

use maud::{Markup, html};

use super::super::view::{CauseView, Causes, ClientView, ComponentView, ControlView, MapsView, endpoints};
use super::components::{badge, code, foreign, hidden, shape, worded_badge};
use crate::verdict::SslOptions;

/// MAPS, per route.
pub(super) fn maps(maps: &[MapsView], split_hellos: &[String]) -> Markup {
    html! {
        @if !maps.is_empty() {
            section class="maps" aria-labelledby="maps-title" {
                h2 id="maps-title" { "Cloud protection (MAPS)" }
                div class="cards wide" { @for by in maps { (route(by)) } }
                @for sentence in split_hellos { p class="remark" { (foreign(sentence)) } }
            }
        }
    }
}

fn route(maps: &MapsView) -> Markup {
    let word = maps
        .clients
        .iter()
        .find(|client| client.options == SslOptions::DEFAULT)
        .map_or("", |client| client.word);
    html! {
        article class={ "card " (maps.state) } {
            div {
                h3 {
                    (worded_badge(maps.state, word))
                    @if let Some(route) = &maps.route { " via " span class="route" { (route) } }
                }
                p class="maps-summary" { (foreign(&maps.summary)) }
            }
            table class="clients" {
                caption { "Clients by the registry value " code { "SSLOptions" } }
                thead { tr { th scope="col" { "Value" } th scope="col" { "Checks" } th scope="col" { "MAPS is" } } }
                tbody { @for of in &maps.clients { (client(of)) } }
            }
        }
    }
}

fn client(client: &ClientView) -> Markup {
    html! {
        tr {
            th scope="row" { (client.options) @if client.options == SslOptions::DEFAULT { " (default)" } }
            td { (client.checks) }
            td {
                (worded_badge(client.state, client.word))
                @for reason in &client.codes { " " (code(reason)) }
            }
        }
    }
}

/// The components, per route, and the controls.
pub(super) fn components(components: &[ComponentView], controls: &[ControlView]) -> Markup {
    html! {
        section class="components" aria-labelledby="components-title" {
            h2 id="components-title" { "Components" }
            ul class="cards" { @for of in components { (component(of)) } }
            @for of in controls {
                p class="remark" {
                    @if let Some(route) = &of.route { "Via " span class="route" { (route) } ": " }
                    (of.sentence)
                }
            }
        }
    }
}

fn component(of: &ComponentView) -> Markup {
    let total = of.counts.total();
    let well = if of.counts.good == total { "all" } else { &of.counts.good.to_string() };
    html! {
        li class={ "card " (of.state) } {
            h3 { (shape(of.state)) a href={ "?component=" (of.component) "#endpoints" } { (of.name) } }
            p class="count" {
                strong class=(of.state) { (of.state) } " · " (well) " of " (total) @if of.routes.is_empty() { " endpoints good" } @else { " results good" }
            }
            @if !of.routes.is_empty() {
                ul class="routes" {
                    @for by in &of.routes { li { (badge(by.state)) span class="route" { (by.route) } } }
                }
            }
        }
    }
}

/// The problems, grouped by cause.
pub(super) fn causes(causes: &Causes) -> Markup {
    html! {
        @if !causes.shown.is_empty() {
            section class="causes" aria-labelledby="causes-title" {
                h2 id="causes-title" { "What is wrong, and what to change" }
                @for sentence in &causes.common { p class="common" { (foreign(sentence)) } }
                ul { @for of in &causes.shown { (cause(of)) } }
                @if causes.more > 0 { p { (causes.more) " more causes: see the table." } }
            }
        }
    }
}

fn cause(cause: &CauseView) -> Markup {
    let query: String = url::form_urlencoded::byte_serialize(cause.query().as_bytes()).collect();
    html! {
        li class=(cause.state) {
            div {
                h3 { (shape(cause.state)) (hidden(&format!("{}: ", cause.state)))
                    span { (cause.title) @if let Some(reason) = &cause.code { " " (code(reason)) } }
                }
                p class="where" {
                    a href={ "?q=" (query) "#endpoints" } { (endpoints(cause.endpoints)) }
                    @for (n, route) in cause.routes.iter().enumerate() {
                        @if n == 0 { " via " } @else { ", " } span class="route" { (route) }
                    }
                    " of " (cause.components.iter().map(|of| of.title()).collect::<Vec<_>>().join(", "))
                }
            }
            div { @for remedy in &cause.remedies { p { (remedy) } } }
        }
    }
}

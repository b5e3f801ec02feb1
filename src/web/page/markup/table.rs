//! The table of endpoints. The narrow layout overrides the `display` of the elements, which drops their implicit roles;
//! the `role` attributes restore them.

use maud::{Markup, html};

use super::super::state::DisplayState;
use super::super::view::{EndpointRow, EndpointTable, Group, StatusView, TlsView, WIDTH, Waterfall, results};
use super::components::{badge, code, foreign, hidden, short_time, worded_badge};
use super::details;
use crate::observation::Phase;

const COLUMNS: [&str; 7] = ["State", "Endpoint", "Why", "Phases", "Status, address", "TLS", "Last success"];

pub(super) fn table(table: &EndpointTable) -> Markup {
    let mut rows = table.groups.iter().flat_map(|group| &group.rows);
    let calm = rows.all(|row| row.why.is_none() && row.notes.is_empty() && row.disagreement.is_none());
    html! {
        div id="table" class="scroll" {
            table class={ "endpoints" @if calm { " calm" } } role="table" {
                caption role="caption" {
                    div {
                        p aria-live="polite" { (shown(table)) }
                        (legend(table))
                    }
                }
                thead role="rowgroup" {
                    tr role="row" { @for column in COLUMNS { th role="columnheader" scope="col" { (column) } } }
                }
                @for of in &table.groups { (group(of)) }
            }
            @if table.matching == 0 { p class="empty" { "No endpoint matches. " a href="./#endpoints" { "Show all" } } }
        }
    }
}

fn shown(table: &EndpointTable) -> Markup {
    html! {
        (table.matching) " of " (results(table.total, table.routes)) ", by component"
        @if table.left_out > 0 { "; the first " (table.matching - table.left_out) " are shown" }
    }
}

fn legend(table: &EndpointTable) -> Markup {
    html! {
        p class="legend" {
            "Phases: "
            @for phase in &table.phases {
                span { svg width="12" height="12" aria-hidden="true" focusable="false" {
                    rect class={ "p-" (phase) } width="12" height="12" rx="2" {}
                } (phase) }
            }
            span class="scale" { "full width " (table.scale) ", »: longer" }
        }
    }
}

fn group(group: &Group) -> Markup {
    html! {
        tbody id={ "g-" (group.component) } role="rowgroup" {
            tr class="group" role="row" id={ "h-" (group.component) } {
                th role="rowheader" scope="rowgroup" colspan=(COLUMNS.len()) {
                    (group.name) " " span class="purpose" { (group.purpose) }
                }
            }
        }
        @for alike in group.blocks() { (block(alike)) }
    }
}

/// A row, and those that fail alike, which a click on the row below it shows.
fn block(rows: &[EndpointRow]) -> Markup {
    html! {
        @if let Some((first, others)) = rows.split_first() {
            tbody id={ "b-" (first.id) } role="rowgroup" { (row(first)) (more(first)) }
            @if !others.is_empty() {
                tbody id={ "a-" (first.id) } class="alike" role="rowgroup" {
                    tr class="fold" role="row" {
                        td role="cell" colspan=(COLUMNS.len()) {
                            details id={ "f-" (first.id) } { summary { (fold(first, others.len())) } }
                        }
                    }
                    @for of in others { (row(of)) (more(of)) }
                }
            }
        }
    }
}

fn fold(first: &EndpointRow, others: usize) -> Markup {
    html! {
        (others) " more" @if let Some(route) = &first.route { " via " span class="route" { (route) } } ": "
        @if let Some(why) = &first.why { (why.title) }
    }
}

fn row(row: &EndpointRow) -> Markup {
    html! {
        tr id={ "r-" (row.id) } class="row" role="row" {
            td role="cell" class="state" { (badge(row.state)) }
            th role="rowheader" scope="row" class="endpoint" { (url(&row.url))
                @if let Some(route) = &row.route { span class="by" { "via " span class="route" { (route) } } }
            }
            td role="cell" class="why" { (why(row)) }
            td role="cell" class="phases" data-label="Phases" { @if let Some(drawn) = &row.phases { (waterfall(drawn)) } }
            td role="cell" class="answer" data-label="Status, address" {
                @if let Some(answer) = row.status { (status(answer)) }
                (addresses(&row.addresses))
            }
            td role="cell" class="tls" data-label="TLS" { @if let Some(chain) = &row.tls { (tls(chain)) } }
            td role="cell" class="last" data-label="Last success" {
                @match &row.last_success {
                    Some(at) => (short_time(at)),
                    None => span class="quiet" { "none so far" },
                }
            }
        }
    }
}

/// The row that a click opens. The style sheet places its summary in the row above, below the state.
fn more(row: &EndpointRow) -> Markup {
    html! {
        tr id={ "m-" (row.id) } class="more" role="row" {
            td role="cell" colspan=(COLUMNS.len()) {
                details id={ "o-" (row.id) } {
                    summary { "Details" (hidden(&format!(" of {}", row.url))) }
                    (details::panel(&row.details))
                }
            }
        }
    }
}

/// A URL with the host emphasized.
fn url(url: &str) -> Markup {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    html! {
        span class="url" {
            span class="quiet" { (scheme) "://" }
            // Lines may break between the labels of the host name and the segments of the path.
            b { @for label in host.split_inclusive('.') { wbr; (label) } }
            span class="quiet" { @for part in path.split_inclusive('/') { wbr; (part) } }
        }
    }
}

fn why(row: &EndpointRow) -> Markup {
    html! {
        @if let Some(why) = &row.why {
            span class="title" { (why.title) }
            span class="detail" {
                @if let Some(reason) = &why.code { (code(reason)) " " }
                (foreign(&why.detail))
            }
        }
        @for note in &row.notes { span class="aside" { (foreign(note)) } }
        @if let Some(routes) = &row.disagreement {
            span class="aside" { b { "Routes disagree: " } (foreign(routes)) }
        }
    }
}

fn waterfall(drawn: &Waterfall) -> Markup {
    let failed = drawn.bars.iter().find(|bar| bar.failed).map(|bar| bar.phase);
    html! {
        span class="drawn" {
            svg class="bars" role="img" aria-label=(drawn.label) viewBox={ "0 0 " (WIDTH) " 10" } preserveAspectRatio="none"
                width="100%" height="10" focusable="false" {
                rect class="track" width=(WIDTH) height="10" {}
                @for bar in &drawn.bars {
                    rect class={ "p-" (bar.phase) } x=(bar.x) width=(bar.width) height="10" {}
                }
            }
            @if drawn.cut { span class="cut" aria-hidden="true" { "»" } }
        }
        span class="total" { (drawn.total) @if let Some(phase) = failed { " " span class="failed" { "✕ " (Phase::as_str(phase)) } } }
    }
}

fn status(status: StatusView) -> Markup {
    html! {
        span { (status.code) @if !status.expected { " " b class="unusual" { "unusual" } } }
    }
}

fn tls(tls: &TlsView) -> Markup {
    html! {
        @if !tls.issuer.is_empty() { span class="issuer" { (foreign(&tls.issuer)) } }
        @if let Some(until) = &tls.expires {
            span class={ "until" @if until.past { " fault" } } {
                @if until.past { "✕ expired " } @else { "expires " }
                time datetime=(until.machine) title=(until.absolute) { (until.relative) }
            }
        }
        @if let Some(fault) = tls.fault { span class="fault" { "✕ " (fault) } }
        @match tls.revocation {
            Some(DisplayState::Good) => span class="until" { "not revoked" },
            Some(DisplayState::Bad) => (worded_badge(DisplayState::Bad, "revoked")),
            Some(DisplayState::Degraded) => (worded_badge(DisplayState::Degraded, "revocation unknown")),
            _ => {}
        }
    }
}

fn addresses(addresses: &[String]) -> Markup {
    html! {
        @if let Some((first, others)) = addresses.split_first() {
            span class="address" {
                (first) @if !others.is_empty() { " " span class="quiet" { "and " (others.len()) " more" } }
            }
        }
    }
}

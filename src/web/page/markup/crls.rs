//! The table of revocation lists.

use maud::{Markup, html};

use super::super::view::CrlView;
use super::components::{badge, foreign, short_time};

pub(super) fn section(crls: &[CrlView]) -> Markup {
    let routes = crls.iter().any(|crl| crl.route.is_some());
    html! {
        section id="crls" aria-labelledby="crls-title" {
            h2 id="crls-title" { "Revocation lists" }
            @if crls.is_empty() {
                p class="quiet" { "No CRL known yet: CRL URLs come from the certificates of answering endpoints." }
            } @else {
                div class="scroll" { (table(crls, routes)) }
            }
        }
    }
}

fn table(crls: &[CrlView], routes: bool) -> Markup {
    html! {
        table class="lists" role="table" {
            caption role="caption" { "CRLs named by verified certificates, as Windows fetches them" }
            thead role="rowgroup" { tr role="row" {
                th role="columnheader" scope="col" { "State" }
                th role="columnheader" scope="col" { "List" }
                @if routes { th role="columnheader" scope="col" { "Route" } }
                th role="columnheader" scope="col" { "Last fetch" }
                th role="columnheader" scope="col" { "Made" }
                th role="columnheader" scope="col" { "Next update" }
            } }
            tbody role="rowgroup" { @for crl in crls { (row(crl)) } }
        }
    }
}

fn row(crl: &CrlView) -> Markup {
    html! {
        tr role="row" {
            td role="cell" { (badge(crl.state)) }
            th role="rowheader" scope="row" class="endpoint" { (foreign(&crl.url)) }
            @if let Some(route) = &crl.route { td role="cell" data-label="Route" { span class="route" { (route) } } }
            td role="cell" data-label="Last fetch" {
                (crl.fetch) @if !crl.detail.is_empty() { span class="detail" { (foreign(&crl.detail)) } }
            }
            td role="cell" data-label="Made" { @if let Some(at) = &crl.this_update { (short_time(at)) } }
            td role="cell" data-label="Next update" {
                @if let Some(at) = &crl.next_update { @if at.past { b { "passed " } } (short_time(at)) }
            }
        }
    }
}

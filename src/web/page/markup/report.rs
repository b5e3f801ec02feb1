//! The report on a recorded round: one document that loads nothing. Text from the network is text.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::super::view::{ReportView, ReportedCause, ReportedEndpoint, RuleView};
use super::components::{code, foreign, shape, shapes, time};
use super::details;
use crate::web::page::{RoundReport, assets};

/// The document may use its own style sheet, and nothing else.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";

/// Where the report differs from the page.
const STYLE: &str = "\
.report section + section { margin-top: 2rem; }
.report .rules td, .report .rules th { text-align: left; padding: 0.25rem 1rem 0.25rem 0; vertical-align: top; }
.report pre { background: var(--sunken); padding: 0.75rem; overflow-x: auto; white-space: pre-wrap; overflow-wrap: anywhere; }
.report .rules code { white-space: nowrap; }
.report summary { position: static; padding: 0.25rem 0; cursor: pointer; }
.report h3 { margin: 1rem 0 0.25rem; font-size: 1rem; }
@media print { .report details > summary { list-style: none; } }
";

/// The HTML document.
pub(in crate::web::page) fn document(report: &ReportView, round: &RoundReport<'_>) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="referrer" content="no-referrer";
                title { "Microsoft Defender: network report · " (report.headline) }
                style { (PreEscaped(assets::STYLE.text())) (PreEscaped(STYLE)) }
            }
            body {
                (shapes())
                header class="top" {
                    p class="product" {
                        strong { "Network report" } span { "What Microsoft Defender Antivirus needs, and what is blocked" }
                    }
                }
                main id="main" class="report" {
                    section class={ "banner " (report.state) } aria-labelledby="headline" {
                        (shape(report.state))
                        div {
                            h1 id="headline" { (report.headline) }
                            p { (report.summary) }
                            @if let Some(clock) = &report.clock { p { (clock) } }
                            @for sentence in &report.common { p { (foreign(sentence)) } }
                        }
                    }
                    @if report.causes.is_empty() { p { "Nothing needs to be changed." } }
                    @for (n, of) in report.causes.iter().enumerate() { (cause(n + 1, of)) }
                    (about(report, round))
                }
            }
        }
    }
}

fn cause(n: usize, of: &ReportedCause) -> Markup {
    html! {
        section class=(of.cause.state) {
            h2 {
                (shape(of.cause.state)) " " (n) ". " (of.cause.title)
                @if let Some(reason) = &of.cause.code { " " (code(reason)) }
            }
            @if !of.cause.remedies.is_empty() {
                h3 { "What to change" }
                ul { @for remedy in &of.cause.remedies { li { (remedy) } } }
            }
            @if !of.rules.is_empty() { (rules(&of.rules)) }
            h3 { "What was seen" }
            @for endpoint in &of.endpoints { (seen(endpoint)) }
        }
    }
}

fn rules(rules: &[RuleView]) -> Markup {
    html! {
        h3 { "Hosts, patterns and ports that the rule must cover" }
        table class="rules" {
            thead { tr {
                th scope="col" { "Host or pattern" } th scope="col" { "TCP port" } th scope="col" { "Needed for" }
                th scope="col" { "Microsoft's document" }
            } }
            tbody { @for rule in rules {
                tr {
                    td { @for name in &rule.names { div { code { (foreign(name)) } } } }
                    td { (ports(rule)) }
                    td { (rule.purpose) }
                    td { @match rule.source {
                        Some(source) => { a href=(source) rel="noreferrer" { (source) } }
                        None => "not in Microsoft's list",
                    } }
                }
            } }
        }
        p { "To copy:" }
        pre { @for rule in rules { @for name in &rule.names { (name) " tcp " (ports(rule)) "\n" } } }
    }
}

fn ports(rule: &RuleView) -> String {
    rule.ports.iter().map(u16::to_string).collect::<Vec<_>>().join(", ")
}

fn seen(endpoint: &ReportedEndpoint) -> Markup {
    html! {
        details {
            summary {
                code { (foreign(&endpoint.url)) }
                @if let Some(route) = &endpoint.route { " via " (foreign(route)) }
                @if let Some(since) = &endpoint.since { ", seen " (since.absolute) }
            }
            (details::panel(&endpoint.details))
            @if !endpoint.received.is_empty() {
                h4 { "Start of the response body, as text" }
                pre { (foreign(&endpoint.received)) }
            }
        }
    }
}

fn about(report: &ReportView, round: &RoundReport<'_>) -> Markup {
    html! {
        section class="about" {
            h2 { "About this report" }
            p {
                "From one round of probes between " (time(&report.started)) " and " (time(&report.ended))
                ". Whether it was so before isn't known."
            }
            p { "Records aren't signed: trust this report as far as you trust who sent the record." }
            p { "Recorded by defender-exporter " (round.program) " with catalog " (round.catalog) "." }
            @if round.is_redacted {
                p {
                    "Names of this network are replaced: " code { "n1.invalid" } " is a host, " code { "192.0.2.0" }
                    " an address, " code { "CN=name 1" } " a certificate's name. The same name is always replaced by the same."
                }
            }
        }
    }
}

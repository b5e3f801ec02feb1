//! The details of an endpoint, which a click opens.

use maud::{Markup, html};

use super::super::view::{
    CertificateView, Details, FailureView, Field, PhaseView, ProbeView, RevocationView,
};
use super::components::{code, foreign, time, worded_badge};

/// The last probe, the last failed probe, and the endpoint's data.
pub(super) fn panel(details: &Details) -> Markup {
    html! {
        div class="panel" {
            @if let Some(advice) = &details.advice { section class="advice" { (failure(advice)) } }
            @match &details.last {
                Some(last) => (probe("Last probe", last, &details.revocation)),
                None => p { "Not probed yet." },
            }
            @if let Some(earlier) = &details.earlier_failure { (probe("Last failure", earlier, &[])) }
            @if let Some(evidence) = &details.evidence {
                section class="evidence" {
                    h4 { "Evidence of the last failure" }
                    p {
                        "As a record for " code { "defender-exporter judge" } ": " a href=(evidence) { "without names" } ", or "
                        a href={ (evidence) "&names=keep" } { "with names" } "."
                    }
                }
            }
            section class="about" { h4 { "The endpoint" } (fields(&details.about)) }
        }
    }
}

fn probe(title: &str, probe: &ProbeView, revocation: &[RevocationView]) -> Markup {
    html! {
        section class="probe" {
            h4 { (title) " " (time(&probe.at)) }
            @if let Some(of) = &probe.failure { (failure(of)) }
            (phases(probe))
            (fields(&probe.facts))
            @if !probe.chain.is_empty() { h5 { "Certificates as presented" } ol class="chain" {
                @for of in &probe.chain { (certificate(of)) }
            } }
            @if !probe.received.is_empty() {
                h5 { "Start of the response body, as text" }
                pre { (foreign(&probe.received)) }
            }
            @if !revocation.is_empty() { h5 { "Revocation" } ul class="revocation" {
                @for of in revocation { (status(of)) }
            } }
        }
    }
}

/// A failure, its cause and what to change.
pub(super) fn failure(failure: &FailureView) -> Markup {
    html! {
        div class="failure" {
            p { strong { (failure.title) } @if let Some(reason) = &failure.code { " " (code(reason)) } }
            @if !failure.detail.is_empty() { p class="detail" { (foreign(&failure.detail)) } }
            @if !failure.cause.is_empty() { p { (failure.cause) } }
            @if !failure.remedies.is_empty() {
                p { "What to change:" }
                ul { @for remedy in &failure.remedies { li { (remedy) } } }
            }
            @if let Some(number) = &failure.hresult { p { "A Windows client would most likely show " code { (number) } "." } }
            @if let Some(reason) = &failure.code { p { "More: " code { "defender-exporter explain " (reason) } } }
        }
    }
}

fn phases(probe: &ProbeView) -> Markup {
    html! {
        table class="phases" {
            caption { "Phases" }
            thead { tr { th scope="col" { "Phase" } th scope="col" { "Outcome" } th scope="col" { "Time" } } }
            tbody { @for of in &probe.phases { (phase(of)) } }
            tfoot { tr { th scope="row" { "Sum" } td {} td { (probe.total) } } }
        }
    }
}

fn phase(phase: &PhaseView) -> Markup {
    html! {
        tr {
            th scope="row" { svg width="10" height="10" aria-hidden="true" focusable="false" {
                rect class={ "p-" (phase.phase) } width="10" height="10" rx="2" {}
            } (phase.phase) }
            td class={ "outcome " (phase.outcome.replace(' ', "-")) } { (phase.outcome) }
            td { @if let Some(took) = &phase.took { (took) } }
        }
    }
}

/// A list of names and values.
pub(super) fn fields(fields: &[Field]) -> Markup {
    html! {
        @if !fields.is_empty() {
            dl { @for field in fields {
                div { dt { (field.name) } @for value in &field.values { dd { (foreign(value)) } } }
            } }
        }
    }
}

fn certificate(certificate: &CertificateView) -> Markup {
    html! {
        li {
            p { (foreign(&certificate.subject)) }
            p class="quiet" { "issued by " (foreign(&certificate.issuer)) }
            p class="quiet" { "valid from " (time(&certificate.from)) " until " (time(&certificate.until)) }
            @if certificate.is_unused { p class="quiet" { "not part of the verified chain" } }
        }
    }
}

fn status(of: &RevocationView) -> Markup {
    html! {
        li {
            (worded_badge(of.state, of.status.as_str())) " " (foreign(&of.subject))
            @if !of.detail.is_empty() { p class="quiet" { (foreign(&of.detail)) } }
        }
    }
}

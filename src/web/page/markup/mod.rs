//! Renders the page's content as HTML. maud escapes all interpolated text. `view` decides the content. Links are
//! relative, so that the page works behind a path prefix. The content security policy forbids `style` attributes.
mod components;

mod crls;
mod details;
mod filter;
mod host;
mod report;
mod table;
mod updates;
mod verdicts;

use maud::{DOCTYPE, Markup, html};

use super::view::Page;
use super::{About, assets};
use components::{shape, shapes, time};

pub(super) use report::document as report_document;

/// The HTML document.
pub(super) fn document(page: &Page, about: &About<'_>) -> Markup {
    let build = format!("{}-{}", about.build.version, about.build.revision);
    html! {
        (DOCTYPE)
        html lang="en" data-build=(build) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (page.state) ": " (page.headline) " · defender-exporter" }
                link rel="icon" type="image/svg+xml" href=(assets::ICON.relative());
                link rel="stylesheet" href=(assets::STYLE.relative());
                script src=(assets::SCRIPT.relative()) defer {}
            }
            body {
                (shapes())
                a class="skip" href="#endpoints" { "Skip to the endpoints" }
                (header(page))
                main id="main" {
                    (banner(page))
                    (verdicts::causes(&page.causes))
                    (verdicts::maps(&page.maps, &page.split_hellos))
                    (updates::section(&page.updates))
                    (verdicts::components(&page.components, &page.controls))
                    section id="endpoints" aria-labelledby="endpoints-title" tabindex="-1" {
                        h2 id="endpoints-title" { "Endpoints" }
                        (filter::form(page))
                        (table::table(&page.table))
                    }
                    (crls::section(&page.crls))
                    (host::section(page.host.as_ref()))
                }
                (footer(page, about))
            }
        }
    }
}

fn header(page: &Page) -> Markup {
    html! {
        header class="top" {
            p class="product" { strong { "defender-exporter" } span { "Microsoft Defender Antivirus on this network" } }
            div class="refresh" {
                p id="written" { "As of " (time(&page.now)) }
                // Only the script needs these, and shows them.
                p id="stale" role="alert" data-keep="" {}
                button id="pause" type="button" aria-pressed="false" data-keep="" hidden { "Pause updates" }
                noscript { p { "Reload the page to see what is newer." } }
            }
        }
    }
}

fn banner(page: &Page) -> Markup {
    html! {
        section class={ "banner " (page.state) } aria-labelledby="headline" {
            (shape(page.state))
            div {
                h1 id="headline" { (page.headline) }
                // Screen readers announce it when it changes, and only then.
                p id="summary" role="status" aria-live="polite" { (page.summary) }
                @if let Some(clock) = &page.clock {
                    p id="clock" role="alert" { (clock) }
                }
            }
        }
    }
}

fn footer(page: &Page, about: &About<'_>) -> Markup {
    html! {
        footer id="about" {
            p {
                "defender-exporter " (about.build.version) " (" (about.build.revision) "), configuration loaded "
                (time(&page.loaded)) "."
            }
            nav aria-label="Other endpoints" {
                a href={ "." (about.telemetry_path) } { "Metrics" }
                a href="api/v1/status" { "Status as JSON" }
                a href="api/v1/status.schema.json" { "its schema" }
                a href="-/healthy" { "Health" }
                a href="-/ready" { "Readiness" }
            }
        }
    }
}

//! The form that filters the table. Without the script, submitting it loads the filtered page. With the script, each
//! change filters the table at once.

use maud::{Markup, html};

use super::super::state::DisplayState;
use super::super::view::Page;
use super::components::shape;
use crate::report::Counts;

pub(super) fn form(page: &Page) -> Markup {
    let filter = &page.filter;
    html! {
        form id="filter" role="search" method="get" action="./#endpoints" {
            (states(filter.state, page.counts))
            label { span { "Component" }
                select name="component" {
                    option value="" { "All components" }
                    @for of in &page.components {
                        option value=(of.component) selected[filter.component == Some(of.component)] { (of.name) }
                    }
                }
            }
            @if !page.routes.is_empty() {
                label { span { "Route" }
                    select name="route" {
                        option value="" { "All routes" }
                        @for route in &page.routes {
                            option value=(route) selected[filter.route.as_ref() == Some(route)] { (route) }
                        }
                    }
                }
            }
            label class="text" { span { "Text" }
                input name="q" type="search" value=(filter.text) placeholder="host, reason, issuer, address"
                    autocomplete="off" spellcheck="false" maxlength="200";
            }
            button id="apply" type="submit" data-keep="" { "Filter" }
            a id="clear" class="clear" href="./#endpoints" hidden[filter.is_empty()] { "Show all" }
        }
    }
}

fn states(selected: Option<DisplayState>, counts: Counts) -> Markup {
    let choices = [
        (DisplayState::Bad, counts.bad),
        (DisplayState::Degraded, counts.degraded),
        (DisplayState::Unknown, counts.unknown),
        (DisplayState::Good, counts.good),
    ];
    html! {
        fieldset class="states" {
            legend { "State" }
            label { input type="radio" name="state" value="" checked[selected.is_none()]; span { "all " b { (counts.total()) } } }
            @for (state, count) in choices {
                label {
                    input type="radio" name="state" value=(state) checked[selected == Some(state)];
                    span { (shape(state)) (state) " " b { (count) } }
                }
            }
        }
    }
}

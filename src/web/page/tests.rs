//! Tests the HTML: escaping of untrusted text, compliance with the content security policy, and colour contrast.

use std::collections::BTreeMap;

use super::*;
use crate::clock::Clock;
use crate::metrics::fixture;
use crate::observation::{CertificateFacts, Failure, FailureReason, HttpFacts, Phase, TlsFacts};
use crate::plan::TargetId;
use crate::report::simulation::{self, MAPS, at};
use crate::revocation::{RevocationStatus, UndeterminedCause};

const HOSTILE: &str = "</bdi><script>alert('1')</script>\" onload=x &amp; \u{5d0}";

pub(super) fn html(snapshot: &Snapshot, query: &str) -> String {
    let path = "/metrics".parse().expect("valid");
    let about = About { build: fixture::build(), telemetry_path: &path };
    render(snapshot, Clock::Fixed(at(200)).now(), Filter::parse(query), &about)
}

/// A snapshot in which all text from servers is hostile.
fn hostile() -> Snapshot {
    let mut snapshot = simulation::healthy(&["direct", HOSTILE]);
    let id = simulation::target(&snapshot, MAPS, "direct");
    let text = HOSTILE.to_owned();
    let name = || CertificateFacts {
        subject: text.clone(),
        issuer: text.clone(),
        not_before: at(0),
        not_after: at(1),
    };
    simulation::observe(&mut snapshot, id, 70, |facts| {
        facts.tls =
            Some(TlsFacts { chain: [name()].into(), root: Some(text.clone()), ..TlsFacts::default() });
        let (server, location) = (Some(text.clone()), Some(text.clone()));
        facts.http = Some(HttpFacts { status: 403, server, location, ..HttpFacts::default() });
        facts.proxy = Some(text.clone());
        Some(Failure::new(Phase::Request, FailureReason::BlockPage, HOSTILE))
    });
    let other = simulation::target(&snapshot, MAPS, HOSTILE);
    simulation::revocation(
        &mut snapshot,
        other,
        (RevocationStatus::Unknown, Some(UndeterminedCause::Unreachable)),
        HOSTILE,
    );
    snapshot
}

/// One DNS server fails for everything but two hosts that it wasn't asked for: no rule of a firewall, and each name once.
#[test]
fn a_report_says_what_all_failures_share_and_names_each_rule_once() {
    let mut snapshot = simulation::healthy(&["direct"]);
    for n in 2..snapshot.targets.len() {
        simulation::observe(&mut snapshot, TargetId(n), 70, |facts| {
            facts.lookup.resolver = "192.0.2.53:53".parse().ok();
            Some(Failure::new(Phase::Resolve, FailureReason::Nxdomain, "no such name"))
        });
    }
    let round = RoundReport {
        program: "0.0.0-test",
        catalog: "2026-01-01",
        started: at(60),
        ended: at(90),
        is_redacted: false,
        received: &|_| String::new(),
    };
    let html = round.render(&snapshot);
    assert!(html.contains("failures share the DNS server 192.0.2.53."), "{html}");
    for row in ["\n*.download.windowsupdate.com tcp ", "\ngo.microsoft.com tcp "] {
        let shown = html.matches(row).count();
        assert_eq!(shown, 1, "{row}: {html}");
    }
}

#[test]
fn what_servers_say_is_text() {
    let query: String = url::form_urlencoded::byte_serialize(HOSTILE.as_bytes()).collect();
    for query in [String::new(), format!("q={query}&route={query}")] {
        let html = html(&hostile(), &query);
        assert!(html.contains("&lt;script&gt;alert"), "it is shown");
        for broken in ["<script>", "\" onload", "</bdi><script"] {
            assert!(!html.contains(broken), "{broken:?} in {html}");
        }
        assert_eq!(html.matches("<script").count(), 1, "the page's own");
    }
}

#[test]
fn the_page_asks_for_nothing_that_its_policy_forbids() {
    let html = html(&hostile(), "");
    for forbidden in
        [" style=", "<style", "javascript:", "src=\"http", "href=\"http", "url(", "<base", "<iframe"]
    {
        assert!(!html.contains(forbidden), "{forbidden}");
    }
    let loads: Vec<_> = html.split("src=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert_eq!(loads, ["./assets/page.js"]);
    assert!(html.contains("href=\"./metrics\"") && html.contains("href=\"./assets/page.css\""));
    assert!(!STYLE.contains("url(") && !STYLE.contains("@import"));
    for unsafe_sink in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("] {
        assert!(!include_str!("assets/page.js").contains(unsafe_sink), "{unsafe_sink}");
    }
}

#[test]
fn a_state_is_a_word_and_a_shape() {
    let html = html(&hostile(), "");
    let badges: Vec<_> = html.split("<span class=\"badge ").skip(1).collect();
    assert!(badges.len() > 100);
    for badge in badges {
        let inside = badge.split("</span>").next().unwrap_or_default();
        let (shape, word) = inside.split_once("</svg>").expect("a shape");
        assert!(shape.contains("<use href=\"#shape-") && !word.is_empty(), "{inside}");
    }
}

#[test]
fn the_table_is_a_table() {
    let html = html(&simulation::healthy(&["direct"]), "");
    let count = |what: &str| html.matches(what).count();
    assert_eq!(count("<table"), count("<caption"), "every table has its caption");
    let rows = simulation::healthy(&["direct"]).defender().count();
    assert_eq!(count("<tr id=\"r-"), rows);
    assert_eq!(count("<details id=\"o-"), rows);
    assert_eq!(count("<th role=\"rowheader\" scope=\"row\""), rows + 1, "each endpoint, and the one list");
    assert_eq!(count("scope=\"rowgroup\""), 6, "each component");
    assert_eq!(count("<th "), count(" scope=\""), "every header says what it is of");
    assert_eq!(count("<h1"), 1);
    let ids: Vec<_> = html.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    let distinct: std::collections::BTreeSet<_> = ids.iter().collect();
    assert_eq!(ids.len(), distinct.len(), "an id stands for one element");
}

#[test]
fn the_form_shows_what_is_asked_for() {
    let html =
        html(&simulation::healthy(&["direct", "proxy"]), "component=crl&state=good&route=proxy&q=a%22b");
    for expected in [
        "<option value=\"crl\" selected>",
        "value=\"good\" checked",
        "<option value=\"proxy\" selected>",
        "value=\"a&quot;b\"",
        "0 of 112 results (endpoints via 2 routes), by component",
        "No endpoint matches.",
    ] {
        assert!(html.contains(expected), "{expected}");
    }
    let whole = self::html(&simulation::healthy(&["direct"]), "");
    assert!(
        whole.contains("value=\"\" checked")
            && whole.contains("id=\"clear\" class=\"clear\" href=\"./#endpoints\" hidden")
    );
    assert!(!whole.contains("name=\"route\""), "there is nothing to choose");
}

const STYLE: &str = include_str!("assets/page.css");

/// The colours that a scheme defines.
fn colours(block: &str) -> BTreeMap<&str, [f64; 3]> {
    let lines = block.lines().filter_map(|line| line.trim().strip_prefix("--")?.split_once(": #"));
    lines.map(|(name, hex)| (name, rgb(hex.trim_end_matches(';')))).collect()
}

fn rgb(hex: &str) -> [f64; 3] {
    let value = u32::from_str_radix(hex, 16).expect("six digits");
    [16, 8, 0].map(|shift| f64::from(value >> shift & 0xff) / 255.0)
}

/// Relative luminance (WCAG 2.2).
fn luminance(colour: [f64; 3]) -> f64 {
    let [r, g, b] = colour.map(|c| if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) });
    0.2126 * r + 0.7152 * g + 0.0722 * b
}

/// Contrast ratio (WCAG 2.2).
fn contrast(a: [f64; 3], b: [f64; 3]) -> f64 {
    let (a, b) = (luminance(a) + 0.05, luminance(b) + 0.05);
    a.max(b) / a.min(b)
}

#[test]
fn the_measure_of_contrast_is_wcags() {
    let check = |a, b, expected: f64| assert!((contrast(rgb(a), rgb(b)) - expected).abs() < 0.005);
    check("000000", "ffffff", 21.0);
    check("777777", "ffffff", 4.48);
    check("ff0000", "ffffff", 4.00);
}

#[test]
fn contrasts_are_those_of_wcag_aa() {
    let (light, dark) = STYLE.split_once("@media (prefers-color-scheme: dark)").expect("two schemes");
    let dark = dark.split_once("*,").expect("the rules follow").0;
    let schemes = [colours(light), colours(dark)];
    assert_eq!(schemes[0].keys().collect::<Vec<_>>(), schemes[1].keys().collect::<Vec<_>>());
    let states = ["good", "degraded", "bad", "unknown"];
    for colours in schemes {
        let check = |a: &str, b: &str, least: f64| {
            let found = contrast(colours[a], colours[b]);
            assert!(found >= least, "{a} on {b}: {found:.2}, wanted are {least}");
        };
        for ground in ["page", "surface", "sunken"] {
            for text in ["text", "quiet", "link"] {
                check(text, ground, 4.5);
            }
            check("focus", ground, 3.0);
            check("quiet", ground, 3.0); // the borders of form fields
        }
        for state in states {
            check(state, "surface", 4.5);
            check(state, "sunken", 4.5);
            check(state, &format!("{state}-tint"), 4.5);
            check("text", &format!("{state}-tint"), 4.5);
        }
        check("surface", "link", 4.5); // the selected state in the filter
        for phase in Phase::ALL {
            check(phase.as_str(), "surface", 3.0);
            check(phase.as_str(), "sunken", 3.0);
        }
    }
}

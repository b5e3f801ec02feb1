//! The text of `check` in five states, as golden files (tests/data/check). After an intended change,
//! `UPDATE_GOLDEN=1 cargo test --lib check::` rewrites them.

use super::*;
use crate::catalog::{Component, Scheme, UpdateOrigin};
use crate::observation::{Failure, FailureReason as R, HttpFacts, Phase as S};
use crate::plan::{Target, TargetId};
use crate::report::simulation::{self, at};
use crate::revocation::{RevocationStatus, UndeterminedCause};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/check");

/// The widths at which nothing may be longer than a line.
const WIDTHS: [usize; 5] = [80, 100, 120, 160, 200];

const ISSUER: &str = "CN=Inspection CA, O=Example Corporation";
const ROOT: &str = "CN=Inspection Root, O=Example Corporation";

fn view(format: CheckFormat, width: usize) -> View {
    View { format, all: false, selected: false, width }
}

fn plain(snapshot: &Snapshot, view: &View) -> String {
    let text = render(snapshot, view, at(200)).expect("it can be written");
    anstream::adapter::strip_str(&text).to_string()
}

/// Each target for which `fails` has a failure.
fn broken(fails: impl Fn(&Target) -> Option<((S, R), String)>) -> Snapshot {
    let mut snapshot = simulation::healthy(&["direct"]);
    for n in 0..snapshot.targets.len() {
        let failure = fails(snapshot.plan.target(TargetId(n)));
        if let Some((of, detail)) = failure {
            simulation::fail(&mut snapshot, TargetId(n), 70, of, &detail);
        }
    }
    snapshot
}

fn maps_lost_by_dns() -> Snapshot {
    broken(|target| {
        let host = target.endpoint.url.host();
        (target.endpoint.component == Component::Maps).then(|| {
            let detail = format!("{host} does not exist (NXDOMAIN from DNS server 10.0.0.53)");
            ((S::Resolve, R::Nxdomain), detail)
        })
    })
}

/// An inspector signs all certificates; clients accept that for sample storage alone.
fn inspected() -> Snapshot {
    let mut snapshot = simulation::healthy(&["direct"]);
    for n in 0..snapshot.targets.len() {
        let endpoint = snapshot.plan.target(TargetId(n)).endpoint.clone();
        if endpoint.url.scheme() == Scheme::Http {
            continue;
        }
        simulation::observe(&mut snapshot, TargetId(n), 70, |facts| {
            let tls = facts.tls.as_mut().expect("an https endpoint");
            tls.intercepted = true;
            let mut chain = tls.chain.to_vec();
            chain[0].issuer = ISSUER.to_owned();
            tls.chain = chain.into();
            tls.root = Some(ROOT.to_owned());
            let detail = format!(
                "TLS inspection: the chain is trusted here but ends at {ROOT}, not at a root of the genuine service; certificate issued by \
                 {ISSUER}"
            );
            (!endpoint.may_be_inspected).then(|| Failure::new(S::Tls, R::Intercepted, detail))
        });
    }
    snapshot
}

fn proxy_407() -> Snapshot {
    broken(|target| {
        let demand = "it offers Negotiate, NTLM, none of which this exporter supports (Basic only)";
        Some(match target.endpoint.url.scheme() {
            Scheme::Https => {
                ((S::Tunnel, R::AuthRequired), format!("the proxy answered CONNECT with 407: {demand}"))
            }
            Scheme::Http | Scheme::Folder => (
                (S::Request, R::AuthRequired),
                format!(
                    "407 Proxy Authentication Required: a proxy on the path requires authentication: {demand}"
                ),
            ),
        })
    })
}

fn silent() -> Snapshot {
    broken(|target| {
        let host = target.endpoint.url.host();
        let detail = format!("DNS server 10.0.0.53 did not answer for {host} within 9.5s");
        Some(((S::Resolve, R::Timeout), detail))
    })
}

fn states() -> [(&'static str, Snapshot); 5] {
    [
        ("healthy", simulation::healthy(&["direct"])),
        ("maps-lost-by-dns", maps_lost_by_dns()),
        ("tls-inspected", inspected()),
        ("proxy-407", proxy_407()),
        ("everything-silent", silent()),
    ]
}

/// Holds that a text is what the golden file has, after rewriting that if `UPDATE_GOLDEN` is set.
fn golden(name: &str, actual: &str) {
    let file = format!("{FOLDER}/{name}");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(FOLDER).expect("the folder can be made");
        std::fs::write(&file, actual).expect("the file can be written");
    }
    let expected = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        actual == expected,
        "{file} differs; if that is intended: UPDATE_GOLDEN=1 cargo test --lib check::\n{actual}"
    );
}

#[test]
fn the_text_is_that_of_the_golden_files() {
    for (name, snapshot) in states() {
        golden(&format!("{name}.txt"), &plain(&snapshot, &view(CheckFormat::Table, 80)));
    }
    golden("maps-lost-by-dns.md", &plain(&maps_lost_by_dns(), &view(CheckFormat::Markdown, 80)));
    golden("maps-lost-by-dns-200.txt", &plain(&maps_lost_by_dns(), &view(CheckFormat::Table, 200)));
}

#[test]
fn the_readme_shows_what_comes_out() {
    let recorded = std::fs::read_to_string(format!("{FOLDER}/maps-lost-by-dns.txt")).expect("a golden file");
    let readme = include_str!("../../../README.md");
    let (_, excerpt) = readme.split_once("cargo run --release -- check").expect("the excerpt");
    let excerpt = excerpt.split("```").nth(1).expect("a block of code").trim();
    assert!(excerpt.lines().count() > 8, "{excerpt}");
    for part in excerpt.split("\n...\n") {
        assert!(recorded.contains(part.trim_matches('\n')), "not recorded: {part}");
    }
}

#[test]
fn every_line_fits_the_terminal() {
    let two_routes = {
        let mut snapshot = simulation::healthy(&["direct", "machine-proxy"]);
        for n in (0..snapshot.targets.len()).step_by(3) {
            simulation::fail(&mut snapshot, TargetId(n), 70, (S::Connect, R::Refused), "refused by the test");
        }
        snapshot
    };
    for (name, snapshot) in states().into_iter().chain([("two routes", two_routes)]) {
        for (width, all) in WIDTHS.into_iter().flat_map(|width| [(width, false), (width, true)]) {
            let text = plain(&snapshot, &View { all, ..view(CheckFormat::Table, width) });
            // A URL that is longer than the line stays whole.
            let is_url = |line: &str| line.trim().starts_with("http") && !line.trim().contains(' ');
            let long = text.lines().find(|line| line.chars().count() > width && !is_url(line));
            assert_eq!(long, None, "{name}, {width} columns, all: {all}");
        }
    }
}

#[test]
fn all_lists_every_endpoint() {
    let snapshot = maps_lost_by_dns();
    for width in WIDTHS {
        let text = plain(&snapshot, &View { all: true, ..view(CheckFormat::Table, width) });
        let missing: Vec<_> = snapshot
            .defender()
            .map(|(_, target, _)| target.endpoint.url.as_str())
            .filter(|url| !text.contains(url))
            .collect();
        assert_eq!(missing, [""; 0], "{width} columns");
    }
}

#[test]
fn the_table_has_what_json_has() {
    for (name, snapshot) in states() {
        let code = exit_code(&snapshot);
        for format in [CheckFormat::Table, CheckFormat::Markdown] {
            let text = plain(&snapshot, &view(format, 80));
            assert!(text.contains(&format!("Exit code {code}:")), "{name}: {text}");
        }
        let json = plain(&snapshot, &view(CheckFormat::Json, 80));
        assert!(json.contains(&format!("\"exit_code\": {code},")), "{name}");
    }
}

#[test]
fn a_selection_is_not_the_network() {
    let check = |snapshot: &Snapshot, sentence: &str| {
        let said = super::verdict::sentence(snapshot, true);
        assert!(said.starts_with(sentence) && !said.contains("network"), "{said}");
    };
    check(&simulation::healthy(&["direct"]), "All 56 selected endpoints work. Exit code 0");
    check(&maps_lost_by_dns(), "What was selected does not reach MAPS");
    let mut one = simulation::healthy(&["direct"]);
    let id = simulation::target(&one, simulation::MAPS, "direct");
    simulation::fail(&mut one, id, 70, (S::Connect, R::Refused), "");
    check(&one, "What was selected works in part, but 1 of 56 endpoints fails or is degraded.");
    let adl = broken(|target| {
        (target.endpoint.component == Component::Adl).then(|| ((S::Connect, R::Refused), String::new()))
    });
    check(&adl, "What was selected does not work: Alternate download location (adl). Exit code 1");
}

#[test]
fn the_causes_without_remedies_of_their_own_say_what_to_do() {
    let mut snapshot = simulation::healthy(&["direct"]);
    let id = simulation::target(&snapshot, simulation::FIRM, "direct");
    simulation::observe(&mut snapshot, id, 70, |facts| {
        facts.http = Some(HttpFacts { status: 418, genuine: true, ..HttpFacts::default() });
        None
    });
    let text = plain(&snapshot, &view(CheckFormat::Table, 80));
    assert!(text.contains("1. Genuine, but the service usually answers 404\n   Find out whether"), "{text}");
    assert!(text.contains("Degrades 1 endpoint of maps."), "{text}");
}

#[test]
fn text_from_the_network_controls_no_terminal() {
    let hostile = "\x1b[2J\u{202e}title\r\nforged line";
    let mut snapshot = simulation::healthy(&["direct"]);
    let id = simulation::target(&snapshot, simulation::MAPS, "direct");
    simulation::fail(&mut snapshot, id, 70, (S::Request, R::BlockPage), hostile);
    let other = simulation::target(&snapshot, simulation::FIRM, "direct");
    simulation::revocation(
        &mut snapshot,
        other,
        (RevocationStatus::Unknown, Some(UndeterminedCause::Unreachable)),
        hostile,
    );
    for (all, width) in [(false, 80), (true, 80), (false, 200), (true, 200)] {
        let text = render(&snapshot, &View { all, ..view(CheckFormat::Table, width) }, at(200)).unwrap();
        assert!(!text.contains("\x1b[2J") && !text.contains('\u{202e}'), "{text:?}");
        assert!(text.contains("title") && !text.contains("\nforged"), "{text:?}");
    }
}

/// An exemption for the host alone misses the name of the content network.
#[test]
fn the_aliases_of_what_fails_are_named() {
    let mut snapshot = simulation::healthy(&["direct"]);
    let alias = "wd-prod-cp.trafficmanager.example";
    for (url, fails) in [(simulation::MAPS, true), (simulation::FIRM, false)] {
        let id = simulation::target(&snapshot, url, "direct");
        simulation::observe(&mut snapshot, id, 70, |facts| {
            facts.aliases = vec![alias.to_owned(), format!("{id:?}.cloud.example")];
            fails.then(|| Failure::new(S::Connect, R::Timeout, "no answer after 3s"))
        });
    }
    let all = |format, all| plain(&snapshot, &View { all, ..view(format, 100) });
    for format in [CheckFormat::Table, CheckFormat::Markdown] {
        let text = all(format, false);
        assert!(text.contains(&format!("wdcp.microsoft.com → {alias} → ")), "{text}");
        assert!(!text.contains("unitedstates.cp.wd.microsoft.com →"), "{text}");
    }
    assert!(all(CheckFormat::Table, true).contains(&format!("unitedstates.cp.wd.microsoft.com → {alias}")));
    assert!(!plain(&simulation::healthy(&["direct"]), &view(CheckFormat::Table, 100)).contains("CNAME"));
}

/// The machine's own order of update sources follows the table, where it differs from the configuration.
#[test]
fn an_order_that_differs_from_the_configuration_is_said() {
    let check = |order: &[UpdateOrigin], expected: &[&str]| {
        let mut snapshot = simulation::healthy(&["direct"]);
        simulation::set_fallback_order(&mut snapshot, Some(order));
        let text = plain(&snapshot, &view(CheckFormat::Table, 100));
        let (_, after) = text.split_once("\nUpdate sources\n").expect("they are listed");
        let after = after.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(after.contains("Defender on this machine"), !expected.is_empty(), "{after}");
        assert!(expected.iter().all(|words| after.contains(words)), "{after}");
        assert_eq!(exit_code(&snapshot), 0, "no fault");
    };
    check(&[UpdateOrigin::MicrosoftUpdate, UpdateOrigin::Adl], &[]);
    check(&[UpdateOrigin::MicrosoftUpdate], &["`update_sources` lists adl, too, which it doesn't use."]);
    check(&[UpdateOrigin::Adl, UpdateOrigin::MicrosoftUpdate], &["adl is later in `update_sources`."]);
}

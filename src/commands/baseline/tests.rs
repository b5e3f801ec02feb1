//! A baseline is a configuration and a record: both can be read again whatever the network sent, and later changes are
//! reported.

use proptest::prelude::*;

use super::*;
use crate::config::{Config, Environment, parse as parse_config};
use crate::observation::{Facts, Failure, FailureReason as R, Phase as S};
use crate::plan::plan;
use crate::report::simulation::{self, MAPS, at};

const VERSION: &str = "0.0.0-test";

fn written(snapshot: &Snapshot) -> String {
    render(snapshot, at(300), VERSION).unwrap()
}

/// The baseline read as a configuration.
fn config(text: &str) -> Config {
    let environment = Environment::from_process();
    parse_config("baseline.yaml", text, std::path::Path::new(""), &environment)
        .unwrap_or_else(|problems| panic!("{problems}\n{text}"))
}

/// A healthy round in which `spoil` changed one endpoint's probe.
fn with(url: &str, spoil: impl FnOnce(&mut Facts) -> Option<Failure>) -> Snapshot {
    let mut snapshot = simulation::healthy(&["direct"]);
    let id = simulation::target(&snapshot, url, "direct");
    simulation::observe(&mut snapshot, id, 20, spoil);
    snapshot
}

fn answering(status: u16) -> Snapshot {
    with(MAPS, |facts| {
        facts.http.as_mut().unwrap().status = status;
        None
    })
}

/// The lines of the file that aren't comments.
fn entries(text: &str) -> Vec<&str> {
    text.lines().filter(|line| !line.is_empty() && !line.trim_start().starts_with('#')).collect()
}

#[test]
fn a_baseline_without_differences() {
    let healthy = simulation::healthy(&["direct"]);
    let text = written(&healthy);
    assert_eq!(entries(&text), ["endpoints: []"]);
    assert_eq!(config(&text), Config::default());
    let read = file::parse("baseline.yaml", &text).unwrap();
    assert_eq!(read.taken_at, "2026-11-24T00:05:00Z");
    assert_eq!(read.answers, answers(&healthy).collect());
    assert!(read.answers.len() > 30, "{text}");
    assert!(text.contains("via direct: plain HTTP answer without a signature of its own"), "{text}");
    assert_eq!(exit_code(&healthy), 0);
    assert_eq!(exit_code(&simulation::fresh(&["direct"])), 1);
}

#[test]
fn what_differs_becomes_an_entry_that_a_plan_takes() {
    let snapshot = answering(418);
    let text = written(&snapshot);
    let [first, component, url, expect] = entries(&text)[..] else { panic!("{text}") };
    assert_eq!([first, component], ["endpoints:", "  - component: maps"]);
    assert_eq!(url.trim(), format!("url: {MAPS:?}"));
    assert_eq!(expect, "    expect: [404, 418, 503]");
    assert!(text.contains("  # status via direct: 418; expected: 503 or 404\n"), "{text}");
    let plan = plan(crate::catalog::embedded(), &config(&text)).unwrap();
    let taken = plan.targets.iter().find(|target| target.endpoint.url.as_str() == MAPS).unwrap();
    assert!([404, 418, 503].iter().all(|status| taken.endpoint.expect.allows(*status)));
}

#[test]
fn routes_share_an_entry() {
    const STORAGE: &str = "https://ussus1eastprod.blob.core.windows.net/";
    let mut snapshot = simulation::healthy(&["direct", "proxy"]);
    for (route, status) in [("direct", 403), ("proxy", 409)] {
        let id = simulation::target(&snapshot, STORAGE, route);
        simulation::observe(&mut snapshot, id, 20, |facts| {
            facts.http.as_mut().unwrap().status = status;
            Some(Failure::new(S::Request, R::Status, format!("status {status}")))
        });
    }
    let text = written(&snapshot);
    let entries = entries(&text);
    assert_eq!(entries.len(), 5, "{text}");
    assert_eq!(entries[3], "    expect: [400, 403, 409]");
    assert!(entries[4].starts_with("    evidence: []"), "{text}");
    config(&text);
}

#[test]
fn what_no_entry_can_change_is_a_comment() {
    let snapshot = with(MAPS, |facts| {
        facts.tls.as_mut().unwrap().unexpected_root = true;
        None
    });
    let text = written(&snapshot);
    assert_eq!(entries(&text), ["endpoints: []"]);
    assert!(text.contains("root via direct: CN=Example Root; expected: one of microsoft_roots"), "{text}");
    config(&text);
}

#[test]
fn only_changes_are_reported() {
    let healthy = simulation::healthy(&["direct"]);
    let baseline = file::parse("baseline.yaml", &written(&healthy)).unwrap();
    let check = |snapshot: &Snapshot, expected: &[&str]| {
        let comparison = compare(&baseline, snapshot);
        let text = comparison.render();
        assert_eq!(comparison.exit_code(), u8::from(!expected.is_empty()), "{text}");
        let reported: Vec<_> = comparison.changes.values().flatten().collect();
        assert_eq!(reported.len(), expected.len(), "{text}");
        assert!(expected.iter().all(|words| text.contains(words)), "{expected:?} in {text}");
    };
    check(&healthy, &[]);
    check(&answering(404), &["status of wdcp.microsoft.com: 503 -> 404"]);
    let other = with(MAPS, |facts| {
        facts.tls.as_mut().unwrap().root = Some("CN=Other Root".to_owned());
        facts.http.as_mut().unwrap().server = Some("Other/1".to_owned());
        None
    });
    check(
        &other,
        &[
            "root of wdcp.microsoft.com: CN=Example Root -> CN=Other Root",
            "server of wdcp.microsoft.com: none -> Other/1",
        ],
    );
    let refused = with(MAPS, |facts| {
        *facts = Facts::default();
        Some(Failure::new(S::Connect, R::Refused, "by the test"))
    });
    check(&refused, &["no proven answer now: connect: refused: by the test"]);
    let all = baseline.answers.len();
    let by_proxy = compare(&baseline, &simulation::healthy(&["proxy"]));
    assert_eq!((by_proxy.same, by_proxy.changes.len()), (0, 2 * all));
    let text = by_proxy.render();
    assert!(text.contains("is not probed with this configuration") && text.contains("is new"), "{text}");
    assert!(compare(&baseline, &healthy).render().starts_with("No change since 2026-11-24T00:05:00Z"));
}

#[test]
fn a_file_that_is_no_baseline_is_refused_with_line_and_key() {
    let text = written(&simulation::healthy(&["direct"]));
    let check = |text: &str, expected: &str| {
        let error = file::parse("b.yaml", text).unwrap_err().to_string();
        assert!(error.starts_with(&format!("b.yaml: line {expected}")), "{error} is not {expected}");
    };
    let replaced = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        text.replacen(from, to, 1)
    };
    let line_of = |needle: &str| text.lines().position(|line| line.contains(needle)).unwrap() + 1;
    let (head, answer) = (line_of("# baseline: {"), line_of("# answer: {"));
    check("", "1: no line begins with `# baseline:`");
    check("endpoints: []\n", "1: no line begins with `# baseline:`");
    check(&replaced("\"format\":1", "\"format\":2,\"new\":3"), &format!("{head}: format: 2 is not 1"));
    check(&replaced("\"format\":1", "\"colour\":1"), &format!("{head}: colour: unknown field `colour`"));
    check(&replaced("\"taken_at\":\"2026", "\"taken_at\":\"x2026"), &format!("{head}: taken_at: \"x2026"));
    check(
        &replaced("\"status\":503", "\"status\":\"503\""),
        &format!("{answer}: answer.hops[0].status: invalid type"),
    );
    check(
        &replaced("\"status\":503", "\"status\":70000"),
        &format!("{answer}: answer.hops[0].status: invalid value"),
    );
    check(
        &replaced("\"proof\":\"chain\"", "\"proof\":\"hope\""),
        &format!("{answer}: answer.proof: unknown variant `hope`"),
    );
    check(
        &replaced("\"component\":\"maps\"", "\"component\":\"map\""),
        &format!("{answer}: component: unknown variant"),
    );
    check(
        &replaced(&format!("\"endpoint\":{MAPS:?}"), "\"endpoint\":\"ftp://x/\""),
        &format!("{answer}: endpoint: \"ftp://x/\""),
    );
    check(&replaced("# answer: {", "# answer: "), &format!("{answer}: "));
    let first = text.lines().nth(answer - 1).unwrap();
    let twice = format!("{text}{first}\n");
    let last = twice.lines().count();
    check(&twice, &format!("{last}: endpoint: is recorded twice via this route, first in line {answer}"));
    check(&text.repeat(2), &format!("{}: a second `# baseline:` line", text.lines().count() + head));
    let missing = read(std::path::Path::new("/no/such/baseline.yaml")).unwrap_err().to_string();
    assert_eq!(missing, "/no/such/baseline.yaml: can't be read: no such file");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// For any text from the network, the file is a valid configuration and its record contains that text.
    #[test]
    fn network_text_cannot_break_the_file(server in any::<String>(), root in "\\PC*", detail in any::<String>(), route in "[a-z]{1,8}") {
        let mut snapshot = simulation::healthy(&[&route]);
        let id = simulation::target(&snapshot, MAPS, &route);
        simulation::observe(&mut snapshot, id, 20, |facts| {
            facts.http.as_mut().unwrap().server = Some(server.clone());
            facts.tls.as_mut().unwrap().root = Some(root.clone());
            facts.tls.as_mut().unwrap().unexpected_root = true;
            Some(Failure::new(S::Request, R::WrongContent, &detail))
        });
        let text = written(&snapshot);
        prop_assert!(text.lines().all(|line| line.chars().all(|c| matches!(c, ' '..='~'))));
        config(&text);
        let read = file::parse("baseline.yaml", &text).unwrap();
        prop_assert_eq!(&read.answers, &answers(&snapshot).collect());
        prop_assert_eq!(compare(&read, &snapshot).exit_code(), 0);
    }

    /// Any file is either a baseline or an error of one line.
    #[test]
    fn parsing_never_panics(text in any::<String>(), json in "\\PC*") {
        for text in [text, format!("# baseline: {json}\n# answer: {json}"), format!("# answer: {{\"{json}\":1}}")] {
            if let Err(error) = file::parse("b.yaml", &text) {
                prop_assert_eq!(error.to_string().lines().count(), 1);
            }
        }
    }
}

//! Blocked networks as data: the affected endpoints, the resulting verdicts, and the reported texts.

use super::{Response, healthy, set_response};
use crate::catalog::Component;
use crate::commands::check::{self, CheckFormat, View};
use crate::observation::{FailureReason as R, Phase as S};
use crate::report::simulation;
use crate::state::Snapshot;
use crate::verdict::Verdict;

/// What a network does to some endpoints.
enum Done {
    Fails(S, R),
    Responds(Response),
}

/// A case: the affected endpoints (by parts of their URL), what happens to them, and the expected texts.
struct Blocked {
    what: &'static str,
    hit: &'static [&'static str],
    done: fn() -> Done,
    /// The components that are bad or degraded; all others are good.
    bad: &'static [Component],
    degraded: &'static [Component],
    /// The unserved needs of MAPS.
    unserved: &'static [&'static str],
    /// Texts in the reports.
    words: &'static [&'static str],
}

fn refused() -> Done {
    Done::Fails(S::Connect, R::Refused)
}

/// The whole package, although only the first byte was requested.
fn range_ignored() -> Done {
    let root = Some("DigiCert Global Root G2");
    Done::Responds(Response { status: 200, headers: Vec::new(), body: b"M".to_vec(), root, completed: false })
}

const CASES: [Blocked; 6] = [
    Blocked {
        what: "the apex of a wildcard",
        hit: &["//wdcp.microsoft.com", "//wdcpalt.microsoft.com"],
        done: refused,
        bad: &[Component::Maps],
        degraded: &[],
        unserved: &["default_hosts"],
        words: &["*.wdcp.microsoft.com", "allow the name itself", "connect: refused"],
    },
    Blocked {
        what: "the regions' hosts",
        hit: &["/wdcp.svc/bond/submitReport/test"],
        done: refused,
        bad: &[Component::Maps, Component::Usgov],
        degraded: &[],
        unserved: &["regional_hosts"],
        words: &["regional hosts", "connect: refused"],
    },
    Blocked {
        what: "packages behind a feed that answers",
        hit: &["https://go.microsoft.com/fwlink/?LinkID=121721"],
        done: || Done::Fails(S::Transfer, R::BlockPage),
        bad: &[Component::Adl],
        degraded: &[],
        unserved: &[],
        words: &["transfer.block_page"],
    },
    Blocked {
        what: "Range",
        hit: &["https://go.microsoft.com/fwlink/?LinkID=121721"],
        done: range_ignored,
        bad: &[],
        degraded: &[Component::Adl],
        unserved: &[],
        words: &["This path strips Range", "BITS and Delivery Optimization need it"],
    },
    Blocked {
        what: "the lists of roots",
        hit: &["ctldl.windowsupdate.com"],
        done: refused,
        bad: &[Component::Update],
        degraded: &[],
        unserved: &[],
        words: &["connect: refused", "ctldl.windowsupdate.com"],
    },
    Blocked {
        what: "the hosts of downloads",
        hit: &["download.windowsupdate.com"],
        done: refused,
        bad: &[Component::Update],
        degraded: &[Component::Adl],
        unserved: &[],
        words: &["connect: refused"],
    },
];

/// The output of `check`, as table and JSON.
fn report(snapshot: &Snapshot) -> String {
    let now = simulation::at(71);
    let report = [CheckFormat::Table, CheckFormat::Json]
        .map(|format| View { format, all: false, selected: false, width: 200 })
        .map(|view| check::render(snapshot, &view, now).expect("it can be written"));
    report.concat().split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn blocked_endpoints_are_detected() {
    for case in &CASES {
        let mut snapshot = healthy();
        let hit: Vec<_> = snapshot
            .iter()
            .filter(|(_, target, _)| {
                case.hit.iter().any(|words| target.endpoint.url.as_str().contains(words))
            })
            .map(|(id, ..)| id)
            .collect();
        assert!(!hit.is_empty(), "{} hits nothing", case.what);
        for id in hit {
            match (case.done)() {
                Done::Fails(phase, reason) => simulation::fail(&mut snapshot, id, 70, (phase, reason), ""),
                Done::Responds(response) => set_response(&mut snapshot, id, &response),
            }
        }
        for component in &snapshot.components {
            let expected = match component.component {
                bad if case.bad.contains(&bad) => Verdict::Bad,
                degraded if case.degraded.contains(&degraded) => Verdict::Degraded,
                _ => Verdict::Good,
            };
            assert_eq!(component.verdict, Some(expected), "{}: {}", case.what, component.component);
        }
        for maps in &snapshot.maps {
            let unserved: Vec<_> = maps.connection.unserved().iter().map(|of| of.need.as_str()).collect();
            assert_eq!(unserved, case.unserved, "{}: SSLOptions {}", case.what, maps.options.as_str());
        }
        let text = report(&snapshot);
        for words in case.words {
            assert!(text.contains(words), "{}: {words} is not said: {text}", case.what);
        }
    }
}

//! Tests the page's content, as data, for sample snapshots.

use super::*;
use crate::catalog::Component;
use crate::observation::{FailureReason as R, Phase as S};
use crate::plan::TargetId;
use crate::report::StatusReport;
use crate::report::simulation::{self, FIRM, MAPS, at};
use crate::revocation::{RevocationStatus, UndeterminedCause};

fn page(snapshot: &Snapshot, query: &str) -> Page {
    Page::new(snapshot, at(200), Filter::parse(query))
}

/// The displayed rows.
fn rows(page: &Page) -> Vec<&EndpointRow> {
    page.table.groups.iter().flat_map(|group| &group.rows).collect()
}

/// Makes every endpoint of a component fail.
fn lose(snapshot: &mut Snapshot, component: Component, second: u64) {
    let own = snapshot.iter().filter(|(_, target, _)| target.endpoint.component == component);
    let own: Vec<_> = own.map(|(id, ..)| id).collect();
    for id in &own {
        simulation::fail(snapshot, *id, second, (S::Connect, R::Refused), "");
    }
}

#[test]
fn the_worst_news_is_the_headline() {
    let check = |snapshot: &Snapshot, state: DisplayState, headline: &str, summary: &str| {
        let page = page(snapshot, "");
        assert_eq!((page.state, page.headline.as_str(), page.summary.as_str()), (state, headline, summary));
    };
    let mut snapshot = simulation::fresh(&["direct"]);
    let all = snapshot.defender().count();
    let some_unknown = format!("Of {all} endpoints: {} unknown, 1 good.", all - 1);
    simulation::observe(&mut snapshot, TargetId(1), 10, |_| None);
    check(&snapshot, DisplayState::Unknown, "First probes running", &some_unknown);

    let mut snapshot = simulation::healthy(&["direct"]);
    check(&snapshot, DisplayState::Good, "Everything works", &format!("Of {all} endpoints: {all} good."));
    simulation::fail(&mut snapshot, TargetId(0), 70, (S::Connect, R::Refused), "");
    let one_bad = format!("Of {all} endpoints: 1 bad, {} good.", all - 1);
    check(&snapshot, DisplayState::Degraded, "Every service works, but not every endpoint", &one_bad);
    lose(&mut snapshot, Component::Adl, 70);
    lose(&mut snapshot, Component::Submission, 70);
    let headline = "Not working: Alternate download location, Sample submission";
    assert_eq!(page(&snapshot, "").headline, headline);
    lose(&mut snapshot, Component::Maps, 70);
    assert_eq!(
        (page(&snapshot, "").state, page(&snapshot, "").headline.as_str()),
        (DisplayState::Bad, "MAPS is lost")
    );
}

#[test]
fn a_component_does_as_well_as_its_best_route_but_maps_as_its_worst() {
    let mut snapshot = simulation::healthy(&["direct", "proxy"]);
    let direct: Vec<_> =
        snapshot.iter().filter(|(_, target, _)| target.route.name == "direct").map(|(id, ..)| id).collect();
    for id in &direct {
        simulation::fail(&mut snapshot, *id, 70, (S::Connect, R::Timeout), "");
    }
    let page = page(&snapshot, "");
    // A route without MAPS pages.
    assert_eq!((page.state, page.headline.as_str()), (DisplayState::Bad, "MAPS is lost via direct"));
    let all = snapshot.defender().count();
    let summary = format!("Of {all} results (endpoints via 2 routes): {0} bad, {0} good.", all / 2);
    assert_eq!(page.summary, summary);
    assert!(page.components[1..].iter().all(|of| of.state == DisplayState::Good));
    let maps = &page.components[0];
    assert_eq!((maps.state, maps.counts.bad, maps.counts.good), (DisplayState::Bad, 8, 8));
    let by: Vec<_> = maps.routes.iter().map(|by| (by.route.as_str(), by.state)).collect();
    assert_eq!(by, [("direct", DisplayState::Bad), ("proxy", DisplayState::Good)]);
    let maps: Vec<_> = page.maps.iter().map(|by| (by.route.as_deref(), by.state)).collect();
    assert_eq!(maps, [(Some("direct"), DisplayState::Bad), (Some("proxy"), DisplayState::Good)]);
    assert!(
        page.maps[0].summary.starts_with("No MAPS endpoint gives a genuine answer"),
        "{}",
        page.maps[0].summary
    );
    let row = rows(&page)[0];
    assert_eq!(row.disagreement.as_deref(), Some("direct: The connection timed out; proxy: 503"));
    assert_eq!(row.route.as_deref(), Some("direct"));
}

#[test]
fn where_there_is_one_route_it_is_not_named() {
    let page = page(&simulation::healthy(&["direct"]), "");
    assert!(page.routes.is_empty() && page.components.iter().all(|of| of.routes.is_empty()));
    assert!(rows(&page).iter().all(|row| row.route.is_none() && row.disagreement.is_none()));
    assert!(page.crls.iter().all(|crl| crl.route.is_none()));
}

#[test]
fn clients_of_maps_by_what_they_check() {
    let mut snapshot = simulation::healthy(&["direct"]);
    let maps: Vec<_> = snapshot.iter().filter(|(_, t, _)| t.endpoint.component == Component::Maps).collect();
    let maps: Vec<_> = maps.iter().map(|(id, ..)| *id).collect();
    let blocked = (RevocationStatus::Unknown, Some(UndeterminedCause::Unreachable));
    for id in &maps {
        simulation::revocation(&mut snapshot, *id, blocked, "connect: refused");
    }
    let page = page(&snapshot, "");
    let [by] = &page.maps[..] else { panic!("one route") };
    assert!(
        by.state == DisplayState::Bad
            && by.summary.contains("the CRL http://crl.example/maps.crl can't be fetched")
    );
    let clients: Vec<_> = by
        .clients
        .iter()
        .map(|c| (c.options.as_str(), c.checks, c.word, c.codes.first().map(String::as_str)))
        .collect();
    let code = Some("tls.revocation_unknown");
    let expected = [
        ("0", "no revocation check, no pinning", "connected", None),
        ("1", "revocation check", "lost", code),
        ("2", "pinning", "connected", None),
        ("3", "revocation check and pinning", "lost", code),
    ];
    assert_eq!(clients, expected);
    let [crl] = &page.crls[..] else { panic!("one list") };
    assert_eq!((crl.state, crl.fetch.as_str()), (DisplayState::Degraded, "The connection was refused"));
    assert!(crl.next_update.as_ref().is_some_and(|at| at.relative == "in 6 days" && !at.past));
}

#[test]
fn lists_that_ran_out_are_bad() {
    let mut snapshot = simulation::healthy(&["direct"]);
    let id = simulation::target(&snapshot, MAPS, "direct");
    let check = |snapshot: &Snapshot, second, state, past| {
        let page = Page::new(snapshot, at(second), Filter::default());
        let [crl] = &page.crls[..] else { panic!("one list") };
        assert_eq!((crl.state, crl.next_update.as_ref().map(|at| at.past)), (state, Some(past)));
    };
    check(&snapshot, 200, DisplayState::Good, false);
    check(&snapshot, 8 * 86_400, DisplayState::Degraded, true);
    simulation::revocation(
        &mut snapshot,
        id,
        (RevocationStatus::Unknown, Some(UndeterminedCause::Unreachable)),
        "",
    );
    check(&snapshot, 8 * 86_400, DisplayState::Bad, true);
}

#[test]
fn causes_are_counted_the_worst_first() {
    let mut snapshot = simulation::healthy(&["direct"]);
    lose(&mut snapshot, Component::Adl, 70);
    let id = simulation::target(&snapshot, FIRM, "direct");
    simulation::observe(&mut snapshot, id, 70, |facts| {
        facts.http.as_mut().expect("an answer").status = 418;
        None
    });
    let gone = simulation::target(&snapshot, MAPS, "direct");
    simulation::fail(&mut snapshot, gone, 70, (S::Resolve, R::Nxdomain), "");
    let page = page(&snapshot, "");
    let found: Vec<_> = page.causes.shown.iter().map(|c| (c.state, c.query(), c.endpoints)).collect();
    let unusual = "Genuine, but the service usually answers 404";
    let expected = [
        (DisplayState::Bad, "connect.refused", 9),
        (DisplayState::Bad, "resolve.nxdomain", 1),
        (DisplayState::Degraded, unusual, 1),
    ];
    assert_eq!((found.as_slice(), page.causes.more), (&expected[..], 0));
    assert!(page.causes.shown[0].remedies.iter().all(|remedy| remedy.contains("firewall")));
    // Searching for a cause finds exactly its endpoints.
    for cause in &page.causes.shown {
        let query: String = url::form_urlencoded::byte_serialize(cause.query().as_bytes()).collect();
        let found = self::page(&snapshot, &format!("q={query}"));
        assert_eq!(found.table.matching, cause.endpoints, "{query}");
    }
}

/// Of endpoints that fail alike one is shown, the others open with a click; what stands alone, or is searched for, is shown.
#[test]
fn rows_come_worst_first_and_are_folded_if_they_fail_alike() {
    let mut snapshot = simulation::healthy(&["direct"]);
    lose(&mut snapshot, Component::Adl, 70);
    let adl: Vec<_> = snapshot
        .iter()
        .filter(|(_, target, _)| target.endpoint.component == Component::Adl)
        .map(|(id, ..)| id)
        .collect();
    simulation::observe(&mut snapshot, adl[0], 130, |_| None);
    simulation::fail(&mut snapshot, adl[1], 130, (S::Resolve, R::Nxdomain), "");
    let blocks = |query: &str| -> Vec<(DisplayState, usize)> {
        let page = page(&snapshot, query);
        let group =
            page.table.groups.iter().find(|group| group.component == Component::Adl).expect("it has rows");
        group.blocks().iter().map(|rows| (rows[0].state, rows.len())).collect()
    };
    assert_eq!(
        blocks(""),
        [(DisplayState::Bad, adl.len() - 2), (DisplayState::Bad, 1), (DisplayState::Good, 1)]
    );
    assert!(blocks("q=refused").iter().all(|(_, rows)| *rows == 1), "{:?}", blocks("q=refused"));
}

#[test]
fn a_good_endpoint_is_no_cause() {
    let mut snapshot = simulation::healthy(&["direct"]);
    let id = simulation::target(&snapshot, MAPS, "direct");
    for cause in [
        UndeterminedCause::Pending,
        UndeterminedCause::NoSource,
        UndeterminedCause::Unsupported,
        UndeterminedCause::NoNextUpdate,
    ] {
        simulation::revocation(&mut snapshot, id, (RevocationStatus::Unknown, Some(cause)), "");
        let page = page(&snapshot, "");
        assert_eq!((page.state, &page.causes), (DisplayState::Good, &Causes::default()), "{cause}");
    }
}

/// Where the clock is the likely cause, page and JSON say so first.
#[test]
fn a_suspected_clock_is_named() {
    let mut snapshot = simulation::healthy(&["direct"]);
    assert_eq!(page(&snapshot, "").clock, None);
    for n in 0..snapshot.targets.len() {
        simulation::fail(&mut snapshot, TargetId(n), 70, (S::Tls, R::NotYetValid), "");
    }
    let clock = page(&snapshot, "").clock.expect("every chain is out of date");
    assert!(clock.contains("check this machine's clock first"), "{clock}");
    let report = StatusReport::new(&snapshot, at(100), "0.0.0-test");
    assert_eq!(report.suspected_clock, Some(clock));
}

#[test]
fn the_table_has_what_is_asked_for() {
    let mut snapshot = simulation::healthy(&["direct", "proxy"]);
    let id = simulation::target(&snapshot, MAPS, "proxy");
    simulation::fail(&mut snapshot, id, 70, (S::Tunnel, R::Denied), "policy 7");
    let all = snapshot.defender().count();
    let check = |query: &str, expected: usize| {
        let page = page(&snapshot, query);
        assert_eq!(
            (page.table.matching, rows(&page).len(), page.table.total),
            (expected, expected, all),
            "{query}"
        );
    };
    check("", all);
    check("component=maps", 16);
    check("component=maps&route=proxy", 8);
    check("state=bad", 1);
    check("state=bad&route=direct", 0);
    check("q=POLICY+7", 1);
    check("q=tunnel.denied", 1);
    check("q=192.0.2.10+503", 3);
    check("q=Example+Issuing&component=crl", 0);
    check("q=no+such+words", 0);
}

#[test]
fn rows_keep_their_names_when_others_come_and_go() {
    let ids = |routes: &[&str]| {
        let page = page(&simulation::fresh(routes), "");
        rows(&page).iter().map(|row| row.id.clone()).collect::<std::collections::BTreeSet<_>>()
    };
    let (one, two) = (ids(&["direct"]), ids(&["proxy", "direct"]));
    assert!(one.is_subset(&two) && two.len() == 2 * one.len());
}

#[test]
fn a_row_in_brief_and_in_full() {
    let mut snapshot = simulation::healthy(&["direct"]);
    let id = simulation::target(&snapshot, MAPS, "direct");
    simulation::fail(&mut snapshot, id, 70, (S::Tls, R::UnknownIssuer), "CN=Stranger");
    simulation::observe(&mut snapshot, id, 130, |_| None);
    let page = page(&snapshot, "q=%2F%2Fwdcp.microsoft.com");
    let [row] = rows(&page)[..] else { panic!("one row") };
    assert_eq!(
        (row.state, row.why.as_ref(), row.addresses.as_slice()),
        (DisplayState::Good, None, &["192.0.2.10".to_owned(), "2001:db8::10".to_owned()][..])
    );
    assert_eq!(row.last_success.as_ref().map(|at| at.relative.as_str()), Some("70 seconds ago"));
    assert_eq!(row.phases.as_ref().map(|drawn| drawn.total.as_str()), Some("63 ms"));
    let tls = row.tls.as_ref().expect("a chain");
    assert_eq!((tls.issuer.as_str(), tls.fault, tls.revocation), ("Example Issuing CA", None, None));
    assert!(tls.expires.as_ref().is_some_and(|at| at.relative == "in 89 days"));

    let about = |name: &str| {
        row.details.about.iter().find(|field| field.name == name).map(|field| field.values.join(" "))
    };
    assert_eq!(about("Confidence").as_deref(), Some("C: older than 2023, or indirect"));
    assert_eq!(about("Last captured").as_deref(), Some("2021-01"));
    let last = row.details.last.as_ref().expect("it was probed");
    let fact =
        |name: &str| last.facts.iter().find(|field| field.name == name).map(|field| field.values.join(" "));
    assert_eq!(fact("Addresses from DNS").as_deref(), Some("192.0.2.10 2001:db8::10"));
    assert_eq!((fact("Status").as_deref(), fact("TLS").as_deref()), (Some("503"), Some("TLSv1.3")));
    assert_eq!((last.failure.as_ref(), last.chain.len(), last.phases.len()), (None, 2, S::ALL.len()));
    let earlier =
        row.details.earlier_failure.as_ref().and_then(|probe| probe.failure.as_ref()).expect("it is kept");
    assert_eq!(
        (earlier.code.as_deref(), earlier.detail.as_str()),
        (Some("tls.unknown_issuer"), "CN=Stranger")
    );
    assert!(!earlier.cause.is_empty() && !earlier.remedies.is_empty());
    assert_eq!(earlier.hresult.as_deref().map(|code| &code[..2]), Some("0x"));
}

#[test]
fn address_notes_on_working_endpoints() {
    let mut snapshot = simulation::healthy(&["direct"]);
    let id = simulation::target(&snapshot, MAPS, "direct");
    simulation::observe(&mut snapshot, id, 70, simulation::odd_addresses);
    let page = page(&snapshot, "q=%2F%2Fwdcp.microsoft.com");
    let [row] = rows(&page)[..] else { panic!("one row") };
    assert_eq!((row.why.as_ref(), row.notes.len()), (None, 2));
    assert!(row.notes[0].contains("2001:db8::10 (connect: unreachable)"), "{:?}", row.notes);
    let facts = &row.details.last.as_ref().expect("it was probed").facts;
    let each = facts.iter().find(|field| field.name == "Each address").map(|field| field.values.as_slice());
    let ends = ["192.0.2.10: answers, 63 ms", "2001:db8::10: connect.unreachable: no route, 3.0 ms"];
    assert_eq!(each, Some(&ends.map(str::to_owned)[..]));
}

#[test]
fn a_huge_plan_makes_a_page_of_bounded_size() {
    let routes: Vec<String> = (0..12).map(|n| format!("route{n}")).collect();
    let routes: Vec<&str> = routes.iter().map(String::as_str).collect();
    let page = page(&simulation::fresh(&routes), "");
    assert_eq!((rows(&page).len(), page.table.left_out), (500, page.table.total - 500));
}

#[test]
fn each_hop_of_a_redirected_probe_has_a_line() {
    let mut snapshot = simulation::healthy(&["direct"]);
    let id = simulation::target(&snapshot, MAPS, "direct");
    simulation::observe(&mut snapshot, id, 70, |facts| Some(simulation::fails_behind_a_redirect(facts)));
    let page = page(&snapshot, "q=%2F%2Fwdcp.microsoft.com");
    let [row] = rows(&page)[..] else { panic!("one row") };
    let facts = &row.details.last.as_ref().expect("it was probed").facts;
    let hops = facts.iter().find(|field| field.name == "Hops").map(|field| field.values.as_slice());
    let [own, next] = hops.expect("the hops are shown") else { panic!("{hops:?}") };
    assert!(own.starts_with("https://own.example/: 302, root CN=Example Root, "), "{own}");
    assert!(next.starts_with("https://cdn.example/package: no answer, "), "{next}");
}

#[test]
fn an_unexpected_root_after_a_redirect_is_noted_in_the_table() {
    let mut snapshot = simulation::healthy(&["direct"]);
    let id = simulation::target(&snapshot, MAPS, "direct");
    simulation::observe(&mut snapshot, id, 70, |facts| {
        simulation::leads_to_an_unexpected_root(facts);
        None
    });
    let page = page(&snapshot, "q=%2F%2Fwdcp.microsoft.com");
    let [row] = rows(&page)[..] else { panic!("one row") };
    let fault = row.tls.as_ref().and_then(|tls| tls.fault);
    assert_eq!((row.state, fault), (DisplayState::Good, Some("unexpected root after a redirect")));
    let [note] = &row.notes[..] else { panic!("{:?}", row.notes) };
    assert!(note.starts_with("after a redirect to cdn.example: the chain ends at CN=New Root, "), "{note}");
    let facts = &row.details.last.as_ref().expect("it was probed").facts;
    let hops = facts.iter().find(|field| field.name == "Hops").map(|field| field.values.as_slice());
    assert!(hops.is_some_and(|hops| hops[1].contains(", unexpected root CN=New Root, ")), "{hops:?}");
}

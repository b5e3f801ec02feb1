//! The first cause in Microsoft's document: HTTP works, but MAPS clients fail because the CRL can't be fetched.
//! Also revoked certificates.

use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant, SystemTime};

use super::{Exporter, PROGRAM, SUCCESS, internet, label, run, samples};
use crate::lab::Lab;
use crate::lab::pki::crl::Crl;
use crate::lab::pki::pointers::CRL_HOST;
use crate::lab::pki::{Authority, Issuer, Leaf, serial_of};
use crate::lab::reply::Response;
use crate::load::{Disturbance, TEST_TIMEOUT};

const RHYTHM: &str = "interval: 5s\ntimeout: 4s\ngeos: [us]\n";
const LEAVES: Issuer = Issuer::Intermediate(Authority::Microsoft2011);
const INTERMEDIATES: Issuer = Issuer::Root(Authority::Microsoft2011);

/// Whether clients with the options 0 to 3 are connected; empty while that isn't known.
fn connected(metrics: &str) -> Vec<bool> {
    samples(metrics, "defender_maps_connected").iter().map(|(_, value)| *value > 0.5).collect()
}

/// What keeps clients from MAPS, by the value of `SSLOptions`: the same of each need.
fn reasons(metrics: &str) -> Vec<(String, String)> {
    let lost = samples(metrics, "defender_maps_disconnected_reason");
    let mut reasons: Vec<_> =
        lost.iter().map(|(labels, _)| (label(labels, "ssl_options"), label(labels, "reason"))).collect();
    reasons.dedup();
    reasons
}

fn maps_answers(metrics: &str) -> bool {
    let maps: Vec<_> = samples(metrics, SUCCESS);
    let maps: Vec<_> = maps.iter().filter(|(labels, _)| label(labels, "component") == "maps").collect();
    !maps.is_empty() && maps.iter().all(|(_, value)| *value > 0.5)
}

/// The lists of the issuers behind MAPS, until so long from now; when that is.
fn serve_lists(lab: &Lab, valid: Duration) -> SystemTime {
    let end = SystemTime::now() + valid;
    for issuer in [LEAVES, INTERMEDIATES] {
        let mut list = lab.pki.sound_crl(issuer);
        list.next_update = Some(end);
        lab.serve_crl(issuer, &list);
    }
    end
}

fn check(file: &std::path::Path) -> Output {
    run(&["--config.file", file.to_str().unwrap(), "check"])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blocked_list_keeps_clients_away_once_it_has_expired() {
    let (lab, file, _) = internet(RHYTHM).await;
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("tls:\n", "tls:\n  crl_refresh: 1s\n")).unwrap();
    let blocked = |metrics: &str| {
        let fetches = samples(metrics, "defender_crl_fetch_failure_reason");
        fetches.iter().any(|(labels, _)| labels.contains(CRL_HOST) && label(labels, "reason") == "refused")
    };
    let mut valid = Duration::from_secs(8);
    let exporter = loop {
        lab.forwarder(CRL_HOST).open().await;
        let end = serve_lists(&lab, valid);
        let exporter = Exporter::start(&file);
        exporter
            .until("all connected", |metrics| connected(metrics) == [true; 4] || SystemTime::now() > end)
            .await;
        lab.forwarder(CRL_HOST).block().await;
        let metrics = exporter.until("the blocked host is seen", blocked).await;
        if SystemTime::now() < end {
            assert_eq!(connected(&metrics), [true; 4], "a list that is still valid is still used");
            break exporter;
        }
        valid *= 2; // this machine is busy: the list had expired before that could be seen
        assert!(valid < TEST_TIMEOUT, "{metrics}");
    };

    let lost = |metrics: &str| connected(metrics) == [true, false, true, false] && maps_answers(metrics);
    let metrics = exporter.until("clients that check revocation lose MAPS, which answers", lost).await;
    let unknown = "revocation_unknown".to_owned();
    assert_eq!(reasons(&metrics), [("1".to_owned(), unknown.clone()), ("3".to_owned(), unknown)]);
    let status = samples(&metrics, "defender_tls_revocation_status");
    assert!(status.iter().any(|(labels, value)| label(labels, "status") == "unknown" && *value > 0.5));

    let output = check(&file);
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(2), "{said}");
    for words in ["1 lost, 2 connected, 3 lost", CRL_HOST, "0x80072F8F", "refused"] {
        assert!(said.contains(words), "{words}: {said}");
    }

    serve_lists(&lab, Duration::from_secs(3600));
    lab.forwarder(CRL_HOST).open().await;
    let metrics = exporter.until("all connected again", |metrics| connected(metrics) == [true; 4]).await;
    assert_eq!(reasons(&metrics), []);
}

/// What is wrong with the way to the lists, and the words of `check` that name it and what to change.
#[tokio::test(flavor = "multi_thread")]
async fn check_names_the_way_to_a_list_and_what_to_change() {
    let page = Response::new(200).body("<html><title>Access denied</title>");
    let demand = Response::new(407).header("Proxy-Authenticate", "Basic realm=\"lab\"");
    let firewall = format!("allow {CRL_HOST} on port 80 in the firewall");
    let names = format!("make the machine's name servers resolve {CRL_HOST}");
    let winhttp = "netsh winhttp set proxy";
    let cases: [(Option<Response>, &str, &[&str]); 5] = [
        (None, "connect: refused", &[&firewall, winhttp]),
        (None, "resolve: nxdomain", &[&names, winhttp]),
        (Some(demand), "request: auth_required", &["through the proxy without authentication"]),
        (Some(Response::new(404)), "request: status: status 404", &["find out what answers in place of"]),
        (
            Some(page),
            "transfer: block_page: a page titled \"Access denied\" came instead",
            &["through the filter or portal that answers with a page of its own"],
        ),
    ];
    for (reply, fault, changes) in cases {
        let (lab, file, _) = internet(RHYTHM).await;
        match reply {
            Some(reply) => {
                for issuer in [LEAVES, INTERMEDIATES] {
                    lab.serve_crl_reply(issuer, reply.clone());
                }
            }
            None if fault.contains("refused") => lab.forwarder(CRL_HOST).block().await,
            None => {
                let text = std::fs::read_to_string(&file).unwrap();
                let lines: Vec<_> = text.lines().filter(|line| !line.contains(CRL_HOST)).collect();
                std::fs::write(&file, lines.join("\n")).unwrap();
            }
        }
        let output = check(&file);
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(2), "{said}");
        let said = said.split_whitespace().collect::<Vec<_>>().join(" "); // lines are wrapped
        let (section, places) =
            said.split_once("Failing endpoints").unwrap_or_else(|| panic!("{fault}: {said}"));
        assert!(section.contains("explain tls.revocation_unknown"), "{section}");
        let sentence = places.split_once("MAPS via direct").unwrap().1;
        assert!(sentence.contains(fault), "{fault}: {said}");
        for change in changes {
            assert!(section.to_lowercase().contains(&change.to_lowercase()), "{change}: {section}");
        }
        assert!(sentence.contains(changes[0]), "{}: {sentence}", changes[0]);
    }
}

/// The bound that deploy/defender-exporter.yaml gives for `timeout`: hosts of lists that accept connections and send
/// nothing don't add up.
#[tokio::test(flavor = "multi_thread")]
async fn silent_hosts_of_lists_take_check_ten_seconds_at_most() {
    let (_lab, file, all) = internet(RHYTHM).await;
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap(); // accepts, and never answers
    let address = silent.local_addr().unwrap();
    let text = std::fs::read_to_string(&file).unwrap();
    let redirected = |line: &str| match line.split_once(".pki.lab:80\":") {
        Some((host, _)) => format!("{host}.pki.lab:80\": \"{address}\""),
        None => line.to_owned(),
    };
    let lines: Vec<_> = text.lines().map(redirected).collect();
    assert!(lines.iter().filter(|line| line.contains(&address.to_string())).count() > 2, "{text}");
    std::fs::write(&file, lines.join("\n")).unwrap();

    let start = Instant::now();
    let mut child = Command::new(PROGRAM)
        .args(["--config.file", file.to_str().unwrap(), "check"])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let disturbance = Disturbance::of_process(child.id());
    let mut disturbed = Duration::ZERO;
    let status = loop {
        disturbed = disturbed.max(disturbance.so_far());
        match child.try_wait().unwrap() {
            Some(status) => break status,
            None => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    };
    let (taken, rounds) = (start.elapsed(), u32::try_from(all.div_ceil(32)).unwrap());
    let bound = Duration::from_secs(4) * rounds + Duration::from_secs(10);
    assert_eq!(status.code(), Some(2), "clients that check revocation lose MAPS");
    assert!(taken < bound + disturbed, "{taken:?} of {bound:?} and {disturbed:?} on a busy machine");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_revoked_is_found_at_once() {
    let (lab, file, all) = internet(RHYTHM).await;
    let host = "wdcp.microsoft.com";
    lab.revoke(LEAVES, [Leaf::new(host, Authority::Microsoft2011).serial()]);
    let exporter = Exporter::start(&file);
    let failing = |metrics: &str| {
        let reasons = samples(metrics, super::REASON);
        let revoked = |(labels, _): &(&str, f64)| labels.contains(r#"phase="tls",reason="revoked""#);
        !reasons.is_empty()
            && reasons.iter().all(revoked)
            && reasons.iter().all(|(labels, _)| labels.contains(host))
    };
    let metrics = exporter.until("the revoked leaf is found", failing).await;
    assert!(all > 0 && samples(&metrics, super::REASON).iter().all(|(labels, _)| labels.contains(host)));
    exporter.until("others connect", |metrics| connected(metrics) == [true; 4]).await;

    lab.revoke(INTERMEDIATES, [serial_of(&lab.pki.intermediate(Authority::Microsoft2011))]);
    let output = check(&file);
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(2), "{said}");
    for words in ["tls: revoked: ", "0 connected, 1 lost, 2 connected, 3 lost", "has been revoked"] {
        assert!(said.contains(words), "{words}: {said}");
    }
}

/// The limit of what is kept is 10 MiB. `revocation::crl::tests` measures the memory.
#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_many_megabytes_is_read_as_it_arrives() {
    let (lab, file, _) = internet(RHYTHM).await;
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("tls:\n", "tls:\n  crl_refresh: 1s\n")).unwrap();
    let exporter = Exporter::start(&file);
    exporter.until("all connected", |metrics| connected(metrics) == [true; 4]).await;
    let host = "wdcp.microsoft.com";
    let revoked = Leaf::new(host, Authority::Microsoft2011).serial();
    let list = Crl { long_entries: 11 * 1024, ..lab.pki.sound_crl(LEAVES).revoking(revoked) };
    lab.serve_crl(LEAVES, &list);
    let failing = |metrics: &str| {
        let reasons = samples(metrics, super::REASON);
        reasons.iter().any(|(labels, _)| labels.contains(host) && label(labels, "reason") == "revoked")
    };
    let metrics = exporter.until("the revoked leaf is found", failing).await;
    let others = |(labels, _): &(&str, f64)| !labels.contains(host);
    assert!(!samples(&metrics, super::REASON).iter().any(others), "no other host is revoked: {metrics}");
}

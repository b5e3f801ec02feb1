//! How far failures reach on a network, told by the control: real probes of the default catalog against a lab whose network
//! fails in one way at a time.

use std::collections::BTreeSet;
use std::sync::Arc;

use defender_exporter::catalog::{ProbeUrl, Scheme, embedded};
use defender_exporter::clock::Clock;
use defender_exporter::engine::probe_once;
use defender_exporter::plan::plan;
use defender_exporter::probe::Prober;
use defender_exporter::report::{InternetSituation, exit_code, internet, internet_sentences};
use defender_exporter::state::Snapshot;
use defender_exporter::tls::Roots;

use crate::exporter::endpoints;
use crate::lab::Lab;
use crate::lab::reply::Response;

const CONTROL: &str = "www.msftconnecttest.com";
const LOGIN: &str = "http://login.portal.example/?from=defender";

/// What is wrong with the network.
#[derive(Clone, Copy, Debug)]
enum Network {
    Sound,
    /// Nothing is reached.
    Offline,
    /// Every request over plain HTTP is redirected to a login page; TLS is refused.
    RedirectingPortal,
    /// The same with the login page itself, as 200.
    AnsweringPortal,
    /// The control alone is reached.
    DefenderIsBlocked,
    /// One host of Defender isn't.
    HostIsBlocked,
    /// The control alone isn't.
    ControlIsBlocked,
    /// The control is redirected, and one host of Defender is blocked.
    ControlAndHostAreBlocked,
}

async fn break_it(lab: &Lab, http_hosts: &BTreeSet<String>, network: Network) {
    let answer = |host: &str, response: Response| lab.plain.break_host(host, response);
    let login = || Response::new(200).body("<html><body>Please sign in</body></html>");
    let blocked = || Response::new(403).body("<html>Web Filter Violation</html>");
    match network {
        Network::Sound => {}
        Network::Offline => {
            lab.tls.stop().await;
            lab.plain.stop().await;
        }
        Network::RedirectingPortal => {
            lab.tls.stop().await;
            for host in http_hosts {
                answer(host, Response::redirect(302, LOGIN));
            }
        }
        Network::AnsweringPortal => {
            lab.tls.stop().await;
            for host in http_hosts {
                answer(host, login());
            }
        }
        Network::DefenderIsBlocked => {
            lab.tls.stop().await;
            for host in http_hosts.iter().filter(|host| *host != CONTROL) {
                answer(host, blocked());
            }
        }
        Network::HostIsBlocked => answer("crl.microsoft.com", blocked()),
        Network::ControlIsBlocked => answer(CONTROL, blocked()),
        Network::ControlAndHostAreBlocked => {
            answer(CONTROL, Response::redirect(302, LOGIN));
            answer("crl.microsoft.com", blocked());
        }
    }
}

/// One round of probes.
async fn round(network: Network) -> Snapshot {
    let lab = Lab::start().await;
    let urls = lab.serve_all(endpoints());
    let over_http = urls.iter().filter(|url| url.scheme() == Scheme::Http);
    let http_hosts: BTreeSet<_> = over_http.map(|url: &ProbeUrl| url.host().to_owned()).collect();
    break_it(&lab, &http_hosts, network).await;
    let mut config = lab.config(&urls);
    config.tls.revocation = false;
    let planned = Arc::new(plan(embedded(), &config).unwrap());
    let roots = Roots::with_public(&[], &[], &[], &config.tls).unwrap();
    let clock = Clock::Fixed(lab.pki.now());
    let prober = Prober::new(Arc::clone(&planned), &config, &roots, clock).unwrap();
    let events = probe_once(&planned, Arc::new(prober), clock, 32, None).await;
    let mut snapshot = Snapshot::new(planned, clock.now());
    for event in events {
        snapshot.apply(event);
    }
    snapshot
}

async fn check(
    network: Network,
    control_answers: bool,
    situation: Option<InternetSituation>,
    exit: u8,
    words: &[&str],
) {
    let snapshot = round(network).await;
    let [report] = &internet(&snapshot)[..] else { panic!("{network:?}: one route") };
    let said = internet_sentences(&snapshot).join("\n");
    let failures = snapshot.iter().filter_map(|(_, target, state)| {
        let failure = state.last.as_ref()?.failure.as_ref()?;
        Some(format!("{}: {}: {}", target.endpoint.url, failure.phase, failure.reason))
    });
    let failures: Vec<_> = failures.collect();
    let found = (report.control_answers, report.situation, exit_code(&snapshot));
    assert_eq!(found, (Some(control_answers), situation, exit), "{network:?}: {said}\n{failures:#?}");
    assert_eq!(said.is_empty(), situation.is_none(), "{network:?}: {said}");
    assert!(words.iter().all(|word| said.contains(word)), "{network:?}: {said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_network_is_seen_as_what_it_is() {
    use InternetSituation::{CaptivePortal, DefenderBlocked, EndpointsFailing, NoInternet};
    check(Network::Sound, true, None, 0, &[]).await;
    check(
        Network::Offline,
        false,
        Some(NoInternet),
        2,
        &["No Internet: nothing answers", "www.msftconnecttest.com"],
    )
    .await;
    check(
        Network::RedirectingPortal,
        false,
        Some(CaptivePortal),
        2,
        &["captive portal", "login.portal.example"],
    )
    .await;
    check(Network::AnsweringPortal, false, Some(CaptivePortal), 2, &["captive portal"]).await;
    check(
        Network::DefenderIsBlocked,
        true,
        Some(DefenderBlocked),
        2,
        &["something stops what Defender needs"],
    )
    .await;
    check(Network::HostIsBlocked, true, Some(EndpointsFailing), 1, &["only crl.microsoft.com fails."]).await;
    check(Network::ControlIsBlocked, false, None, 0, &[]).await;
    check(Network::ControlAndHostAreBlocked, false, None, 1, &[]).await;
}

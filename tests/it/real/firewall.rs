//! The kernel's firewall between exporter and origin: packets dropped, rejected and lost, at the start of a
//! connection and within it. Delays are tested in `probe_timings`, because not every kernel has netem.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use defender_exporter::observation::{FailureReason as R, Phase};
use defender_exporter_needs::needs;

use super::netns::{Network, alone};
use crate::lab::Lab;
use crate::lab::dns::Answer;
use crate::lab::origin::Origin;
use crate::lab::reply::Response;
use crate::load::{Disturbance, RunOut, run_out};
use crate::scenario::Scenario;

const HOST: &str = "maps.genuine.example";
const PLAIN: &str = "http://maps.genuine.example/";
const TLS: &str = "https://maps.genuine.example/";

const TIMEOUT: Duration = Duration::from_millis(1500);
/// For a probe that must not run out of time, however busy the machine.
const AMPLE: Duration = Duration::from_secs(60);
/// What a busy machine may add.
const SLACK: Duration = Duration::from_secs(1);

/// The lab, and origins on both families of addresses.
struct World {
    network: Network,
    lab: Lab,
    origins: Vec<(&'static str, Origin)>,
}

impl World {
    async fn new(network: Network) -> Self {
        let lab = Lab::start().await;
        let mut origins = Vec::new();
        for ip in [IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST)] {
            origins.push((PLAIN, Origin::start_plain(ip)));
            origins.push((TLS, Origin::start_tls(ip, Arc::clone(&lab.pki))));
        }
        for (_, origin) in &origins {
            origin.set(HOST, "/", Response::new(200));
        }
        Self { network, lab, origins }
    }

    /// The origins that answer for a URL.
    fn of(&self, url: &str) -> impl Iterator<Item = SocketAddr> {
        self.origins.iter().filter(move |(of, _)| *of == url).map(|(_, origin)| origin.addr())
    }

    fn scenario(&self, url: &str, at: SocketAddr, timeout: Duration) -> Scenario {
        let mut scenario = Scenario::new(&self.lab, url).at(at);
        scenario.target.timeout = timeout;
        scenario
    }

    /// Probes behind a rule for what goes to the origin's port, and once more when it has been taken back.
    async fn check(&self, url: &str, rule: &str, expected: (Phase, R)) {
        for at in self.of(url) {
            let name = format!("{rule} before {url} at {at}");
            self.network.rule(&format!("tcp dport {} {}", at.port(), rule));
            let waits = expected.1 == R::Timeout;
            let mut scenario = self.scenario(url, at, if waits { TIMEOUT } else { AMPLE });
            let ran_out = run_out(expected, &mut scenario, None).await;
            let RunOut { observation, took, disturbance } = ran_out;
            let failure = observation.failure.unwrap();
            assert_eq!((failure.phase, failure.reason), expected, "{name}: {failure:?}");
            assert!(self.network.hits() > 0, "{name}: nothing met the rule");
            let (least, most) = if waits {
                (scenario.target.timeout, scenario.target.timeout + SLACK)
            } else {
                (Duration::ZERO, TIMEOUT)
            };
            assert!(
                took >= least && took < most + disturbance,
                "{name}: took {took:?}, disturbed for {disturbance:?}"
            );

            self.network.open();
            assert_eq!(self.scenario(url, at, AMPLE).probe().await.failure, None, "{name}, taken back");
        }
    }
}

#[needs("namespaces")]
#[test]
fn a_connection_is_kept_from_being_made() {
    alone(concat!(module_path!(), "::a_connection_is_kept_from_being_made"), async |network| {
        let world = World::new(network).await;
        for (rule, reason) in [
            ("counter drop", R::Timeout),
            ("counter reject with tcp reset", R::Refused),
            ("counter reject with icmpx port-unreachable", R::Refused),
            ("counter reject with icmpx admin-prohibited", R::Unreachable),
            ("counter reject with icmpx host-unreachable", R::Unreachable),
            ("counter reject with icmpx no-route", R::Unreachable),
        ] {
            world.check(PLAIN, rule, (Phase::Connect, reason)).await;
        }
    });
}

/// Firewalls that look into connections let them be made, and act on what is sent: packets with more than headers.
#[needs("namespaces")]
#[test]
fn a_connection_is_cut_by_what_it_carries() {
    alone(concat!(module_path!(), "::a_connection_is_cut_by_what_it_carries"), async |network| {
        let world = World::new(network).await;
        for (url, phase) in [(TLS, Phase::Tls), (PLAIN, Phase::Request)] {
            world.check(url, "meta length > 100 counter drop", (phase, R::Timeout)).await;
            world.check(url, "meta length > 100 counter reject with tcp reset", (phase, R::Reset)).await;
        }
    });
}

/// Exactly the first packets of a kind are lost. The kernel repeats a SYN after a second, others after 200 ms and then in
/// growing distances: of those it takes four to be as long.
#[needs("namespaces")]
#[test]
fn loss_shows_in_the_phase_that_it_hits() {
    const SYN: &str = "tcp flags & (syn | ack) == syn";
    const DATA: &str = "meta length > 100";
    const LOST_TIME: Duration = Duration::from_millis(900);
    alone(concat!(module_path!(), "::loss_shows_in_the_phase_that_it_hits"), async |network| {
        let world = World::new(network).await;
        for (url, packets, lost, hit) in [
            (PLAIN, SYN, 1, Phase::Connect),
            (TLS, SYN, 1, Phase::Connect),
            (TLS, DATA, 4, Phase::Tls),
            (PLAIN, DATA, 4, Phase::Request),
        ] {
            for at in world.of(url) {
                let name = format!("{packets} lost before {url} at {at}");
                let once = format!("limit rate 1/day burst {lost} packets counter drop");
                world.network.rule(&format!("tcp dport {} {packets} {once}", at.port()));
                let disturbance = Disturbance::here();
                let observation = world.scenario(url, at, AMPLE).probe().await;
                let disturbed = disturbance.so_far();
                assert_eq!(observation.failure, None, "{name}");
                assert_eq!(world.network.hits(), lost, "{name}");
                let timings = &observation.facts.timings;
                assert!(timings.get(hit).is_some_and(|took| took >= LOST_TIME), "{name}: {timings:?}");
                let others =
                    Phase::ALL.iter().filter(|phase| **phase != hit).filter_map(|phase| timings.get(*phase));
                let slowest = others.max().unwrap_or_default();
                assert!(slowest < LOST_TIME + disturbed, "{name}: {timings:?}, disturbed for {disturbed:?}");
            }
        }
    });
}

/// The packets to the first address are lost: the second is connected to, and the time of the first is a phase of its own.
#[needs("namespaces")]
#[test]
fn a_dead_address_costs_a_share_of_the_time() {
    alone(concat!(module_path!(), "::a_dead_address_costs_a_share_of_the_time"), async |network| {
        let world = World::new(network).await;
        let at = world.of(PLAIN).next().unwrap();
        world.network.rule("ip daddr 127.0.0.2 counter drop");
        let mut scenario = world.scenario(PLAIN, at, Duration::from_secs(9)).through("origin.lab", at.port());
        let addresses = ["127.0.0.2", "127.0.0.1"].map(|text| text.parse::<IpAddr>().unwrap());
        scenario.config.resolver.overrides.insert("origin.lab".to_owned(), addresses.to_vec());
        let disturbance = Disturbance::here();
        let observation = scenario.probe().await;
        let disturbed = disturbance.so_far();
        assert_eq!(observation.failure, None);
        assert!(world.network.hits() > 0, "nothing met the rule");
        let attempts = &observation.facts.failed_attempts;
        let reasons: Vec<_> =
            attempts.iter().map(|attempt| (attempt.failure.phase, attempt.failure.reason)).collect();
        assert_eq!(reasons, [(Phase::Connect, R::Timeout)]);
        let timings = &observation.facts.timings;
        let lost = timings.get(Phase::Failover).unwrap();
        assert!(
            lost >= Duration::from_secs(2) && lost < Duration::from_secs(3) + SLACK + disturbed,
            "{timings:?}"
        );
        assert!(timings.get(Phase::Connect).unwrap() < SLACK + disturbed, "{timings:?}");
    });
}

/// Rejected and lost DNS queries have different reasons. If TCP is blocked, a long response stays truncated.
#[needs("namespaces")]
#[test]
fn names_are_kept_from_being_asked_for() {
    alone(concat!(module_path!(), "::names_are_kept_from_being_asked_for"), async |network| {
        let world = World::new(network).await;
        let at = world.of(PLAIN).next().unwrap();
        let (short, long) = (Answer::address(at.ip()), Answer::Truncated(vec![at.ip()]));
        for (answer, protocol, verdict, reason) in [
            (&short, "udp", "drop", R::Timeout),
            (&short, "udp", "reject with icmpx port-unreachable", R::Unreachable),
            (&short, "udp", "reject with icmpx admin-prohibited", R::Unreachable),
            (&long, "tcp", "drop", R::Truncated),
            (&long, "tcp", "reject with tcp reset", R::Truncated),
            (&long, "tcp", "reject with icmpx admin-prohibited", R::Truncated),
        ] {
            let name = format!("{protocol} {verdict}");
            world.lab.dns.set("origin.lab", answer.clone());
            let probe = async |timeout| {
                let scenario = world.scenario(PLAIN, at, timeout).through("origin.lab", at.port());
                scenario.probe().await.failure
            };
            world
                .network
                .rule(&format!("{protocol} dport {} counter {verdict}", world.lab.dns.addr().port()));
            let failure = probe(TIMEOUT).await.unwrap();
            assert_eq!((failure.phase, failure.reason), (Phase::Resolve, reason), "{name}: {failure:?}");
            assert!(world.network.hits() > 0, "{name}: nothing met the rule");
            world.network.open();
            assert_eq!(probe(AMPLE).await, None, "{name}, taken back");
        }
    });
}

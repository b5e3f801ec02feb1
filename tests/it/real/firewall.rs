//! What a firewall on the way does, with the kernel's own: packets dropped, refused and lost, at the start of a connection
//! and within it. Delays are `probe_timings`' matter: not every kernel has netem.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use defender_exporter::observation::FailureReason as R;
use defender_exporter::observation::Stage;

use super::netns::{Network, alone};
use crate::lab::Lab;
use crate::lab::dns::Answer;
use crate::lab::origin::Origin;
use crate::lab::reply::Response;
use crate::scenario::Scenario;

const HOST: &str = "maps.genuine.example";
const PLAIN: &str = "http://maps.genuine.example/";
const TLS: &str = "https://maps.genuine.example/";

const TIMEOUT: Duration = Duration::from_millis(1500);
/// For a probe that must not run out of time, however busy the machine.
const AMPLE: Duration = Duration::from_secs(10);
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
    async fn check(&self, url: &str, rule: &str, expected: (Stage, R)) {
        for at in self.of(url) {
            let name = format!("{rule} before {url} at {at}");
            self.network.rule(&format!("tcp dport {} {}", at.port(), rule));
            let start = Instant::now();
            let failure = self.scenario(url, at, TIMEOUT).probe().await.failure.unwrap();
            let took = start.elapsed();
            assert_eq!((failure.stage, failure.reason), expected, "{name}: {failure:?}");
            assert!(self.network.hits() > 0, "{name}: nothing met the rule");
            let waits = expected.1 == R::Timeout;
            assert_eq!(took >= TIMEOUT, waits, "{name}: took {took:?}");
            assert!(took < TIMEOUT + SLACK, "{name}: took {took:?}");

            self.network.open();
            assert_eq!(self.scenario(url, at, AMPLE).probe().await.failure, None, "{name}, taken back");
        }
    }
}

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
            world.check(PLAIN, rule, (Stage::Connect, reason)).await;
        }
    });
}

/// Firewalls that look into connections let them be made, and act on what is sent: packets with more than headers.
#[test]
fn a_connection_is_cut_by_what_it_carries() {
    alone(concat!(module_path!(), "::a_connection_is_cut_by_what_it_carries"), async |network| {
        let world = World::new(network).await;
        for (url, stage) in [(TLS, Stage::Tls), (PLAIN, Stage::Request)] {
            world.check(url, "meta length > 100 counter drop", (stage, R::Timeout)).await;
            world.check(url, "meta length > 100 counter reject with tcp reset", (stage, R::Reset)).await;
        }
    });
}

/// Exactly the first packets of a kind are lost. The kernel repeats a SYN after a second, others after 200 ms and then in
/// growing distances: of those it takes four to be as long.
#[test]
fn loss_shows_in_the_phase_that_it_hits() {
    const SYN: &str = "tcp flags & (syn | ack) == syn";
    const DATA: &str = "meta length > 100";
    const LOST_TIME: Duration = Duration::from_millis(900);
    alone(concat!(module_path!(), "::loss_shows_in_the_phase_that_it_hits"), async |network| {
        let world = World::new(network).await;
        for (url, packets, lost, hit) in [
            (PLAIN, SYN, 1, Stage::Connect),
            (TLS, SYN, 1, Stage::Connect),
            (TLS, DATA, 4, Stage::Tls),
            (PLAIN, DATA, 4, Stage::Request),
        ] {
            for at in world.of(url) {
                let name = format!("{packets} lost before {url} at {at}");
                let once = format!("limit rate 1/day burst {lost} packets counter drop");
                world.network.rule(&format!("tcp dport {} {packets} {once}", at.port()));
                let observation = world.scenario(url, at, AMPLE).probe().await;
                assert_eq!(observation.failure, None, "{name}");
                assert_eq!(world.network.hits(), lost, "{name}");
                let timings = &observation.facts.timings;
                let is_slow = |stage: &Stage| timings.get(*stage).is_some_and(|took| took >= LOST_TIME);
                let slow: Vec<_> = Stage::ALL.iter().copied().filter(is_slow).collect();
                assert_eq!(slow, [hit], "{name}: {timings:?}");
            }
        }
    });
}

/// A question that is rejected is told from one that is lost. Where long answers can't be had over TCP, what is in hand is one
/// that was cut.
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
            assert_eq!((failure.stage, failure.reason), (Stage::Resolve, reason), "{name}: {failure:?}");
            assert!(world.network.hits() > 0, "{name}: nothing met the rule");
            world.network.open();
            assert_eq!(probe(AMPLE).await, None, "{name}, taken back");
        }
    });
}

//! No free local port. Linux counts them per destination.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use defender_exporter::observation::{FailureReason as R, Phase};
use defender_exporter_needs::needs;

use crate::fetch::in_place_of;
use crate::lab::Lab;
use crate::lab::origin::Origin;
use crate::lab::reply::Response;
use crate::real::netns::{Network, alone};
use crate::scenario::Scenario;

const HOST: &str = "maps.genuine.example";
const URL: &str = "https://maps.genuine.example/";

/// What the kernel chooses ports from, for both families.
const RANGE: &str = "/proc/sys/net/ipv4/ip_local_port_range";
const NO_IPV6: &str = "/proc/sys/net/ipv6/conf/lo/disable_ipv6";

/// Connections for all ports that there are.
fn take_all(origin: SocketAddr) -> Vec<TcpStream> {
    let mut taken = Vec::new();
    loop {
        match TcpStream::connect(origin) {
            Ok(stream) => taken.push(stream),
            Err(error) => {
                assert_eq!(error.kind(), std::io::ErrorKind::AddrNotAvailable, "{origin}: {error}");
                return taken;
            }
        }
    }
}

async fn probe(lab: &Lab, at: SocketAddr) -> Option<(Phase, R, String)> {
    let scenario = Scenario::new(lab, URL).at(at);
    let failure = scenario.probe().await.failure?;
    Some((failure.phase, failure.reason, failure.detail))
}

/// Holds that what is fetched from there, such as a revocation list, can't be had for the same reason.
async fn check_fetch(lab: &Lab, at: SocketAddr, expected: (Phase, R)) {
    let failure = in_place_of(&Scenario::new(lab, URL).at(at)).await.unwrap_err();
    assert_eq!((failure.phase, failure.reason), expected, "{at}: {failure:?}");
}

async fn body(_network: Network) {
    let lab = Lab::start().await;
    let ips = [IpAddr::from(Ipv4Addr::LOCALHOST), IpAddr::from(Ipv6Addr::LOCALHOST)];
    let origins = ips.map(|ip| Origin::start_tls(ip, Arc::clone(&lab.pki))); // they take ports, too
    std::fs::write(RANGE, "60000 60007").unwrap();
    for (ip, origin) in ips.iter().zip(&origins) {
        origin.set(HOST, "/", Response::new(200));
        let taken = take_all(origin.addr());
        assert!(!taken.is_empty());
        let (phase, reason, detail) = probe(&lab, origin.addr()).await.unwrap();
        assert_eq!((phase, reason), (Phase::Connect, R::Internal), "{ip}: {detail}");
        assert!(detail.contains("run out of local ports"), "{ip}: {detail}");
        check_fetch(&lab, origin.addr(), (Phase::Connect, R::Internal)).await;
        drop(taken);
        let deadline = Instant::now() + Duration::from_secs(10);
        while let Some(failure) = probe(&lab, origin.addr()).await {
            assert!(Instant::now() < deadline, "{ip}: ports are free again: {failure:?}");
            tokio::time::sleep(Duration::from_millis(100)).await; // the origin ends the connections at its leisure
        }
    }

    // The same error of the system, where the machine has no address of the family.
    std::fs::write(NO_IPV6, "1").unwrap();
    let (phase, reason, detail) = probe(&lab, origins[1].addr()).await.unwrap();
    assert_eq!((phase, reason), (Phase::Connect, R::Unreachable), "{detail}");
    check_fetch(&lab, origins[1].addr(), (Phase::Connect, R::Unreachable)).await;
}

#[needs("namespaces")]
#[test]
fn port_exhaustion_is_internal() {
    alone(concat!(module_path!(), "::port_exhaustion_is_internal"), body);
}

//! Ways that don't work: every reason of the stage tunnel, and what a proxy says in place of an endpoint.

use std::collections::BTreeSet;
use std::time::Duration;

use defender_exporter::catalog::{Evidence, Expectation};
use defender_exporter::config::ProxyKind;
use defender_exporter::observation::{FAILURE_PAIRS, FailureReason as R, Stage};

use super::{at, by, proxy, stages};
use crate::lab::Lab;
use crate::lab::faults;
use crate::lab::pki::{Authority, Flaw};
use crate::lab::proxy::{Kind, Order, demand};
use crate::lab::reply::{End, Reply, Response, Step};

use ProxyKind::{Http, Https, Socks5};

const HASTY: &[u8] = b"HTTP/1.1 200 Connection established\r\n\r\nhello";

/// What a proxy does, and what that is called.
fn cases(lab: &Lab) -> Vec<(&'static str, ProxyKind, Kind, Order, R)> {
    let reply = |reply: Reply| Order::Reply(reply);
    let status = |status| Order::Reply(Response::new(status).into());
    let identity = |host, authority, flaw| Kind::Https(lab.pki.identity(host, authority, flaw));
    let http = |name, order, reason| (name, Http, Kind::Http, order, reason);
    let socks = |name, order, reason| (name, Socks5, Kind::Socks, order, reason);
    vec![
        http("407", reply(demand()), R::AuthRequired),
        http("403", status(403), R::Denied),
        http("405", status(405), R::Denied),
        http("502", status(502), R::BadGateway),
        http("503", status(503), R::BadGateway),
        http("504", status(504), R::BadGateway),
        http("a redirect", reply(Response::redirect(302, "http://portal.example/").into()), R::Protocol),
        http("garbage", reply(faults::garbage_head()), R::Protocol),
        http("silence", reply(faults::silent()), R::Timeout),
        http("a head a byte at a time", reply(faults::drip_head(Duration::from_millis(100))), R::Timeout),
        http("the end", reply(faults::end(End::Close)), R::Closed),
        http("a reset", reply(faults::end(End::Reset)), R::Reset),
        http("100 without end", reply(faults::flood_1xx(100)), R::TooLarge),
        http("endless headers", reply(faults::endless_headers()), R::TooLarge),
        http("haste", reply(Reply::Script(vec![Step::Send(HASTY.to_vec()), Step::Hang])), R::Protocol),
        (
            "a proxy of nobody's",
            Https,
            identity("127.0.0.1", Authority::Inspector, Flaw::None),
            Order::Pass,
            R::ProxyTls,
        ),
        (
            "another's name",
            Https,
            identity("other.lab", Authority::DigicertG2, Flaw::None),
            Order::Pass,
            R::ProxyTls,
        ),
        socks("SOCKS reply 1", Order::Socks(1), R::BadGateway),
        socks("SOCKS reply 2", Order::Socks(2), R::Denied),
        socks("SOCKS reply 3", Order::Socks(3), R::Unreachable),
        socks("SOCKS reply 4", Order::Socks(4), R::Unreachable),
        socks("SOCKS reply 5", Order::Socks(5), R::Refused),
        socks("SOCKS reply 6", Order::Socks(6), R::Timeout),
        socks("SOCKS reply 7", Order::Socks(7), R::Protocol),
        socks("SOCKS reply 8", Order::Socks(8), R::Protocol),
        socks("SOCKS reply 99", Order::Socks(99), R::Protocol),
        socks("no SOCKS method", Order::NoMethod, R::AuthRequired),
        socks("SOCKS 4", reply(Reply::Script(vec![Step::Send(vec![4, 0]), Step::Hang])), R::Protocol),
        socks("SOCKS silence", reply(faults::silent()), R::Timeout),
        socks(
            "SOCKS garbage",
            reply(Reply::Script(vec![Step::Send(b"HTTP/1.1 400".to_vec()), Step::Hang])),
            R::Protocol,
        ),
        socks("the end of SOCKS", reply(faults::end(End::Close)), R::Closed),
    ]
}

#[tokio::test]
async fn every_reason_of_the_tunnel_has_a_scenario() {
    let lab = Lab::start().await;
    let mut seen = BTreeSet::new();
    for (name, kind, of, order, reason) in cases(&lab) {
        let proxy = proxy(&lab, of);
        proxy.order(order);
        let mut scenario = by(&lab, "https", kind, at(proxy.addr()), None);
        if reason != R::Timeout {
            scenario.target.timeout = Duration::from_secs(10); // it ends by itself
        }
        let observation = scenario.probe().await;
        let failure = observation.failure.clone().unwrap_or_else(|| panic!("{name}: {observation:?}"));
        assert_eq!((failure.stage, failure.reason), (Stage::Tunnel, reason), "{name}: {failure:?}");
        assert_eq!(&stages(&observation)[1..], "DFNNN", "{name}");
        seen.insert(reason);
    }
    let wanted = FAILURE_PAIRS.iter().filter(|(stage, _)| *stage == Stage::Tunnel).map(|(_, reason)| *reason);
    let elsewhere = [R::Internal, R::PacUnreachable, R::PacInvalid, R::PacTimeout];
    let missing: Vec<_> =
        wanted.filter(|reason| !seen.contains(reason) && !elsewhere.contains(reason)).collect();
    assert!(missing.is_empty(), "no scenario produces {missing:?}");
}

#[tokio::test]
async fn a_407_says_what_is_offered() {
    let lab = Lab::start().await;
    let proxy = proxy(&lab, Kind::Http);
    let kerberos = Response::new(407).header("Proxy-Authenticate", "Negotiate");
    for (scheme, stage) in [("https", Stage::Tunnel), ("http", Stage::Request)] {
        for (reply, words) in [
            (demand(), "it offers Negotiate, NTLM, Basic"),
            (kerberos.clone().into(), "it offers Negotiate, none of which this exporter speaks"),
        ] {
            proxy.order(Order::Reply(reply));
            let observation = by(&lab, scheme, Http, at(proxy.addr()), None).probe().await;
            let failure = observation.failure.unwrap();
            assert_eq!((failure.stage, failure.reason), (stage, R::AuthRequired));
            assert!(failure.detail.contains(words), "{failure:?}");
            assert_eq!(observation.facts.proxy_status, (scheme == "https").then_some(407));
        }
    }
}

/// Some genuine services answer 403, and so does a proxy that denies.
#[tokio::test]
async fn a_proxys_page_is_not_taken_for_the_endpoints_answer() {
    let lab = Lab::start().await;
    let proxy = proxy(&lab, Kind::Http);
    let marked = |name, value| Response::new(403).header(name, value);
    for (reply, expected) in [
        (marked("X-Lab-Filter", "yes"), R::BlockPage),
        (Response::new(403).body("<html>Blocked by the lab's portal</html>"), R::BlockPage),
        (marked("Proxy-Status", "lab; error=http_request_denied"), R::Denied),
        (marked("Proxy-Status", "lab; error=\"dns_error\"; details=x"), R::Denied),
    ] {
        proxy.order(Order::Reply(reply.into()));
        let mut scenario = by(&lab, "http", Http, at(proxy.addr()), None);
        scenario.target.endpoint.expect = Expectation::OneOf(vec![403]);
        scenario.target.endpoint.evidence = vec![Evidence::Status];
        let failure = scenario.probe().await.failure.unwrap();
        assert_eq!(failure.reason, expected, "{failure:?}");
    }
}

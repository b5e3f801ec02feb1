//! DNS failures over UDP and TCP, and failures of the name server.

use std::net::IpAddr;
use std::time::Duration;

use defender_exporter::observation::{FailureReason as R, Phase as S};

use super::cases::{Case, Dead, Wrong};
use crate::lab::Lab;
use crate::lab::blackhole::Refusing;
use crate::lab::dns::{Answer, Transport};
use crate::scenario::Scenario;

/// What each kind of answer is called, whichever way it comes.
fn answers() -> Vec<(&'static str, Answer, R)> {
    let ip = |text: &str| vec![text.parse::<IpAddr>().unwrap()];
    vec![
        ("NXDOMAIN", Answer::Nxdomain, R::Nxdomain),
        ("no data", Answer::NoData, R::NoData),
        ("SERVFAIL", Answer::Servfail, R::Servfail),
        ("REFUSED", Answer::Refused, R::Refused),
        ("silence", Answer::Silence, R::Timeout),
        ("too late", Answer::NoData.after(Duration::from_secs(60)), R::Timeout),
        ("another question's id", Answer::WrongId(ip("203.0.113.7")), R::Timeout),
        ("0.0.0.0", Answer::Addresses(ip("0.0.0.0")), R::Sinkhole),
        ("127.0.0.1", Answer::Addresses(ip("127.0.0.1")), R::Sinkhole),
        ("::", Answer::Addresses(ip("::")), R::Sinkhole),
        ("a sinkhole by an alias", Answer::Alias("sinkhole.lab", ip("::1")), R::Sinkhole),
    ]
}

/// What can happen in a datagram alone, or is called otherwise there.
fn datagrams() -> Vec<(&'static str, Answer, R)> {
    let whole = vec!["203.0.113.7".parse().unwrap()];
    vec![("garbage", Answer::Garbage, R::Protocol), ("half a message", Answer::Half(whole), R::Protocol)]
}

/// The same over TCP, where a message may still become whole, and an answer that doesn't come is none to be had.
fn connections() -> Vec<(&'static str, Answer, R)> {
    let whole = vec!["203.0.113.7".parse().unwrap()];
    vec![
        ("garbage", Answer::Garbage, R::Protocol),
        ("the end", Answer::HangUp, R::Truncated),
        ("half a message", Answer::Half(whole), R::Timeout),
        ("truncated again", Answer::TruncatedBoth, R::Truncated),
    ]
}

/// All of them.
pub fn all() -> Vec<Case> {
    let case = |name: &str, wrong, reason| Case::new(name, "https", wrong, (S::Resolve, reason));
    let over_udp = answers()
        .into_iter()
        .chain(datagrams())
        .map(|(name, answer, reason)| case(name, Wrong::Name(answer), reason));
    let over_tcp = answers().into_iter().chain(connections()).map(|(name, answer, reason)| {
        case(&format!("{name}, over TCP"), Wrong::Name(answer.over_tcp()), reason)
    });
    let refusing = Wrong::NameServer(Dead::Refusing(Refusing::new()));
    let servers = [
        case("no name server at the address", refusing, R::Unreachable),
        case("no route to the name server", Wrong::NameServer(Dead::Unreachable), R::Unreachable),
    ];
    over_udp.chain(over_tcp).chain(servers).collect()
}

/// As behind a firewall that lets DNS through by UDP alone: small answers come, and those that need TCP don't.
#[tokio::test]
async fn without_tcp_only_what_is_truncated_fails() {
    let lab = Lab::start().await;
    lab.dns.refuse_tcp().await;
    for (answer, expected) in [
        (Answer::Nxdomain, R::Nxdomain),
        (Answer::Nxdomain.over_tcp(), R::Truncated),
        (Answer::Truncated(vec!["203.0.113.7".parse().unwrap()]), R::Truncated),
    ] {
        lab.dns.set("maps.genuine.example", answer.clone());
        let failure =
            Scenario::new(&lab, "https://maps.genuine.example/").by_name().probe().await.failure.unwrap();
        assert_eq!((failure.phase, failure.reason), (S::Resolve, expected), "{answer:?}: {failure:?}");
        assert_eq!(failure.detail.contains("truncated"), expected == R::Truncated, "{failure:?}");
    }
    assert!(lab.dns.asked().iter().all(|question| question.transport == Transport::Udp));
}

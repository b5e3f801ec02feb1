//! Each kind of connection failure, and stopped servers.

use std::io::ErrorKind;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use super::client::{Ending, TEST_TIMEOUT, get};
use crate::lab::Lab;
use crate::lab::blackhole::{Hanging, Refusing, Resetting, UNREACHABLE};
use crate::lab::faults::MOMENT;
use crate::lab::origin::Origin;
use crate::lab::reply::Response;

#[tokio::test]
async fn refuses() {
    let refusing = Refusing::new();
    let error = TcpStream::connect(refusing.addr()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
}

#[tokio::test]
async fn is_unreachable() {
    let error = TcpStream::connect(UNREACHABLE).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NetworkUnreachable);
}

#[tokio::test]
async fn hangs() {
    let hanging = Hanging::new().await;
    // Longer than a second: the first repetition of the SYN finds the backlog full, too.
    let connecting = timeout(Duration::from_millis(1300), TcpStream::connect(hanging.addr())).await;
    assert!(connecting.is_err(), "{connecting:?}");
}

#[tokio::test]
async fn resets_while_connecting() {
    let resetting = Resetting::new();
    for _ in 0..100 {
        let connecting = resetting.while_running(TcpStream::connect(resetting.addr())).await;
        assert_eq!(connecting.unwrap_err().kind(), ErrorKind::ConnectionReset);
    }
}

#[tokio::test]
async fn everything_ends_with_the_lab() {
    let lab = Lab::start().await;
    let servers = [lab.tls.addr(), lab.plain.addr(), lab.dns.addr()];
    let mut held = Vec::new();
    for addr in servers {
        held.push(TcpStream::connect(addr).await.unwrap());
    }
    sleep(MOMENT).await; // until they are accepted
    drop(lab);
    for (addr, stream) in servers.into_iter().zip(held) {
        assert!(timeout(TEST_TIMEOUT, stream.readable()).await.is_ok(), "{addr} holds a connection");
        assert!(TcpStream::connect(addr).await.is_err(), "{addr} still listens");
    }
}

#[tokio::test]
async fn an_origin_stops_jams_and_comes_back() {
    let origin = Origin::start_plain(Ipv4Addr::LOCALHOST);
    origin.set("up.lab", "/", Response::new(204));
    let answers = async || {
        let (text, ending) = get(origin.addr(), "up.lab", "/").await;
        text.starts_with("HTTP/1.1 204 ") && ending == Ending::Closed
    };
    assert!(answers().await);

    let held = TcpStream::connect(origin.addr()).await.unwrap();
    origin.stop().await;
    assert!(timeout(TEST_TIMEOUT, held.readable()).await.is_ok(), "stopping ends connections");
    let error = TcpStream::connect(origin.addr()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    origin.restart().await;
    assert!(answers().await, "after a stop");

    origin.jam().await;
    assert!(timeout(TEST_TIMEOUT, TcpStream::connect(origin.addr())).await.is_err());
    origin.restart().await;
    assert!(answers().await, "after a jam");
}

#[tokio::test]
async fn connecting_takes_a_second_when_a_jam_ends_meanwhile() {
    let origin = Origin::start_plain(Ipv4Addr::LOCALHOST);
    origin.jam().await;
    let start = Instant::now();
    let connecting = timeout(Duration::from_secs(5), TcpStream::connect(origin.addr()));
    let restarting = async {
        sleep(Duration::from_millis(100)).await;
        origin.restart().await;
    };
    let (connected, ()) = tokio::join!(connecting, restarting);
    connected.unwrap().unwrap();
    assert!(start.elapsed() >= Duration::from_millis(900), "{:?}", start.elapsed());
}

//! A blocked forwarder affects only its host.

use std::io::ErrorKind;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;

use super::client::{Ending, get};
use crate::lab::forwarder::Forwarder;
use crate::lab::pki::pointers::{AIA_HOST, CRL_HOST};
use crate::lab::reply::End;
use crate::lab::{Lab, faults};

async fn connects(forwarder: &Forwarder) -> Result<(), Option<ErrorKind>> {
    match timeout(Duration::from_millis(200), TcpStream::connect(forwarder.addr())).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(Some(error.kind())),
        Err(_) => Err(None),
    }
}

#[tokio::test]
async fn a_gate_blocks_one_host_alone() {
    let lab = Lab::start().await;
    let (forwarder, other) = (lab.forwarder(CRL_HOST), lab.forwarder(AIA_HOST));
    assert_eq!(connects(forwarder).await, Ok(()));
    forwarder.block().await;
    assert_eq!(connects(forwarder).await, Err(Some(ErrorKind::ConnectionRefused)));
    forwarder.drop_packets().await;
    assert_eq!(connects(forwarder).await, Err(None), "hangs");
    assert_eq!(connects(other).await, Ok(()));
    forwarder.open().await;
    let (text, ending) = get(forwarder.addr(), CRL_HOST, "/microsoft2011.crl").await;
    assert!(text.starts_with("HTTP/1.1 200 "), "{text}");
    assert_eq!(ending, Ending::Closed);
}

#[tokio::test]
async fn what_the_origin_does_wrong_passes() {
    let lab = Lab::start().await;
    let cases = [
        ("reset", faults::end(End::Reset), Ending::Reset),
        ("silent", faults::silent(), Ending::Silent),
        ("cut", faults::end_mid_body(End::Close), Ending::Closed),
        ("endless", faults::endless_body(), Ending::Endless),
        ("100 MB", faults::big_body(100_000_000), Ending::Endless),
    ];
    for (name, fault, expected) in cases {
        lab.plain.break_host(CRL_HOST, fault);
        assert_eq!(get(lab.forwarder(CRL_HOST).addr(), CRL_HOST, "/").await.1, expected, "{name}");
        let (text, _) = get(lab.forwarder(AIA_HOST).addr(), AIA_HOST, "/microsoft2011.crt").await;
        assert!(text.starts_with("HTTP/1.1 200 "), "{name} stays with its host: {text:.30}");
    }
}

//! One host's way is blocked, and no other's.

use std::io::ErrorKind;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;

use super::client::{Ending, get};
use crate::lab::Lab;
use crate::lab::faults;
use crate::lab::gate::Gate;
use crate::lab::pki::pointers::{AIA_HOST, CRL_HOST};
use crate::lab::reply::End;

async fn connects(gate: &Gate) -> Result<(), Option<ErrorKind>> {
    match timeout(Duration::from_millis(200), TcpStream::connect(gate.addr())).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(Some(error.kind())),
        Err(_) => Err(None),
    }
}

#[tokio::test]
async fn a_gate_blocks_one_host_alone() {
    let lab = Lab::start().await;
    let (gate, other) = (lab.gate(CRL_HOST), lab.gate(AIA_HOST));
    assert_eq!(connects(gate).await, Ok(()));
    gate.block().await;
    assert_eq!(connects(gate).await, Err(Some(ErrorKind::ConnectionRefused)));
    gate.drop_packets().await;
    assert_eq!(connects(gate).await, Err(None), "hangs");
    assert_eq!(connects(other).await, Ok(()));
    gate.open().await;
    let (text, ending) = get(gate.addr(), CRL_HOST, "/microsoft2011.crl").await;
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
        assert_eq!(get(lab.gate(CRL_HOST).addr(), CRL_HOST, "/").await.1, expected, "{name}");
        let (text, _) = get(lab.gate(AIA_HOST).addr(), AIA_HOST, "/microsoft2011.crt").await;
        assert!(text.starts_with("HTTP/1.1 200 "), "{name} stays with its host: {text:.30}");
    }
}

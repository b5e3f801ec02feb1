//! The other addresses of a name, where each is to be probed: after the probe itself, which is that of the first.

use std::net::{IpAddr, SocketAddr};

use futures_util::stream::{self, StreamExt as _};

use super::line::Line;
use super::stage::Run;
use crate::observation::AddressFacts;
use crate::plan::Target;

/// The most addresses of a name that are probed, the first among them: each is a series of its own.
const MAX_ADDRESSES: usize = 8;

/// How many of them are probed at once.
const AT_ONCE: usize = 4;

/// The addresses besides `first` that are probed, and how many more there are.
pub(super) fn others(found: &[IpAddr], first: SocketAddr) -> (Vec<SocketAddr>, usize) {
    let mut distinct: Vec<IpAddr> = Vec::new();
    let mut more = 0;
    for address in found.iter().copied().filter(|address| *address != first.ip()) {
        if distinct.contains(&address) {
            continue;
        }
        if distinct.len() < MAX_ADDRESSES - 1 {
            distinct.push(address);
        } else {
            more += 1;
        }
    }
    (distinct.into_iter().map(|address| SocketAddr::new(address, first.port())).collect(), more)
}

/// Probes a target at each of these addresses, as its own probe was made at the first.
pub(super) async fn probe(line: Line<'_>, target: &Target, addresses: Vec<SocketAddr>) -> Vec<AddressFacts> {
    let probes = addresses.into_iter().map(|address| async move {
        let mut run = Run::new(target.timeout);
        let failure = Line { at: Some(address), ..line }.follow(&mut run).await.err();
        AddressFacts { address: address.ip(), failure, duration: run.facts.timings.total() }
    });
    stream::iter(probes).buffered(AT_ONCE).collect().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_other_address_counts_once_and_eight_are_enough() {
        let check = |found: &[&str], expected: &[&str], more: usize| {
            let found: Vec<IpAddr> = found.iter().map(|text| text.parse().unwrap()).collect();
            let expected: Vec<SocketAddr> = expected.iter().map(|text| text.parse().unwrap()).collect();
            assert_eq!(others(&found, "192.0.2.1:443".parse().unwrap()), (expected, more), "{found:?}");
        };
        check(&[], &[], 0);
        check(&["192.0.2.1"], &[], 0);
        check(&["192.0.2.1", "192.0.2.2", "192.0.2.1", "192.0.2.2"], &["192.0.2.2:443"], 0);
        check(&["192.0.2.1", "2001:db8::1"], &["[2001:db8::1]:443"], 0);
        let many: Vec<_> = (1..=10).map(|n| format!("192.0.2.{n}")).collect();
        let many: Vec<_> = many.iter().map(String::as_str).collect();
        let probed: Vec<_> = (2..=8).map(|n| format!("192.0.2.{n}:443")).collect();
        check(&many, &probed.iter().map(String::as_str).collect::<Vec<_>>(), 2);
    }
}

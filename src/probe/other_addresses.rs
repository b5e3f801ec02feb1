//! Probes of a name's other addresses, after the probe itself, which used the first one.

use std::net::{IpAddr, SocketAddr};

use futures_util::stream::{self, StreamExt as _};

use super::pipeline::Pipeline;
use crate::observation::AddressFacts;
use crate::plan::Target;

/// The maximum number of addresses probed per name, including the first. Each is a series of its own.
const MAX_ADDRESSES: usize = 8;

/// The number of concurrent probes.
const AT_ONCE: usize = 4;

/// The addresses to probe besides `first`, and the number of further ones.
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

/// Probes a target at each of these addresses.
pub(super) async fn probe(
    pipeline: Pipeline<'_>,
    target: &Target,
    addresses: Vec<SocketAddr>,
) -> Vec<AddressFacts> {
    let probes = addresses.into_iter().map(|address| async move {
        let pipeline = Pipeline { at: Some(address), ..pipeline };
        let outcome = Box::pin(pipeline.run(target.timeout)).await;
        let duration = outcome.facts.timings.total();
        AddressFacts { address: address.ip(), failure: outcome.failure, duration }
    });
    stream::iter(probes).buffered(AT_ONCE).collect().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_addresses_are_distinct_and_at_most_seven() {
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

//! What DNS said of an endpoint's name, and what became of each address.

use std::net::IpAddr;
use std::time::Duration;

use super::{Labelled, Sample, Value, identity, last_facts};
use crate::config::Addresses;
use crate::metrics::collector::Scrape;
use crate::observation::Failure;
use crate::state::TargetState;

/// Both families, so that a missing one is a 0; nothing where DNS gave no address.
pub(super) fn by_family(state: &TargetState) -> Vec<Labelled<'_>> {
    let addresses = last_facts(state).map_or(&[][..], |facts| &facts.addresses);
    if addresses.is_empty() {
        return vec![];
    }
    let count = |of: fn(&IpAddr) -> bool| Value::Whole(addresses.iter().filter(|ip| of(ip)).count() as u64);
    vec![(vec!["ipv4"], count(IpAddr::is_ipv4)), (vec!["ipv6"], count(IpAddr::is_ipv6))]
}

/// One sample for each address that was probed, where all of a name's are.
pub(super) fn per_address<'a>(
    scrape: &'a Scrape,
    value: impl Fn(Option<&Failure>, Duration) -> Value<'a>,
) -> Vec<Sample<'a>> {
    let mut samples = Vec::new();
    for (_, target, state) in scrape.snapshot.iter() {
        if target.route.resolver.addresses != Addresses::All {
            continue;
        }
        let probed = state.last.iter().flat_map(|last| last.by_address());
        samples.extend(probed.map(|(address, failure, took)| {
            let mut sample = value(failure, took).sample(identity(target));
            sample.labels.push(address.to_string().into());
            sample
        }));
    }
    samples
}

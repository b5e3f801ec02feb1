//! The addresses that DNS or the hosts file returned for an endpoint's name, and the result of probing each address.

use std::borrow::Cow;
use std::net::IpAddr;
use std::time::Duration;

use super::{identity, identity_and, last_facts};
use crate::config::Addresses;
use crate::metrics::scrape::Scrape;
use crate::metrics::value::{Sample, SampleValue};
use crate::observation::Failure;
use crate::plan::Target;
use crate::state::TargetState;

/// One sample per address family, 0 if the family is missing. Empty if DNS returned no address.
pub(in crate::metrics) fn by_family<'a>(target: &'a Target, state: &'a TargetState) -> Vec<Sample<'a, 4>> {
    let addresses = last_facts(state).map_or(&[][..], |facts| &facts.addresses);
    if addresses.is_empty() {
        return vec![];
    }
    let count = |family: fn(&IpAddr) -> bool| {
        SampleValue::Whole(addresses.iter().filter(|ip| family(ip)).count() as u64)
    };
    vec![
        count(IpAddr::is_ipv4).sample(identity_and(target, "ipv4")),
        count(IpAddr::is_ipv6).sample(identity_and(target, "ipv6")),
    ]
}

/// One sample per probed address, for the targets whose route probes every address of a name, and for those whose last
/// probe failed over.
pub(in crate::metrics) fn per_address<'a>(
    scrape: &'a Scrape,
    value: impl Fn(Option<&Failure>, Duration) -> SampleValue<'a>,
) -> Vec<Sample<'a, 4>> {
    let mut samples = Vec::new();
    for (_, target, state) in scrape.snapshot.iter() {
        let all = target.route.resolver.addresses == Addresses::All;
        let shown = state.last.iter().filter(|last| all || last.facts.failed_addresses().next().is_some());
        let probed = shown.flat_map(|last| last.by_address());
        samples.extend(probed.map(|result| {
            let [component, endpoint, route] = identity(target).map(Cow::Borrowed);
            let labels = [component, endpoint, route, result.address.to_string().into()];
            Sample { labels, value: value(result.failure, result.duration) }
        }));
    }
    samples
}

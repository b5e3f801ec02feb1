//! Where each query must have results. Default: everywhere; exceptions are listed with their places.

use super::{PLACES, SOUND};
use crate::real::stack::Outage;

/// Where a query runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// At an exporter in its lab.
    Site(Outage),
    /// Of the golden exposition.
    GoldenExposition,
}

/// A panel, its letters, and the places where they have results; without any: of the golden exposition.
type Row = (&'static str, &'static str, &'static [Outage]);

const BROKEN: &[Outage] =
    &[Outage::MapsRefused, Outage::CrlBlocked, Outage::Intercepted, Outage::ProxyDemands];
/// Where probes of MAPS itself fail: a blocked list is no probe's failure.
const MAPS_FAILS: &[Outage] = &[Outage::MapsRefused, Outage::Intercepted, Outage::ProxyDemands];
/// Where MAPS still answers, whatever the answer is worth.
const MAPS_ANSWERS: &[Outage] = &[SOUND, Outage::CrlBlocked, Outage::Intercepted, Outage::ProxyDemands];

const SOME: &[Row] = &[
    // What fails, why, and what to change: nothing where nothing fails.
    ("Why clients lose MAPS, and what to change", "A", BROKEN),
    ("Where MAPS is lost, why, and what to change", "A", BROKEN),
    ("What is wrong, and what to change", "A", BROKEN),
    ("What the failures have in common", "A", BROKEN),
    ("Failing endpoints", "A", BROKEN),
    ("Failed probes by reason", "A", BROKEN),
    ("Failed probes of the component by reason", "A", BROKEN),
    ("Firing alerts", "A", BROKEN),
    ("Firing alerts by severity", "A", BROKEN),
    ("Why it fails, and what to change", "A", MAPS_FAILS),
    ("Why it failed over time", "A", MAPS_FAILS),
    ("Chains that are not the genuine service's", "A", &[Outage::Intercepted]),
    // Facts of an established connection.
    ("By instance and route, the worst first", "BCF", MAPS_ANSWERS),
    ("TLS of the last probe", "A", MAPS_ANSWERS),
    ("Proxy's answer to CONNECT over time", "A", &[Outage::ProxyDemands]),
    ("MAPS by instance over time", "A", &[Outage::MapsRefused, Outage::CrlBlocked, Outage::Intercepted]),
    ("MAPS by instance over time", "C", &[Outage::ProxyDemands]),
    ("MAPS by instance over time", "D", &[SOUND]),
    // What these places don't have.
    ("Targets of /probe", "A", &[]),
    ("Addresses from DNS", "B", &[]),
    ("Each address over time", "A", &[]),
    ("Range over time", "A", &[]),
    ("Defender on the exporter's machine", "BCDE", &[]),
    ("What protects now", "BCD", &[]),
    ("Settings (Windows)", "BCDE", &[]),
    ("mdatp (Linux)", "BCDEF", &[]),
    ("Events of Defender's log (Windows)", "A", &[]),
    ("What the exporter could read of it", "B", &[]),
];

/// What has results only while an exporter is down.
const OF_DOWN: &[(&str, &str)] = &[
    ("Instances that lose MAPS", "C"),
    ("Instances whose signatures turn stale", "C"),
    ("MAPS by instance over time", "B"),
];

/// Where the query of this panel with this letter must have results.
pub fn wanted(title: &str, letter: &str) -> Vec<Place> {
    if OF_DOWN.contains(&(title, letter)) {
        return vec![];
    }
    let listed = SOME.iter().find(|(panel, letters, _)| *panel == title && letters.contains(letter));
    match listed {
        None => PLACES.map(Place::Site).to_vec(),
        Some((.., [])) => vec![Place::GoldenExposition],
        Some((.., outages)) => outages.iter().copied().map(Place::Site).collect(),
    }
}

/// The panels and letters that are listed.
pub fn listed() -> impl Iterator<Item = (&'static str, &'static str)> {
    SOME.iter().map(|(title, letters, _)| (*title, *letters)).chain(OF_DOWN.iter().copied())
}

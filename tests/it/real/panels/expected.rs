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
    ("Where MAPS is lost, why, and what to change", "A", BROKEN),
    ("What is wrong, and what to change", "A", BROKEN),
    ("Causes of failures at all instances", "A", BROKEN),
    ("What the failures share", "A", &[Outage::Intercepted]),
    ("What the failures share: $scope", "A", &[Outage::Intercepted]),
    ("What the failures share", "B", &[SOUND]),
    ("What the failures share: $scope", "B", &[SOUND]),
    ("Failing endpoints", "A", BROKEN),
    ("Failed probes by reason", "A", BROKEN),
    ("Failed probes of the component by reason", "A", MAPS_FAILS),
    ("Firing alerts", "A", BROKEN),
    ("Instances with firing alerts", "A", &[Outage::MapsRefused]),
    ("Instances with firing alerts", "E", &[SOUND]),
    ("Why it fails, and what to change", "A", MAPS_FAILS),
    ("Why it failed over time", "A", MAPS_FAILS),
    ("Inspected and unverified chains", "A", &[Outage::Intercepted]),
    // Facts of an established connection.
    ("By instance and route, the worst first", "BCG", MAPS_ANSWERS),
    ("TLS of the last probe", "A", MAPS_ANSWERS),
    ("Proxy's answer to CONNECT over time", "A", &[Outage::ProxyDemands]),
    ("MAPS by instance over time", "A", &[Outage::MapsRefused, Outage::CrlBlocked, Outage::Intercepted]),
    ("MAPS by instance over time", "C", &[Outage::ProxyDemands]),
    ("MAPS by instance over time", "D", &[SOUND]),
    // What these places don't have.
    ("Update sources: $scope", "CDE", &[]),
    ("MAPS: $scope", "B", &[]),
    ("Instances that lose MAPS", "D", &[]),
    ("Availability of the last 30 days", "A", &[]),
    ("Targets of /probe", "A", &[]),
    ("Addresses from DNS", "B", &[]),
    ("Each address over time", "A", &[]),
    ("Range over time", "A", &[]),
    ("Defender on the exporter's machine", "BCDE", &[]),
    ("What protects now", "BCD", &[]),
    ("Settings (Windows)", "BCDE", &[]),
    ("mdatp (Linux)", "BCDEF", &[]),
    ("Events of Defender's log (Windows)", "A", &[]),
    ("What the exporter can read from Defender", "B", &[]),
    ("Update sources: what the machine uses, and what is listed (Windows)", "A", &[]),
];

/// What has results or not, as the alerts have it.
const OF_ALERTS: (&str, &str) = ("Instances with firing alerts", "BCD");

/// What has results only while an exporter is down, or where no update source works.
const OF_DOWN: &[(&str, &str)] = &[
    ("Instances that lose MAPS", "C"),
    ("Endpoints by their TLS: $scope", "E"),
    // While no exporter was up in all the time shown.
    ("Update sources: $scope", "F"),
    ("Instances whose signatures turn stale", "D"),
    ("MAPS by instance over time", "B"),
    ("Signatures stale in: $scope", "B"),
    ("Share of the known time in which MAPS worked, for the worst route", "B"),
    ("Share of the known time in which each component worked: $scope", "B"),
];

/// What has no result of an exporter that is gone, although Prometheus is asked whether it is up, or what was before.
const ENDS: &[(&str, &str)] = &[
    ("Endpoints by their TLS: $scope", "ABCD"),
    ("Update sources: $scope", "CDEF"),
    ("Instances, the worst first", "HI"),
    ("Targets of /probe", "A"),
    ("Versions", "B"),
    ("Signatures stale in: $scope", "B"),
    ("What the failures share: $scope", "A"),
    ("Share of the known time in which MAPS worked, for the worst route", "A"),
    ("Share of the known time in which each component worked: $scope", "A"),
];

/// Whether a query still has results when the exporter is gone: what Prometheus itself knows, and what has been. All else must be
/// empty, or it would look as if all were well.
pub fn outlives(title: &str, letter: &str, query: &str) -> bool {
    let ends = ENDS.iter().any(|(panel, letters)| *panel == title && letters.contains(letter));
    !ends && ["up{", "[$__range]"].iter().any(|part| query.contains(part))
}

/// A tile, line or table of one row, the instances that it is of, whether the sound exporter is gone, the value, and the name with its counts, or labels.
pub type Said = (&'static str, &'static str, &'static str, bool, &'static str, &'static str);

/// What tiles, lines and the rows of tables say. Lost: where MAPS is refused, its lists are blocked, or it is inspected; partly lost: where
/// one of two proxies demands a login.
pub const SAID: &[Said] = &[
    ("MAPS: $scope", "A", ".+", false, "9", "3 of 5 instances, 1 partly"),
    ("MAPS: $scope", "A", ".+", true, "10", "3 of 5 instances, 1 partly, 1 unknown"),
    ("MAPS: $scope", "A", "killed", false, "3", "the only route"),
    ("MAPS: $scope", "A", "killed", true, "0", "nothing known"),
    ("MAPS: $scope", "A", "killed|intercepted", true, "10", "1 of 2 instances, 1 unknown"),
    ("MAPS: $scope", "A", "killed|proxy-demands", false, "6", "1 of 2 instances"),
    ("MAPS: $scope", "A", "proxy-demands", false, "6", "1 of 2 routes lost"),
    ("MAPS: $scope", "A", "maps-refused", false, "9", "the only route"),
    ("Update sources: $scope", "A", ".+", false, "6", "Microsoft Update: 1 of 5 instances"),
    ("Update sources: $scope", "A", "killed|maps-refused", false, "3", "Microsoft Update: 2 of 2 instances"),
    ("Update sources: $scope", "A", "killed|maps-refused", true, "4", "Microsoft Update: 1 of 2 instances"),
    ("Update sources: $scope", "B", "killed", true, "0", "Alternate download location (adl): nothing known"),
    ("Now: $endpoint, $scope", "A", "killed|proxy-demands", true, "7", "1 of 2 instances, 1 unknown"),
    ("Now: $endpoint, $scope", "A", "proxy-demands", false, "6", "1 of 2 routes failing"),
    ("Exporter: $scope", "A", ".+", true, "0", "1 of 5"),
    ("Exporter: $scope", "A", "killed", true, "0", "1 of 1"),
    ("Signatures stale in: $scope", "A", "killed", true, "-9999", "nothing known"),
    ("Signatures stale in: $scope", "A", ".+", true, "", ", 1 unknown"),
    // Of the instance with the most, never of several together.
    ("Endpoints failing: $scope", "A", ".+", false, "4", "via every route: 4 of 30 at 3 instances"),
    ("Endpoints failing: $scope", "B", ".+", false, "", " at 1 instance"),
    ("Endpoints failing: $scope", "AB", "killed", true, "-1", "?"),
    (
        "Endpoints failing: $scope",
        "A",
        "killed|maps-refused",
        true,
        "",
        " at 1 instance, unknown at 1 instance",
    ),
    (
        "Endpoints by their TLS: $scope",
        "D",
        "killed|intercepted",
        true,
        "0",
        "revoked, unknown at 1 instance",
    ),
    ("Endpoints by their TLS: $scope", "E", "killed", true, "-1", "nothing known"),
    // What the tables say that a cause stops, and where the row comes.
    ("What is wrong, and what to change", "A", "maps-refused", false, "1", r#""stops":"MAPS lost","#),
    ("What is wrong, and what to change", "A", "intercepted", false, "1", r#""rank":"0""#),
    (
        "What is wrong, and what to change",
        "A",
        "proxy-demands",
        false,
        "1",
        "MAPS lost via 1 of 2 routes, updates too",
    ),
    ("What is wrong, and what to change", "A", "proxy-demands", false, "1", r#""rank":"2""#),
    ("What is wrong, and what to change", "A", "killed", true, "1", r#""stops":"Exporter down""#),
    (
        "Where MAPS is lost, why, and what to change",
        "A",
        "maps-refused",
        false,
        "1",
        r#""stops":"MAPS lost","#,
    ),
    (
        "Where MAPS is lost, why, and what to change",
        "A",
        "proxy-demands",
        false,
        "1",
        "MAPS lost via 1 of 2 routes, updates too",
    ),
    ("Where MAPS is lost, why, and what to change", "A", "killed", true, "1", r#""rank":"1""#),
    ("What this endpoint is for", "A", "maps-refused", false, "0", "default hosts"),
    ("What this endpoint is for", "A", "proxy-demands", false, "1", "default hosts"),
    ("What this endpoint is for", "A", "killed", false, "2", "default hosts"),
    ("What this endpoint is for", "A", "killed", true, "-2", "default hosts"),
    ("Instances with firing alerts", "A", "maps-refused", false, "1", "critical: 1 of 1"),
    ("MAPS by route", "A", "killed", true, "1", r#""route":"–""#),
    ("Instances that lose MAPS", "A", ".+", true, "3", "3 of 5"),
    ("Instances that lose MAPS", "B", ".+", true, "1", "1 of 5"),
    ("Instances that lose MAPS", "C", "killed", true, "1", "1 of 1"),
    ("Instances whose signatures turn stale", "C", ".+", false, "0", "0 of 5"),
    ("Instances whose signatures turn stale", "C", "killed", true, "-1", "? of 1"),
    ("Exporters down", "A", "killed", true, "1", "1 of 1"),
    ("Instances, the worst first", "F", "proxy-demands", false, "1", r#" via some""#),
    ("Instances, the worst first", "C", "killed", true, "2", "killed"),
    ("Instances, the worst first", "J", "proxy-demands", false, "-2", "proxy-demands"),
    (
        "Share of the known time in which MAPS worked, for the worst route",
        "B",
        "killed",
        true,
        "-1",
        "% of the time unknown",
    ),
    ("What the failures share: $scope", "A", "intercepted", false, "", "share the certificate issuer "),
    ("What the failures share", "A", "intercepted", false, "1", "share the certificate issuer "),
    (
        "Instances that lose each component, over time",
        "B",
        "killed",
        true,
        "1",
        "exporter down: nothing known",
    ),
    // Over time, the last value: -2 of an exporter that is down.
    ("HTTP status over time", "A", "maps-refused", false, "-1", "via direct"),
    ("TLS over time", "A", "maps-refused", false, "-1", "via direct"),
    ("Revocation over time", "A", "maps-refused", false, "-1", "via direct"),
    ("Status as expected over time", "A", "intercepted", false, "3", "via direct"),
    ("Status as expected over time", "A", "killed", true, "-2", "via direct"),
];

/// Where the query of this panel with this letter must have results.
pub fn wanted(title: &str, letter: &str) -> Vec<Place> {
    if OF_DOWN.contains(&(title, letter)) || (title == OF_ALERTS.0 && OF_ALERTS.1.contains(letter)) {
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
    SOME.iter()
        .map(|(title, letters, _)| (*title, *letters))
        .chain(OF_DOWN.iter().copied())
        .chain([OF_ALERTS])
}

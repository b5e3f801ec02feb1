//! Registries as tables. The values follow the documented types and ranges; none was captured.

use std::collections::HashMap;

use proptest::prelude::*;

use super::proxies::{TELEMETRY, machine_proxies};
use super::*;
use crate::config::{MachineProxies, PolicyProxies, Proxies};

const TODAY: &str = SIGNATURES[0];
const OLDER: &str = SIGNATURES[1];

const MANY: &[&str] = &["REST:nonsense"; 100];

#[derive(Clone, Debug)]
pub(in crate::host) enum Value {
    Dword(u32),
    Sz(&'static str),
    MultiSz(&'static [&'static str]),
    Binary(Vec<u8>),
    Denied,
}

#[derive(Default)]
pub(in crate::host) struct Table(HashMap<(String, String), Value>);

impl Table {
    pub(in crate::host) fn new(values: &[(&str, &str, Value)]) -> Self {
        let entry =
            |(path, name, value): &(&str, &str, Value)| ((*path).into(), (*name).into(), value.clone());
        Self(values.iter().map(entry).map(|(path, name, value)| ((path, name), value)).collect())
    }

    fn read<T>(&self, path: &str, name: &str, convert: impl FnOnce(Value) -> Option<T>) -> RegistryResult<T> {
        match self.0.get(&(path.to_owned(), name.to_owned())).cloned() {
            None => Ok(None),
            Some(Value::Denied) => Err(HostReadReason::AccessDenied),
            Some(value) => convert(value).map(Some).ok_or(HostReadReason::Malformed),
        }
    }
}

impl Registry for Table {
    fn dword(&self, path: &str, name: &str) -> RegistryResult<u32> {
        self.read(path, name, |value| if let Value::Dword(number) = value { Some(number) } else { None })
    }

    fn sz(&self, path: &str, name: &str) -> RegistryResult<String> {
        self.read(path, name, |value| if let Value::Sz(text) = value { Some(text.to_owned()) } else { None })
    }

    fn multi_sz(&self, path: &str, name: &str) -> RegistryResult<Vec<String>> {
        self.read(path, name, |value| {
            let Value::MultiSz(lines) = value else { return None };
            Some(lines.iter().map(|line| (*line).to_owned()).collect())
        })
    }

    fn binary(&self, path: &str, name: &str) -> RegistryResult<Vec<u8>> {
        self.read(path, name, |value| if let Value::Binary(bytes) = value { Some(bytes) } else { None })
    }
}

fn binary(hexadecimal: &str) -> Value {
    Value::Binary(hex::decode(hexadecimal).unwrap())
}

fn at(text: &str) -> SystemTime {
    humantime::parse_rfc3339(text).unwrap()
}

/// The facts of a registry that is read without problems.
fn facts(values: &[(&str, &str, Value)]) -> RegistryFacts {
    let (facts, problems) = RegistryFacts::read(&Table::new(values));
    assert_eq!(problems, [], "{values:?}");
    facts
}

/// The facts and the single problem of a registry.
fn problem(values: &[(&str, &str, Value)]) -> (RegistryFacts, HostProblem) {
    let (facts, mut problems) = RegistryFacts::read(&Table::new(values));
    let problem = problems.pop().unwrap();
    assert_eq!((problems.as_slice(), problem.collector), (&[][..], HostCollector::Registry), "{values:?}");
    (facts, problem)
}

fn proxy(host: &str, port: u16, bypass: &[&str]) -> WinHttpProxies {
    let at = crate::config::HostPort { host: host.to_owned(), port };
    let bypass = bypass.iter().map(|rule| (*rule).to_owned()).collect();
    WinHttpProxies { http: Some(at.clone()), https: Some(at), bypass }
}

#[test]
fn an_empty_registry_means_the_defaults() {
    let expected = RegistryFacts {
        ssl_options: Some(SslOptions::Both),
        winhttp: Some(WinHttpSetting::Direct),
        ..RegistryFacts::default()
    };
    assert_eq!(facts(&[]), expected);
}

#[test]
fn policies_are_numbers_in_a_range() {
    for (n, options) in (0..).zip(SslOptions::ALL) {
        let read = facts(&[(SPYNET_POLICY, "SSLOptions", Value::Dword(n))]);
        assert_eq!(read.ssl_options, Some(*options));
    }
    for (n, reporting) in (0..).zip(SpynetReporting::ALL) {
        let read = facts(&[(SPYNET_POLICY, "SpynetReporting", Value::Dword(n))]);
        assert_eq!(read.spynet_reporting, Some(*reporting));
    }
    for (n, consent) in (0..).zip(SampleConsent::ALL) {
        let read = facts(&[(SPYNET_POLICY, "SubmitSamplesConsent", Value::Dword(n))]);
        assert_eq!(read.submit_samples_consent, Some(*consent));
    }
    for (days, read) in [(0, None), (7, Some(7)), (14, Some(14))] {
        let facts = facts(&[(SIGNATURES_POLICY, "AVSignatureDue", Value::Dword(days))]);
        assert_eq!(facts.signatures_due_days, read);
    }
    for (name, number, most) in [
        ("SSLOptions", 4, 3),
        ("SSLOptions", u32::MAX, 3),
        ("SpynetReporting", 3, 2),
        ("SubmitSamplesConsent", 4, 3),
    ] {
        let (facts, problem) = problem(&[(SPYNET_POLICY, name, Value::Dword(number))]);
        assert_eq!(problem.reason, HostReadReason::Malformed);
        assert_eq!(problem.detail, format!("{name}: {number} is out of range: 0 to {most}"));
        assert_eq!(facts.ssl_options.is_none(), name == "SSLOptions");
    }
}

#[test]
fn the_machines_own_maps_urls_are_read() {
    let lines = &[
        "SOAP:https://wdcp.microsoft.com/WdCpSrvc.asmx",
        "",
        "REST:https://wdcp.microsoft.com/wdcp.svc/submitReport",
        "bond: https://wdcp.microsoft.com/wdcp.svc/bond/submitreport",
        "REST:https://wdcp.microsoft.com/wdcp.svc/submitReport",
    ];
    let facts = facts(&[(SPYNET, "SpyNetReportingLocation", Value::MultiSz(lines))]);
    let read: Vec<_> = facts.maps_urls.iter().map(|maps| (maps.protocol, maps.url.as_str())).collect();
    let expected = [
        (MapsProtocol::Soap, "https://wdcp.microsoft.com/WdCpSrvc.asmx"),
        (MapsProtocol::Rest, "https://wdcp.microsoft.com/wdcp.svc/submitReport"),
        (MapsProtocol::Bond, "https://wdcp.microsoft.com/wdcp.svc/bond/submitreport"),
    ];
    assert_eq!(read, expected);
    for line in [&["https://a.example/"], &["REST"], &["REST:ftp://a.example/"], &["REST:"]] {
        let (facts, problem) = problem(&[(SPYNET, "SpyNetReportingLocation", Value::MultiSz(line))]);
        assert_eq!((facts.maps_urls, problem.reason), (vec![], HostReadReason::Malformed), "{line:?}");
    }
    let (_, problems) =
        RegistryFacts::read(&Table::new(&[(SPYNET, "SpyNetReportingLocation", Value::MultiSz(MANY))]));
    assert_eq!(problems.len(), MAX_URLS);
}

#[test]
fn proxies_are_read() {
    let facts = facts(&[
        (CONNECTIONS, "WinHttpSettings", binary("18000000010000000300000004000000703a383000000000")),
        (POLICY, "ProxyServer", Value::Sz("http://proxy.example:8080")),
        (POLICY, "ProxyBypass", Value::Sz("<local>;*.example")),
        (POLICY, "ProxyPacUrl", Value::Sz("http://wpad.example/proxy.pac")),
    ]);
    assert_eq!(facts.winhttp, Some(WinHttpSetting::Proxy(proxy("p", 80, &[]))));
    assert_eq!(facts.proxy_policy.server, Some(proxy("proxy.example", 8080, &["<local>", "*.example"])));
    let pac_url = facts.proxy_policy.pac_url.unwrap();
    assert_eq!(pac_url.as_str(), "http://wpad.example/proxy.pac");
    for (path, name, value) in [
        (CONNECTIONS, "WinHttpSettings", binary("1800")),
        (POLICY, "ProxyServer", Value::Sz("http://user:hunter2@proxy:80")),
        (POLICY, "ProxyPacUrl", Value::Sz("file://server/proxy.pac")),
    ] {
        let (facts, problem) = problem(&[(path, name, value)]);
        assert!(
            problem.reason == HostReadReason::Malformed && problem.detail.starts_with(name),
            "{problem:?}"
        );
        assert!(!problem.detail.contains("hunter2"), "{problem:?}");
        assert_eq!(facts.proxy_policy, ProxyPolicy::default());
        assert_eq!(facts.winhttp.is_none(), name == "WinHttpSettings");
    }
}

#[test]
fn a_route_can_follow_the_winhttp_setting() {
    let proxies = |values: &[(&str, &str, Value)]| machine_proxies(&Table::new(values)).winhttp.unwrap();
    assert_eq!(proxies(&[]), Ok(Proxies::default()));
    let one = proxies(&[(
        CONNECTIONS,
        "WinHttpSettings",
        binary("18000000010000000300000004000000703a383000000000"),
    )]);
    let at = one.unwrap().https.as_ref().map(|proxy| proxy.at.to_string());
    assert_eq!(at.as_deref(), Some("p:80"));
    for (value, why) in [
        (binary("18"), "WinHttpSettings: it ends in the middle of the version"),
        (Value::Dword(1), "WinHttpSettings: has an unexpected registry type"),
    ] {
        let why = format!(r"can't be used: {why} (in HKLM\{CONNECTIONS})");
        assert_eq!(proxies(&[(CONNECTIONS, "WinHttpSettings", value)]), Err(why));
    }
}

/// A policy's proxy for `http://a.example/`, its proxy for `https://b.corp.example/`, and its script.
fn policy(read: Result<Option<PolicyProxies>, String>) -> Result<Option<[String; 3]>, String> {
    let shown = |policy: PolicyProxies| {
        let [plain, tls] = ["http://a.example/", "https://b.corp.example/"].map(|url| {
            let proxy = policy.server.for_url(&ProbeUrl::parse(url).unwrap()).cloned();
            proxy.map_or_else(|| "none".to_owned(), |proxy| format!("{} {}", proxy.kind, proxy.at))
        });
        [plain, tls, policy.script.map_or_else(|| "none".to_owned(), |script| script.to_string())]
    };
    read.map(|policy| policy.map(shown))
}

#[test]
fn a_route_can_follow_the_policies() {
    const PAC: &str = "http://wpad.example/proxy.pac";
    let check =
        |values: &[(&str, &str, Value)], antivirus: Option<[&str; 3]>, telemetry: Option<[&str; 3]>| {
            let MachineProxies { defender_policy, telemetry_proxy, mdatp, .. } =
                machine_proxies(&Table::new(values));
            let owned = |shown: Option<[&str; 3]>| Ok(shown.map(|shown| shown.map(str::to_owned)));
            assert_eq!(policy(defender_policy.unwrap()), owned(antivirus), "{values:?}");
            assert_eq!(policy(telemetry_proxy.unwrap()), owned(telemetry), "{values:?}");
            assert!(mdatp.is_none());
        };
    let server = || (POLICY, "ProxyServer", Value::Sz("http://10.0.0.6:8080"));
    let bypass = || (POLICY, "ProxyBypass", Value::Sz("*.corp.example"));
    let script = || (POLICY, "ProxyPacUrl", Value::Sz(PAC));
    let sensor = || (TELEMETRY, "TelemetryProxyServer", Value::Sz("10.0.0.7:8080"));
    let (av, edr) = ("http 10.0.0.6:8080", "http 10.0.0.7:8080");
    check(&[], None, None);
    check(&[bypass()], None, None);
    check(&[(POLICY, "ProxyServer", Value::Sz(" "))], None, None);
    check(&[server()], Some([av, av, "none"]), None);
    check(&[server(), bypass()], Some([av, "none", "none"]), None);
    check(&[script()], Some(["none", "none", PAC]), None);
    check(&[server(), script(), sensor()], Some([av, av, PAC]), Some([edr, edr, "none"]));
    check(&[sensor(), bypass()], None, Some([edr, edr, "none"]));
}

#[test]
fn a_policy_that_cannot_be_used_names_value_and_key() {
    let check = |(path, name, value): (&str, &str, Value), antivirus: &str, telemetry: &str| {
        let MachineProxies { defender_policy, telemetry_proxy, .. } =
            machine_proxies(&Table::new(&[(path, name, value)]));
        for (read, why) in [(defender_policy, antivirus), (telemetry_proxy, telemetry)] {
            let expected = match why {
                "" => Ok(None),
                why => Err(format!(r"can't be used: {name}: {why} (in HKLM\{path})")),
            };
            assert_eq!(policy(read.unwrap()), expected);
        }
    };
    let form = "names no proxy as host:port";
    let denied = "access denied: run as LocalSystem or as an administrator";
    let kind = "has an unexpected registry type";
    check((POLICY, "ProxyServer", Value::Sz("http://eve:hunter2@proxy:80")), form, "");
    check((POLICY, "ProxyServer", Value::Denied), denied, "");
    check((POLICY, "ProxyBypass", Value::Dword(1)), kind, "");
    let scheme = ProbeUrl::parse("file://server/proxy.pac").unwrap_err().to_string();
    check((POLICY, "ProxyPacUrl", Value::Sz("file://server/proxy.pac")), &scheme, "");
    check((TELEMETRY, "TelemetryProxyServer", Value::Sz("10.0.0.7:port")), "", form);
    check((TELEMETRY, "TelemetryProxyServer", Value::Dword(1)), "", kind);
}

/// 2026-11-24 and 2000-01-01.
const LATE: &str = "004095bfa67bdd01";
const EARLY: &str = "00406d25eb53bf01";

#[test]
fn signatures_of_either_registry_layout() {
    let of = |path: &'static str, version| {
        vec![
            (path, "AVSignatureVersion", Value::Sz(version)),
            (path, "EngineVersion", Value::Sz("1.1.25100.9002")),
            (path, "AVSignatureApplied", binary(EARLY)),
            (path, "SignaturesLastUpdated", binary(LATE)),
            (path, "LastFallbackTime", binary(LATE)),
        ]
    };
    let check = |values: &[(&str, &str, Value)], version: &str| {
        let facts = facts(values);
        let signatures = facts.signatures.unwrap();
        assert_eq!(signatures.version.unwrap().to_string(), version);
        assert_eq!(signatures.engine.unwrap().to_string(), "1.1.25100.9002");
        assert_eq!(signatures.dated(), Some(at("2000-01-01T00:00:00Z")));
        assert_eq!(signatures.applied, Some(at("2026-11-24T00:00:00Z")));
        assert_eq!(facts.last_fallback, Some(at("2026-11-24T00:00:00Z")));
    };
    check(&of(TODAY, "1.441.99.0"), "1.441.99.0");
    check(&of(OLDER, "1.300.1.0"), "1.300.1.0");
    check(&[of(OLDER, "1.300.1.0"), of(TODAY, "1.441.99.0")].concat(), "1.441.99.0");
    let few = facts(&[
        (TODAY, "AVSignatureVersion", Value::Sz("1.441.99.0")),
        (TODAY, "SignaturesLastUpdated", binary(LATE)),
        (TODAY, "LastFallbackTime", binary("0000000000000000")),
    ]);
    assert_eq!(few.signatures.unwrap().dated(), Some(at("2026-11-24T00:00:00Z")));
    assert_eq!(few.last_fallback, None);
}

#[test]
fn unreadable_values_are_reported() {
    for (name, value, reason) in [
        ("AVSignatureVersion", Value::Denied, HostReadReason::AccessDenied),
        ("AVSignatureVersion", Value::Dword(1), HostReadReason::Malformed),
        ("AVSignatureVersion", Value::Sz("new\u{202e}est"), HostReadReason::Malformed),
    ] {
        let (facts, problem) = problem(&[(TODAY, name, value)]);
        assert_eq!((facts.signatures, problem.reason), (None, reason));
        assert!(problem.detail.starts_with(name) && !problem.detail.contains('\u{202e}'), "{problem:?}");
    }
    for (path, name) in
        [(SPYNET_POLICY, "SSLOptions"), (CONNECTIONS, "WinHttpSettings"), (POLICY, "ProxyServer")]
    {
        let (facts, problem) = problem(&[(path, name, Value::Denied)]);
        assert_eq!(problem.reason, HostReadReason::AccessDenied, "{name}");
        assert!(problem.detail.contains("LocalSystem"), "{problem:?}");
        assert_eq!(facts.ssl_options.is_none(), name == "SSLOptions");
        assert_eq!(facts.winhttp.is_none(), name == "WinHttpSettings");
    }
    let (facts, problem) = problem(&[
        (TODAY, "AVSignatureVersion", Value::Sz("1.1.1.1")),
        (TODAY, "AVSignatureApplied", binary("00")),
    ]);
    assert_eq!(facts.signatures.unwrap().dated(), None);
    assert_eq!(problem.detail, "AVSignatureApplied: 1 bytes instead of 8");
}

proptest! {
    #[test]
    fn no_location_makes_it_panic(line in ".{0,60}") {
        let _ = maps_url(&line);
    }
}

//! PAC scripts as administrators write them, and scripts that fail. Helper functions and return values have
//! their own files. Hostile scripts are in `tests/it/pac_hostile.rs`.

mod answers;
mod dns;
mod helpers;
mod machine;

use std::collections::BTreeMap;
use std::net::{SocketAddr, UdpSocket};
use std::sync::LazyLock;
use std::time::SystemTime;

use proptest::prelude::*;

use super::*;
use crate::config::{Config, HostPort, ResolverConfig};

/// A DNS server that knows no name, for all tests of the process. Wine hides the rejection of a closed port.
fn knows_nothing() -> SocketAddr {
    static SERVER: LazyLock<SocketAddr> = LazyLock::new(|| {
        #[expect(clippy::disallowed_methods, reason = "a server of the tests")]
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let at = socket.local_addr().unwrap();
        std::thread::spawn(move || {
            let mut message = [0; 512];
            while let Ok((length, client)) = socket.recv_from(&mut message) {
                message[2..4].copy_from_slice(&[0x81, 0x83]); // a response: NXDOMAIN
                let _gone = socket.send_to(&message[..length], client);
            }
        });
        at
    });
    *SERVER
}

/// Names from the configuration. No other name exists.
fn names() -> Resolver {
    let overrides = [
        ("www.contoso.example", vec!["198.51.100.7"]),
        ("inside.contoso.example", vec!["10.1.2.3", "fd00::3"]),
        ("six.contoso.example", vec!["2001:db8::6"]),
        ("both.contoso.example", vec!["192.0.2.1", "2001:db8::1", "192.0.2.2"]),
    ];
    let address = |text: &str| text.parse().unwrap();
    let overrides = overrides.map(|(name, list)| (name.to_owned(), list.into_iter().map(address).collect()));
    let servers = vec![knows_nothing()];
    let resolver =
        ResolverConfig { servers, overrides: BTreeMap::from(overrides), ..ResolverConfig::default() };
    let config = Config { resolver, ..Config::default() };
    Resolver::new(&config.resolver, &config.connect_to)
}

/// Later than any of these evaluations ends.
fn later() -> Instant {
    Instant::now() + Duration::from_secs(600)
}

/// A machine whose local time is `offset` minutes ahead of `now`, which is UTC.
fn machine(now: &str, offset: i16) -> ScriptMachine {
    let addresses = ["10.9.8.7", "fd00::1", "10.9.8.8"].map(|text| text.parse().unwrap());
    ScriptMachine::new(time(now), Some(offset), addresses.into())
}

fn time(text: &str) -> SystemTime {
    humantime::parse_rfc3339_weak(text).unwrap()
}

/// Runs a script for a URL.
async fn find(script: &str, url: &str, machine: ScriptMachine) -> Result<PacAnswer, PacError> {
    let limits = PacLimits { time: Duration::from_secs(20), ..PacLimits::default() };
    let url = ProbeUrl::parse(url).unwrap();
    Script::parse(script, limits).await?.find(&url, machine, &names(), limits, later()).await.answer
}

const BY_DOMAIN: &str = r#"
    var direct = [".contoso.example", ".windowsupdate.com"];
    function FindProxyForURL(url, host) {
      host = host.toLowerCase();
      if (isPlainHostName(host)) return "DIRECT";
      for (var i = 0; i < direct.length; i++) if (dnsDomainIs(host, direct[i])) return "DIRECT";
      if (url.substring(0, 6) == "https:") return "PROXY tls.contoso.example:8443; PROXY spare.contoso.example:8443";
      return "PROXY plain.contoso.example:8080; DIRECT";
    }"#;

const BY_NETWORK: &str = r#"
    // Where the machine is, looked up once.
    var here = myIpAddress();
    function FindProxyForURL(url, host) {
      var address = dnsResolve(host);
      if (address && (isInNet(address, "10.0.0.0", "255.0.0.0") || isInNet(address, "192.168.0.0", "255.255.0.0")))
        return "DIRECT";
      if (isInNet(here, "10.9.0.0", "255.255.0.0")) return "PROXY branch.contoso.example:3128";
      return "PROXY head.contoso.example:3128";
    }"#;

const BY_TIME: &str = r#"
    function FindProxyForURL(url, host) {
      if (weekdayRange("MON", "FRI") && timeRange(8, 18)) return "PROXY day.contoso.example:8080";
      return "SOCKS5 night.contoso.example; SOCKS night.contoso.example:1081";
    }"#;

const BOTH_FUNCTIONS: &str = r#"
    function FindProxyForURL(url, host) { return "PROXY old:1"; }
    function FindProxyForURLEx(url, host) {
      return isInNetEx(myIpAddressEx(), "10.0.0.0/8") ? "HTTPS new:8443" : "DIRECT"; }"#;

#[tokio::test]
async fn scripts_as_administrators_write_them() {
    let cases = [
        (BY_DOMAIN, "http://intranet/", "DIRECT"),
        (BY_DOMAIN, "http://ds.download.windowsupdate.com/x.cab", "DIRECT"),
        (BY_DOMAIN, "http://www.microsoft.com/pkiops/crl/a.crl", "PROXY plain.contoso.example:8080, DIRECT"),
        (
            BY_DOMAIN,
            "https://wdcp.microsoft.com/",
            "PROXY tls.contoso.example:8443, PROXY spare.contoso.example:8443",
        ),
        (BY_NETWORK, "https://inside.contoso.example/", "DIRECT"),
        (BY_NETWORK, "https://192.168.3.4/", "DIRECT"),
        (BY_NETWORK, "https://missing.contoso.example/", "PROXY branch.contoso.example:3128"),
        (BY_TIME, "http://a.example/", "PROXY day.contoso.example:8080"),
        (BOTH_FUNCTIONS, "http://a.example/", "HTTPS new:8443"),
        ("FindProxyForURL = (url, host) => 'PROXY ' + host", "http://a.example:81/", "PROXY a.example:80"),
        ("\u{feff}function FindProxyForURL() { return null }", "http://a.example/", "DIRECT"),
        ("function FindProxyForURL() { return '' }", "http://a.example/", "DIRECT"),
        (
            "function FindProxyForURL() { 'use strict'; alert(1); return ' ; ' }",
            "http://a.example/",
            "DIRECT",
        ),
        // sloppy code that strict code refuses
        (
            "x = 010; function FindProxyForURL() { with ({ y: x }) return 'PROXY a:' + y }",
            "http://a/",
            "PROXY a:8",
        ),
    ];
    for (script, url, expected) in cases {
        let answer = find(script, url, machine("2026-03-04 12:00:00", 0)).await.unwrap();
        let choices: Vec<_> = answer.directives.iter().map(ToString::to_string).collect();
        assert_eq!(choices.join(", "), expected, "{url} by {script}");
    }
    let night = find(BY_TIME, "http://a.example/", machine("2026-03-07 12:00:00", 0)).await.unwrap();
    let at = |port| HostPort { host: "night.contoso.example".to_owned(), port };
    assert_eq!(
        night.directives,
        [ProxyDirective::Socks(Socks::V5, at(1080)), ProxyDirective::Socks(Socks::Unspecified, at(1081))]
    );
}

#[tokio::test]
async fn scripts_get_the_same_url_as_in_browsers() {
    let script = "function FindProxyForURL(url, host) { throw url + ' ' + host }";
    let cases = [
        ("http://A.example/path?q=1", "http://a.example/path?q=1 a.example"),
        ("http://a.example:80", "http://a.example/ a.example"),
        ("http://a.example:8080/x", "http://a.example:8080/x a.example"),
        ("https://a.example/secret?token", "https://a.example/ a.example"),
        ("https://a.example:8443/secret", "https://a.example:8443/ a.example"),
        ("https://[2001:db8::1]:444/x", "https://[2001:db8::1]:444/ 2001:db8::1"),
    ];
    for (url, expected) in cases {
        let error = find(script, url, ScriptMachine::empty()).await.unwrap_err();
        assert_eq!(error, PacError::Threw { line: None, message: expected.to_owned() });
    }
}

#[tokio::test]
async fn a_script_of_the_greatest_length_is_fine() {
    let rules =
        (0..).map(|n| format!("if (shExpMatch(host, '*.host{n}.example')) return 'PROXY p{n}:80';\n"));
    let mut script = "function FindProxyForURL(url, host) {\n".to_owned();
    for rule in rules {
        if script.len() + rule.len() + 1 > Script::MAX_LEN {
            break;
        }
        script.push_str(&rule);
    }
    script.push('}');
    let answer = find(&script, "http://a.host9999.example/", ScriptMachine::empty()).await.unwrap();
    assert_eq!(answer, PacAnswer::parse("PROXY p9999:80").unwrap());
}

#[tokio::test]
async fn an_evaluation_can_be_spawned() {
    let script =
        Script::parse("function FindProxyForURL() { return 'DIRECT' }", PacLimits::default()).await.unwrap();
    let evaluation = tokio::spawn(async move {
        let url = ProbeUrl::parse("http://a.example/").unwrap();
        script.find(&url, ScriptMachine::empty(), &names(), PacLimits::default(), later()).await
    });
    assert_eq!(evaluation.await.unwrap().answer.unwrap().directives, [ProxyDirective::Direct]);
}

#[tokio::test]
async fn each_failure_has_its_reason_and_line() {
    let cases = [
        ("var a = 1;\nfunction FindProxyForURL( {", "malformed at line 2"),
        ("<html>\n<body>Not found</body></html>", "malformed at line 1"),
        ("var a;\nvar b = '\0';", "malformed at line 2"),
        ("", "no_function"),
        ("function findProxyForUrl() { return 'DIRECT' }", "no_function"),
        ("const FindProxyForURL = 'DIRECT'", "no_function"),
        ("const FindProxyForURL = () => 'DIRECT'", "no_function"), // browsers don't see it either
        ("function FindProxyForURL() {\n return missing(); }", "threw at line 2"),
        ("function FindProxyForURL() {\n return eval('(('); }", "threw at line 2"),
        ("var a = 1;\nnull.x; function FindProxyForURL() {}", "threw at line 2"),
        ("function FindProxyForURL() { throw 'a \u{1b}[31m word' }", "threw"),
        ("function FindProxyForURL() { throw { toString() { throw 1 } } }", "threw"),
        ("function FindProxyForURL() { throw Symbol('a') }", "threw"),
        ("function f() { f() } function FindProxyForURL() { f() }", "threw at line 1"),
        ("function FindProxyForURL() { 'a'.repeat(2 ** 30) }", "threw at line 1"),
        ("function FindProxyForURL() { 'a'.repeat(2 ** 29) }", "out_of_memory"),
        ("function FindProxyForURL() {}", "bad_answer"),
        ("function FindProxyForURL() { return { toString() { return 'DIRECT' } } }", "bad_answer"),
        ("async function FindProxyForURL() { return 'DIRECT' }", "bad_answer"),
        ("function FindProxyForURL() { return 'PROXY a:0' }", "bad_answer"),
        ("function FindProxyForURL() { return 'PROXY \\ud800:1' }", "bad_answer"),
        ("function FindProxyForURL() { throw 'a \\ud800' }", "threw"),
        ("function FindProxyForURL() { throw new Error('a \\ud800') }", "threw at line 1"),
        ("function FindProxyForURL() { return dnsResolve('\\ud800') }", "fine"),
        (
            "function FindProxyForURL() { for (let i = 0; i < 33; i++) isResolvable(i + '.x.example') }",
            "threw at line 1",
        ),
        (
            "function FindProxyForURL() { for (let i = 0; i < 99; i++) isResolvable(i % 32 + '.x.example'); return '' }",
            "fine",
        ),
    ];
    for (script, expected) in cases {
        let found = match find(script, "http://a.example/", machine("2026-03-04 12:00:00", 0)).await {
            Ok(_) => "fine".to_owned(),
            Err(error) => {
                let line = match &error {
                    PacError::Malformed { line: Some(line), .. }
                    | PacError::Threw { line: Some(line), .. } => {
                        format!(" at line {line}")
                    }
                    _ => String::new(),
                };
                assert!(!error.to_string().contains('\u{1b}'), "{error}");
                format!("{}{line}", error.reason())
            }
        };
        assert_eq!(found, expected, "{script}");
    }
    let long = " ".repeat(Script::MAX_LEN + 1);
    assert_eq!(Script::parse(&long, PacLimits::default()).await.unwrap_err(), PacError::TooLarge(long.len()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_script_panics(noise in ".{0,200}", code in "[a-z(){}\\[\\];=+,.'\"/*?:!<> 0-9]{0,200}") {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        for script in [noise, format!("function FindProxyForURL(url, host) {{ {code} }}"), code] {
            let internal = runtime.block_on(async {
                let found = find(&script, "http://a.example/", ScriptMachine::empty()).await;
                found.is_err_and(|error| error.reason() == PacReason::Internal)
            });
            prop_assert!(!internal, "{}", script);
        }
    }
}

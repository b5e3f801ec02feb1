//! Tests of the configuration: files with their expected outcome, the shipped sample, and arbitrary text.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use proptest::prelude::*;

use super::values::format_duration;
use super::*;
use crate::catalog::UpdateSource;

/// The passwords in the password file of the valid configurations, and in the URLs of [`environment`].
const PASSWORDS: [&str; 2] = ["correct horse", "battery@staple"];

const SAMPLE: &str = include_str!("../../deploy/defender-exporter.yaml");

pub(super) fn data() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/config")
}

/// An environment with valid variables.
fn environment() -> Environment {
    let variables = [
        ("http_proxy", "proxy.example:3128"),
        ("HTTP_PROXY", "http://not-asked.example:3128"),
        ("HTTPS_PROXY", "https://bob:battery%40staple@secure.example/"),
        ("NO_PROXY", "localhost, .corp.example,10.0.0.0/8"),
    ];
    Environment::new(&variables, Some("corp.example")).with_machine(machine())
}

/// A machine with every setting.
fn machine() -> MachineProxies {
    let named = |host: &str, rule: &str| {
        let at = HostPort { host: host.to_owned(), port: 8080 };
        let proxy = Some(Arc::new(Proxy { kind: ProxyKind::Http, at, credentials: None }));
        let mut no_proxy = NoProxy::default();
        no_proxy.add_windows_rule(rule);
        Proxies { http: proxy.clone(), https: proxy, no_proxy }
    };
    let script = ProbeUrl::parse("http://policy.example/defender.pac").unwrap();
    let policy = |server, script| Some(Ok(Some(PolicyProxies { server, script })));
    let origin = "/etc/opt/microsoft/mdatp/managed/mdatp_managed.json: cloudService.proxy".to_owned();
    MachineProxies {
        winhttp: Some(Ok(named("winhttp.example", "<local>"))),
        defender_policy: policy(named("policy.example", "*.corp.example"), Some(PacSource::Url(script))),
        telemetry_proxy: policy(named("telemetry.example", "<local>"), None),
        mdatp: Some(Ok(Some(MdatpProxy { origin, url: "http://mdatp.example:3128/".to_owned() }))),
    }
}

/// An environment with invalid variables, on a machine without a domain.
fn bad_environment() -> Environment {
    let variables = [
        ("http_proxy", "http://eve:hunter2@proxy"),
        ("https_proxy", "ftp://proxy.example:21"),
        ("no_proxy", "localhost,a..b,10.*"),
    ];
    let broken = || "can't be used: it is broken".to_owned();
    let machine = MachineProxies {
        winhttp: Some(Err(broken())),
        defender_policy: Some(Err(broken())),
        telemetry_proxy: Some(Err(broken())),
        mdatp: Some(Err(broken())),
    };
    Environment::new(&variables, None).with_machine(machine)
}

/// Parses every `*.yaml` of a folder and compares the result with the `*.txt` beside it. With `UPDATE_EXPECTED` set,
/// writes the texts, to be reviewed.
pub(super) fn check(folder: &str, outcome: fn(&str, &str, &Path) -> String) {
    let folder = data().join(folder);
    let mut files: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    assert!(!files.is_empty());
    let mut different = Vec::new();
    for path in files {
        let name = path.file_name().unwrap().to_str().unwrap();
        let found = outcome(name, &fs::read_to_string(&path).unwrap(), &folder) + "\n";
        let expected = path.with_extension("txt");
        if std::env::var_os("UPDATE_EXPECTED").is_some() {
            fs::write(&expected, &found).unwrap();
        }
        if fs::read_to_string(&expected).unwrap_or_default() != found {
            different.push(format!("{name} gave\n{found}"));
        }
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}

#[test]
fn bad_files_report_every_problem() {
    check("bad", |name, text, folder| match parse(name, text, folder, &bad_environment()) {
        Ok(config) => panic!("{name} was accepted: {config:?}"),
        Err(problems) => {
            let text = problems.to_string();
            assert!(!text.contains("hunter2") && !text.contains("secret"), "{text}");
            text
        }
    });
}

#[test]
fn good_files_become_this_configuration() {
    check("good", |name, text, folder| {
        let mut config = parse(name, text, folder, &environment()).unwrap();
        let extra = std::mem::take(&mut config.tls.extra_roots).len();
        let genuine = std::mem::take(&mut config.tls.genuine_roots).len();
        let shown = format!("{config:#?}\nextra roots: {extra}, genuine roots: {genuine}");
        let folder = format!("{folder:?}");
        shown.replace(folder.trim_matches('"'), "(folder)").replace(r"(folder)\\", "(folder)/")
    });
}

#[test]
fn the_sample_equals_the_defaults() {
    assert_eq!(parse("sample", SAMPLE, Path::new(""), &Environment::default()), Ok(Config::default()));
}

#[test]
fn the_examples_of_the_sample_are_valid_and_cover_every_key() {
    let text: String =
        SAMPLE.lines().map(|line| line.strip_prefix("#: ").unwrap_or(line).to_owned() + "\n").collect();
    let folder = tempfile::tempdir().unwrap();
    for root in ["corporate-root.pem", "microsoft-new-root.pem"] {
        fs::copy(data().join("pem").join(root), folder.path().join(root)).unwrap();
    }
    fs::write(folder.path().join("proxy.pass"), "secret\n").unwrap();
    let every_system = Environment::default().with_machine(machine());
    let config = parse("sample", &text, folder.path(), &every_system).unwrap();
    let Config { groups, components, resolver, connect_to, tls, endpoints, block_pages, .. } = &config;
    assert!(
        !groups.is_empty()
            && !connect_to.is_empty()
            && !tls.extra_roots.is_empty()
            && !block_pages.is_empty()
    );
    assert!(!tls.genuine_roots.is_empty() && !tls.issuer_hosts.is_empty());
    assert!(config.signatures.feeds.is_some() && config.state_file.is_some());
    assert!(!resolver.servers.is_empty() && !resolver.overrides.is_empty());
    assert!(components.values().any(|settings| settings.enabled.is_some()));
    assert!(components.values().any(|settings| settings.interval.is_some() && settings.timeout.is_some()));
    assert!(UpdateSource::ALL.iter().all(|of| config.update_sources.iter().any(|own| own.source == *of)));
    cover_routes(&config.routes);
    let full = endpoints.iter().find(|entry| entry.evidence.is_some()).unwrap();
    assert!(endpoints.iter().any(|entry| entry.trust.is_some()));
    assert!(full.expect.is_some() && full.method.is_some() && full.enabled.is_some());
    assert!(full.interval.is_some() && full.timeout.is_some());
}

/// Checks that the examples of routes contain every key.
fn cover_routes(routes: &[RouteConfig]) {
    let proxies = |route: &RouteConfig| match &route.via {
        RouteProxy::Proxies(proxies) => proxies.https.clone().map(|proxy| (proxy, proxies.no_proxy.clone())),
        RouteProxy::Policy(policy) => policy.server.https.clone().map(|proxy| (proxy, NoProxy::default())),
        RouteProxy::Pac(_) => None,
    };
    let scripts = routes.iter().filter_map(|route| match &route.via {
        RouteProxy::Pac(pac) => Some(&pac.source),
        RouteProxy::Proxies(_) | RouteProxy::Policy(_) => None,
    });
    let (proxy, no_proxy) = routes.iter().find_map(proxies).unwrap();
    assert!(proxy.credentials.is_some() && no_proxy != NoProxy::default());
    let scripts: Vec<_> = scripts.collect();
    assert!(scripts.iter().any(|source| !matches!(source, PacSource::Wpad { .. })));
    assert!(scripts.iter().any(|source| matches!(source, PacSource::Wpad { domain } if !domain.is_empty())));
    for setting in ["winhttp", "policy", "telemetry", "mdatp"] {
        let host = format!("{setting}.example");
        let follows = |route| proxies(route).is_some_and(|(proxy, _)| proxy.at.host == host);
        assert!(routes.iter().any(follows), "{setting}");
    }
    assert!(SAMPLE.contains("from_environment: true")); // without effect if no variable is set
    assert!(routes.iter().any(|route| !route.components.is_empty() && route.source_address.is_some()));
    assert!(routes.iter().any(|route| route.resolver.is_some()));
}

/// The problem that [`load`] reports for a file with these bytes, without its path.
fn load_problem(bytes: Option<&[u8]>) -> String {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.yaml");
    if let Some(bytes) = bytes {
        fs::write(&path, bytes).unwrap();
    }
    let ConfigProblems(problems) = load(&path, &Environment::default()).unwrap_err();
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].file, path.display().to_string());
    assert_eq!(problems[0].key, "");
    problems[0].problem.clone()
}

#[test]
fn settings_of_another_system_are_refused() {
    for (key, problem) in [
        ("winhttp", "the machine's WinHTTP proxy setting is available on Windows only"),
        ("defender_policy", "Defender's proxy policy is available on Windows only"),
        ("telemetry_proxy", "the policy TelemetryProxyServer is available on Windows only"),
        ("mdatp", "mdatp's proxy is available on Linux only"),
    ] {
        let text = format!("routes: [{{ name: machine, {key}: true }}]");
        let problems = parse("f", &text, Path::new(""), &Environment::default()).unwrap_err().to_string();
        assert_eq!(problems, format!("f:1:27: routes[0].{key}: {problem}"));
    }
}

/// Services use the WinHTTP setting where no policy says otherwise.
#[test]
fn without_a_policy_its_route_is_that_of_winhttp() {
    let unset = MachineProxies {
        defender_policy: Some(Ok(None)),
        telemetry_proxy: Some(Ok(None)),
        mdatp: Some(Ok(None)),
        ..machine()
    };
    let environment = Environment::default().with_machine(unset);
    let via = |key: &str| {
        let text = format!("routes: [{{ name: machine, {key}: true, no_proxy: [a.example] }}]");
        parse("f", &text, Path::new(""), &environment).unwrap().routes.remove(0).via
    };
    assert!(matches!(via("winhttp"), RouteProxy::Proxies(proxies) if proxies.https.is_some()));
    assert_eq!([via("defender_policy"), via("telemetry_proxy")], [via("winhttp"), via("winhttp")]);
    assert!(matches!(via("mdatp"), RouteProxy::Proxies(Proxies { http: None, https: None, .. })));
}

#[test]
fn files_that_cannot_be_read_are_one_problem() {
    let long = vec![b'#'; 1024 * 1024 + 1];
    let cases: [(Option<&[u8]>, &str); 3] = [
        (None, "can't be read: no such file"),
        (Some(b"interval: \xff"), "is not UTF-8: byte 11 can't be read"),
        (Some(&long), "exceeds 1024 KiB"),
    ];
    for (bytes, expected) in cases {
        assert_eq!(load_problem(bytes), expected);
    }
    let longest = parse("x", &"#".repeat(1024 * 1024), Path::new(""), &Environment::default());
    assert_eq!(longest, Ok(Config::default()));
    assert!(parse("x", &"#".repeat(1024 * 1024 + 1), Path::new(""), &Environment::default()).is_err());
}

#[test]
fn roots_are_found_beside_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let root = fs::read(data().join("pem/corporate-root.pem")).unwrap();
    fs::write(folder.path().join("root.pem"), [root.clone(), root].concat()).unwrap();
    let path = folder.path().join("x.yaml");
    fs::write(&path, "\u{feff}tls: { extra_roots: [root.pem] }\r\n").unwrap();
    assert_eq!(load(&path, &Environment::default()).unwrap().tls.extra_roots.len(), 1);
}

#[test]
fn relative_state_file_paths() {
    for (text, expected) in
        [("state_file: a/state.json", "/etc/x/a/state.json"), ("state_file: /b.json", "/b.json")]
    {
        let config = parse("f", text, Path::new("/etc/x"), &Environment::default()).unwrap();
        assert_eq!(config.state_file, Some(PathBuf::from(expected)), "{text}");
    }
}

#[test]
fn long_and_invisible_text_is_cut_and_escaped() {
    let text = format!("geos: [\"\u{202e}{}\"]", "x".repeat(500));
    let problems = parse("f", &text, Path::new(""), &Environment::default()).unwrap_err().to_string();
    let expected =
        format!("f:1:8: geos[0]: \"\\u{{202e}}{}\"… is not one of us, eu, uk, au, ch, in", "x".repeat(79));
    assert_eq!(problems, expected);
}

/// A valid file with one part replaced.
fn mutated() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just(String::new()),
        "[\\PC\n\t]{0,8}",
        prop::sample::select(vec![
            "{", "[", "-", ": ", "&a", "*a", "~", "!x", "\n  ", "'", "\"", "0", "-1", "1e999"
        ])
        .prop_map(str::to_owned),
    ];
    let everything = fs::read_to_string(data().join("good/everything.yaml")).unwrap();
    (any::<prop::sample::Index>(), 0..12_usize, piece).prop_map(move |(at, cut, piece)| {
        let mut chars: Vec<char> = everything.chars().collect();
        let at = at.index(chars.len());
        let end = (at + cut).min(chars.len());
        chars.splice(at..end, piece.chars());
        chars.into_iter().collect()
    })
}

fn check_problem_format(text: &str) -> Result<(), TestCaseError> {
    if let Err(ConfigProblems(problems)) = parse("f", text, &data().join("good"), &environment()) {
        prop_assert!(!problems.is_empty());
        for problem in problems {
            prop_assert!(!problem.to_string().contains('\n'), "{problem}");
            prop_assert!(!problem.problem.is_empty());
            prop_assert!(PASSWORDS.iter().all(|word| !problem.problem.contains(word)), "{problem}");
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn arbitrary_text_never_panics(text in "(?s).{0,200}") {
        check_problem_format(&text)?;
    }

    #[test]
    fn mutated_files_never_panic(text in mutated()) {
        check_problem_format(&text)?;
    }

    #[test]
    fn said_durations_are_read_back(millis in 100..86_400_000_u64) {
        let duration = Duration::from_millis(millis);
        prop_assert_eq!(humantime::parse_duration(&format_duration(duration)), Ok(duration));
    }
}

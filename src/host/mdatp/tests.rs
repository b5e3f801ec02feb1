//! The parsers with texts from Microsoft's pages and the format that scripts read, and the command with a stand-in.

use std::time::SystemTime;

use proptest::prelude::*;

use super::super::InstalledSignatures;
use super::connectivity::parse;
use super::health::{DefinitionsStatus, MdatpHealthError};
use super::*;

fn at(text: &str) -> SystemTime {
    humantime::parse_rfc3339(text).unwrap()
}

fn now() -> SystemTime {
    at("2026-11-24T12:00:00Z")
}

/// The format that scripts read: names in camel case, settings as objects.
const JSON: &str = r#"{
  "appVersion": "101.25092.0003",
  "automaticDefinitionUpdateEnabled": {"$type": "sourcedConfig", "source": "managed", "value": true},
  "cloudEnabled": {"source": "managed", "value": true},
  "definitionsStatus": {"$type": "upToDate"},
  "definitionsUpdated": "1795478400000",
  "definitionsUpdatedMinutesAgo": 720,
  "definitionsVersion": "1.441.99.0",
  "engineVersion": "1.1.25100.9002",
  "conflictingApplications": [],
  "healthIssues": [],
  "healthy": true,
  "passiveModeEnabled": {"source": "defaults", "value": false},
  "productExpiration": "1817078400000",
  "realTimeProtectionEnabled": {"source": "managed", "value": true}
}"#;

fn expected() -> MdatpHealth {
    MdatpHealth {
        healthy: Some(true),
        cloud_enabled: Some(true),
        real_time_protection: Some(true),
        passive_mode: Some(false),
        definitions: Some(DefinitionsStatus::UpToDate),
        conflicting_applications: Some(vec![]),
        health_issues: Some(vec![]),
        product_expiration: Some(at("2027-08-01T00:00:00Z")),
        signatures: InstalledSignatures {
            version: "1.441.99.0".parse().ok(),
            engine: "1.1.25100.9002".parse().ok(),
            platform: "101.25092.0003".parse().ok(),
            built: None,
            applied: Some(at("2026-11-24T00:00:00Z")),
        },
    }
}

#[test]
fn health_is_read_in_every_spelling() {
    let snake = JSON
        .replace("appVersion", "app_version")
        .replace("cloudEnabled", "cloud_enabled")
        .replace("definitionsS", "definitions_s")
        .replace("definitionsU", "definitions_u")
        .replace("definitionsV", "definitions_v")
        .replace("engineV", "engine_v")
        .replace("realTimeProtectionEnabled", "real_time_protection_enabled")
        .replace("passiveModeEnabled", "passive_mode_enabled")
        .replace("conflictingApplications", "conflicting_applications")
        .replace("healthIssues", "health_issues")
        .replace("productExpiration", "product_expiration")
        .replace(r#"{"$type": "upToDate"}"#, r#""up_to_date""#);
    for text in [
        JSON.to_owned(),
        snake,
        format!("ATTENTION: No license found.\n{JSON}\nbye"),
        JSON.replace("\"1795478400000\"", "1795478400000"),
        JSON.replace("\"1795478400000\"", "1795478400"),
        JSON.replace("1795478400000", "2026-11-24T00:00:00Z"),
        JSON.replace("1795478400000", "Nov 24, 2026 at 12:00:00 AM"), // then by the age in minutes
        JSON.replace("\"1795478400000\"", "null").replace("720", "\"720\""),
        JSON.replace("\"healthy\": true", "\"healthy\": \"true\""),
        JSON.replace("\"healthy\": true", "\"healthy\": 1"),
    ] {
        assert_eq!(MdatpHealth::parse(text.as_bytes(), now()), Ok(expected()), "{text}");
    }
}

#[test]
fn lists_are_read_in_every_form() {
    let check = |field: &str, expected: Option<&[&str]>| {
        let text = format!("{{\"healthy\": false, \"health_issues\": {field}}}");
        let issues = MdatpHealth::parse(text.as_bytes(), now()).unwrap().health_issues;
        let expected = expected.map(|all| all.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>());
        assert_eq!(issues, expected, "{field}");
    };
    check("[]", Some(&[]));
    check(r#"["no active event provider", "a\u001bb"]"#, Some(&["no active event provider", "a b"]));
    check(
        r#"[{"$type": "noLicense"}, {"name": "x"}, {}, null, 7]"#,
        Some(&["noLicense", "x", "unnamed", "unnamed", "7"]),
    );
    check(r#"{"value": ["x"]}"#, Some(&["x"]));
    for field in ["null", "\"\"", "7", "{}", r#"{"value": "x"}"#] {
        check(field, None);
    }
    let many = serde_json::to_string(&vec!["x"; 1000]).unwrap();
    check(&many, Some(&["x"; 50]));
}

#[test]
fn definitions_have_the_states_of_the_page() {
    for (text, status) in [
        ("up_to_date", DefinitionsStatus::UpToDate),
        ("upToDate", DefinitionsStatus::UpToDate),
        ("updating", DefinitionsStatus::Updating),
        ("Unavailable", DefinitionsStatus::Unavailable),
        ("other", DefinitionsStatus::Other),
        ("hunter2", DefinitionsStatus::Other),
    ] {
        let health = MdatpHealth::parse(format!("{{\"definitionsStatus\": \"{text}\"}}").as_bytes(), now());
        assert_eq!(health.unwrap().definitions, Some(status), "{text}");
    }
}

#[test]
fn missing_and_broken_fields_are_none() {
    let parse = |text: &str| MdatpHealth::parse(text.as_bytes(), now());
    let sick = parse(r#"{"healthy": false, "definitionsStatus": {"$type": "outOfDate"}}"#).unwrap();
    let expected = MdatpHealth {
        healthy: Some(false),
        definitions: Some(DefinitionsStatus::Other),
        ..MdatpHealth::default()
    };
    assert_eq!(sick.definitions_up_to_date(), Some(false));
    assert_eq!(sick, expected);
    for field in [
        r#""engineVersion": "unavailable""#,
        r#""engineVersion": ["1.2.3.4"]"#,
        r#""engineVersion": {"value": {"value": "1.2.3.4"}}"#,
        r#""engineVersion": {}"#,
        r#""cloudEnabled": "perhaps""#,
        r#""definitionsUpdated": 1"#,
        r#""definitionsUpdated": "99999999999999999""#,
        r#""definitionsUpdated": "-5""#,
        r#""definitionsUpdatedMinutesAgo": -5"#,
        r#""definitionsUpdatedMinutesAgo": 18446744073709551615"#,
        r#""definitionsUpdatedMinutesAgo": 99999999999"#,
    ] {
        let health = parse(&format!("{{{field}, \"healthy\": true}}")).unwrap();
        assert_eq!(health, MdatpHealth { healthy: Some(true), ..MdatpHealth::default() }, "{field}");
    }
    for text in ["{}", "[]", "7", "", r#"{"unknown": 1}"#, r#"{"healthy": []}"#] {
        assert_eq!(parse(text), Err(MdatpHealthError::Foreign), "{text}");
    }
    for text in ["{", r#"{"healthy": tr"#, "Could not connect to the daemon", &"{\"a\":".repeat(10_000)] {
        assert!(matches!(parse(text), Err(MdatpHealthError::Syntax(_))), "{text}");
    }
}

#[test]
fn connections_are_read() {
    let text = "\
Running connectivity test
Testing connection with https://cdn.x.cp.wd.microsoft.com/ping ... [OK]
Testing connection with https://x.cp.wd.microsoft.com/api/report ... [FAIL]\r
Testing connection with https://winatp-gw-weu.microsoft.com/test ... [ERROR] Error code 35\u{1b}
Testing connection with https://winatp-gw-neu.microsoft.com/test ...
Testing connection with nonsense ... [OK]
Testing connection with https://v20.events.data.microsoft.com/ping ... [ok]
";
    let tests = parse(text.as_bytes());
    let read: Vec<_> = tests.iter().map(|test| (test.url.host(), test.failure.as_deref())).collect();
    let expected = [
        ("cdn.x.cp.wd.microsoft.com", None),
        ("x.cp.wd.microsoft.com", Some("[FAIL]")),
        ("winatp-gw-weu.microsoft.com", Some("[ERROR] Error code 35 ")),
        ("v20.events.data.microsoft.com", None),
    ];
    assert_eq!(read, expected);
    assert_eq!(parse(text.repeat(1000).as_bytes()).len(), 100);
    assert_eq!(parse(b"Could not connect to the daemon"), []);
}

proptest! {
    #[test]
    fn no_health_makes_it_panic(text in "[{}\\[\\]\":,a-z0-9.e-]{0,60}", value in ".{0,30}") {
        let _ = MdatpHealth::parse(text.as_bytes(), now());
        let value = serde_json::to_string(&value).unwrap();
        let _ = MdatpHealth::parse(format!("{{\"definitions_updated\":{value},\"app_version\":{value}}}").as_bytes(), now());
    }

    #[test]
    fn no_connection_makes_it_panic(start in ".{0,20}", end in ".{0,40}") {
        let _ = parse(format!("{start}Testing connection with {end} ... {start}").as_bytes());
    }
}

#[cfg(unix)]
mod command {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    /// The facts of a stand-in that runs these scripts for `health` and `connectivity`.
    async fn facts(health: &str, connectivity: &str) -> HostFacts {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("mdatp");
        let script = format!(
            "#!/bin/sh\ncase \"$*\" in\n'health --output json') {health};;\n'connectivity test') {connectivity};;\n*) exit 99;;\nesac\n"
        );
        std::fs::write(&program, script).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        let short = CommandLimits::with_timeout(Duration::from_secs(2));
        let mut mdatp = Mdatp { health: short, connectivity: short, ..Mdatp::at(program) };
        mdatp.facts(Clock::Fixed(now())).await
    }

    const CONNECTED: &str = "echo 'Testing connection with https://a.example/ping ... [OK]'";

    #[tokio::test]
    async fn a_healthy_product_is_read() {
        let facts = facts(&format!("cat <<'E'\n{JSON}\nE\n"), CONNECTED).await;
        assert_eq!(facts.problems, []);
        assert_eq!(facts.at, now());
        assert_eq!(facts.signatures, Some(expected().signatures));
        let mdatp = facts.mdatp.unwrap();
        assert_eq!(mdatp.health, Some(expected()));
        assert_eq!(mdatp.connectivity.unwrap().len(), 1);
    }

    #[tokio::test]
    async fn failures_are_reported_and_the_rest_is_retained() {
        for (health, reason, detail) in [
            ("exec sleep 30", HostReadReason::Timeout, "timed out after 2s"),
            ("exec cat /dev/zero", HostReadReason::TooLarge, "exceeded 262144 bytes"),
            ("echo nonsense", HostReadReason::Malformed, "it printed nonsense"),
            ("echo '{}'", HostReadReason::Malformed, "no known field"),
            ("exit 1", HostReadReason::Failed, "it printed nothing"),
            ("echo 'no daemon' >&2; exit 1", HostReadReason::Failed, "it printed no daemon"),
        ] {
            let facts = facts(health, CONNECTED).await;
            let [problem] = facts.problems.as_slice() else { panic!("{health}: {:?}", facts.problems) };
            assert_eq!((problem.collector, problem.reason), (HostCollector::Health, reason), "{health}");
            assert!(problem.detail.contains(detail), "{problem:?}");
            assert_eq!(facts.signatures, None);
            assert_eq!(facts.mdatp.unwrap().connectivity.unwrap().len(), 1);
        }
        let facts = facts("echo '{\"healthy\": true}'", "echo nothing").await;
        assert_eq!(facts.problems[0].collector, HostCollector::Connectivity);
        assert!(facts.mdatp.unwrap().health.is_some());
    }

    #[tokio::test]
    async fn a_missing_product_is_reported() {
        let facts = Mdatp::at("/nonexistent/mdatp".into()).facts(Clock::Fixed(now())).await;
        let problems: Vec<_> =
            facts.problems.iter().map(|problem| (problem.collector, problem.reason)).collect();
        assert_eq!(
            problems,
            [
                (HostCollector::Health, HostReadReason::NotFound),
                (HostCollector::Connectivity, HostReadReason::NotFound)
            ]
        );
    }
}

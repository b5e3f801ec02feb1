//! The program on a machine with Defender (a stand-in for `mdatp`) and without.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::time::{Duration, Instant};

use defender_exporter::app;
use defender_exporter::app::{Lifecycle, Setup};
use defender_exporter::catalog::UpdateOrigin;
use defender_exporter::clock::Clock;
use defender_exporter::host::mdatp::Mdatp;
use defender_exporter::host::registry::RegistryFacts;
use defender_exporter::host::registry::settings::{
    DefenderSetting, HostSetting, SettingOrigin, SettingValue, Settings,
};
use defender_exporter::host::update_order::DifferenceKind;
use defender_exporter::host::{BoxedFacts, Host, HostFacts};
use defender_exporter::report::update_order;
use defender_exporter::task::TaskDied;
use defender_exporter::web::{Access, WebPaths, WebServer};
use tempfile::TempDir;
use tokio::sync::oneshot;

use crate::access::QUIET;
use crate::exporter::run;
use crate::lab;
use crate::load::TEST_TIMEOUT;

/// A configuration, and a stand-in for `mdatp`.
fn files(health: &str, connectivity: &str) -> (TempDir, PathBuf, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let (config, mdatp) = (folder.path().join("config.yaml"), folder.path().join("mdatp"));
    std::fs::write(&config, QUIET).unwrap();
    let script = format!("#!/bin/sh\ncase $1 in\nhealth) {health};;\n*) {connectivity};;\nesac\n");
    std::fs::write(&mdatp, script).unwrap();
    std::fs::set_permissions(&mdatp, std::fs::Permissions::from_mode(0o755)).unwrap();
    (folder, config, mdatp)
}

/// The exporter in this process, until the sender is used or dropped.
async fn start(
    config: &Path,
    mdatp: &Path,
) -> (String, oneshot::Sender<()>, tokio::task::JoinHandle<Result<(), TaskDied>>) {
    let setup = app::set_up(Some(config), Clock::Fixed(lab::now())).unwrap();
    assert!(setup.host.is_none(), "installed: none");
    let setup = Setup { host: Some(Box::new(Mdatp::at(mdatp.to_owned()))), ..setup };
    let anywhere = ["127.0.0.1:0".parse().unwrap()];
    let front = WebServer::open(&anywhere, false, Access::load(None).unwrap()).await.unwrap();
    let path = WebPaths::default();
    let url = front.metrics_urls(&path)[0].clone();
    let (stop, stopped) = oneshot::channel();
    let running = tokio::spawn(app::run(setup, front, path, Lifecycle::new(false), async {
        let _ = stopped.await;
    }));
    (url, stop, running)
}

/// Scrapes until a line is there.
async fn until(url: &str, line: &str) -> String {
    let deadline = Instant::now() + TEST_TIMEOUT;
    loop {
        let text = lab::client().get(url).send().await.unwrap().text().await.unwrap();
        if text.lines().any(|known| known == line) {
            return text;
        }
        assert!(Instant::now() < deadline, "{line} never came:\n{text}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn mdatp_becomes_metrics() {
    let health = r#"echo '{"healthy":true,"cloudEnabled":{"value":true},"definitionsStatus":{"$type":"upToDate"},
        "definitionsUpdated":"1795392000000","definitionsVersion":"1.441.99.0","engineVersion":"1.1.25100.9002",
        "appVersion":"101.25092.0003"}'"#;
    let connectivity = "echo 'Testing connection with https://a.example/ping ... [OK]'";
    let (_folder, config, mdatp) = files(health, connectivity);
    let (url, _stop, _running) = start(&config, &mdatp).await;
    let text = until(&url, "defender_host_healthy 1").await;
    for line in [
        "defender_host_cloud_enabled 1",
        "defender_host_definitions_up_to_date 1",
        "defender_host_connectivity_tests{result=\"ok\"} 1",
        "defender_host_connectivity_tests{result=\"failed\"} 0",
        "defender_host_read_success{collector=\"health\"} 1",
        "defender_signatures_installed_info{version=\"1.441.99.0\",engine=\"1.1.25100.9002\",platform=\"101.25092.0003\"} 1",
        "defender_signatures_installed_timestamp_seconds{version=\"1.441.99.0\",engine=\"1.1.25100.9002\",platform=\"101.25092.0003\"} 1795392000",
        // A day old, so six days are left.
        "defender_signatures_stale_after_timestamp_seconds 1795996800",
    ] {
        assert!(text.lines().any(|known| known == line), "{line} in\n{text}");
    }
    assert!(!text.contains("defender_host_ssl_options"), "{text}");
}

#[cfg(target_os = "linux")] // it reads /proc
#[tokio::test]
async fn an_mdatp_that_hangs_does_not_hold_up_the_end() {
    let (folder, config, mdatp) = files("echo $$ > \"$(dirname \"$0\")/pid\"; exec sleep 600", "true");
    let (_url, stop, running) = start(&config, &mdatp).await;
    let file = folder.path().join("pid");
    let deadline = Instant::now() + TEST_TIMEOUT;
    let pid = loop {
        match std::fs::read_to_string(&file) {
            Ok(pid) if pid.ends_with('\n') => break pid.trim().to_owned(),
            _ => tokio::time::sleep(Duration::from_millis(20)).await,
        }
        assert!(Instant::now() < deadline, "it was never run");
    };
    stop.send(()).unwrap();
    tokio::time::timeout(TEST_TIMEOUT, running).await.unwrap().unwrap().unwrap();
    while Path::new("/proc").join(&pid).exists() {
        assert!(Instant::now() < deadline, "it runs on");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[test]
fn without_a_defender_the_download_test_is_refused() {
    let (_folder, config, _) = files("true", "true");
    let output = run(&["check", "--download-test", "--config.file", config.to_str().unwrap()]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(
        said.contains("needs Microsoft Defender Antivirus") && said.contains("nothing was fetched"),
        "{said}"
    );
    assert!(output.stdout.is_empty());
    let both = run(&["check", "--download-test", "--format", "json"]);
    assert_eq!(both.status.code(), Some(3));
}

/// A machine whose registry has this.
struct Machine(Settings);

impl Host for Machine {
    fn facts(&mut self, _: Clock) -> BoxedFacts<'_> {
        unreachable!("a single round doesn't wait for programs")
    }

    fn quick_facts(&mut self, clock: Clock) -> Pin<Box<dyn Future<Output = Option<HostFacts>> + Send + '_>> {
        let registry = RegistryFacts { settings: self.0.clone(), ..RegistryFacts::default() };
        let facts = HostFacts::from_registry(registry, Vec::new(), None).finished(clock.now());
        Box::pin(std::future::ready(Some(facts)))
    }
}

#[tokio::test]
async fn a_single_round_compares_the_order_of_the_machine() {
    let (_folder, config, _) = files("true", "true");
    let order = HostSetting {
        setting: DefenderSetting::FallbackOrder,
        value: SettingValue::Sources(vec![UpdateOrigin::MicrosoftUpdate, UpdateOrigin::FileShare]),
        origin: SettingOrigin::PolicyManager,
        overruled: Vec::new(),
    };
    let settings = Settings { set: vec![order], unreadable: Vec::new() };
    let setup = app::set_up(Some(&config), Clock::Fixed(lab::now())).unwrap();
    let setup = Setup { host: Some(Box::new(Machine(settings))), ..setup };
    let snapshot = app::check_once(setup, |_| {}).await;
    let report = update_order(&snapshot).expect("the registry was read");
    // No share is set.
    assert_eq!(report.words(), "microsoft_update (FallbackOrder by MDM)");
    let [difference] = &report.differences[..] else { panic!("{report:?}") };
    assert_eq!(difference.kind, DifferenceKind::Unused);
    assert!(difference.note.contains("adl"), "{}", difference.note);
}

//! Rounds of the program: `judge` prints what `check` printed, with the same exit code, when the network is gone.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use super::document;
use crate::exporter::{internet, run};
use crate::lab::Lab;
use crate::lab::faults::{self, Fault};
use crate::lab::pki::pointers::CRL_HOST;
use crate::lab::pki::{Authority, Flaw, Issuer, Leaf};
use crate::lab::reply::{End, Response};

/// The most that a record of the default catalog takes, in bytes.
const MAX_RECORD: u64 = 200_000;

/// What a command printed, and its exit code.
#[derive(Debug, PartialEq, Eq)]
struct Printed {
    text: String,
    code: Option<i32>,
}

/// Runs a command that says nothing on standard error.
fn printed(args: &[&str]) -> Printed {
    let output = run(args);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(said, "", "{args:?}");
    Printed { text: String::from_utf8(output.stdout).unwrap(), code: output.status.code() }
}

/// The flags that decide what is printed.
const VIEWS: [&[&str]; 4] = [&[], &["--all"], &["--format", "json"], &["--format", "markdown"]];

/// Records a round in each view, lets the lab go, and judges each record.
fn check(lab: Lab, config: &Path, more: &[&str], code: i32) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let rounds: Vec<(PathBuf, Printed)> = VIEWS
        .iter()
        .enumerate()
        .map(|(n, view)| {
            let file = folder.path().join(format!("round{n}"));
            let args = ["check", "--config.file", config.to_str().unwrap(), "--keep-names", "--record"];
            let args = [&args[..], &[file.to_str().unwrap()][..], view, more].concat();
            let checked = printed(&args);
            (file, checked)
        })
        .collect();
    drop(lab);
    for ((file, checked), view) in rounds.iter().zip(VIEWS) {
        assert_eq!(checked.code, Some(code), "{}", checked.text);
        let size = std::fs::metadata(file).unwrap().len();
        assert!(size <= MAX_RECORD, "{size} bytes");
        let judged = printed(&[&["judge", file.to_str().unwrap()][..], view].concat());
        assert_eq!(judged, *checked, "{view:?}");
    }
    document(&rounds[0].0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_genuine_round_is_judged_as_it_was() {
    let (lab, config, _) = internet("").await;
    check(lab, &config, &[], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_selected_part_is_judged_as_it_was() {
    let (lab, config, _) = internet("").await;
    check(lab, &config, &["--component", "submission"], 0);
}

/// Something else is wrong with each host.
#[tokio::test(flavor = "multi_thread")]
async fn a_round_with_many_faults_is_judged_as_it_was() {
    let mark = "block_pages: [{ name: Portal, header: set-cookie, header_contains: portal }]";
    let (lab, config, _) = internet(&format!("timeout: 4s\n{mark}\n")).await;
    let portal = Response::new(200).header("Set-Cookie", "portal=s3cret").body("<html>Welcome</html>");
    let page =
        Response::new(200).header("Set-Cookie", "session=s3cret").body("<html>Web Filter Violation</html>");
    let secure: [(&str, Fault); 7] = [
        ("wdcp.microsoft.com", Fault::Certificate(Authority::Microsoft2011, Flaw::Expired)),
        ("wdcpalt.microsoft.com", Fault::Certificate(Authority::Microsoft2011, Flaw::WithoutIntermediate)),
        ("europe.cp.wd.microsoft.com", page.clone().into()),
        ("unitedstates.cp.wd.microsoft.com", faults::proxy_authentication().into()),
        ("settings-win.data.microsoft.com", faults::end(End::Reset).into()),
        ("vortex-win.data.microsoft.com", Response::redirect(302, "http://portal.example/").into()),
        ("definitionupdates.microsoft.com", faults::silent_mid_body().into()),
    ];
    for (host, fault) in secure {
        lab.tls.break_host(host, fault);
    }
    let plain = [("www.microsoft.com", page), ("crl.microsoft.com", portal)];
    for (host, response) in plain {
        lab.plain.break_host(host, response);
    }
    let document = check(lab, &config, &[], 2);
    let text = String::from_utf8(document).unwrap();
    assert!(!text.contains("s3cret"), "cookies are not recorded");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_round_without_revocation_lists_is_judged_as_it_was() {
    let (lab, config, _) = internet("").await;
    lab.forwarder(CRL_HOST).block().await;
    check(lab, &config, &["--component", "maps"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_round_with_a_revoked_certificate_is_judged_as_it_was() {
    let (lab, config, _) = internet("").await;
    let leaf = Leaf::new("wdcp.microsoft.com", Authority::Microsoft2011);
    lab.revoke(Issuer::Intermediate(Authority::Microsoft2011), [leaf.serial()]);
    check(lab, &config, &["--component", "maps"], 1);
}

/// Exit code and result of a document.
fn judged(document: &Value) -> Printed {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("round");
    let mut encoder = GzEncoder::new(std::fs::File::create(&file).unwrap(), Compression::fast());
    encoder.write_all(&serde_json::to_vec(document).unwrap()).unwrap();
    encoder.finish().unwrap();
    printed(&["judge", file.to_str().unwrap()])
}

#[tokio::test(flavor = "multi_thread")]
async fn the_recorded_lists_count_and_not_what_was_concluded_from_them() {
    let (lab, config, _) = internet("").await;
    let leaf = Leaf::new("wdcp.microsoft.com", Authority::Microsoft2011);
    lab.revoke(Issuer::Intermediate(Authority::Microsoft2011), [leaf.serial()]);
    let document = check(lab, &config, &["--component", "maps"], 1);
    let mut document: Value = serde_json::from_slice(&document).unwrap();
    let events = document["events"].as_array_mut().unwrap();
    let chains =
        events.iter_mut().filter_map(|event| event.pointer_mut("/revocation/chains")?.as_array_mut());
    let certificates = chains.flatten().flat_map(|chain| chain["certificates"].as_array_mut().unwrap());
    let revoked: Vec<_> = certificates.filter(|of| of["status"] == "revoked").collect();
    assert!(!revoked.is_empty());
    for certificate in revoked {
        certificate["status"] = "good".into();
    }
    let again = judged(&document);
    assert!(again.code == Some(1) && again.text.contains("revoked"), "{again:?}");
    document["fetched"] = json!([]);
    assert_eq!(judged(&document).code, Some(0), "without the lists, what was concluded counts");
}

/// A folder isn't of the network: what it held is in the record.
#[tokio::test(flavor = "multi_thread")]
async fn a_round_with_a_file_share_is_judged_as_it_was() {
    for (package, code) in [(false, 1), (true, 0)] {
        let lab = Lab::start_at(SystemTime::now()).await;
        let share = lab.files().join("share");
        std::fs::create_dir(&share).unwrap();
        if package {
            std::fs::write(share.join("mpam-fe.exe"), "").unwrap();
        }
        let config = lab.files().join("exporter.yaml");
        let listed = format!("update_sources:\n  - file_share: '{}'\n", share.display());
        std::fs::write(&config, listed + &lab.config_yaml([])).unwrap();
        check(lab, &config, &["--component", "file_share"], code);
    }
}

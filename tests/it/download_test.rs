//! `check --download-test`: the lab serves an archive like Microsoft's, and a stand-in for Defender watches the
//! temporary folder.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use defender_exporter::catalog::{ProbeUrl, embedded};

use crate::access::QUIET;
use crate::exporter::PROGRAM;
use crate::lab::Lab;
use crate::lab::reply::Response;

/// Where the lab's redirect leads.
const ARCHIVE: &str = "https://download.microsoft.com/lab/sample.zip";

/// What Info-ZIP made of a harmless text, with the documented password and the archive's traditional encryption.
const PKWARE: &[u8] = include_bytes!("../data/download-test/pkware.zip");

/// Exit code and output of the program.
struct Ended {
    code: Option<i32>,
    said: String,
    /// What it left in the temporary folder.
    left: Vec<PathBuf>,
}

/// Runs the test in a lab that answers so, while a Defender removes each file below the temporary folder whose name ends so.
async fn download_test(answer: Response, removes: Option<&'static str>) -> Ended {
    let lab = Lab::start_at(SystemTime::now()).await;
    let file = embedded().download_test.as_ref().unwrap().url.clone();
    let archive = ProbeUrl::parse(ARCHIVE).unwrap();
    lab.tls.set(file.host(), file.path_and_query(), Response::redirect(302, ARCHIVE));
    lab.tls.set(archive.host(), archive.path_and_query(), answer);
    let (config, temporary) = (lab.files().join("config.yaml"), lab.files().join("tmp"));
    let quiet = QUIET.replace("resolver: { servers: [\"127.0.0.1:1\"] }\n", "").replace("none", "mdatp");
    std::fs::write(&config, quiet + &lab.config_yaml(&[file, archive])).unwrap();
    std::fs::create_dir(&temporary).unwrap();

    let ended = Arc::new(AtomicBool::new(false));
    let defender = removes.map(|ending| {
        let (folder, ended) = (temporary.clone(), Arc::clone(&ended));
        std::thread::spawn(move || {
            while !ended.load(Ordering::Relaxed) {
                remove_below(&folder, ending);
                std::thread::sleep(Duration::from_millis(20));
            }
        })
    });
    let mut program = Command::new(PROGRAM);
    program.args(["check", "--download-test", "--config.file"]).arg(&config).env("TMPDIR", &temporary);
    let output = tokio::task::spawn_blocking(move || program.output().unwrap()).await.unwrap();
    ended.store(true, Ordering::Relaxed);
    if let Some(thread) = defender {
        thread.join().unwrap();
    }
    let left = std::fs::read_dir(&temporary).unwrap().map(|entry| entry.unwrap().path()).collect();
    let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
    Ended { code: output.status.code(), said: said.split_whitespace().collect::<Vec<_>>().join(" "), left }
}

/// Removes what a scanner of files finds: what lies there, by the ending of its name.
fn remove_below(folder: &Path, ending: &str) {
    let folders = std::fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path());
    for file in folders.filter_map(|folder| std::fs::read_dir(folder).ok()).flatten().flatten() {
        if file.path().extension().is_some_and(|found| found == ending) {
            let _ = std::fs::remove_file(file.path()); // the test may have ended meanwhile
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_extracted_program_is_detected() {
    let ended = download_test(Response::new(200).body(PKWARE), Some("exe")).await;
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    assert!(
        ended.said.contains("Defender stopped the test file. The program was removed."),
        "{}",
        ended.said
    );
    assert_eq!(ended.left, Vec::<PathBuf>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_such_archive_is_judged_by_nobody() {
    for (answer, words) in [
        (Response::new(200).body(b"<html>blocked</html>".as_slice()), "is not Microsoft's file"),
        (Response::new(200).body(&PKWARE[..PKWARE.len() / 2]), "can't be opened"),
        (Response::new(403), "could not be fetched: request: status"),
    ] {
        let ended = download_test(answer, None).await;
        assert_eq!(ended.code, Some(1), "{words}: {}", ended.said);
        assert!(ended.said.contains("Inconclusive") && ended.said.contains(words), "{}", ended.said);
        assert_eq!(ended.left, Vec::<PathBuf>::new(), "{words}");
    }
}

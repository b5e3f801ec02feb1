//! Any text as the file of `--web.config.file`. It can name only files of the tests' configurations.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use defender_exporter::config::web::parse;

use super::text::check_problems;

/// From this crate's folder and from that of the fuzzers.
static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let folders =
        Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().map(|above| above.join("tests/data/config/web"));
    folders.into_iter().find(|folder| folder.is_dir()).unwrap()
});

pub fn run(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let config = match parse("web.yaml", text, &FOLDER) {
        Ok(config) => config,
        Err(problems) => return check_problems(&problems),
    };
    for (user, hash) in &config.users {
        assert!(!user.contains(':') && user.chars().all(|c| !c.is_control()), "{user:?} can't log in");
        assert!((4..=18).contains(&hash.cost()) && hash.reveal().len() == 60);
        assert!(!format!("{config:?}").contains(hash.reveal()), "a hash can be printed");
    }
    if let Some(tls) = &config.tls {
        assert!(!tls.versions.is_empty() && !tls.suites.is_empty() && !tls.chain.is_empty());
    }
    assert!(config.rate_limit.is_none_or(|rate| rate.burst > 0 && !rate.interval.is_zero()));
}

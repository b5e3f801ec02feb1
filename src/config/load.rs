//! Reads the configuration and the files it names from disk, with a size limit.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::path::Path;

use super::positions::add_positions;
use super::reader::{MAX_BYTES, ProblemCollector};
use super::{Config, ConfigProblems, Environment, parse};

/// Loads the configuration file. Paths in it are relative to its folder; its proxies may come from the `environment`.
///
/// # Errors
/// If the file is unreadable, too large, not UTF-8, not YAML, or invalid: the error lists every problem.
pub fn load(path: &Path, environment: &Environment) -> Result<Config, ConfigProblems> {
    let (name, text) = read_text(path)?;
    parse(&name, &text, path.parent().unwrap_or(Path::new("")), environment)
}

/// Adds the positions of the keys in the file, which is read again.
#[must_use]
pub fn with_positions(problems: ConfigProblems, path: &Path) -> ConfigProblems {
    match read_text(path) {
        Ok((_, text)) => add_positions(problems, &text),
        Err(_) => problems, // replaced in the meantime
    }
}

/// A configuration file's name for messages, and its text.
pub(super) fn read_text(path: &Path) -> Result<(String, String), ConfigProblems> {
    let name = path.display().to_string();
    let refuse = |problem: String| {
        let report = ProblemCollector::new(&name);
        report.add(String::new(), problem);
        report.finish()
    };
    let bytes = read_capped(path, MAX_BYTES).map_err(refuse)?;
    let text = String::from_utf8(bytes).map_err(|error| {
        refuse(format!("is not UTF-8: byte {} can't be read", error.utf8_error().valid_up_to() + 1))
    })?;
    Ok((name, text))
}

/// The bytes of a file, or a message why it can't be read. Refuses pipes and devices, whose reading may never end: opening a pipe
/// alone waits for a writer. Symlinks are followed.
pub(crate) fn read_capped(path: &Path, max: u64) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let why = |error| why(path, &error);
    let kind = fs::metadata(path).map_err(why)?.file_type();
    if !kind.is_file() && !kind.is_dir() {
        return Err("can't be read: it is not a regular file".to_owned());
    }
    File::open(path).map_err(why)?.take(max + 1).read_to_end(&mut bytes).map_err(why)?;
    if bytes.len() as u64 > max {
        return Err(format!("exceeds {} KiB", max / 1024));
    }
    Ok(bytes)
}

/// Common causes with the same message on every system.
fn why(path: &Path, error: &io::Error) -> String {
    match error.kind() {
        _ if path.is_dir() => "can't be read: it is a directory".to_owned(), // Windows says that access is denied
        ErrorKind::NotFound => "can't be read: no such file".to_owned(),
        ErrorKind::PermissionDenied => "can't be read: permission denied".to_owned(),
        _ => format!("can't be read: {error}"),
    }
}

#[cfg(all(test, unix))]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    #[test]
    fn only_regular_files_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("file"), "text").unwrap();
        std::os::unix::fs::symlink("file", path("link")).unwrap();
        let made = std::process::Command::new("mkfifo").arg(path("pipe")).status().unwrap();
        assert!(made.success());
        let _socket = std::os::unix::net::UnixListener::bind(path("socket")).unwrap();
        let check = |name: &str, expected: Result<&str, &str>| {
            let found = read_capped(&path(name), 10);
            let expected = expected.map(|text| text.as_bytes().to_vec());
            assert_eq!(found, expected.map_err(|why| format!("can't be read: {why}")), "{name}");
        };
        check("file", Ok("text"));
        check("link", Ok("text"));
        check("pipe", Err("it is not a regular file"));
        check("socket", Err("it is not a regular file"));
        check("/dev/zero", Err("it is not a regular file"));
        check(".", Err("it is a directory"));
        check("missing", Err("no such file"));
    }
}

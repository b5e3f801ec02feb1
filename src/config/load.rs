//! Reads the configuration and the files it names from disk, with a size limit.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::Path;

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

/// The bytes of a file, or a message why it can't be read.
pub(crate) fn read_capped(path: &Path, max: u64) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let why = |error| why(path, &error);
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

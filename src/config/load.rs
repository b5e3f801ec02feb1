//! Reading the configuration and the files it names from disk, under a cap. What is in them isn't judged here.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::Path;

use super::raw::{MAX_BYTES, Report};
use super::{Config, Environment, Problems, parse};

/// Reads the configuration file; paths in it are relative to its folder, proxies may be those of the `environment`.
///
/// # Errors
/// Every problem of the file: unreadable, too long, not UTF-8, not YAML, or not a valid configuration.
pub fn load(path: &Path, environment: &Environment) -> Result<Config, Problems> {
    let (name, text) = read_text(path)?;
    parse(&name, &text, path.parent().unwrap_or(Path::new("")), environment)
}

/// The name that messages give to a configuration file, and its text.
pub(super) fn read_text(path: &Path) -> Result<(String, String), Problems> {
    let name = path.display().to_string();
    let refuse = |problem: String| {
        let report = Report::new(&name);
        report.add(String::new(), problem);
        report.into_problems()
    };
    let bytes = read_capped(path, MAX_BYTES).map_err(refuse)?;
    let text = String::from_utf8(bytes).map_err(|error| {
        refuse(format!("is not UTF-8: byte {} can't be read", error.utf8_error().valid_up_to() + 1))
    })?;
    Ok((name, text))
}

/// The bytes of a file, or why there are none, for a person.
pub(crate) fn read_capped(path: &Path, max: u64) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let why = |error| why(path, &error);
    File::open(path).map_err(why)?.take(max + 1).read_to_end(&mut bytes).map_err(why)?;
    if bytes.len() as u64 > max {
        return Err(format!("is longer than {} KiB", max / 1024));
    }
    Ok(bytes)
}

/// The usual causes in the same words on every system.
fn why(path: &Path, error: &io::Error) -> String {
    match error.kind() {
        _ if path.is_dir() => "can't be read: it is a folder".to_owned(), // Windows says that access is denied
        ErrorKind::NotFound => "can't be read: there is no such file".to_owned(),
        ErrorKind::PermissionDenied => "can't be read: permission denied".to_owned(),
        _ => format!("can't be read: {error}"),
    }
}

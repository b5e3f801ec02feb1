//! The static proxy of `mdatp`, from the files that configure it. The first of these that names one counts:
//!
//! 1. `cloudService.proxy` of the managed configuration ("Configure static proxy discovery for Microsoft Defender for
//!    Endpoint on Linux"), which takes precedence over local settings ("Set preferences").
//! 2. `cloudService.proxy` of `wdavcfg`, where `mdatp config proxy set` is known to keep it: Microsoft documents the
//!    command but not the file; its Client Analyzer collects the file as the local preferences.
//! 3. `HTTPS_PROXY` in the environment of the service `mdatp` (the same page as the first, in earlier editions with the
//!    lines of the unit). Its rank is not documented.
//!
//! `mdatp` knows no bypass list, PAC script or credentials ("PAC, WPAD, and authenticated proxies are not supported").

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::PLACES;
use super::unit::{Assignment, environment_file, service_environment};
use crate::config::{MdatpProxy, read_capped};
use crate::text::clean;

/// The folder of the product's configuration.
const FOLDER: &str = "/etc/opt/microsoft/mdatp";

/// The files with preferences, the managed ones first.
const PREFERENCES: [&str; 2] = ["managed/mdatp_managed.json", "wdavcfg"];

/// Where systemd looks for units, in its order (systemd.unit(5)).
const UNITS: [&str; 5] = [
    "/etc/systemd/system",
    "/run/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/lib/systemd/system",
];

/// The variable of the proxy.
const VARIABLE: &str = "HTTPS_PROXY";

/// The maximum size of a file, in bytes.
const MAX_BYTES: u64 = 1024 * 1024;

/// Reads the files below `root`.
///
/// # Errors
/// If `mdatp` isn't installed, or a file can't be read or parsed. The message continues "mdatp's proxy".
pub fn read(root: &Path) -> Result<Option<MdatpProxy>, String> {
    let files = Files(root);
    if !PLACES.iter().chain([&FOLDER]).any(|place| files.path(place).exists()) {
        return Err(format!("is unknown: mdatp is not installed here (no {} and no {FOLDER})", PLACES[0]));
    }
    files.proxy().map_err(|why| format!("can't be read: {why}"))
}

/// The `cloudService.proxy` of a file with preferences, if it is set.
///
/// # Errors
/// If the file isn't a JSON object, or has something else there than a text.
pub fn preference(json: &[u8]) -> Result<Option<String>, String> {
    let json = json.strip_prefix(b"\xef\xbb\xbf").unwrap_or(json);
    let root: Value =
        serde_json::from_slice(json).map_err(|error| format!("not JSON: {}", clean(&error.to_string())))?;
    let Value::Object(_) = root else { return Err("not a JSON object".to_owned()) };
    match &root["cloudService"]["proxy"] {
        Value::Null => Ok(None),
        Value::String(text) if text.trim().is_empty() => Ok(None),
        Value::String(text) => Ok(Some(text.trim().to_owned())),
        _ => Err("cloudService.proxy is not a text".to_owned()),
    }
}

/// The files below a root.
struct Files<'a>(&'a Path);

impl Files<'_> {
    fn path(&self, absolute: &str) -> PathBuf {
        self.0.join(absolute.trim_start_matches('/'))
    }

    /// A file's bytes; `None` if it doesn't exist.
    fn bytes(&self, name: &str) -> Result<Option<Vec<u8>>, String> {
        let path = self.path(name);
        match std::fs::metadata(&path) {
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
            _ => read_capped(&path, MAX_BYTES).map(Some).map_err(|why| format!("{name}: {why}")),
        }
    }

    fn text(&self, name: &str) -> Result<Option<String>, String> {
        Ok(self.bytes(name)?.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }

    fn proxy(&self) -> Result<Option<MdatpProxy>, String> {
        for file in PREFERENCES {
            let name = format!("{FOLDER}/{file}");
            let Some(json) = self.bytes(&name)? else { continue };
            if let Some(url) = preference(&json).map_err(|why| format!("{name}: {why}"))? {
                return Ok(Some(MdatpProxy { origin: format!("{name}: cloudService.proxy"), url }));
            }
        }
        self.variable()
    }

    /// The variable of the service. That of a file takes precedence over that of the unit (systemd.exec(5)).
    fn variable(&self) -> Result<Option<MdatpProxy>, String> {
        let mut units = Vec::new();
        for name in self.unit_files()? {
            units.extend(self.text(&name)?.map(|text| (name, text)));
        }
        let mut found = None;
        for Assignment { file, value } in service_environment(&units, VARIABLE) {
            if let Some(url) = value {
                found = Some(MdatpProxy { origin: format!("{file}: {VARIABLE}"), url });
                continue;
            }
            let (name, optional) = file.strip_prefix('-').map_or((file.as_str(), false), |name| (name, true));
            match self.text(name) {
                Ok(Some(text)) => {
                    if let Some(url) = environment_file(&text, VARIABLE) {
                        found = Some(MdatpProxy { origin: format!("{name}: {VARIABLE}"), url });
                    }
                }
                Ok(None) if !optional => {
                    return Err(format!("{name}: no such file, which the unit mdatp.service names"));
                }
                Err(why) if !optional => return Err(why),
                Ok(None) | Err(_) => {}
            }
        }
        Ok(found.filter(|proxy| !proxy.url.trim().is_empty()))
    }

    /// The unit and what is dropped in, in the order in which systemd reads them: a drop-in hides others of its name in
    /// later folders, and they are sorted by name.
    fn unit_files(&self) -> Result<Vec<String>, String> {
        let unit = UNITS.iter().map(|folder| format!("{folder}/mdatp.service"));
        let unit = unit.into_iter().find(|name| self.path(name).exists());
        let mut dropped = BTreeMap::new();
        for folder in UNITS.map(|folder| format!("{folder}/mdatp.service.d")) {
            let entries = match std::fs::read_dir(self.path(&folder)) {
                Ok(entries) => entries,
                Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                    return Err(format!("{folder}: permission denied"));
                }
                Err(_) => continue, // usually there is none
            };
            for entry in entries.flatten() {
                let Ok(name) = entry.file_name().into_string() else { continue };
                if name.strip_suffix(".conf").is_some() {
                    dropped.entry(name.clone()).or_insert_with(|| format!("{folder}/{name}"));
                }
            }
        }
        Ok(unit.into_iter().chain(dropped.into_values()).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANAGED: &str = "/etc/opt/microsoft/mdatp/managed/mdatp_managed.json";
    const LOCAL: &str = "/etc/opt/microsoft/mdatp/wdavcfg";
    const UNIT: &str = "/usr/lib/systemd/system/mdatp.service";
    const EDITED: &str = "/etc/systemd/system/mdatp.service";
    const DROP_IN: &str = "/etc/systemd/system/mdatp.service.d/proxy.conf";

    /// What is read of a machine with these files: origin and URL.
    fn read_files(files: &[(&str, &str)]) -> Result<Option<(String, String)>, String> {
        let root = tempfile::tempdir().unwrap();
        for (name, text) in [(PLACES[0], "")].iter().chain(files) {
            let path = root.path().join(&name[1..]);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        read(root.path()).map(|proxy| proxy.map(|proxy| (proxy.origin, proxy.url)))
    }

    fn check(files: &[(&str, &str)], expected: Option<(&str, &str)>) {
        let expected = expected.map(|(origin, url)| (origin.to_owned(), url.to_owned()));
        assert_eq!(read_files(files), Ok(expected), "{files:?}");
    }

    /// As Microsoft's pages write it, among other settings.
    fn json(proxy: &str) -> String {
        format!(r#"{{ "antivirusEngine": {{}}, "cloudService": {{ "enabled": true, "proxy": "{proxy}" }} }}"#)
    }

    #[test]
    fn the_first_setting_that_names_a_proxy_counts() {
        const ONE: &str = "http://proxy.server:3128/";
        const TWO: &str = "http://other.server:3128/";
        let (one, two, none) = (json(ONE), json(TWO), json(""));
        let unit = format!("[Service]\nEnvironment=\"HTTPS_PROXY={TWO}\"\n");
        let managed = format!("{MANAGED}: cloudService.proxy");
        let local = format!("{LOCAL}: cloudService.proxy");
        check(&[], None);
        check(&[(MANAGED, "{}")], None);
        check(&[(MANAGED, r#"{"cloudService": {"proxy": null}}"#), (LOCAL, &none)], None);
        check(&[(MANAGED, &one)], Some((&managed, ONE)));
        check(&[(MANAGED, &format!("\u{feff}{one}"))], Some((&managed, ONE)));
        check(&[(MANAGED, &one), (LOCAL, &two), (UNIT, &unit)], Some((&managed, ONE)));
        check(&[(MANAGED, &none), (LOCAL, &one), (UNIT, &unit)], Some((&local, ONE)));
        check(&[(MANAGED, "{}"), (LOCAL, "{}"), (UNIT, &unit)], Some((&format!("{UNIT}: HTTPS_PROXY"), TWO)));
    }

    #[test]
    fn the_service_has_an_environment() {
        const ONE: &str = "http://proxy.server:3128";
        let plain = format!("[Service]\nEnvironment=HTTPS_PROXY={ONE}\n");
        let file = "[Service]\nEnvironmentFile=/etc/environment\n";
        let optional = "[Service]\nEnvironmentFile=-/etc/default/mdatp\n";
        let line = format!("PATH=/bin\nHTTPS_PROXY=\"{ONE}\"\n");
        let at = |file: &str| format!("{file}: HTTPS_PROXY");
        check(&[(UNIT, "[Service]\n#Environment=\"HTTPS_PROXY=http://address:port\"\n")], None);
        check(&[(UNIT, &plain)], Some((&at(UNIT), ONE)));
        check(&[(EDITED, "[Service]\n"), (UNIT, &plain)], None); // the edited one takes the unit's place
        check(&[(UNIT, "[Service]\n"), (DROP_IN, &plain)], Some((&at(DROP_IN), ONE)));
        check(&[(UNIT, &plain), (DROP_IN, "[Service]\nEnvironment=\n")], None);
        check(&[(UNIT, file), ("/etc/environment", &line)], Some((&at("/etc/environment"), ONE)));
        check(&[(UNIT, optional)], None);
        check(&[(UNIT, optional), ("/etc/default/mdatp", &line)], Some((&at("/etc/default/mdatp"), ONE)));
    }

    #[test]
    fn what_cannot_be_read_is_said() {
        let check = |files: &[(&str, &str)], expected: &str| {
            assert_eq!(read_files(files), Err(format!("can't be read: {expected}")), "{files:?}");
        };
        check(
            &[(MANAGED, "{")],
            &format!("{MANAGED}: not JSON: EOF while parsing an object at line 1 column 1"),
        );
        check(&[(MANAGED, "[]")], &format!("{MANAGED}: not a JSON object"));
        check(
            &[(LOCAL, r#"{"cloudService": {"proxy": 1}}"#)],
            &format!("{LOCAL}: cloudService.proxy is not a text"),
        );
        check(&[(&format!("{LOCAL}/x"), "")], &format!("{LOCAL}: can't be read: it is a directory"));
        check(
            &[(UNIT, "[Service]\nEnvironmentFile=/etc/none\n")],
            "/etc/none: no such file, which the unit mdatp.service names",
        );
        let long = format!("{}{{}}", " ".repeat(1024 * 1024));
        check(&[(MANAGED, &long)], &format!("{MANAGED}: exceeds 1024 KiB"));
        let nothing = tempfile::tempdir().unwrap();
        let why =
            "is unknown: mdatp is not installed here (no /usr/bin/mdatp and no /etc/opt/microsoft/mdatp)";
        assert_eq!(read(nothing.path()).err().as_deref(), Some(why));
    }

    proptest::proptest! {
        #[test]
        fn no_file_makes_it_panic(json in "\\PC{0,40}") {
            let _ = preference(json.as_bytes());
        }
    }
}

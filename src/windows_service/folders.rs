//! The service's folders and their access lists. Pure, except for reading `%ProgramData%`.
//!
//! Any user may create folders and files in `%ProgramData%`. The configuration determines the service's connections and
//! the files it writes, and may name files with passwords, so only administrators may write it, and only they and the
//! service may read it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};

use super::NAME;
use crate::cli::ServiceAccount;

/// LocalSystem, and the group of administrators (Microsoft's page "Well-known SIDs").
const SYSTEM: &str = "S-1-5-18";
const ADMINISTRATORS: &str = "S-1-5-32-544";

/// The folders of the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceFolders {
    root: PathBuf,
}

impl ServiceFolders {
    /// Below this machine's `%ProgramData%`.
    #[must_use]
    pub fn for_machine() -> Self {
        let known = std::env::var_os("ProgramData").filter(|folder| !folder.is_empty());
        Self::at(PathBuf::from(known.unwrap_or_else(|| OsString::from(r"C:\ProgramData"))).join(NAME))
    }

    /// Below this root.
    #[must_use]
    pub const fn at(root: PathBuf) -> Self {
        Self { root }
    }

    /// The root of all folders.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The default configuration file.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.root.join("defender-exporter.yaml")
    }

    /// The folder of the log.
    #[must_use]
    pub fn logs(&self) -> PathBuf {
        self.root.join("logs")
    }

    /// A folder for the state file.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.root.join("data")
    }

    /// The arguments of successive `icacls.exe` calls once the folders exist. Existing contents are given to
    /// administrators and inherit their access; the service may read its configuration, and write log and state.
    #[must_use]
    pub fn access(&self, account: ServiceAccount) -> Vec<Vec<OsString>> {
        let sid = service_sid(NAME);
        let path = |path: PathBuf| path.into_os_string();
        let call = |on: OsString, words: &[&str]| -> Vec<OsString> {
            [on].into_iter().chain(words.iter().map(OsString::from)).chain(["/Q".into()]).collect()
        };
        let full = |sid: &str| format!("*{sid}:(OI)(CI)F");
        let (system, administrators) = (full(SYSTEM), full(ADMINISTRATORS));
        let owners = ["/inheritance:r", "/grant:r", system.as_str(), administrators.as_str()];
        let (read, write) = (format!("*{sid}:(OI)(CI)RX"), format!("*{sid}:(OI)(CI)M"));
        let nobody = format!("*{sid}");
        let of_service = match account {
            ServiceAccount::Virtual => vec![read.as_str()],
            ServiceAccount::LocalSystem => vec!["/remove:g", nobody.as_str()],
        };
        let mut calls = vec![
            call(path(self.root.clone()), &["/setowner", &format!("*{ADMINISTRATORS}"), "/T", "/C", "/L"]),
            call(path(self.root.clone()), &[&owners[..], &of_service[..]].concat()),
            call(path(self.root.join("*")), &["/reset", "/T", "/C", "/L"]),
        ];
        if account == ServiceAccount::Virtual {
            calls
                .extend([self.logs(), self.data()].map(|own| call(path(own), &["/grant:r", write.as_str()])));
        }
        calls
    }
}

/// The SID of a service, which its virtual account shares: S-1-5-80 and the SHA-1 digest of its upper-case name in
/// UTF-16, as five numbers ([MS-DTYP], section 2.4.2.4, NT SERVICE). Computed, it needs no lookup and is independent of
/// the language.
#[must_use]
pub fn service_sid(name: &str) -> String {
    let name: Vec<u8> = name.to_uppercase().encode_utf16().flat_map(u16::to_le_bytes).collect();
    let digest = digest(&SHA1_FOR_LEGACY_USE_ONLY, &name);
    let numbers = digest.as_ref().as_chunks().0.iter().map(|number| u32::from_le_bytes(*number).to_string());
    format!("S-1-5-80-{}", numbers.collect::<Vec<_>>().join("-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The calls with the same path separator on every system.
    fn calls(account: ServiceAccount) -> Vec<String> {
        let calls = ServiceFolders::at("/pd/defender-exporter".into()).access(account);
        let texts = calls.iter().map(|call| call.join(&OsString::from(" ")).into_string().unwrap());
        texts.map(|text| text.replace('\\', "/")).collect()
    }

    #[test]
    fn the_sid_of_a_service_is_windows_own() {
        // Known from every Windows.
        let known = "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464";
        assert_eq!(service_sid("TrustedInstaller"), known);
        assert_eq!(service_sid("trustedinstaller"), known);
    }

    #[test]
    fn access_rights_of_the_virtual_account() {
        let sid = service_sid(NAME);
        assert_eq!(
            calls(ServiceAccount::Virtual),
            [
                "/pd/defender-exporter /setowner *S-1-5-32-544 /T /C /L /Q".to_owned(),
                format!(
                    "/pd/defender-exporter /inheritance:r /grant:r *S-1-5-18:(OI)(CI)F \
                     *S-1-5-32-544:(OI)(CI)F *{sid}:(OI)(CI)RX /Q"
                ),
                "/pd/defender-exporter/* /reset /T /C /L /Q".to_owned(),
                format!("/pd/defender-exporter/logs /grant:r *{sid}:(OI)(CI)M /Q"),
                format!("/pd/defender-exporter/data /grant:r *{sid}:(OI)(CI)M /Q"),
            ]
        );
    }

    #[test]
    fn with_local_system_nobody_else_is_given_anything() {
        let said = calls(ServiceAccount::LocalSystem).join("\n");
        assert_eq!(said.matches("*S-1-5-80").count(), 1);
        assert!(said.contains(&format!("/remove:g *{}", service_sid(NAME))));
    }
}

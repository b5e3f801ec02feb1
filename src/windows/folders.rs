//! Where the service keeps what is its own, and who may use it. Pure, but for looking where `%ProgramData%` is.
//!
//! Any user may make folders and files in `%ProgramData%`. The configuration says what the service connects to and which
//! files it writes, and may name files with passwords: so nobody but administrators writes it, and nobody else reads it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};

use super::{Account, NAME};

/// LocalSystem, and the group of administrators (Microsoft's page "Well-known SIDs").
const SYSTEM: &str = "S-1-5-18";
const ADMINISTRATORS: &str = "S-1-5-32-544";

/// The folders of the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folders {
    root: PathBuf,
}

impl Folders {
    /// Below this machine's `%ProgramData%`.
    #[must_use]
    pub fn of_machine() -> Self {
        let known = std::env::var_os("ProgramData").filter(|folder| !folder.is_empty());
        Self::at(PathBuf::from(known.unwrap_or_else(|| OsString::from(r"C:\ProgramData"))).join(NAME))
    }

    /// Those with this root.
    #[must_use]
    pub const fn at(root: PathBuf) -> Self {
        Self { root }
    }

    /// All are in it.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The configuration that is used where the flags name none.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.root.join("defender-exporter.yaml")
    }

    /// The log.
    #[must_use]
    pub fn logs(&self) -> PathBuf {
        self.root.join("logs")
    }

    /// A place for the state file.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.root.join("data")
    }

    /// What `icacls.exe` is to be asked, one call after another, once the folders are there: what lies in them already belongs to
    /// administrators and has no access list of its own; the service reads its configuration and writes log and state.
    #[must_use]
    pub fn access(&self, account: Account) -> Vec<Vec<OsString>> {
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
            Account::Virtual => vec![read.as_str()],
            Account::LocalSystem => vec!["/remove:g", nobody.as_str()],
        };
        let mut calls = vec![
            call(path(self.root.clone()), &["/setowner", &format!("*{ADMINISTRATORS}"), "/T", "/C", "/L"]),
            call(path(self.root.clone()), &[&owners[..], &of_service[..]].concat()),
            call(path(self.root.join("*")), &["/reset", "/T", "/C", "/L"]),
        ];
        if account == Account::Virtual {
            calls
                .extend([self.logs(), self.data()].map(|own| call(path(own), &["/grant:r", write.as_str()])));
        }
        calls
    }
}

/// The SID of a service, which is also that of its virtual account: S-1-5-80 and the SHA-1 digest of its name in capitals and
/// UTF-16, as five numbers ([MS-DTYP], section 2.4.2.4, NT SERVICE). It needs no look-up and no language.
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

    /// With one separator on every system.
    fn calls(account: Account) -> Vec<String> {
        let calls = Folders::at("/pd/defender-exporter".into()).access(account);
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
    fn the_virtual_account_reads_its_configuration_and_writes_log_and_state_alone() {
        let sid = service_sid(NAME);
        assert_eq!(
            calls(Account::Virtual),
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
        let said = calls(Account::LocalSystem).join("\n");
        assert_eq!(said.matches("*S-1-5-80").count(), 1);
        assert!(said.contains(&format!("/remove:g *{}", service_sid(NAME))));
    }
}

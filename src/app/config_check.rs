//! `--config.check`: every problem of the configuration and of the web configuration, and what the exporter starts with but
//! warns of.

use std::path::Path;

use super::{Loaded, load, plan_size};
use crate::config::{ConfigProblem, ConfigProblems};
use crate::state::persist;
use crate::web::Access;

/// The result of a check without problems.
pub struct CheckedConfig {
    /// One line.
    pub summary: String,
    /// What the exporter would start with, each on one line.
    pub warnings: Vec<String>,
}

/// Checks the files as the start does.
///
/// # Errors
/// If one of them is invalid: every problem of both, one per line.
pub fn check_config(file: Option<&Path>, web_config: Option<&Path>) -> Result<CheckedConfig, String> {
    let (loaded, access) = (load(file), Access::load(web_config));
    let problems = [loaded.as_ref().err(), access.as_ref().err()].into_iter().flatten();
    let problems = problems.flat_map(|problems| problems.0.iter().cloned());
    let (hidden, problems): (Vec<_>, Vec<_>) = problems.partition(is_hidden_credential);
    if !problems.is_empty() {
        return Err(ConfigProblems(problems).to_string());
    }
    let hidden = hidden.iter().map(|problem| format!("{problem}; only the service itself can read it"));
    let state_file = loaded.as_ref().ok().and_then(state_file_warning);
    let summary = match &loaded {
        Ok(loaded) => format!("configuration OK: {}", plan_size(&loaded.plan)),
        Err(_) => "configuration OK; unreadable files not checked".to_owned(),
    };
    Ok(CheckedConfig { summary, warnings: hidden.chain(state_file).collect() })
}

/// Whether a problem is that a systemd credential can't be read. systemd passes them to the service's main process alone, so that
/// a check by hand or by `ExecReload=` can't know them.
fn is_hidden_credential(problem: &ConfigProblem) -> bool {
    problem.problem.starts_with("\"/run/credentials/") && problem.problem.contains("\" can't be read: ")
}

/// Not a problem: the exporter runs without it, and the folder may belong to the service's account.
fn state_file_warning(Loaded { config, .. }: &Loaded) -> Option<String> {
    let path = config.state_file.as_deref()?;
    let error = persist::check_writable(path).err()?;
    Some(format!(
        "state_file: {} can't be written by this user: {error}; the state would be lost at each restart",
        path.display()
    ))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    /// The summary and the number of warnings, or the problems.
    fn checked(password: &str, more: &str) -> Result<(String, usize), String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("c.yaml");
        let route = format!("{{ name: p, proxy: \"http://p:1\", username: u, password_file: {password} }}");
        std::fs::write(&file, format!("routes: [{route}]\n{more}")).unwrap();
        check_config(Some(&file), None).map(|checked| (checked.summary, checked.warnings.len()))
    }

    #[test]
    fn credentials_of_systemd_are_not_known_here() {
        let (summary, warnings) = checked("/run/credentials/x.service/p", "").unwrap();
        assert_eq!((summary.as_str(), warnings), ("configuration OK; unreadable files not checked", 1));
        let other = checked("/run/credentials/x.service/p", "interval: 0s").unwrap_err();
        assert!(other.contains("interval") && !other.contains("credentials"), "{other}");
        let missing = checked("/nowhere/p", "").unwrap_err();
        assert!(missing.contains("\"/nowhere/p\" can't be read: no such file"), "{missing}");
    }
}

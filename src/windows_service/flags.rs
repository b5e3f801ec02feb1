//! Converts the command line that installs the service to the one that the service runs with. Pure, except for the
//! current folder.

use std::any::TypeId;
use std::ffi::OsString;
use std::path::PathBuf;

use clap::parser::ValueSource;
use clap::{Arg, CommandFactory as _};

use super::ServiceError;
use super::folders::ServiceFolders;
use crate::cli::Cli;

/// The arguments that the service manager starts: the flags, then the command with the service's folder.
#[must_use]
pub fn launch(flags: Vec<OsString>, folders: &ServiceFolders) -> Vec<OsString> {
    let mut folder = OsString::from("--folder=");
    folder.push(folders.root());
    flags.into_iter().chain(["service".into(), "run".into(), folder]).collect()
}

/// The exporter's own flags among these arguments, whose first is the program, each as one argument `--name=value`.
/// Paths are made absolute because the service manager starts services in `System32`.
///
/// # Errors
/// If a path is empty, or the current folder doesn't exist any more.
pub fn given(arguments: impl IntoIterator<Item = OsString>) -> Result<Vec<OsString>, ServiceError> {
    // They were parsed at startup; if they don't match, there are no flags.
    let Ok(matches) = Cli::command().try_get_matches_from(arguments) else { return Ok(Vec::new()) };
    let mut flags = Vec::new();
    for argument in Cli::command().get_arguments() {
        let (id, Some(name)) = (argument.get_id().as_str(), argument.get_long()) else { continue };
        if matches.value_source(id) != Some(ValueSource::CommandLine) {
            continue;
        }
        if !argument.get_action().takes_values() {
            flags.push(format!("--{name}").into());
            continue;
        }
        for value in matches.get_raw(id).into_iter().flatten() {
            let mut flag = OsString::from(format!("--{name}="));
            flag.push(if is_path(argument) { whole(value.into())? } else { value.to_owned() });
            flags.push(flag);
        }
    }
    Ok(flags)
}

fn is_path(argument: &Arg) -> bool {
    argument.get_value_parser().type_id() == TypeId::of::<PathBuf>()
}

fn whole(path: PathBuf) -> Result<OsString, ServiceError> {
    let whole = std::path::absolute(&path);
    whole.map(PathBuf::into_os_string).map_err(|error| ServiceError::Path { path, error })
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::{Command, ServiceAction};

    /// Checks the arguments after the program's name.
    #[track_caller]
    fn check(arguments: &[&str], expected: &[&str]) {
        let all = || ["defender-exporter"].iter().chain(arguments).map(OsString::from);
        assert!(Cli::try_parse_from(all()).is_ok(), "{arguments:?}");
        let given = given(all()).unwrap();
        assert_eq!(given, expected.iter().map(OsString::from).collect::<Vec<_>>());
        let folders = ServiceFolders::at("/program data/x".into());
        let again = [OsString::from("x")].into_iter().chain(launch(given, &folders));
        let command = Cli::try_parse_from(again).unwrap().command;
        let Some(Command::Service { action: ServiceAction::Run { folder } }) = command else {
            panic!("{command:?}")
        };
        assert_eq!(folder, folders.root());
    }

    /// An absolute path.
    const FILE: &str = if cfg!(windows) { r"C:\a b\ü.yaml" } else { "/a b/ü.yaml" };

    #[test]
    fn flags_are_taken_over_wherever_they_stand() {
        check(&["service", "install"], &[]);
        check(&["service", "install", "--account", "local-system"], &[]);
        let file = &format!("--config.file={FILE}");
        check(&["service", "install", "--config.file", FILE], &[file]);
        check(
            &[
                "--web.listen-address=:9000",
                "--log.level",
                "debug",
                "--web.listen-address",
                "127.0.0.1:9001",
                "service",
                "install",
                file,
            ],
            &[file, "--web.listen-address=:9000", "--web.listen-address=127.0.0.1:9001", "--log.level=debug"],
        );
    }

    #[test]
    fn paths_are_made_whole() {
        let here = std::env::current_dir().unwrap().join("c.yaml");
        check(
            &["service", "install", "--config.file", "c.yaml"],
            &[&format!("--config.file={}", here.display())],
        );
    }
}

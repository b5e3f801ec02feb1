//! The exporter as a Windows service: `service install|uninstall|start|stop|reload`, and the program that the service
//! manager starts. `flags.rs` and `folders.rs` are independent of Windows; `manager.rs` and `run.rs` use its API.
//!
//! A machine has one service, with a fixed name. It starts automatically (delayed) and restarts after failures.

pub mod flags;
pub mod folders;
#[cfg(windows)]
mod manager;
#[cfg(windows)]
mod run;

use std::ffi::OsString;
use std::path::PathBuf;

use crate::cli::{Cli, ServiceAccount, ServiceAction};
use crate::config::ConfigProblems;
use folders::ServiceFolders;

#[cfg(windows)]
pub use run::ServiceHandle;
#[cfg(windows)]
pub use run::ServiceMain;
#[cfg(windows)]
pub use run::log;
#[cfg(windows)]
pub use run::run;

/// The service's name.
pub const NAME: &str = "defender-exporter";

/// The name in the list of services.
pub const DISPLAY_NAME: &str = "defender-exporter";

/// The description in the list of services.
pub const DESCRIPTION: &str =
    "Prometheus exporter that tells whether the network lets Microsoft Defender Antivirus work.";

/// The control code for a reload, from the range of user-defined codes (128 to 255). The code for changed parameters
/// (`sc control defender-exporter paramchange`) has the same effect.
pub const RELOAD: u32 = 128;

/// The account's name in the service manager.
#[must_use]
pub fn account_name(account: ServiceAccount) -> OsString {
    match account {
        ServiceAccount::Virtual => format!(r"NT SERVICE\{NAME}").into(),
        ServiceAccount::LocalSystem => "LocalSystem".into(),
    }
}

/// Why an action failed.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// This system isn't Windows.
    #[error("service: only for Windows; elsewhere, use the system's service manager")]
    NotWindows,
    /// The service would not start with this configuration.
    #[error(transparent)]
    Config(#[from] ConfigProblems),
    /// Access denied.
    #[error("{0}: access is denied: run this as an administrator, in an elevated prompt")]
    Denied(&'static str),
    /// The service isn't installed.
    #[error("the service {NAME} is not installed: defender-exporter service install")]
    NotInstalled,
    /// The service isn't running.
    #[error("the service {NAME} is not running: defender-exporter service start")]
    NotRunning,
    /// The service was removed, but another program still has a handle to it.
    #[error(
        "the service {NAME} is being removed: close the programs that show services (services.msc), then try again"
    )]
    BeingRemoved,
    /// The service manager remained busy with this or another service.
    #[error(
        "{what}: the service manager has been busy for {seconds} seconds, with this service or another one: try again later"
    )]
    Busy {
        /// The action.
        what: &'static str,
        /// How long the exporter waited.
        seconds: u64,
    },
    /// The process wasn't started by the service manager.
    #[error(
        "service run is for the service manager; run the exporter without a command, or: defender-exporter service start"
    )]
    NotStartedAsService,
    /// A call of the Windows API failed.
    #[error("{what}: {error}")]
    Call {
        /// The action.
        what: &'static str,
        /// The message of Windows.
        error: String,
    },
    /// A folder or a file can't be created, found or opened.
    #[error("{path}: {error}", path = path.display())]
    Path {
        /// Its path.
        path: PathBuf,
        /// The error.
        error: std::io::Error,
    },
    /// A link, through which users could change what the service reads.
    #[error("{path} is a link: remove it, or any user of this machine can choose the service's configuration", path = path.display())]
    Link {
        /// Its path.
        path: PathBuf,
    },
    /// An access list can't be set.
    #[error("icacls.exe can't set who may use {path}: {output}", path = path.display())]
    AccessList {
        /// The path.
        path: PathBuf,
        /// The output of `icacls.exe`.
        output: String,
    },
    /// The service ended right after its start.
    #[error("the service {NAME} ended at once ({code}); its log in {log} says why, unless it could not be written", log = log.display())]
    Ended {
        /// Its exit code.
        code: String,
        /// The folder of the log.
        log: PathBuf,
    },
    /// The service didn't reach the expected state in time.
    #[error("the service {NAME} is still {state} after {seconds} seconds")]
    Slow {
        /// Its state.
        state: &'static str,
        /// How long the exporter waited.
        seconds: u64,
    },
}

impl ServiceError {
    /// Whether the request was invalid, rather than the system failing.
    #[must_use]
    pub const fn is_usage(&self) -> bool {
        matches!(self, Self::NotWindows | Self::Config(_) | Self::NotStartedAsService)
    }
}

/// Carries out an action and returns a message. `arguments` are those of this process.
///
/// # Errors
/// If it fails; the message is for an administrator.
#[cfg(windows)]
pub fn manage(
    action: &ServiceAction,
    cli: &Cli,
    arguments: impl IntoIterator<Item = OsString>,
) -> Result<String, ServiceError> {
    let folders = ServiceFolders::for_machine();
    match action {
        ServiceAction::Install { account } => {
            crate::app::load(cli.config_file.as_deref())?;
            manager::install(*account, flags::given(arguments)?, &folders)
        }
        ServiceAction::Uninstall => manager::uninstall(&folders),
        ServiceAction::Start => manager::start(&folders),
        ServiceAction::Stop => manager::stop(),
        ServiceAction::Reload => manager::reload(),
        ServiceAction::Run { .. } => Err(ServiceError::NotStartedAsService),
    }
}

/// Fails: only Windows has such services.
///
/// # Errors
/// Always.
#[cfg(not(windows))]
pub fn manage(
    _action: &ServiceAction,
    _cli: &Cli,
    _arguments: impl IntoIterator<Item = OsString>,
) -> Result<String, ServiceError> {
    Err(ServiceError::NotWindows)
}

/// The service's flags. If they name no configuration, the one in the service's folder is used if it exists.
#[must_use]
pub fn completed(cli: &Cli, folders: &ServiceFolders) -> Cli {
    let own = folders.config();
    let found = || own.is_file().then_some(own);
    Cli { config_file: cli.config_file.clone().or_else(found), ..cli.clone() }
}

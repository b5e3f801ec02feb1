//! The exporter as a service of Windows: `service install|uninstall|start|stop|reload`, and what the service manager starts. What is
//! decided without Windows is in `flags.rs` and `folders.rs`; `manager.rs` and `run.rs` speak to it.
//!
//! There is one service a machine, by one name. It starts by itself, late, and is restarted when it fails.

pub mod flags;
pub mod folders;
#[cfg(windows)]
mod manager;
#[cfg(windows)]
mod run;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};

use crate::cli::Cli;
use crate::config::Problems;
use folders::Folders;

#[cfg(windows)]
pub use run::{Life, Work, log, run};

/// The service's name.
pub const NAME: &str = "defender-exporter";

/// What the list of services shows.
pub const DISPLAY_NAME: &str = "defender-exporter";

/// What the list of services says of it.
pub const DESCRIPTION: &str =
    "Prometheus exporter that tells whether the network lets Microsoft Defender Antivirus work.";

/// The control code that asks for a reload, one of those that a service gives a meaning itself (128 to 255); the code for
/// changed parameters (`sc control defender-exporter paramchange`) asks for the same.
pub const RELOAD: u32 = 128;

/// What can be done with the service.
#[derive(Clone, Debug, Subcommand)]
pub enum Action {
    /// Install the service, or change the one that is installed. The exporter's flags that are given here, before or behind
    /// the command, are those that it will run with.
    Install {
        /// Who it runs as.
        #[arg(long, value_enum, default_value_t = Account::Virtual)]
        account: Account,
    },
    /// Stop the service and remove it; its configuration, log and state stay.
    Uninstall,
    /// Start the service and wait until it serves.
    Start,
    /// Stop the service and wait until it has ended.
    Stop,
    /// Let the running service read its configuration again; its log says how that went.
    Reload,
    /// What the service manager starts.
    #[command(hide = true)]
    Run {
        /// The service's own folder, as the installation found it: a service may see another `%ProgramData%`.
        #[arg(long)]
        folder: PathBuf,
    },
}

/// Who the service runs as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Account {
    /// NT SERVICE\defender-exporter: no rights but those of any user. Defender's own validation (MpCmdRun
    /// -ValidateMapsConnection) refuses it.
    Virtual,
    /// LocalSystem: every right on this machine. Defender's own validation needs it.
    LocalSystem,
}

impl Account {
    /// Its name, as the service manager knows it.
    #[must_use]
    pub fn name(self) -> OsString {
        match self {
            Self::Virtual => format!(r"NT SERVICE\{NAME}").into(),
            Self::LocalSystem => "LocalSystem".into(),
        }
    }
}

/// Why an action can't be done.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// Not on Windows.
    #[error(
        "service: Windows alone has such services; elsewhere, let the system's own manager run the exporter"
    )]
    NotWindows,
    /// The service would not start with this configuration.
    #[error(transparent)]
    Config(#[from] Problems),
    /// This user may not.
    #[error("{0}: access is denied: run this as an administrator, in an elevated prompt")]
    Denied(&'static str),
    /// There is no such service.
    #[error("the service {NAME} is not installed: defender-exporter service install")]
    NotInstalled,
    /// It doesn't run.
    #[error("the service {NAME} is not running: defender-exporter service start")]
    NotRunning,
    /// It was removed, and something holds on to it.
    #[error(
        "the service {NAME} is being removed: close the programs that show services (services.msc), then try again"
    )]
    BeingRemoved,
    /// Another service is being started, installed or stopped, and that doesn't end.
    #[error(
        "{what}: the service manager has been busy for {seconds} seconds, with this service or another one: try again later"
    )]
    Busy {
        /// What was to be done.
        what: &'static str,
        /// How long was waited.
        seconds: u64,
    },
    /// Nobody started this as a service.
    #[error(
        "service run is for the service manager; run the exporter without a command, or: defender-exporter service start"
    )]
    NotStartedAsService,
    /// A call failed.
    #[error("{what}: {error}")]
    Call {
        /// What was to be done.
        what: &'static str,
        /// What Windows says.
        error: String,
    },
    /// A folder or a file can't be made, found or opened.
    #[error("{path}: {error}", path = path.display())]
    Path {
        /// Which.
        path: PathBuf,
        /// Why not.
        error: std::io::Error,
    },
    /// Users could change what the service reads.
    #[error("{path} is a link: remove it, or any user of this machine can choose the service's configuration", path = path.display())]
    Link {
        /// Which.
        path: PathBuf,
    },
    /// Nobody could be given access, or kept from it.
    #[error("icacls.exe can't set who may use {path}: {said}", path = path.display())]
    AccessList {
        /// Of what.
        path: PathBuf,
        /// What it says.
        said: String,
    },
    /// It ended as soon as it was started.
    #[error("the service {NAME} ended at once ({code}); its log in {log} says why, unless it could not be written", log = log.display())]
    Ended {
        /// With which exit code.
        code: String,
        /// Where the log is.
        log: PathBuf,
    },
    /// It takes too long.
    #[error("the service {NAME} is still {state} after {seconds} seconds")]
    Slow {
        /// What it is.
        state: String,
        /// How long was waited.
        seconds: u64,
    },
}

impl ServiceError {
    /// Whether the user asked for what can't be, rather than the system failing.
    #[must_use]
    pub const fn is_usage(&self) -> bool {
        matches!(self, Self::NotWindows | Self::Config(_) | Self::NotStartedAsService)
    }
}

/// Does it; the text says what was done. `arguments` are those of this process.
///
/// # Errors
/// When it can't be done, in words for an administrator.
#[cfg(windows)]
pub fn manage(
    action: &Action,
    cli: &Cli,
    arguments: impl IntoIterator<Item = OsString>,
) -> Result<String, ServiceError> {
    let folders = Folders::of_machine();
    match action {
        Action::Install { account } => {
            crate::app::load(cli.config_file.as_deref())?;
            manager::install(*account, flags::given(arguments)?, &folders)
        }
        Action::Uninstall => manager::uninstall(&folders),
        Action::Start => manager::start(&folders),
        Action::Stop => manager::stop(),
        Action::Reload => manager::reload(),
        Action::Run { .. } => Err(ServiceError::NotStartedAsService),
    }
}

/// There is nothing to do.
///
/// # Errors
/// Always.
#[cfg(not(windows))]
pub fn manage(
    _action: &Action,
    _cli: &Cli,
    _arguments: impl IntoIterator<Item = OsString>,
) -> Result<String, ServiceError> {
    Err(ServiceError::NotWindows)
}

/// The flags that the service runs with: where they name no configuration, that of the service's folder, if it is there.
#[must_use]
pub fn completed(cli: &Cli, folders: &Folders) -> Cli {
    let own = folders.config();
    let found = || own.is_file().then_some(own);
    Cli { config_file: cli.config_file.clone().or_else(found), ..cli.clone() }
}

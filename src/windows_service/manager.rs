//! Installs, removes, starts and stops the service through the Windows service manager.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use std::{fs, io};

use windows_service::Error;
use windows_service::service::{
    Service, ServiceAccess, ServiceAction, ServiceActionType, ServiceErrorControl, ServiceExitCode,
    ServiceFailureActions, ServiceFailureResetPeriod, ServiceInfo, ServiceStartType, ServiceState,
    ServiceStatus, ServiceType, UserEventCode,
};
use windows_service::service_manager::{ServiceManager, ServiceManagerAccess};

use super::flags::launch;
use super::folders::ServiceFolders;
use super::{DESCRIPTION, DISPLAY_NAME, NAME, RELOAD, ServiceError, account_name};
use crate::cli::ServiceAccount;

/// The delays before restarts after the first, second and each further failure.
const RESTART_DELAYS: [Duration; 3] =
    [Duration::from_secs(60), Duration::from_secs(60), Duration::from_secs(300)];

/// Failures are counted anew after this time without one.
const FAILURE_RESET_PERIOD: Duration = Duration::from_secs(24 * 60 * 60);

/// The interval of retries while the service manager is busy or the service changes its state, and their number: half a
/// minute.
const RETRY_INTERVAL: Duration = Duration::from_millis(200);
const MAX_RETRIES: u32 = 150;

/// Errors of the service manager (Microsoft's page "System Error Codes").
const ACCESS_DENIED: i32 = 5;
const INVALID_LEVEL: i32 = 124;
const DATABASE_LOCKED: i32 = 1055;
const ALREADY_RUNNING: i32 = 1056;
const DOES_NOT_EXIST: i32 = 1060;
const CANNOT_ACCEPT_CTRL: i32 = 1061;
const NOT_ACTIVE: i32 = 1062;
const MARKED_FOR_DELETE: i32 = 1072;

/// Installs the service, or updates an installed one.
pub(super) fn install(
    account: ServiceAccount,
    flags: Vec<OsString>,
    folders: &ServiceFolders,
) -> Result<String, ServiceError> {
    let manager = manager(ServiceManagerAccess::CONNECT | ServiceManagerAccess::CREATE_SERVICE)?;
    let named = flags.iter().any(|flag| flag.to_string_lossy().starts_with("--config.file="));
    let info = service_info(account, launch(flags, folders))?;
    create_folders(folders)?;
    let access = ServiceAccess::CHANGE_CONFIG | ServiceAccess::START | ServiceAccess::QUERY_STATUS;
    let (service, done) = match manager.open_service(NAME, access) {
        Ok(service) => {
            service.change_config(&info).map_err(|error| failed("changing the service", &error))?;
            (service, "changed; it takes effect when the service is started again")
        }
        Err(error) if code(&error) == Some(DOES_NOT_EXIST) => {
            // An installer may have removed the previous version a moment ago.
            let made =
                retry_while_busy(MARKED_FOR_DELETE, RETRY_INTERVAL, || manager.create_service(&info, access));
            (made.map_err(|error| failed("creating the service", &error))?, "installed")
        }
        Err(error) => return Err(failed("opening the service", &error)),
    };
    let unknown = configure(&service)?;
    set_access_lists(folders, account)?;
    let mut text = format!("the service {NAME} is {done}\n  runs as: {}\n", account_name(account).display());
    for (what, place) in [("log", folders.logs()), ("state", folders.data())] {
        let _ = writeln!(text, "  {what}: {}", place.display()); // a String never fails
    }
    let own = folders.config();
    let _ = match (named, own.is_file()) {
        (true, _) => writeln!(text, "  configuration: as its flags say"),
        (false, true) => writeln!(text, "  configuration: {}", own.display()),
        (false, false) => writeln!(text, "  configuration: none (to have one, create {})", own.display()),
    };
    for what in unknown {
        let _ = writeln!(text, "  not set, since this system does not know it: {what}");
    }
    Ok(text)
}

/// Stops and removes the service. Succeeds if it isn't installed.
pub(super) fn uninstall(folders: &ServiceFolders) -> Result<String, ServiceError> {
    let access = ServiceAccess::STOP | ServiceAccess::QUERY_STATUS | ServiceAccess::DELETE;
    let service = match open(access) {
        Ok(service) => service,
        Err(ServiceError::NotInstalled) => return Ok(format!("the service {NAME} is not installed\n")),
        Err(error) => return Err(error),
    };
    stop_and_wait(&service)?;
    service.delete().map_err(|error| failed("removing the service", &error))?;
    Ok(format!("the service {NAME} is removed; {} stays\n", folders.root().display()))
}

/// Starts the service and waits until it serves.
pub(super) fn start(folders: &ServiceFolders) -> Result<String, ServiceError> {
    let service = open(ServiceAccess::START | ServiceAccess::QUERY_STATUS)?;
    wait(&service, |state| state != ServiceState::StopPending)?;
    match retry_while_busy(DATABASE_LOCKED, RETRY_INTERVAL, || service.start::<OsString>(&[])) {
        Ok(()) => {}
        Err(error) if code(&error) == Some(ALREADY_RUNNING) => {}
        Err(error) => return Err(failed("starting the service", &error)),
    }
    let status = wait(&service, |state| matches!(state, ServiceState::Running | ServiceState::Stopped))?;
    if status.current_state == ServiceState::Running {
        return Ok(format!("the service {NAME} is running\n"));
    }
    let code = match status.exit_code {
        ServiceExitCode::Win32(code) => format!("Windows error {code}"),
        ServiceExitCode::ServiceSpecific(code) => format!("exit code {code}"),
    };
    Err(ServiceError::Ended { code, log: folders.logs() })
}

/// Stops the service and waits until it has ended.
pub(super) fn stop() -> Result<String, ServiceError> {
    stop_and_wait(&open(ServiceAccess::STOP | ServiceAccess::QUERY_STATUS)?)?;
    Ok(format!("the service {NAME} is stopped\n"))
}

/// Makes the service reload its configuration.
pub(super) fn reload() -> Result<String, ServiceError> {
    let code = UserEventCode::from_raw(RELOAD)
        .map_err(|_| ServiceError::Call { what: "asking for a reload", error: "no such code".to_owned() })?;
    let service = open(ServiceAccess::USER_DEFINED_CONTROL)?;
    service.notify(code).map_err(|error| failed("asking for a reload", &error))?;
    Ok(format!("the service {NAME} was asked to reload its configuration\n"))
}

fn manager(access: ServiceManagerAccess) -> Result<ServiceManager, ServiceError> {
    let manager = ServiceManager::local_computer(None::<&str>, access);
    manager.map_err(|error| failed("asking the service manager", &error))
}

fn open(access: ServiceAccess) -> Result<Service, ServiceError> {
    let service = manager(ServiceManagerAccess::CONNECT)?.open_service(NAME, access);
    service.map_err(|error| failed("opening the service", &error))
}

fn stop_and_wait(service: &Service) -> Result<(), ServiceError> {
    // A service that is starting or stopping rejects controls.
    match retry_while_busy(CANNOT_ACCEPT_CTRL, RETRY_INTERVAL, || service.stop()) {
        Ok(_) => {}
        Err(error) if code(&error) == Some(NOT_ACTIVE) => return Ok(()),
        Err(error) => return Err(failed("stopping the service", &error)),
    }
    wait(service, |state| state == ServiceState::Stopped).map(drop)
}

/// Retries while the service manager returns this error code because it is busy: while another service is being
/// installed or started, as during the start of Windows.
fn retry_while_busy<T>(
    busy: i32,
    pause: Duration,
    mut ask: impl FnMut() -> Result<T, Error>,
) -> Result<T, Error> {
    for _ in 0..MAX_RETRIES {
        match ask() {
            Err(error) if code(&error) == Some(busy) => std::thread::sleep(pause),
            answer => return answer,
        }
    }
    ask()
}

/// Waits until the service's state is right.
fn wait(service: &Service, right: impl Fn(ServiceState) -> bool) -> Result<ServiceStatus, ServiceError> {
    let look = || service.query_status().map_err(|error| failed("asking for the service's state", &error));
    let mut status = look()?;
    for _ in 0..MAX_RETRIES {
        if right(status.current_state) {
            return Ok(status);
        }
        std::thread::sleep(RETRY_INTERVAL);
        status = look()?;
    }
    let seconds = (RETRY_INTERVAL * MAX_RETRIES).as_secs();
    Err(ServiceError::Slow { state: state_name(status.current_state), seconds })
}

/// A state in words.
pub(super) const fn state_name(state: ServiceState) -> &'static str {
    match state {
        ServiceState::Stopped => "stopped",
        ServiceState::StartPending => "starting",
        ServiceState::StopPending => "stopping",
        ServiceState::Running => "running",
        ServiceState::ContinuePending => "resuming",
        ServiceState::PausePending => "pausing",
        ServiceState::Paused => "paused",
    }
}

/// This program with these arguments, as a service with its own process.
fn service_info(
    account: ServiceAccount,
    launch_arguments: Vec<OsString>,
) -> Result<ServiceInfo, ServiceError> {
    let program = std::env::current_exe()
        .map_err(|error| ServiceError::Path { path: "defender-exporter.exe".into(), error })?;
    Ok(ServiceInfo {
        name: NAME.into(),
        display_name: DISPLAY_NAME.into(),
        service_type: ServiceType::OWN_PROCESS,
        start_type: ServiceStartType::AutoStart,
        error_control: ServiceErrorControl::Normal,
        executable_path: program,
        launch_arguments,
        dependencies: vec![],
        account_name: Some(account_name(account)), // `None` would keep the account of an installed service
        account_password: None,
    })
}

/// Sets what isn't part of a service's creation. Returns the settings that this system doesn't support: Wine lacks
/// some.
fn configure(service: &Service) -> Result<Vec<&'static str>, ServiceError> {
    let restart = |delay: &Duration| ServiceAction { action_type: ServiceActionType::Restart, delay: *delay };
    let recovery = ServiceFailureActions {
        reset_period: ServiceFailureResetPeriod::After(FAILURE_RESET_PERIOD),
        reboot_msg: None,
        command: None,
        actions: Some(RESTART_DELAYS.iter().map(restart).collect()),
    };
    let settings = [
        ("its description", service.set_description(DESCRIPTION)),
        ("its delayed start", service.set_delayed_auto_start(true)),
        ("its restarts after failures", service.update_failure_actions(recovery)),
        (
            "its restart after an exit code that isn't 0",
            service.set_failure_actions_on_non_crash_failures(true),
        ),
    ];
    let mut unknown = Vec::new();
    for (what, set) in settings {
        match set {
            Ok(()) => {}
            Err(error) if code(&error) == Some(INVALID_LEVEL) => unknown.push(what),
            Err(error) => return Err(failed(what, &error)),
        }
    }
    Ok(unknown)
}

/// Creates missing folders.
fn create_folders(folders: &ServiceFolders) -> Result<(), ServiceError> {
    let root = folders.root();
    if fs::symlink_metadata(root).is_ok_and(|found| found.file_type().is_symlink()) {
        return Err(ServiceError::Link { path: root.to_owned() });
    }
    for path in [root.to_owned(), folders.logs(), folders.data()] {
        fs::create_dir_all(&path).map_err(|error| ServiceError::Path { path, error })?;
    }
    Ok(())
}

/// Sets the folders' access lists.
fn set_access_lists(folders: &ServiceFolders, account: ServiceAccount) -> Result<(), ServiceError> {
    let system = std::env::var_os("SystemRoot").unwrap_or_else(|| OsString::from(r"C:\Windows"));
    let program = Path::new(&system).join(r"System32\icacls.exe");
    for call in folders.access(account) {
        let failed = |output: String| ServiceError::AccessList { path: PathBuf::from(&call[0]), output };
        let output = Command::new(&program).args(&call).stdin(Stdio::null()).output();
        let output = output.map_err(|error| failed(error.to_string()))?;
        if !output.status.success() {
            let text = [output.stdout, output.stderr].concat();
            return Err(failed(String::from_utf8_lossy(&text).trim().to_owned()));
        }
    }
    Ok(())
}

fn code(error: &Error) -> Option<i32> {
    match error {
        Error::Winapi(error) => error.raw_os_error(),
        _ => None,
    }
}

fn failed(what: &'static str, error: &Error) -> ServiceError {
    match (code(error), error) {
        (Some(ACCESS_DENIED), _) => ServiceError::Denied(what),
        (Some(DOES_NOT_EXIST), _) => ServiceError::NotInstalled,
        (Some(NOT_ACTIVE), _) => ServiceError::NotRunning,
        (Some(DATABASE_LOCKED | CANNOT_ACCEPT_CTRL), _) => {
            ServiceError::Busy { what, seconds: (RETRY_INTERVAL * MAX_RETRIES).as_secs() }
        }
        (Some(MARKED_FOR_DELETE), _) => ServiceError::BeingRemoved,
        (_, Error::Winapi(error)) => ServiceError::Call { what, error: io::Error::to_string(error) },
        (_, error) => ServiceError::Call { what, error: error.to_string() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The result if the service manager is busy this many times, and the number of attempts.
    fn retried(busy: u32, then: Result<(), i32>) -> (Result<(), Option<i32>>, u32) {
        let mut times = 0;
        let error = |code| Err(Error::Winapi(io::Error::from_raw_os_error(code)));
        let answer = retry_while_busy(DATABASE_LOCKED, Duration::ZERO, || {
            times += 1;
            if times <= busy { error(DATABASE_LOCKED) } else { then.or_else(error) }
        });
        (answer.map_err(|error| code(&error)), times)
    }

    #[test]
    fn a_busy_service_manager_is_asked_again_and_not_for_ever() {
        assert_eq!(retried(0, Ok(())), (Ok(()), 1));
        assert_eq!(retried(3, Ok(())), (Ok(()), 4));
        assert_eq!(
            retried(3, Err(ALREADY_RUNNING)),
            (Err(Some(ALREADY_RUNNING)), 4),
            "another answer counts"
        );
        assert_eq!(retried(MAX_RETRIES, Ok(())), (Ok(()), MAX_RETRIES + 1));
        assert_eq!(retried(u32::MAX, Ok(())), (Err(Some(DATABASE_LOCKED)), MAX_RETRIES + 1));
    }

    #[test]
    fn who_reads_an_error_learns_what_to_do() {
        let check = |code: i32, expected: &str| {
            let text = failed("starting the service", &Error::Winapi(io::Error::from_raw_os_error(code)));
            assert!(text.to_string().contains(expected), "{text}");
        };
        check(ACCESS_DENIED, "starting the service: access is denied: run this as an administrator");
        check(DATABASE_LOCKED, "the service manager has been busy for 30 seconds");
        check(CANNOT_ACCEPT_CTRL, "the service manager has been busy for 30 seconds");
        check(DOES_NOT_EXIST, "not installed: defender-exporter service install");
        check(NOT_ACTIVE, "not running: defender-exporter service start");
        check(MARKED_FOR_DELETE, "services.msc");
        check(1058, "starting the service: "); // the rest is the message of Windows
    }
}

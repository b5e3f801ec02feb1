//! The process that the service manager starts: reports its state (starting, running, stopping, stopped) and handles
//! controls.

use std::fs;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;
use std::time::Duration;

use tokio::sync::watch;
use tracing_appender::rolling::{RollingFileAppender, Rotation};
use windows_service::service::{
    ServiceControl, ServiceControlAccept, ServiceExitCode, ServiceState, ServiceStatus, ServiceType,
};
use windows_service::service_control_handler::{ServiceControlHandlerResult, ServiceStatusHandle, register};
use windows_service::{Error, service_dispatcher};

use super::folders::ServiceFolders;
use super::manager::state_name;
use super::{NAME, RELOAD, ServiceError};
use crate::app::Tasks;
use crate::cli::Cli;
use crate::engine::reload_requests::Reloads;
use crate::exit::ExitError;
use crate::task::{self, Task};

/// The wait hint for a start and for a stop.
const WAIT_HINT: Duration = Duration::from_secs(20);

/// The number of daily log files to retain.
const LOG_FILES: usize = 14;

/// The service manager didn't start this process (ERROR_FAILED_SERVICE_CONTROLLER_CONNECT).
const NOT_A_SERVICE: i32 = 1063;

/// The connection between a running exporter and the service manager.
#[derive(Clone)]
pub struct ServiceHandle {
    status: ServiceStatusHandle,
    controls: watch::Receiver<ServiceControls>,
}

/// The controls received so far.
#[derive(Clone, Copy, Debug, Default)]
struct ServiceControls {
    stop: bool,
    /// The number of reloads requested. Requests during a reload are merged into one.
    reloads: u64,
}

impl ServiceHandle {
    /// Reports that the service is running, and forwards reload requests. Must be called inside the runtime.
    pub fn serving(&self, reloads: Reloads, tasks: &Tasks) {
        self.report(ServiceState::Running, ServiceExitCode::NO_ERROR);
        let mut controls = self.controls.clone();
        tasks.spawn(Task::ServiceControl, async move {
            let mut done = 0;
            while let Ok(request) =
                controls.wait_for(|controls| controls.reloads > done).await.map(|controls| controls.reloads)
            {
                done = request;
                if reloads.request().await.is_none() {
                    return;
                }
            }
            std::future::pending::<()>().await; // the control handler is gone, so there are no more requests
        });
    }

    /// Completes when the service is to stop, or Windows shuts down.
    pub fn stop(&self) -> impl Future<Output = ()> + use<> {
        let service = self.clone();
        let mut controls = self.controls.clone();
        async move {
            // On an error, no handler is left. The value is dropped: it holds a lock that the handler needs.
            let _ = controls.wait_for(|controls| controls.stop).await;
            // A blocking call of the service manager.
            task::blocking(move || service.report(ServiceState::StopPending, ServiceExitCode::NO_ERROR))
                .await;
        }
    }

    fn report(&self, state: ServiceState, exit_code: ServiceExitCode) {
        let pending = matches!(state, ServiceState::StartPending | ServiceState::StopPending);
        let status = ServiceStatus {
            service_type: ServiceType::OWN_PROCESS,
            current_state: state,
            controls_accepted: match state {
                ServiceState::Running => {
                    ServiceControlAccept::STOP
                        | ServiceControlAccept::SHUTDOWN
                        | ServiceControlAccept::PARAM_CHANGE
                }
                _ => ServiceControlAccept::empty(),
            },
            exit_code,
            checkpoint: u32::from(pending),
            wait_hint: if pending { WAIT_HINT } else { Duration::ZERO },
            process_id: None,
        };
        if let Err(error) = self.status.set_service_status(status) {
            let (state, error) = (state_name(state), error_text(&error));
            tracing::warn!(state, error, "failed to report the state to the service manager");
        }
    }
}

/// Runs the exporter until it ends. An error is logged, and its code reported to the service manager.
pub type ServiceMain = fn(&Cli, &ServiceHandle) -> Result<(), ExitError>;

/// Input of [`service_main`], which Windows calls without context.
static JOB: OnceLock<(Cli, ServiceMain)> = OnceLock::new();

/// Connects this process to the service manager, until the service has ended.
///
/// # Errors
/// If the service manager didn't start this process.
pub fn run(cli: Cli, work: ServiceMain) -> Result<(), ServiceError> {
    JOB.get_or_init(|| (cli, work));
    service_dispatcher::start(NAME, service_main).map_err(|error| match &error {
        Error::Winapi(system) if system.raw_os_error() == Some(NOT_A_SERVICE) => {
            ServiceError::NotStartedAsService
        }
        _ => ServiceError::Call { what: "becoming a service", error: error_text(&error) },
    })
}

/// The system's own message: the library's says only that a call failed.
fn error_text(error: &Error) -> String {
    match error {
        Error::Winapi(system) => system.to_string(),
        other => other.to_string(),
    }
}

/// Called by Windows in a separate thread. The arguments are those of a manual start; they aren't needed, so the
/// pointer is never read.
extern "system" fn service_main(_count: u32, _arguments: *mut *mut u16) {
    let Some((cli, work)) = JOB.get() else { return };
    let (send_control, controls) = watch::channel(ServiceControls::default());
    let handler = move |control| match control {
        ServiceControl::Stop | ServiceControl::Shutdown => {
            send_control.send_modify(|controls| controls.stop = true);
            ServiceControlHandlerResult::NoError
        }
        ServiceControl::ParamChange => {
            send_control.send_modify(|controls| controls.reloads += 1);
            ServiceControlHandlerResult::NoError
        }
        ServiceControl::UserEvent(code) if code.to_raw() == RELOAD => {
            send_control.send_modify(|controls| controls.reloads += 1);
            ServiceControlHandlerResult::NoError
        }
        ServiceControl::Interrogate => ServiceControlHandlerResult::NoError,
        _ => ServiceControlHandlerResult::NotImplemented,
    };
    let status = match register(NAME, handler) {
        Ok(status) => status,
        Err(error) => {
            return tracing::error!(
                error = error_text(&error),
                "failed to register the service's control handler"
            );
        }
    };
    let service = ServiceHandle { status, controls };
    service.report(ServiceState::StartPending, ServiceExitCode::NO_ERROR);
    // A panic here is outside of any task. The panic hook has logged it.
    let ended = catch_unwind(AssertUnwindSafe(|| work(cli, &service)));
    let end = match ended.unwrap_or(Err(ExitError::Panicked)) {
        Ok(()) => ServiceExitCode::NO_ERROR,
        Err(error) => {
            tracing::error!(%error, "service failed");
            ServiceExitCode::ServiceSpecific(error.code().into())
        }
    };
    service.report(ServiceState::Stopped, end);
}

/// The service's log: a file per day in its folder.
///
/// # Errors
/// If no file can be created there.
pub fn log(folders: &ServiceFolders) -> Result<RollingFileAppender, ServiceError> {
    let path = folders.logs();
    fs::create_dir_all(&path).map_err(|error| ServiceError::Path { path: path.clone(), error })?;
    let file = RollingFileAppender::builder()
        .rotation(Rotation::DAILY)
        .filename_prefix(NAME)
        .filename_suffix("log")
        .max_log_files(LOG_FILES)
        .build(&path);
    file.map_err(|error| ServiceError::Path { path, error: std::io::Error::other(error) })
}

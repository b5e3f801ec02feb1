//! What the service manager starts: reports starting, running, stopping and the end to it, and takes its word to stop.

use std::fs;
use std::future::Future;
use std::sync::OnceLock;
use std::time::Duration;

use tokio::sync::watch;
use tracing_appender::rolling::{RollingFileAppender, Rotation};
use windows_service::service::{
    ServiceControl, ServiceControlAccept, ServiceExitCode, ServiceState, ServiceStatus, ServiceType,
};
use windows_service::service_control_handler::{ServiceControlHandlerResult, ServiceStatusHandle, register};
use windows_service::{Error, service_dispatcher};

use super::folders::Folders;
use super::{NAME, RELOAD, ServiceError};
use crate::cli::Cli;
use crate::reload::Reloads;

/// How long the service manager is asked to wait for a start and for an end.
const PATIENCE: Duration = Duration::from_secs(20);

/// Days whose log is kept, a file each.
const LOG_FILES: usize = 14;

/// The service manager didn't start this process (ERROR_FAILED_SERVICE_CONTROLLER_CONNECT).
const NOT_A_SERVICE: i32 = 1063;

/// The exit code of an exporter that can't start, as in a console.
const EXIT_USAGE: u32 = 3;

/// The service manager's side of a running exporter.
#[derive(Clone)]
pub struct Life {
    status: ServiceStatusHandle,
    orders: watch::Receiver<Orders>,
}

/// What the service manager wants, so far.
#[derive(Clone, Copy, Debug, Default)]
struct Orders {
    stop: bool,
    /// How many reloads were asked for: those that come while one is under way are one.
    reloads: u64,
}

impl Life {
    /// Says that it serves now, and passes on what reloads are asked for. Must be called inside the runtime.
    pub fn serving(&self, reloads: Reloads) {
        self.tell(ServiceState::Running, ServiceExitCode::NO_ERROR);
        let mut orders = self.orders.clone();
        tokio::spawn(async move {
            let mut done = 0;
            while let Ok(asked) =
                orders.wait_for(|orders| orders.reloads > done).await.map(|orders| orders.reloads)
            {
                done = asked;
                if reloads.ask().await.is_none() {
                    return;
                }
            }
        });
    }

    /// Completes when the service is to stop, or Windows shuts down.
    pub fn stop(&self) -> impl Future<Output = ()> + use<> {
        let life = self.clone();
        let mut orders = self.orders.clone();
        async move {
            let _stopped = orders.wait_for(|orders| orders.stop).await; // an error: nobody is left to ask for it
            life.tell(ServiceState::StopPending, ServiceExitCode::NO_ERROR);
        }
    }

    fn tell(&self, state: ServiceState, exit_code: ServiceExitCode) {
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
            wait_hint: if pending { PATIENCE } else { Duration::ZERO },
            process_id: None,
        };
        if let Err(error) = self.status.set_service_status(status) {
            tracing::warn!(?state, ?error, "the service manager can't be told the state");
        }
    }
}

/// Runs the exporter until it ends; the error is what goes to the log.
pub type Work = fn(&Cli, &Life) -> Result<(), String>;

/// What [`service_main`] does: Windows calls it with nothing of ours.
static JOB: OnceLock<(Cli, Work)> = OnceLock::new();

/// Hands this process to the service manager, until the service has ended.
///
/// # Errors
/// When the service manager didn't start this process.
pub fn run(cli: Cli, work: Work) -> Result<(), ServiceError> {
    JOB.get_or_init(|| (cli, work));
    service_dispatcher::start(NAME, service_main).map_err(|error| match &error {
        Error::Winapi(system) if system.raw_os_error() == Some(NOT_A_SERVICE) => {
            ServiceError::NotStartedAsService
        }
        _ => ServiceError::Call { what: "becoming a service", error: format!("{error:?}") },
    })
}

/// What Windows calls in a thread of its own. Its arguments are those of a start by hand: nothing that is needed here, so
/// nothing that has to be read through a pointer.
extern "system" fn service_main(_count: u32, _arguments: *mut *mut u16) {
    let Some((cli, work)) = JOB.get() else { return };
    let (order, orders) = watch::channel(Orders::default());
    let handler = move |control| match control {
        ServiceControl::Stop | ServiceControl::Shutdown => {
            order.send_modify(|orders| orders.stop = true);
            ServiceControlHandlerResult::NoError
        }
        ServiceControl::ParamChange => {
            order.send_modify(|orders| orders.reloads += 1);
            ServiceControlHandlerResult::NoError
        }
        ServiceControl::UserEvent(code) if code.to_raw() == RELOAD => {
            order.send_modify(|orders| orders.reloads += 1);
            ServiceControlHandlerResult::NoError
        }
        ServiceControl::Interrogate => ServiceControlHandlerResult::NoError,
        _ => ServiceControlHandlerResult::NotImplemented,
    };
    let status = match register(NAME, handler) {
        Ok(status) => status,
        Err(error) => return tracing::error!(?error, "the service manager takes no handler"),
    };
    let life = Life { status, orders };
    life.tell(ServiceState::StartPending, ServiceExitCode::NO_ERROR);
    let end = match work(cli, &life) {
        Ok(()) => ServiceExitCode::NO_ERROR,
        Err(message) => {
            tracing::error!("{message}");
            ServiceExitCode::ServiceSpecific(EXIT_USAGE)
        }
    };
    life.tell(ServiceState::Stopped, end);
}

/// The log of the service: a file for each day in its folder.
///
/// # Errors
/// When none can be made there.
pub fn log(folders: &Folders) -> Result<RollingFileAppender, ServiceError> {
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

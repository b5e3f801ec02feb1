//! The signals of the operating system that stop the exporter or reload its configuration.

use std::future::Future;

use super::Tasks;
use crate::engine::reload_requests::Reloads;
#[cfg(unix)]
use crate::task::Task;

/// Completes on SIGINT or SIGTERM. Installed before anything else: PID 1 has no default handlers.
///
/// # Errors
/// If the system refuses the handler.
#[cfg(unix)]
pub fn stop_signal() -> Result<impl Future<Output = ()>, String> {
    use tokio::signal::unix::{SignalKind, signal};
    let install = |kind| signal(kind).map_err(|error| format!("failed to install a signal handler: {error}"));
    let mut interrupt = install(SignalKind::interrupt())?;
    let mut terminate = install(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Requests a reload on SIGHUP. Signals during a reload are merged into one.
///
/// # Errors
/// If the system refuses the handler.
#[cfg(unix)]
pub fn reload_on_sighup(reloads: Reloads, tasks: &Tasks) -> Result<(), String> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut hangup = signal(SignalKind::hangup())
        .map_err(|error| format!("failed to install a signal handler: {error}"))?;
    tasks.spawn(Task::Sighup, async move {
        while hangup.recv().await.is_some() && reloads.request().await.is_some() {}
    });
    Ok(())
}

/// SIGHUP exists only on Unix.
///
/// # Errors
/// Never.
#[cfg(not(unix))]
#[allow(clippy::unnecessary_wraps, reason = "on Unix it can fail")]
pub fn reload_on_sighup(_reloads: Reloads, _tasks: &Tasks) -> Result<(), String> {
    Ok(())
}

/// Completes on Ctrl-C, Ctrl-Break or when the console closes.
///
/// # Errors
/// If the system refuses the handler.
#[cfg(windows)]
pub fn stop_signal() -> Result<impl Future<Output = ()>, String> {
    use tokio::signal::windows;
    let failed = |error| format!("failed to install a console handler: {error}");
    let mut interrupt = windows::ctrl_c().map_err(failed)?;
    let mut abort = windows::ctrl_break().map_err(failed)?;
    let mut close = windows::ctrl_close().map_err(failed)?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = abort.recv() => {}
            _ = close.recv() => {}
        }
    })
}

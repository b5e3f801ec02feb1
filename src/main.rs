//! The program: parses flags, starts, and is the only place that exits the process.

use std::future::Future;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{CommandFactory as _, Parser as _};
use defender_exporter::app::{self, Lifecycle, Setup};
use defender_exporter::cli::{Cli, Command};
use defender_exporter::clock::Clock;
use defender_exporter::commands::{catalog, check, download_test, explain, man, shell, version};
use defender_exporter::logging::{self, Levels};
use defender_exporter::metrics::BuildInfo;
use defender_exporter::reload::Reloads;
use defender_exporter::web::{self, Access, Front, HealthUrl, ListenAddress};
use defender_exporter::windows;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;

/// Bad usage or a bad configuration.
const EXIT_USAGE: u8 = 3;

/// Tasks that hang at the end of the process get this long.
const LAST_GRACE: Duration = Duration::from_millis(100);

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) if error.kind() == ErrorKind::DisplayVersion => {
            print!("{}", version::render(&BuildInfo::current()));
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            let _ = error.print(); // nowhere to complain to
            return if error.use_stderr() { ExitCode::from(EXIT_USAGE) } else { ExitCode::SUCCESS };
        }
    };
    match execute(&cli) {
        Ok(code) => code,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::from(EXIT_USAGE)
        }
    }
}

/// Does what was asked; the error is what the user reads.
fn execute(cli: &Cli) -> Result<ExitCode, String> {
    #[cfg(windows)]
    if let Some(Command::Service { action: windows::Action::Run { .. } }) = cli.command {
        return be_service(cli); // it has a log of its own
    }
    init_log(cli);
    let file = cli.config_file.as_deref();
    if cli.config_check {
        let (plan, access) = (app::load(file).map(|(_, plan)| plan), Access::load(cli.web_config.as_deref()));
        let problems = [plan.as_ref().err(), access.as_ref().err()].into_iter().flatten();
        let problems: Vec<_> = problems.map(ToString::to_string).collect();
        let plan = plan.map_err(|_| problems.join("\n"))?;
        access.map_err(|_| problems.join("\n"))?;
        println!("the configuration is good: {}", app::size(&plan));
        return Ok(ExitCode::SUCCESS);
    }
    match &cli.command {
        Some(Command::Explain { code }) => {
            let text = code.as_deref().map_or_else(|| Ok(explain::list()), explain::render);
            print!("{}", text.map_err(|error| error.to_string())?);
            Ok(ExitCode::SUCCESS)
        }
        Some(Command::Catalog { format }) => {
            let (_, plan) = app::load(file).map_err(|problems| problems.to_string())?;
            print!("{}", catalog::render(&plan.endpoints(), *format));
            Ok(ExitCode::SUCCESS)
        }
        Some(Command::Check { download_test: true, .. }) => in_runtime(async {
            let outcome = app::download_test(set_up(cli)?).await.map_err(|refusal| refusal.to_string())?;
            print!("{}", download_test::render(&outcome));
            Ok(ExitCode::from(download_test::exit_code(&outcome)))
        }),
        Some(Command::Check { format, .. }) => in_runtime(async {
            let snapshot = app::check_once(set_up(cli)?).await;
            print!("{}", check::render(&snapshot, *format, Clock::System.now()));
            Ok(ExitCode::from(check::exit_code(&snapshot)))
        }),
        Some(Command::Healthcheck { url, listen, web_config, timeout }) => {
            let web_config = web_config.as_deref().or(cli.web_config.as_deref());
            let listen = listen.first().or(cli.listen.first()).filter(|_| !cli.systemd_socket);
            in_runtime(healthcheck(url.as_ref(), listen, web_config, *timeout))
        }
        Some(Command::Completions { shell }) => {
            print!("{}", shell::render(*shell, Cli::command()));
            Ok(ExitCode::SUCCESS)
        }
        Some(Command::Man) => {
            print!("{}", man::render(&Cli::command()).map_err(|error| error.to_string())?);
            Ok(ExitCode::SUCCESS)
        }
        Some(Command::Service { action }) => match windows::manage(action, cli, std::env::args_os()) {
            Ok(done) => {
                print!("{done}");
                Ok(ExitCode::SUCCESS)
            }
            Err(error) if error.is_usage() => Err(error.to_string()),
            Err(error) => {
                eprintln!("{error}");
                Ok(ExitCode::FAILURE)
            }
        },
        None => in_runtime(async { serve(cli, stop_signal()?, drop).await }),
    }
}

/// Whether a running exporter answers, in words and by the exit code.
async fn healthcheck(
    url: Option<&HealthUrl>,
    listen: Option<&ListenAddress>,
    web_config: Option<&Path>,
    timeout: Duration,
) -> Result<ExitCode, String> {
    let tls = web::shown_by(web_config).map_err(|problems| problems.to_string())?.is_some();
    let url = url.cloned().or_else(|| HealthUrl::of(listen?, tls));
    let url = url.ok_or("no flag says which port can be asked: --url says where the exporter is")?;
    if url.is_https() && !tls {
        return Err(format!(
            "{url}: whom to trust is not known: --web.config.file names the exporter's certificate"
        ));
    }
    Ok(match web::ask_health(&url, web_config, timeout).await {
        Ok(answer) => {
            println!("{url}: {answer}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{url}: {error}");
            ExitCode::FAILURE
        }
    })
}

/// Probes and serves until `stop` completes; `serving` is called once everything is listened on, with how to ask for a reload.
async fn serve(
    cli: &Cli,
    stop: impl Future<Output = ()>,
    serving: impl FnOnce(Reloads),
) -> Result<ExitCode, String> {
    let lifecycle = Lifecycle::new(cli.enable_lifecycle);
    reload_at_hangup(lifecycle.reloads.clone())?;
    let setup = set_up(cli)?;
    let front = front(cli).await?;
    tracing::info!(targets = setup.plan.targets.len(), routes = setup.plan.routes.len(), "probing");
    serving(lifecycle.reloads.clone());
    app::run(setup, front, cli.telemetry_path.clone(), lifecycle, stop).await;
    Ok(ExitCode::SUCCESS)
}

/// Listens, and says where.
async fn front(cli: &Cli) -> Result<Front, String> {
    let access = Access::load(cli.web_config.as_deref()).map_err(|problems| problems.to_string())?;
    let front = Front::open(&cli.listen, cli.systemd_socket, access).await;
    let front = front.map_err(|error| error.to_string())?;
    for place in front.places(&cli.telemetry_path) {
        tracing::info!("serving {place}");
    }
    Ok(front)
}

fn set_up(cli: &Cli) -> Result<Setup, String> {
    app::set_up(cli.config_file.as_deref(), Clock::System).map_err(|error| error.to_string())
}

fn in_runtime(work: impl Future<Output = Result<ExitCode, String>>) -> Result<ExitCode, String> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("the runtime can't be started: {error}"))?;
    let result = runtime.block_on(work);
    runtime.shutdown_timeout(LAST_GRACE);
    result
}

/// Logs to standard error; commands say what they have to say on standard output, so they log warnings alone.
fn init_log(cli: &Cli) {
    let usual = if cli.command.is_some() { LevelFilter::WARN } else { LevelFilter::INFO };
    log_to(cli, usual, logging::colours(), std::io::stderr);
}

/// Logs there, with `usual` as the level where none is asked for.
fn log_to<W>(cli: &Cli, usual: LevelFilter, coloured: bool, writer: W)
where
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    let levels = cli.log_level.clone().unwrap_or_else(|| Levels::all(usual));
    logging::init(&levels, cli.log_format, coloured, writer);
}

/// Completes at SIGINT or SIGTERM. Installed before anything else starts: a process with number 1 has no default.
#[cfg(unix)]
fn stop_signal() -> Result<impl Future<Output = ()>, String> {
    use tokio::signal::unix::{SignalKind, signal};
    let install =
        |kind| signal(kind).map_err(|error| format!("a signal handler can't be installed: {error}"));
    let mut interrupt = install(SignalKind::interrupt())?;
    let mut terminate = install(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Asks for a reload at each SIGHUP; those that come while one is under way are one.
#[cfg(unix)]
fn reload_at_hangup(reloads: Reloads) -> Result<(), String> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut hangup = signal(SignalKind::hangup())
        .map_err(|error| format!("a signal handler can't be installed: {error}"))?;
    tokio::spawn(async move { while hangup.recv().await.is_some() && reloads.ask().await.is_some() {} });
    Ok(())
}

/// There is no such signal.
#[cfg(not(unix))]
#[allow(clippy::unnecessary_wraps, reason = "on Unix it can fail")]
fn reload_at_hangup(_reloads: Reloads) -> Result<(), String> {
    Ok(())
}

/// Completes at Ctrl-C, Ctrl-Break, and when the console is closed.
#[cfg(windows)]
fn stop_signal() -> Result<impl Future<Output = ()>, String> {
    use tokio::signal::windows;
    let failed = |error| format!("a console handler can't be installed: {error}");
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

/// The same as a service of Windows, with the flags that it was installed with.
#[cfg(windows)]
fn be_service(cli: &Cli) -> Result<ExitCode, String> {
    use windows::{Life, folders::Folders};

    let work = |cli: &Cli, life: &Life| {
        let Some(Command::Service { action: windows::Action::Run { folder } }) = &cli.command else {
            return Ok(());
        };
        let folders = Folders::at(folder.clone());
        let cli = &windows::completed(cli, &folders);
        let log = windows::log(&folders).map_err(|error| error.to_string())?;
        log_to(cli, LevelFilter::INFO, false, log);
        in_runtime(serve(cli, life.stop(), |reloads| life.serving(reloads))).map(drop)
    };
    windows::run(cli.clone(), work).map_err(|error| error.to_string())?;
    Ok(ExitCode::SUCCESS)
}

//! The program: parses flags and runs. Only this file exits the process.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use clap::error::ErrorKind;
use clap::{CommandFactory as _, Parser as _};
use defender_exporter::app::signals::{reload_on_sighup, stop_signal};
use defender_exporter::app::{self, Lifecycle, Setup, Tasks};
#[cfg(windows)]
use defender_exporter::cli::ServiceAction;
use defender_exporter::cli::{Cli, Command};
use defender_exporter::clock::Clock;
use defender_exporter::commands::baseline::Baseline;
use defender_exporter::commands::catalog::{CatalogCommand, CatalogFormat, CatalogOptions};
use defender_exporter::commands::check::{CheckFormat, CheckOptions, Progress, Selection};
use defender_exporter::commands::healthcheck::HealthUrl;
use defender_exporter::commands::{
    self, baseline, catalog, check, completions, download_test, explain, judge, man, report, terminal,
    version,
};
use defender_exporter::engine::reload_requests::Reloads;
use defender_exporter::exit::{self, ExitError, print, print_error, print_styled};
use defender_exporter::logging::{self, Levels};
use defender_exporter::metrics::BuildInfo;
use defender_exporter::record::{Record, RecordFile};
use defender_exporter::state::Snapshot;
use defender_exporter::task::{Task, blocking};
use defender_exporter::text::clean;
use defender_exporter::web::{Access, ListenAddress, WebPaths, WebServer};
use defender_exporter::windows_service;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;

/// What to know of a record without names.
const PSEUDONYMS: &str =
    "note: names and addresses of the network are pseudonyms (recorded without --keep-names)";

/// The time for hanging tasks when the process exits.
const LAST_GRACE: Duration = Duration::from_millis(100);

fn main() -> ExitCode {
    // A panic here is outside of any task. The panic hook has logged it.
    let result = catch_unwind(AssertUnwindSafe(|| match Cli::try_parse() {
        Ok(cli) => execute(&cli),
        Err(error) => explain_usage(&error),
    }));
    let error = match result {
        Ok(Ok(code)) => return code,
        Ok(Err(error)) => error,
        Err(_) => ExitError::Panicked,
    };
    if !matches!(error, ExitError::TaskDied(_)) {
        print_error(&error); // already logged
    }
    ExitCode::from(error.code())
}

/// Prints help or the version, or the usage error.
fn explain_usage(error: &clap::Error) -> Result<ExitCode, ExitError> {
    if error.kind() == ErrorKind::DisplayVersion {
        print(&version::render(&BuildInfo::current()))?;
        return Ok(ExitCode::SUCCESS);
    }
    let printed = error.print();
    if error.use_stderr() {
        return Ok(ExitCode::from(exit::USAGE)); // if standard error fails, the exit code remains
    }
    exit::ignore_broken_pipe(printed)?;
    print("")?; // flushes
    Ok(ExitCode::SUCCESS)
}

/// Runs the command. The error is printed for the user.
fn execute(cli: &Cli) -> Result<ExitCode, ExitError> {
    #[cfg(windows)]
    if let Some(Command::Service { action: ServiceAction::Run { .. } }) = cli.command {
        return run_service(cli); // has its own log
    }
    let progress = Progress::default();
    init_log(cli, progress.clone());
    let file = cli.config_file.as_deref();
    if cli.config_check {
        let checked = app::check_config(file, cli.web_config.as_deref())?;
        checked.warnings.iter().for_each(|warning| print_error(&format_args!("warning: {warning}")));
        print(&format!("{}\n", checked.summary))?;
        return Ok(ExitCode::SUCCESS);
    }
    match &cli.command {
        Some(Command::Explain { code }) => {
            let text = code.as_deref().map_or_else(|| Ok(explain::list()), explain::render);
            print(&text.map_err(|error| error.to_string())?)?;
            Ok(ExitCode::SUCCESS)
        }
        Some(Command::Catalog(options)) => print_catalog(options, file),
        Some(Command::Check(CheckOptions { download_test: true, .. })) => in_runtime(async {
            let setup = set_up(cli).await?;
            let outcome = app::download_test(setup).await?;
            print(&download_test::render(&outcome, terminal::width()))?;
            Ok(ExitCode::from(download_test::exit_code(&outcome)))
        }),
        Some(Command::Check(options)) => in_runtime(check(cli, options, &progress)),
        Some(Command::Judge(options)) => {
            let judged = judge::judge(options, terminal::width())?;
            print_check(&judged.text, options.format)?;
            if judged.has_pseudonyms {
                print_error(&PSEUDONYMS);
            }
            Ok(ExitCode::from(judged.exit_code))
        }
        Some(Command::Report(options)) => print(&report::render(options)?).map(|()| ExitCode::SUCCESS),
        Some(Command::Baseline { record, compare }) => {
            let before = compare.as_deref().map(baseline::read).transpose();
            let before = before.map_err(|error| error.to_string())?;
            let Some(path) = record else {
                return in_runtime(async {
                    let snapshot = probe_once(cli, &Selection::default(), &progress).await?;
                    print_baseline(&snapshot, before.as_ref(), Clock::System.now())
                });
            };
            let record = Record::read(path)
                .map_err(|error| format!("{}: {error}", clean(&path.display().to_string())))?;
            if record.is_redacted() {
                print_error(&PSEUDONYMS);
            }
            print_baseline(&record.judge(), before.as_ref(), record.ended())
        }
        Some(Command::Healthcheck { url, listen, web_config, external_url, route_prefix, timeout }) => {
            let web_config = web_config.clone().or_else(|| cli.web_config.clone());
            let listen = listen.first().or(cli.listen.first()).filter(|_| !cli.systemd_socket);
            let (prefix, external) = (
                route_prefix.as_ref().or(cli.route_prefix.as_ref()),
                external_url.as_ref().or(cli.external_url.as_ref()),
            );
            let paths = WebPaths::new(cli.telemetry_path.clone(), prefix, external);
            let path = paths.at(commands::healthcheck::PATH);
            in_runtime(healthcheck(url.as_ref(), listen, &path, web_config, *timeout))
        }
        Some(Command::Completions { shell }) => {
            print(&completions::render(*shell, Cli::command()))?;
            Ok(ExitCode::SUCCESS)
        }
        Some(Command::Man) => {
            let page = man::render(&Cli::command());
            print(&page.map_err(|error| ExitError::render("the manual page", &error))?)?;
            Ok(ExitCode::SUCCESS)
        }
        Some(Command::Service { action }) => {
            match windows_service::manage(action, cli, std::env::args_os()) {
                Ok(done) => {
                    print(&done)?;
                    Ok(ExitCode::SUCCESS)
                }
                Err(error) if error.is_usage() => Err(error.to_string().into()),
                Err(error) => {
                    print_error(&error);
                    Ok(ExitCode::FAILURE)
                }
            }
        }
        None => match in_runtime(async { serve(cli, stop_signal()?, |_, _| {}).await }) {
            Err(error) if log_fatal(&error) => Ok(ExitCode::from(error.code())),
            other => other,
        },
    }
}

/// Probes once, and prints and perhaps records the round.
async fn check(cli: &Cli, options: &CheckOptions, progress: &Progress) -> Result<ExitCode, ExitError> {
    let Some(path) = &options.record else {
        let snapshot = probe_once(cli, &options.selection, progress).await?;
        return print_round(&snapshot, options, Clock::System.now());
    };
    let file =
        RecordFile::check(path, options.keep_names).map_err(|error| ExitError::File(error.to_string()))?;
    let selected = !options.selection.is_everything();
    let round = with_progress(cli, &options.selection, progress, async |setup| {
        app::check_and_record(setup, selected, |event| progress.count(event)).await
    });
    let round = round.await?;
    let now = Clock::System.now();
    let record = round.recorder.finish(round.snapshot.config_loaded, now);
    let written = blocking(move || file.write(&record)).await;
    let code = print_round(&round.snapshot, options, now)?;
    written.map_err(|error| ExitError::File(error.to_string()))?;
    Ok(code)
}

/// Prints a round's proven answers, or what changed since those of another one.
fn print_baseline(
    snapshot: &Snapshot,
    before: Option<&Baseline>,
    at: SystemTime,
) -> Result<ExitCode, ExitError> {
    if let Some(before) = before {
        let comparison = baseline::compare(before, snapshot);
        print(&comparison.render())?;
        return Ok(ExitCode::from(comparison.exit_code()));
    }
    let text = baseline::render(snapshot, at, env!("CARGO_PKG_VERSION"));
    print(&text.map_err(|error| ExitError::render("the baseline", &error))?)?;
    Ok(ExitCode::from(baseline::exit_code(snapshot)))
}

/// Prints a round, `now` being the current time.
fn print_round(snapshot: &Snapshot, options: &CheckOptions, now: SystemTime) -> Result<ExitCode, ExitError> {
    let text = check::render(snapshot, &options.view(terminal::width()), now)?;
    print_check(&text, options.format)?;
    Ok(ExitCode::from(check::exit_code(snapshot)))
}

fn print_check(text: &str, format: CheckFormat) -> Result<(), ExitError> {
    if format == CheckFormat::Table { print_styled(text) } else { print(text) }
}

/// Logs why the exporter doesn't start, one line per problem. Returns false if `--log.level` suppresses errors.
fn log_fatal(error: &ExitError) -> bool {
    if !tracing::enabled!(tracing::Level::ERROR) {
        return false;
    }
    if !matches!(error, ExitError::TaskDied(_) | ExitError::Panicked) {
        for problem in error.to_string().lines() {
            tracing::error!(problem, code = error.code(), "failed to start");
        }
    }
    true // a dead task and a panic are in the log already
}

/// Queries the health of a running exporter.
async fn healthcheck(
    url: Option<&HealthUrl>,
    listen: Option<&ListenAddress>,
    path: &str,
    web_config: Option<PathBuf>,
    timeout: Duration,
) -> Result<ExitCode, ExitError> {
    let file = web_config.clone();
    let tls = blocking(move || {
        commands::healthcheck::presented_certificate(file.as_deref()).map(|shown| shown.is_some())
    })
    .await;
    let tls = tls.map_err(|problems| problems.to_string())?;
    let url = url.cloned().or_else(|| HealthUrl::from_listen_address(listen?, path, tls));
    let url = url.ok_or("the port to query is unknown: set --url")?;
    if url.is_https() && !tls {
        return Err(ExitError::Usage(format!(
            "{url}: the certificate to trust is unknown: pass the exporter's --web.config.file"
        )));
    }
    match commands::healthcheck::query_health(&url, path, web_config.as_deref(), timeout).await {
        Ok(answer) => {
            print(&format!("{url}: {answer}\n"))?;
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => {
            print_error(&format!("{url}: {error}"));
            Ok(ExitCode::FAILURE)
        }
    }
}

/// Probes and serves until `stop` completes. Calls `serving` once all listeners are open, with the handle for reloads
/// and the one that starts tasks.
async fn serve(
    cli: &Cli,
    stop: impl Future<Output = ()>,
    serving: impl FnOnce(Reloads, &Tasks),
) -> Result<ExitCode, ExitError> {
    let lifecycle = Lifecycle::new(cli.enable_lifecycle);
    reload_on_sighup(lifecycle.reloads.clone(), lifecycle.supervisor.tasks())?;
    let mut stop = std::pin::pin!(stop);
    let (setup, server) = tokio::select! {
        () = &mut stop => return Ok(ExitCode::SUCCESS), // loading can hang on a network disk
        started = async { Ok::<_, ExitError>((set_up(cli).await?, open_server(cli).await?)) } => started?,
    };
    tracing::info!(targets = setup.plan.defender().count(), routes = setup.plan.routes.len(), "probing");
    serving(lifecycle.reloads.clone(), lifecycle.supervisor.tasks());
    app::run(setup, server, cli.web_paths(), lifecycle, stop).await?;
    Ok(ExitCode::SUCCESS)
}

/// Prints the endpoints of the plan, or what changed in the built-in catalog.
fn print_catalog(options: &CatalogOptions, file: Option<&Path>) -> Result<ExitCode, ExitError> {
    if let Some(CatalogCommand::Diff(options)) = &options.command {
        print(&catalog::render_diff(options, terminal::width())?)?;
        return Ok(ExitCode::SUCCESS);
    }
    let app::Loaded { plan, .. } = app::load(file).map_err(|problems| problems.to_string())?;
    let plan = options.selection().apply(plan).map_err(|error| error.to_string())?;
    let text = catalog::render(&plan.endpoints(), options.format, terminal::width())?;
    if options.format == CatalogFormat::Table { print_styled(&text) } else { print(&text) }?;
    Ok(ExitCode::SUCCESS)
}

/// Opens the listeners and logs their addresses.
async fn open_server(cli: &Cli) -> Result<WebServer, ExitError> {
    let file = cli.web_config.clone();
    let access = blocking(move || Access::load(file.as_deref())).await;
    let access = access.map_err(|problems| problems.to_string())?;
    let server = WebServer::open(&cli.listen, cli.systemd_socket, access).await;
    let server = server.map_err(|error| match error.to_string() {
        why if error.is_temporary() => ExitError::Temporary(why),
        why => ExitError::Usage(why),
    })?;
    for address in server.metrics_urls(&cli.web_paths()) {
        tracing::info!(%address, "listening");
    }
    Ok(server)
}

async fn set_up(cli: &Cli) -> Result<Setup, ExitError> {
    set_up_selected(cli, &Selection::default()).await
}

async fn set_up_selected(cli: &Cli, selection: &Selection) -> Result<Setup, ExitError> {
    let (file, selection) = (cli.config_file.clone(), selection.clone());
    let setup = blocking(move || app::set_up_selected(file.as_deref(), &selection, Clock::System)).await;
    Ok(setup.map_err(|error| error.to_string())?)
}

/// Probes what is selected once, and shows the progress.
async fn probe_once(cli: &Cli, selection: &Selection, progress: &Progress) -> Result<Snapshot, ExitError> {
    let probe = async |setup| app::check_once(setup, |event| progress.count(event)).await;
    with_progress(cli, selection, progress, probe).await
}

/// Loads what is selected and runs a round of it, whose progress is shown and then cleared.
async fn with_progress<T>(
    cli: &Cli,
    selection: &Selection,
    progress: &Progress,
    round: impl AsyncFnOnce(Setup) -> T,
) -> Result<T, ExitError> {
    progress.start();
    let setup = set_up_selected(cli, selection).await.inspect_err(|_| progress.clear())?;
    progress.expect(setup.plan.targets.len());
    let result = round(setup).await;
    progress.clear();
    Ok(result)
}

fn in_runtime(work: impl Future<Output = Result<ExitCode, ExitError>>) -> Result<ExitCode, ExitError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| ExitError::Temporary(format!("failed to start the runtime: {error}")))?;
    // Caught here: dropping a runtime waits for blocking work without a limit.
    let result = catch_unwind(AssertUnwindSafe(|| runtime.block_on(Task::Main.run(work))));
    runtime.shutdown_timeout(LAST_GRACE);
    result.unwrap_or(Err(ExitError::Panicked))
}

/// Logs to standard error. Commands print results to standard output, so by default they log only warnings.
fn init_log(cli: &Cli, progress: Progress) {
    let usual = if cli.command.is_some() { LevelFilter::WARN } else { LevelFilter::INFO };
    log_to(cli, usual, logging::colours(), progress);
}

/// Logs to `writer`, at level `usual` unless `--log.level` is set.
fn log_to<W>(cli: &Cli, usual: LevelFilter, coloured: bool, writer: W)
where
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    let levels = cli.log_level.clone().unwrap_or_else(|| Levels::all(usual));
    logging::init(&levels, cli.log_format, coloured, writer);
    logging::log_panics();
}

/// Runs as a Windows service, with the flags that it was installed with.
#[cfg(windows)]
fn run_service(cli: &Cli) -> Result<ExitCode, ExitError> {
    use windows_service::ServiceHandle;
    use windows_service::folders::ServiceFolders;

    let work = |cli: &Cli, service: &ServiceHandle| {
        let Some(Command::Service { action: ServiceAction::Run { folder } }) = &cli.command else {
            return Ok(());
        };
        let folders = ServiceFolders::at(folder.clone());
        let cli = &windows_service::completed(cli, &folders);
        let log = windows_service::log(&folders).map_err(|error| error.to_string())?;
        log_to(cli, LevelFilter::INFO, false, log);
        in_runtime(serve(cli, service.stop(), |reloads, tasks| service.serving(reloads, tasks))).map(drop)
    };
    windows_service::run(cli.clone(), work).map_err(|error| error.to_string())?;
    Ok(ExitCode::SUCCESS)
}

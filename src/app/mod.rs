//! Startup and shutdown: configuration → plan → engine → state → web. `reload.rs` handles reloads.

mod config_check;
mod reload;
pub mod signals;
mod supervisor;
pub mod systemd;

use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{mpsc, watch};

use crate::clock::Clock;
use crate::commands::check::{Selection, SelectionError};
use crate::config::{self, Config, ConfigProblems, Environment, InstalledFrom};
use crate::engine::on_demand::{OnDemand, OnDemandContext};
use crate::engine::reload_requests::{ReloadRequest, Reloads};
use crate::engine::{self, EngineTasks, LivenessProbe, ProbeSetup};
use crate::event::Event;
use crate::host::download::{self, DownloadOutcome, DownloadTestError};
use crate::host::{self, Host, WrongSystem};
use crate::metrics::BuildInfo;
use crate::plan::{self, Plan};
use crate::probe::{Prober, ProberError};
use crate::record::{Recorder, Round};
use crate::state::persist::StateFile;
use crate::state::{self, Snapshot, persist};
use crate::task::{self, Task, TaskDied};
use crate::tls::{Roots, RootsError};
use crate::web::{self, AppState, WebPaths, WebServer};
use crate::{catalog, exit};
pub use config_check::{CheckedConfig, check_config};
use reload::{ReloadChannels, Reloader};
pub use supervisor::{Supervisor, Tasks};
use systemd::Notification;

/// Capacity of the event queue. If it is full, probes wait for the reducer.
const EVENT_QUEUE: usize = 1024;

/// Capacity of the engine's command queue.
const COMMAND_QUEUE: usize = 16;

/// The time for tasks to end. Responses in progress and the last write of the state file each have half a second.
const SHUTDOWN_GRACE: Duration = Duration::from_millis(600);

/// Why the exporter can't start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration is invalid.
    #[error(transparent)]
    Config(#[from] ConfigProblems),
    /// An extra root isn't a valid certificate.
    #[error(transparent)]
    Roots(#[from] RootsError),
    /// The TLS libraries can't be initialized.
    #[error(transparent)]
    Prober(#[from] ProberError),
    /// The configuration doesn't have what was selected.
    #[error(transparent)]
    Selection(#[from] SelectionError),
    /// `signatures.installed` requires another operating system.
    #[error(transparent)]
    Host(#[from] WrongSystem),
}

/// A loaded configuration and everything made from it.
pub struct Setup {
    /// The configuration file; `None` for the defaults.
    pub file: Option<PathBuf>,
    /// The plan.
    pub plan: Arc<Plan>,
    /// The prober of its targets.
    pub prober: Arc<Prober>,
    /// The maximum number of probes in flight.
    pub concurrency: usize,
    /// This machine's Defender. `None` if host checks are disabled or none is installed.
    pub host: Option<Box<dyn Host>>,
    /// The setting that selects the host checks.
    pub installed: InstalledFrom,
    /// The interval between host checks.
    pub host_interval: Duration,
    /// The source of wall-clock time.
    pub clock: Clock,
    /// The state file. `None` if none is configured.
    pub state_file: Option<PathBuf>,
}

/// The supervisor of tasks, and the channel for reload requests.
pub struct Lifecycle {
    /// Starts and stops tasks.
    pub supervisor: Supervisor,
    /// Sends reload requests.
    pub reloads: Reloads,
    /// Receives reload requests.
    pub reload_requests: mpsc::Receiver<ReloadRequest>,
    /// Whether `POST /-/reload` is enabled.
    pub over_http: bool,
}

impl Lifecycle {
    /// Without tasks or pending requests.
    #[must_use]
    pub fn new(over_http: bool) -> Self {
        let (reloads, reload_requests) = Reloads::channel();
        Self { supervisor: Supervisor::new(), reloads, reload_requests, over_http }
    }
}

/// Loads the configuration and plans the probes. Must be called inside the runtime.
///
/// # Errors
/// If the configuration is invalid: the error lists every problem.
pub fn set_up(file: Option<&Path>, clock: Clock) -> Result<Setup, StartError> {
    set_up_after(None, file, &Selection::default(), clock)
}

/// The same for a part of the plan.
///
/// # Errors
/// If the configuration is invalid, or doesn't have what is selected.
pub fn set_up_selected(
    file: Option<&Path>,
    selection: &Selection,
    clock: Clock,
) -> Result<Setup, StartError> {
    set_up_after(None, file, selection, clock)
}

/// The same for a reload: unchanged routes keep their context and caches.
fn set_up_after(
    before: Option<&Prober>,
    file: Option<&Path>,
    selection: &Selection,
    clock: Clock,
) -> Result<Setup, StartError> {
    let Loaded { config, plan } = load(file)?;
    let plan = Arc::new(selection.apply(plan)?);
    let roots = Roots::load(&catalog::embedded().microsoft_roots, &config.tls)?;
    let prober = Arc::new(Prober::replacing(before, Arc::clone(&plan), &config, &roots, clock)?);
    let host = host::open(config.signatures.installed)?;
    Ok(Setup {
        file: file.map(Path::to_owned),
        plan,
        prober,
        concurrency: config.concurrency,
        host,
        installed: config.signatures.installed,
        host_interval: config.host.interval,
        clock,
        state_file: config.state_file,
    })
}

/// A valid configuration.
pub struct Loaded {
    /// The configuration, with the endpoints of this machine's Defender.
    pub config: Config,
    /// Its plan.
    pub plan: Plan,
}

/// Loads the configuration and plans the probes.
///
/// # Errors
/// If the configuration is invalid: the error lists every problem.
pub fn load(file: Option<&Path>) -> Result<Loaded, ConfigProblems> {
    let mut config = match file {
        Some(file) => config::load(file, &Environment::from_process().with_machine(host::machine_proxies()))?,
        None => Config::default(),
    };
    if config.signatures.installed != InstalledFrom::None {
        config.endpoints.extend(host::defender_endpoints::endpoints(
            &host::maps_urls(),
            catalog::embedded(),
            &config,
        ));
    }
    let name = file.map_or_else(|| "defaults".to_owned(), |file| file.display().to_string());
    let plan = plan::plan_for(catalog::embedded(), &config, &name).map_err(|problems| match file {
        Some(file) => config::with_positions(problems, file),
        None => problems,
    })?;
    Ok(Loaded { config, plan })
}

/// The size of a plan: "32 targets via 2 routes". Controls don't count.
#[must_use]
pub fn plan_size(plan: &Plan) -> String {
    let counted = |count: usize, noun: &str| format!("{count} {noun}{}", if count == 1 { "" } else { "s" });
    format!("{} via {}", counted(plan.defender().count(), "target"), counted(plan.routes.len(), "route"))
}

/// Probes and serves until `shutdown` completes or a task dies, then stops within a second even if tasks hang. Must be
/// called inside the runtime.
///
/// # Errors
/// If a task died. The log names it as well.
pub async fn run(
    setup: Setup,
    server: WebServer,
    paths: WebPaths,
    lifecycle: Lifecycle,
    shutdown: impl Future<Output = ()>,
) -> Result<(), TaskDied> {
    let Lifecycle { mut supervisor, reloads, reload_requests, over_http } = lifecycle;
    start(setup, server, paths, supervisor.tasks(), over_http.then_some(reloads), reload_requests).await;
    systemd::announce(Notification::Ready).await;
    let died = tokio::select! {
        () = shutdown => None,
        died = supervisor.first_end() => Some(died),
    };
    match &died {
        None => tracing::info!("stopping"),
        Some(TaskDied { task, how }) => tracing::error!(%task, %how, "task died, shutting down"),
    }
    systemd::announce(Notification::Stopping).await;
    let died = supervisor.stop(died, SHUTDOWN_GRACE).await;
    if let Some(TaskDied { task, how }) = &died {
        tracing::error!(%task, %how, code = exit::FAULT, "shut down because a task died: a bug in the exporter");
    }
    died.map_or(Ok(()), Err)
}

/// Starts every task.
async fn start(
    setup: Setup,
    server: WebServer,
    paths: WebPaths,
    tasks: &Tasks,
    reloads: Option<Reloads>,
    reload_requests: mpsc::Receiver<ReloadRequest>,
) {
    // Reloads keep that.
    let setup = Setup { prober: Arc::new(setup.prober.keeping_failures()), ..setup };
    let clock = setup.clock;
    let first = Snapshot::new(Arc::clone(&setup.plan), clock.now());
    let RestoredState { snapshot: first, file: state_file } =
        restore_state(first, setup.state_file.clone(), clock).await;
    let (publish, snapshot) = watch::channel(Arc::new(first.clone()));
    let (events, inbox) = mpsc::channel(EVENT_QUEUE);
    let (engine, commands) = mpsc::channel(COMMAND_QUEUE);
    let (state_files, current_state_file) = watch::channel(state_file);
    let probe_setup = ProbeSetup {
        plan: Arc::clone(&setup.plan),
        prober: Arc::clone(&setup.prober),
        concurrency: setup.concurrency,
    };
    let (context, current_context) = watch::channel(OnDemandContext::new(&probe_setup));
    let liveness = LivenessProbe::new(engine.clone());
    let app = AppState {
        snapshot: snapshot.clone(),
        build: BuildInfo::current(),
        paths,
        clock,
        reloads,
        on_demand: Some(OnDemand::new(current_context, clock)),
        access: Some(server.access().clone()),
        liveness: Some(liveness.clone()),
    };

    // At shutdown the reducer waits until the last event sender is dropped, and the state file waits for the reducer.
    // Both waits are bounded.
    tasks.spawn_until_done(
        Task::StateFile,
        persist::run(current_state_file, snapshot.clone(), persist::PERIOD),
    );
    tasks.spawn_until_done(Task::StateReducer, state::run(first, inbox, publish));
    for acceptor in server.acceptors(web::router(app), &tasks.stopping()) {
        tasks.spawn_until_done(Task::Listener, acceptor);
    }
    let EngineTasks { probe_loop, stall_detector } =
        engine::tasks(probe_setup, clock, commands, events.clone());
    tasks.spawn(Task::Engine, probe_loop);
    tasks.spawn(Task::StallDetector, stall_detector);
    if systemd::is_notified() {
        tasks.spawn(Task::SystemdStatus, systemd::report_status(snapshot.clone()));
        if let Some(period) = systemd::watchdog_period() {
            tasks.spawn(Task::SystemdWatchdog, systemd::watchdog(period, liveness));
        }
    }
    let channels = ReloadChannels { engine, events, snapshot, state_files, context, tasks: tasks.clone() };
    tasks.spawn(Task::Reloader, Reloader::start(setup, channels).serve(reload_requests));
}

/// The first snapshot, with what the state file contained.
struct RestoredState {
    snapshot: Snapshot,
    /// `None` if none is configured or it can't be used.
    file: Option<StateFile>,
}

async fn restore_state(mut snapshot: Snapshot, path: Option<PathBuf>, clock: Clock) -> RestoredState {
    task::blocking(move || {
        let file = path.and_then(|path| persist::restore(path, &mut snapshot, clock.now()));
        RestoredState { snapshot, file }
    })
    .await
}

/// Downloads Microsoft's harmless test file over the first route, and reports whether this machine's Defender blocked
/// it.
///
/// # Errors
/// If no Defender is installed, or the file can't be stored. Nothing is downloaded then.
pub async fn download_test(setup: Setup) -> Result<DownloadOutcome, DownloadTestError> {
    let Setup { plan, prober, host, clock, .. } = setup;
    let mut host = host.ok_or(DownloadTestError::NoDefender)?;
    let test = catalog::embedded().download_test.as_ref().ok_or(DownloadTestError::NoFile)?;
    let route = plan.routes.first().ok_or(DownloadTestError::NoFile)?;
    download::run(&test.url, &prober.fetcher(route), host.as_mut(), clock).await
}

/// Probes every target once, and reads the facts about this machine's Defender that need neither a program nor the network. Calls `happened` with each event before it is applied.
pub async fn check_once(setup: Setup, happened: impl Fn(&Event)) -> Snapshot {
    let Setup { plan, prober, concurrency, clock, mut host, .. } = setup;
    let mut snapshot = Snapshot::new(Arc::clone(&plan), clock.now());
    if let Some(host) = &mut host
        && let Some(facts) = host.quick_facts(clock).await
    {
        snapshot.apply(Event::Host(Box::new(facts)));
    }
    engine::probe_each(&plan, prober, clock, concurrency, None, |event| {
        happened(&event);
        snapshot.apply(event);
    })
    .await;
    snapshot
}

/// A round of probes, and its record.
pub struct RecordedRound {
    /// The state after the round.
    pub snapshot: Snapshot,
    /// The record, which lacks the times of the round.
    pub recorder: Recorder,
}

/// Like [`check_once`]; also records the round, of which `selected` says whether it is a part of the plan.
pub async fn check_and_record(setup: Setup, selected: bool, happened: impl Fn(&Event)) -> RecordedRound {
    let prober = Arc::new(setup.prober.recording());
    let recorder = Mutex::new(Recorder::new(Round {
        plan: Arc::clone(&setup.plan),
        roots: Arc::clone(prober.roots()),
        checks_revocation: prober.checks_revocation(),
        selected,
    }));
    let record = |event: &Event| {
        happened(event);
        recorder.lock().add(event);
    };
    let snapshot = check_once(Setup { prober: Arc::clone(&prober), ..setup }, record).await;
    let mut recorder = recorder.into_inner();
    for route in &snapshot.plan.routes {
        recorder.add_fetched(route, prober.fetched(route));
    }
    RecordedRound { snapshot, recorder }
}

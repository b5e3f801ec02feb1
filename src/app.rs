//! Wiring and shutdown, nothing else: configuration → plan → engine → state → web. Another configuration while all that runs
//! is `app/reload.rs`' business.

mod reload;

use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::catalog;
use crate::clock::Clock;
use crate::config::{self, Config, Environment, InstalledFrom, Problems};
use crate::engine::{self, Pulse, Work};
use crate::host::download::{self, Outcome, Refusal};
use crate::host::{self, Host, WrongSystem};
use crate::metrics::BuildInfo;
use crate::on_demand::{Desk, OnDemand};
use crate::plan::{self, Plan};
use crate::probe::{Prober, ProberError};
use crate::reload::{Asked, Reloads};
use crate::service::{self, Say};
use crate::state::{self, Snapshot, persist};
use crate::trust::{Roots, RootsError};
use crate::web::{self, App, Front, TelemetryPath};
use reload::{Reloader, Surroundings};

/// Events that may wait for the owner of the state before probes wait for it.
const EVENT_QUEUE: usize = 1024;

/// Orders that may wait for the engine.
const ORDER_QUEUE: usize = 16;

/// How long the last write of the state file may take.
const LAST_WRITE: Duration = Duration::from_millis(500);

/// Why the exporter can't start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] Problems),
    /// An extra root is no certificate.
    #[error(transparent)]
    Roots(#[from] RootsError),
    /// The libraries refuse to be set up.
    #[error(transparent)]
    Prober(#[from] ProberError),
    /// This machine can't be asked as it should be.
    #[error(transparent)]
    Host(#[from] WrongSystem),
}

/// A configuration with what follows from it, ready to probe.
pub struct Setup {
    /// The file that it was read from; none: the defaults.
    pub file: Option<PathBuf>,
    /// What is probed.
    pub plan: Arc<Plan>,
    /// Makes the probes.
    pub prober: Arc<Prober>,
    /// Probes at once.
    pub concurrency: usize,
    /// This machine, where it has a Defender of its own.
    pub host: Option<Box<dyn Host>>,
    /// How it was looked for.
    pub installed: InstalledFrom,
    /// How often it is asked.
    pub host_interval: Duration,
    /// Where wall time comes from.
    pub clock: Clock,
    /// Where what outlives the process is kept; none: nowhere.
    pub state_file: Option<PathBuf>,
}

/// How the exporter is told to read its configuration again.
pub struct Lifecycle {
    /// Where requests come from.
    pub reloads: Reloads,
    /// Where they come out.
    pub asked: mpsc::Receiver<Asked>,
    /// Whether they are taken over HTTP, too.
    pub over_http: bool,
}

impl Lifecycle {
    /// Nobody has asked yet.
    #[must_use]
    pub fn new(over_http: bool) -> Self {
        let (reloads, asked) = Reloads::channel();
        Self { reloads, asked, over_http }
    }
}

/// Reads the configuration and plans what it asks for. Must be called inside the runtime.
///
/// # Errors
/// With every problem of the configuration at once.
pub fn set_up(file: Option<&Path>, clock: Clock) -> Result<Setup, StartError> {
    set_up_after(None, file, clock)
}

/// The same, to take the place of what is in use: what hasn't changed keeps what it has learned.
fn set_up_after(before: Option<&Prober>, file: Option<&Path>, clock: Clock) -> Result<Setup, StartError> {
    let (config, plan) = load(file)?;
    let plan = Arc::new(plan);
    let roots = Roots::load(&catalog::embedded().microsoft_roots, &config.tls)?;
    let prober = Arc::new(Prober::after(before, Arc::clone(&plan), &config, &roots, clock)?);
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

/// The configuration and its plan.
///
/// # Errors
/// With every problem at once.
pub fn load(file: Option<&Path>) -> Result<(Config, Plan), Problems> {
    let mut config = match file {
        Some(file) => config::load(file, &Environment::of_process().with_winhttp(host::winhttp_proxies()))?,
        None => Config::default(),
    };
    if config.signatures.installed != InstalledFrom::None {
        config.endpoints.extend(host::own::endpoints(&host::maps_urls(), catalog::embedded(), &config));
    }
    let name = file.map_or_else(|| "defaults".to_owned(), |file| file.display().to_string());
    let plan = plan::plan_for(catalog::embedded(), &config, &name)?;
    Ok((config, plan))
}

/// How much a plan asks for, in words.
#[must_use]
pub fn size(plan: &Plan) -> String {
    let said = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    format!("{} by {}", said(plan.targets.len(), "target"), said(plan.routes.len(), "route"))
}

/// Probes and serves until `shutdown` completes. Ends within a second of it, whatever hangs.
pub async fn run(
    setup: Setup,
    front: Front,
    path: TelemetryPath,
    lifecycle: Lifecycle,
    shutdown: impl Future<Output = ()>,
) {
    let clock = setup.clock;
    let mut first = Snapshot::new(Arc::clone(&setup.plan), clock.now());
    let state_file = setup.state_file.clone();
    let state_file = state_file.and_then(|path| persist::restore(path, &mut first, clock.now()));
    let (publish, snapshot) = watch::channel(Arc::new(first.clone()));
    let (events, inbox) = mpsc::channel(EVENT_QUEUE);
    let (engine, orders) = mpsc::channel(ORDER_QUEUE);
    let (stop, stopped) = watch::channel(false);
    let (files, file) = watch::channel(state_file);

    let work = Work {
        plan: Arc::clone(&setup.plan),
        prober: Arc::clone(&setup.prober),
        concurrency: setup.concurrency,
    };
    let (desk, open) = watch::channel(Desk::of(&work));

    let mut servers = JoinSet::new();
    let keeping = tokio::spawn(persist::run(file, snapshot.clone(), persist::PERIOD));
    let build = BuildInfo::current();
    let reloads = lifecycle.over_http.then_some(lifecycle.reloads);
    let on_demand = Some(OnDemand::new(open, clock));
    let pulse = Pulse::new(engine.clone());
    let app = App {
        snapshot: snapshot.clone(),
        build,
        telemetry_path: path,
        clock,
        reloads,
        on_demand,
        pulse: Some(pulse.clone()),
    };
    servers.spawn(front.serve(web::router(app), until(stopped)));
    let mut beside = service::keep_telling(pulse, snapshot.clone());
    tokio::spawn(state::run(first, inbox, publish));
    let surroundings = Surroundings { engine, events: events.clone(), snapshot, files, desk };
    let reloader = Reloader::start(setup, surroundings);
    beside.spawn(reloader.serve(lifecycle.asked));
    service::tell(&Say::Ready);
    engine::run(work, clock, orders, events, shutdown).await;

    tracing::info!("stopping");
    beside.abort_all(); // with the last sender of events the owner of the state ends, and then what keeps it
    service::tell(&Say::Stopping);
    stop.send_replace(true);
    let kept = async {
        if timeout(LAST_WRITE, keeping).await.is_err() {
            tracing::warn!("the state file could not be written in time");
        }
    };
    tokio::join!(servers.join_all(), kept); // each bounds its own end
}

/// Completes once the flag is raised.
async fn until(mut flag: watch::Receiver<bool>) {
    // An error means that the sender is gone: then it's time to stop as well.
    let _raised = flag.wait_for(|raised| *raised).await;
}

/// Fetches Microsoft's harmless file by the first route, and tells whether this machine's Defender stopped it.
///
/// # Errors
/// Before anything is fetched: when there is no Defender to stop it, or nowhere to put it.
pub async fn download_test(setup: Setup) -> Result<Outcome, Refusal> {
    let Setup { plan, prober, host, clock, .. } = setup;
    let mut host = host.ok_or(Refusal::NoDefender)?;
    let test = catalog::embedded().download_test.as_ref().ok_or(Refusal::NoFile)?;
    let route = plan.routes.first().ok_or(Refusal::NoFile)?;
    download::run(&test.url, &prober.fetcher(route), host.as_mut(), clock).await
}

/// One round of probes, folded.
pub async fn check_once(setup: Setup) -> Snapshot {
    let Setup { plan, prober, concurrency, clock, .. } = setup;
    let mut snapshot = Snapshot::new(Arc::clone(&plan), clock.now());
    for event in engine::round(&plan, prober, clock, concurrency, None).await {
        snapshot.apply(event);
    }
    snapshot
}

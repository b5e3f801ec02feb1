//! Replaces the configuration atomically, one reload at a time. Starts and stops the pollers of the version feed and
//! the host. What is kept: `plan/carry_over.rs` (targets), `state/replace_plan.rs` (results and counters), `Prober::replacing` in
//! `probe/mod.rs` (caches of routes), `engine/mod.rs` (probes in flight).

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::spawn_blocking;

use super::systemd::Notification;
use super::{Selection, Setup, Tasks, plan_size, set_up_after, systemd};
use crate::clock::Clock;
use crate::config::InstalledFrom;
use crate::engine;
use crate::engine::on_demand::OnDemandContext;
use crate::engine::reload_requests::{ReloadOutcome, ReloadRequest};
use crate::engine::{EngineCommand, ProbeSetup};
use crate::event::Event;
use crate::host::Host;
use crate::plan::Plan;
use crate::probe::Prober;
use crate::state::Snapshot;
use crate::state::persist::{self, StateFile};
use crate::task::{self, Task};

/// Where the reloader sends the new configuration's parts.
pub(super) struct ReloadChannels {
    pub(super) engine: mpsc::Sender<EngineCommand>,
    pub(super) events: mpsc::Sender<Event>,
    pub(super) snapshot: watch::Receiver<Arc<Snapshot>>,
    pub(super) state_files: watch::Sender<Option<StateFile>>,
    pub(super) context: watch::Sender<Arc<OnDemandContext>>,
    pub(super) tasks: Tasks,
}

/// The configuration in use and its pollers.
pub(super) struct Reloader {
    file: Option<PathBuf>,
    clock: Clock,
    plan: Arc<Plan>,
    prober: Arc<Prober>,
    installed: InstalledFrom,
    state_file: Option<PathBuf>,
    /// The pollers of the version feed.
    feeds: Tasks,
    /// The pollers that compare handshakes.
    split_hellos: Tasks,
    /// The poller of this machine's Defender. `None` if host checks are disabled.
    host: Option<Tasks>,
    host_interval: watch::Sender<Duration>,
    channels: ReloadChannels,
}

impl Reloader {
    /// Starts the pollers.
    pub(super) fn start(setup: Setup, channels: ReloadChannels) -> Self {
        let Setup { file, plan, prober, host, installed, host_interval, clock, state_file, .. } = setup;
        let mut reloader = Self {
            file,
            clock,
            plan,
            prober,
            installed,
            state_file,
            feeds: channels.tasks.group(),
            split_hellos: channels.tasks.group(),
            host: None,
            host_interval: watch::channel(host_interval).0,
            channels,
        };
        reloader.start_feed_pollers();
        reloader.start_split_hello_pollers();
        reloader.start_host_poller(host);
        reloader
    }

    /// Serves reload requests, one after another.
    pub(super) async fn serve(mut self, mut requests: mpsc::Receiver<ReloadRequest>) {
        while let Some(reply) = requests.recv().await {
            systemd::announce(Notification::Reloading).await;
            let outcome = self.reload().await;
            systemd::announce(Notification::Ready).await; // systemd waits for it after a failed reload as well
            let _ = reply.send(outcome); // the caller may be gone
        }
        std::future::pending::<()>().await; // the pollers continue
    }

    async fn reload(&mut self) -> ReloadOutcome {
        let (prober, file, clock) = (Arc::clone(&self.prober), self.file.clone(), self.clock);
        // Reads files and the registry: not on the runtime's threads.
        let loaded = spawn_blocking(move || {
            set_up_after(Some(&prober), file.as_deref(), &Selection::default(), clock)
        })
        .await;
        let setup = match loaded {
            Ok(Ok(setup)) => setup,
            Ok(Err(problems)) => return Err(self.reject(problems.to_string()).await),
            // A panic's message may contain secrets of the file. The log shows where it happened.
            Err(_) => return Err(self.reject("a bug in the exporter (see the log)".to_owned()).await),
        };
        let (before, plan) = (Arc::clone(&self.plan), Arc::clone(&setup.plan));
        self.replace(setup).await;
        let carried = before.targets.iter().zip(before.carry_over(&plan));
        let kept = carried.filter(|(target, next)| !target.is_control() && next.is_some()).count();
        let targets = plan.defender().count();
        let (added, removed) = (targets - kept, before.defender().count() - kept);
        let size = plan_size(&plan);
        tracing::info!(targets, routes = plan.routes.len(), added, removed, "configuration reloaded");
        Ok(format!("reloaded: {size}, {added} added, {removed} removed"))
    }

    /// Keeps the configuration in use and reports the failure in log and metrics.
    async fn reject(&mut self, problems: String) -> String {
        for problem in problems.lines() {
            tracing::error!(problem, "reload failed, keeping the previous configuration");
        }
        let _ = self.channels.events.send(Event::ReloadFailed).await;
        let _ = self.channels.snapshot.wait_for(|snapshot| snapshot.reload_failed).await;
        problems
    }

    /// Replaces the configuration; this can't fail. Pollers whose settings changed are stopped before the plan is
    /// replaced, so that their results aren't attributed to the new one.
    async fn replace(&mut self, setup: Setup) {
        let Setup { plan, prober, concurrency, host, installed, host_interval, state_file, .. } = setup;
        std::mem::replace(&mut self.split_hellos, self.channels.tasks.group()).end().await;
        let same_feeds = self.has_same_feeds(&plan, &prober);
        if !same_feeds {
            std::mem::replace(&mut self.feeds, self.channels.tasks.group()).end().await;
        }
        let same_host = self.installed == installed && self.host.is_none() == host.is_none();
        if !same_host {
            if let Some(host) = self.host.take() {
                host.end().await;
            }
            let _ = self.channels.events.send(Event::HostCleared).await;
        }
        let probe_setup = ProbeSetup { plan: Arc::clone(&plan), prober: Arc::clone(&prober), concurrency };
        let context = OnDemandContext::new(&probe_setup);
        let _ = self
            .channels
            .engine
            .send(EngineCommand::ReplacePlan { setup: Box::new(probe_setup), at: self.clock.now() })
            .await;
        let _ = self.channels.snapshot.wait_for(|snapshot| Arc::ptr_eq(&snapshot.plan, &plan)).await;

        self.channels.context.send_replace(context);
        (self.plan, self.prober, self.installed) = (plan, prober, installed);
        self.host_interval
            .send_if_modified(|interval| std::mem::replace(interval, host_interval) != host_interval);
        if !same_feeds {
            self.start_feed_pollers();
        }
        self.start_split_hello_pollers();
        if !same_host {
            self.start_host_poller(host);
        }
        self.replace_state_file(state_file).await;
    }

    /// Whether the new plan polls the same version feeds over unchanged routes.
    fn has_same_feeds(&self, plan: &Plan, prober: &Prober) -> bool {
        let routes = &plan.signatures.feed_routes;
        self.plan.signatures == plan.signatures
            && routes.iter().all(|route| Arc::ptr_eq(&self.prober.fetcher(route), &prober.fetcher(route)))
    }

    fn start_feed_pollers(&self) {
        let fetchers = self.plan.signatures.feed_routes.iter().map(|route| self.prober.fetcher(route));
        for poller in engine::feed_pollers(&self.plan.signatures, fetchers, self.clock, &self.channels.events)
        {
            self.feeds.spawn(Task::FeedPoller, poller);
        }
    }

    fn start_split_hello_pollers(&self) {
        for poller in engine::split_hello_pollers(&self.plan, &self.prober, &self.channels.events) {
            self.split_hellos.spawn(Task::SplitHelloPoller, poller);
        }
    }

    fn start_host_poller(&mut self, host: Option<Box<dyn Host>>) {
        self.host = host.map(|host| {
            let (tasks, interval) = (self.channels.tasks.group(), self.host_interval.subscribe());
            tasks.spawn(
                Task::HostPoller,
                engine::poll_host(host, self.clock, interval, self.channels.events.clone()),
            );
            tasks
        });
    }

    async fn replace_state_file(&mut self, path: Option<PathBuf>) {
        if self.state_file == path {
            return;
        }
        self.state_file.clone_from(&path);
        let file = task::blocking(|| path.and_then(persist::replace)).await;
        self.channels.state_files.send_replace(file);
    }
}

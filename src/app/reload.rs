//! Another configuration takes the place of the one in use, as a whole or not at all, one reload after another. What is
//! watched beside the probes is started and ended here.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::{JoinSet, spawn_blocking};

use super::{Setup, set_up_after, size};
use crate::clock::Clock;
use crate::config::InstalledFrom;
use crate::engine::{Event, Order, Work};
use crate::host::{self, Host};
use crate::on_demand::Desk;
use crate::plan::Plan;
use crate::probe::Prober;
use crate::reload::{Asked, Outcome};
use crate::service::{self, Say};
use crate::signatures;
use crate::state::Snapshot;
use crate::state::persist::{self, StateFile};

/// What a reload must tell.
pub(super) struct Surroundings {
    pub(super) engine: mpsc::Sender<Order>,
    pub(super) events: mpsc::Sender<Event>,
    pub(super) snapshot: watch::Receiver<Arc<Snapshot>>,
    pub(super) files: watch::Sender<Option<StateFile>>,
    pub(super) desk: watch::Sender<Arc<Desk>>,
}

/// The configuration in use, with what runs by it beside the engine; dropped, that ends.
pub(super) struct Reloader {
    file: Option<PathBuf>,
    clock: Clock,
    plan: Arc<Plan>,
    prober: Arc<Prober>,
    installed: InstalledFrom,
    state_file: Option<PathBuf>,
    feeds: JoinSet<()>,
    /// Empty: this machine isn't asked.
    host: JoinSet<()>,
    host_interval: watch::Sender<Duration>,
    told: Surroundings,
}

impl Reloader {
    /// Begins to watch.
    pub(super) fn start(setup: Setup, told: Surroundings) -> Self {
        let Setup { file, plan, prober, host, installed, host_interval, clock, state_file, .. } = setup;
        let mut reloader = Self {
            file,
            clock,
            plan,
            prober,
            installed,
            state_file,
            feeds: JoinSet::new(),
            host: JoinSet::new(),
            host_interval: watch::channel(host_interval).0,
            told,
        };
        reloader.watch_feeds();
        reloader.watch_host(host);
        reloader
    }

    /// Reloads whenever it is asked to.
    pub(super) async fn serve(mut self, mut asked: mpsc::Receiver<Asked>) {
        while let Some(answer) = asked.recv().await {
            service::say(Say::Reloading).await;
            let outcome = self.reload().await;
            service::say(Say::Ready).await; // systemd waits for it, however the reload ended
            let _ = answer.send(outcome); // who asked may have gone
        }
        std::future::pending::<()>().await; // what is watched goes on
    }

    async fn reload(&mut self) -> Outcome {
        let (prober, file, clock) = (Arc::clone(&self.prober), self.file.clone(), self.clock);
        // Off the runtime's threads: files and the registry are read.
        let read = spawn_blocking(move || set_up_after(Some(&prober), file.as_deref(), clock)).await;
        let setup = match read {
            Ok(Ok(setup)) => setup,
            Ok(Err(problems)) => return Err(self.refuse(problems.to_string()).await),
            Err(error) => return Err(self.refuse(format!("a fault of the exporter: {error}")).await),
        };
        let (before, plan) = (Arc::clone(&self.plan), Arc::clone(&setup.plan));
        self.replace(setup).await;
        let stay = before.heirs(&plan).iter().flatten().count();
        let (added, removed) = (plan.targets.len() - stay, before.targets.len() - stay);
        let size = size(&plan);
        tracing::info!(added, removed, "the configuration has been loaded again: {size}");
        Ok(format!("reloaded: {size}, {added} added, {removed} removed"))
    }

    /// The configuration in use stays; the metrics say that another one isn't good.
    async fn refuse(&mut self, problems: String) -> String {
        tracing::error!(problems, "the configuration can't be loaded; the one before stays in use");
        let _ = self.told.events.send(Event::ReloadFailed).await;
        let _ = self.told.snapshot.wait_for(|snapshot| snapshot.reload_failed).await;
        problems
    }

    /// Nothing can fail any more. What is watched otherwise ends before the plan changes, so that nothing which it found is
    /// taken for the new one's.
    async fn replace(&mut self, setup: Setup) {
        let Setup { plan, prober, concurrency, host, installed, host_interval, state_file, .. } = setup;
        let same_feeds = self.asks_the_same(&plan, &prober);
        if !same_feeds {
            self.feeds.shutdown().await;
        }
        let same_host = self.installed == installed && self.host.is_empty() == host.is_none();
        if !same_host {
            self.host.shutdown().await;
            let _ = self.told.events.send(Event::NoHost).await;
        }
        let work = Work { plan: Arc::clone(&plan), prober: Arc::clone(&prober), concurrency };
        let desk = Desk::of(&work);
        prober.take_over();
        let _ = self.told.engine.send(Order::Replace(Box::new(work), self.clock.now())).await;
        let _ = self.told.snapshot.wait_for(|snapshot| Arc::ptr_eq(&snapshot.plan, &plan)).await;

        self.told.desk.send_replace(desk);
        (self.plan, self.prober, self.installed) = (plan, prober, installed);
        self.host_interval.send_if_modified(|every| std::mem::replace(every, host_interval) != host_interval);
        if !same_feeds {
            self.watch_feeds();
        }
        if !same_host {
            self.watch_host(host);
        }
        self.keep_in(state_file).await;
    }

    /// Whether the version feeds are asked for as before, by routes that haven't changed.
    fn asks_the_same(&self, plan: &Plan, prober: &Prober) -> bool {
        let routes = &plan.signatures.routes;
        self.plan.signatures == plan.signatures
            && routes.iter().all(|route| Arc::ptr_eq(&self.prober.fetcher(route), &prober.fetcher(route)))
    }

    fn watch_feeds(&mut self) {
        let (plan, clock, events) = (Arc::clone(&self.plan), self.clock, self.told.events.clone());
        let fetchers = plan.signatures.routes.iter().map(|route| self.prober.fetcher(route));
        let fetchers: Vec<_> = fetchers.collect();
        self.feeds.spawn(async move { signatures::run(&plan.signatures, fetchers, clock, events).await });
    }

    fn watch_host(&mut self, host: Option<Box<dyn Host>>) {
        if let Some(host) = host {
            let every = self.host_interval.subscribe();
            self.host.spawn(host::watch(host, self.clock, every, self.told.events.clone()));
        }
    }

    async fn keep_in(&mut self, path: Option<PathBuf>) {
        if self.state_file == path {
            return;
        }
        self.state_file.clone_from(&path);
        let file = spawn_blocking(|| path.and_then(persist::take_over)).await;
        self.told.files.send_replace(file.ok().flatten());
    }
}

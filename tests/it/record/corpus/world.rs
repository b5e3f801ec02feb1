//! The catalog's Internet in the lab, with one thing wrong: probed, recorded, and judged again.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use defender_exporter::catalog::{Component, Endpoint, Geo, HostPattern, ProbeUrl, Scheme, embedded};
use defender_exporter::clock::Clock;
use defender_exporter::config::Config;
use defender_exporter::engine::probe_once;
use defender_exporter::event::{Event, RevocationChecked};
use defender_exporter::observation::Observation;
use defender_exporter::plan::{Plan, Route, Target, TargetId, plan};
use defender_exporter::probe::Prober;
use defender_exporter::record::{Record, Recorder, Round};
use defender_exporter::revocation::RecordedFetch;
use defender_exporter::state::Snapshot;
use defender_exporter::tls::Roots;
use defender_exporter::verdict::Verdict;
use rustls::pki_types::CertificateDer;

use super::super::{redaction, without_evidence};
use crate::lab::Lab;
use crate::lab::blackhole::Resetting;
use crate::probe_failures::cases::{Dead, Wrong};
use crate::probe_failures::spoil;
use crate::scenario::Scenario;

/// For a probe that ends by itself, however busy the machine.
const AMPLE: Duration = Duration::from_secs(60);

/// When a probe that waits ends; nothing of what it waits for comes within a minute.
pub const DEADLINE: Duration = Duration::from_secs(2);

/// The lab, and how it is probed.
pub struct World {
    pub lab: Lab,
    pub config: Config,
    /// What leads into the lab.
    pub urls: Vec<ProbeUrl>,
    pub issuer_hosts: Vec<HostPattern>,
    /// Roots in the machine's store that are in a public list, such as Mozilla's.
    pub public_roots: Vec<CertificateDer<'static>>,
    /// The timeout of each probe.
    pub timeout: Duration,
}

impl World {
    /// Everything answers as its genuine service does. Every group is probed, without revocation.
    pub async fn start() -> Self {
        let lab = Lab::start().await;
        let urls = lab.serve_all(&embedded().endpoints);
        let mut config = lab.config(&urls);
        let optional = embedded().components.iter().filter(|of| of.optional);
        config.groups = optional.map(|of| of.component).collect();
        config.geos = Geo::ALL.to_vec();
        // Of Defender's endpoints alone: the control has tests of its own.
        config.components.entry(Component::Control).or_default().enabled = Some(false);
        config.tls.revocation = false;
        config.tls.issuer_hosts = vec![HostPattern("*.pki.lab".to_owned())];
        let issuer_hosts = plan(embedded(), &config).unwrap().issuer_hosts;
        Self { lab, config, urls, issuer_hosts, public_roots: Vec::new(), timeout: AMPLE }
    }

    /// Makes this wrong for these endpoints.
    pub fn spoil<'a>(&mut self, wrong: &Wrong, endpoints: impl IntoIterator<Item = &'a Endpoint>) {
        for endpoint in endpoints {
            let scenario = Scenario {
                target: Target {
                    endpoint: endpoint.clone(),
                    route: Route::direct(),
                    interval: AMPLE * 2,
                    timeout: self.timeout,
                },
                config: std::mem::take(&mut self.config),
                issuer_hosts: std::mem::take(&mut self.issuer_hosts),
                public_roots: std::mem::take(&mut self.public_roots),
                now: self.lab.pki.now(),
            };
            let scenario = spoil(&self.lab, scenario, wrong);
            self.config = scenario.config;
            self.issuer_hosts = scenario.issuer_hosts;
            self.public_roots = scenario.public_roots;
        }
    }

    /// The trusted roots: the lab's, and those of the configuration. The embedded ones sign nothing here.
    fn roots(&self) -> Arc<Roots> {
        let public: Vec<_> =
            self.public_roots.iter().map(|root| webpki::anchor_from_trusted_cert(root).unwrap()).collect();
        let all = Roots::with_public(&self.public_roots, &public, &[], &self.config.tls).unwrap();
        Roots::from_parts(all.parts().filter(|root| root.name.contains("Lab")))
    }

    /// Probes what is wanted once.
    pub async fn round(
        &self,
        is_wanted: impl Fn(&Endpoint) -> bool,
        resetting: Option<&Resetting>,
    ) -> Recorded {
        let whole = plan(embedded(), &self.config).unwrap();
        let mut plan = whole.select(|target| is_wanted(&target.endpoint)).expect("something is wanted");
        plan.issuer_hosts.clone_from(&self.issuer_hosts);
        plan.targets.iter_mut().for_each(|target| target.timeout = self.timeout);
        let (plan, clock) = (Arc::new(plan), Clock::Fixed(self.lab.pki.now()));
        let prober = Prober::new(Arc::clone(&plan), &self.config, &self.roots(), clock).unwrap().recording();
        let prober = Arc::new(prober);
        let events = match resetting {
            Some(resetting) => {
                let mut events = Vec::new();
                for n in 0..plan.targets.len() {
                    let probe = Box::pin(prober.probe(TargetId(n)));
                    events.push(Event::Observed(Box::new(resetting.while_running(probe).await)));
                }
                events
            }
            None => probe_once(&plan, Arc::clone(&prober), clock, plan.targets.len(), None).await,
        };
        Recorded {
            fetched: plan.routes.iter().map(|route| prober.fetched(route)).collect(),
            roots: Arc::clone(prober.roots()),
            checks_revocation: prober.checks_revocation(),
            at: self.lab.pki.now(),
            plan,
            events,
        }
    }
}

/// What holds a port where connections are reset.
pub const fn resetting(wrong: &Wrong) -> Option<&Resetting> {
    match wrong {
        Wrong::Connection(Dead::Resetting(resetting)) => Some(resetting),
        _ => None,
    }
}

/// Whether an endpoint has this scheme.
pub fn is_of(scheme: &str) -> impl Fn(&Endpoint) -> bool + use<> {
    let scheme = if scheme == "https" { Scheme::Https } else { Scheme::Http };
    move |endpoint| endpoint.url.scheme() == scheme
}

/// A round that was probed.
pub struct Recorded {
    plan: Arc<Plan>,
    roots: Arc<Roots>,
    checks_revocation: bool,
    events: Vec<Event>,
    /// By route.
    fetched: Vec<Vec<RecordedFetch>>,
    at: SystemTime,
}

impl Recorded {
    /// Its record.
    pub fn record(&self) -> Record {
        let mut recorder = Recorder::new(Round {
            plan: Arc::clone(&self.plan),
            roots: Arc::clone(&self.roots),
            checks_revocation: self.checks_revocation,
            selected: true,
        });
        self.events.iter().for_each(|event| recorder.add(event));
        for (route, fetched) in self.plan.routes.iter().zip(&self.fetched) {
            recorder.add_fetched(route, fetched.clone());
        }
        recorder.finish(self.at, self.at)
    }

    /// The round of each of its targets alone.
    pub fn parts(&self) -> impl Iterator<Item = (&Target, Self)> {
        (0..self.plan.targets.len()).map(|n| (self.plan.target(TargetId(n)), self.part(TargetId(n))))
    }

    fn part(&self, id: TargetId) -> Self {
        let own = self.plan.target(id);
        let plan = self.plan.select(|target| std::ptr::eq(target, own)).expect("it is in the plan");
        let events = self.events.iter().filter_map(|event| match event {
            Event::Observed(observation) if observation.target == id => {
                let own = Observation { target: TargetId(0), ..observation.as_ref().clone() };
                Some(Event::Observed(Box::new(own)))
            }
            Event::Revocation(checked) if checked.target == id => {
                let own = RevocationChecked { target: TargetId(0), ..checked.as_ref().clone() };
                Some(Event::Revocation(Box::new(own)))
            }
            _ => None,
        });
        Self {
            events: events.collect(),
            plan: Arc::new(plan),
            roots: Arc::clone(&self.roots),
            fetched: vec![self.fetched[own.route.index].clone()],
            checks_revocation: self.checks_revocation,
            at: self.at,
        }
    }

    /// Holds that the record, read from its bytes, is judged as the round was; with names, and without. Returns the record
    /// without names.
    pub fn judged_again(&self) -> Record {
        let mut online = Snapshot::new(Arc::clone(&self.plan), self.at);
        for event in &self.events {
            online.apply(match event {
                Event::Observed(observation) => {
                    Event::Observed(Box::new(without_evidence(observation.as_ref().clone())))
                }
                other => other.clone(),
            });
        }
        let again = |record: &Record| Record::from_bytes(&record.to_bytes().unwrap()).unwrap();
        let record = self.record();
        let offline = again(&record).judge();
        if !self.checks_revocation {
            assert_eq!(offline.targets, online.targets);
        }
        assert_eq!((&offline.components, &offline.maps), (&online.components, &online.maps));
        let expected = redaction::conclusions(&online);
        assert_eq!(redaction::conclusions(&offline), expected);
        let redacted = again(&record.redacted());
        assert_eq!(redaction::conclusions(&redacted.judge()), expected, "without names");
        redacted
    }

    /// The verdicts on its endpoints.
    pub fn verdicts(&self) -> Vec<Option<Verdict>> {
        self.record().judge().targets.iter().map(|target| target.verdict()).collect()
    }

    /// The failures, for messages.
    pub fn codes(&self) -> Vec<String> {
        let failures = self.events.iter().filter_map(|event| match event {
            Event::Observed(observation) => {
                Some(observation.failure.as_ref().map(|of| of.code().to_string()))
            }
            _ => None,
        });
        failures.map(Option::unwrap_or_default).collect()
    }
}

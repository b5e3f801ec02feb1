//! Defender Antivirus on Windows: runs the tools and reads the registry by `registry/local_machine.rs`. The other files of
//! this folder parse what these read, so that only these two need Windows.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::time::{Duration, SystemTime};

use jiff::tz::TimeZone;
use windows_registry::CURRENT_USER;

use super::command::{self, CommandError, CommandLimits};
use super::events::{self, EventKind, EventLog, LoggedEvent, MAX_EVENTS};
use super::local_time::{self, DateOrder};
use super::mpcmdrun::Validation;
use super::registry::RegistryFacts;
use super::registry::local_machine::LocalMachine;
use super::version::{ProductVersion, newest_platform};
use super::{BoxedFacts, Host, HostCollector, HostFacts, HostProblem, HostReadReason, WindowsFacts};
use crate::clock::Clock;
use crate::task;

/// The limits of a validation, which waits for the network.
const VALIDATION: CommandLimits = CommandLimits::with_timeout(Duration::from_secs(120));

/// The limits of one event log query, whose output is UTF-16.
const EVENTS: CommandLimits = CommandLimits { time: Duration::from_secs(20), output: 1024 * 1024 };

/// Defender Antivirus of this machine.
#[derive(Debug, Default)]
pub struct Windows {
    events: EventLog,
    recalled: bool,
}

impl Windows {
    /// Returns `None` if Defender isn't installed.
    #[must_use]
    pub fn find() -> Option<Self> {
        MpCmdRun::find().program.exists().then(Self::default)
    }

    async fn events(&mut self) -> Result<EventLog, HostProblem> {
        if self.recalled {
            let newest = query_events(EventKind::ALL, 0, 1, true).await?;
            if let Some(after) = self.events.unread_after(newest.first()) {
                let unread = query_events(EventKind::ALL, after, MAX_EVENTS, false).await?;
                self.events.count(&unread);
            }
        } else {
            for kind in EventKind::ALL {
                self.events.recall(&query_events(&[*kind], 0, kind.recalled(), true).await?);
            }
            self.recalled = true;
        }
        Ok(self.events.clone())
    }
}

impl Host for Windows {
    fn facts(&mut self, clock: Clock) -> BoxedFacts<'_> {
        Box::pin(async move {
            let read = || (RegistryFacts::read(&LocalMachine), MpCmdRun::find(), date_order());
            let ((registry, problems), MpCmdRun { program, platform }, dates) = task::blocking(read).await;
            let mut facts = HostFacts::from_registry(registry, problems, platform);
            facts.collectors =
                &[HostCollector::Registry, HostCollector::MapsValidation, HostCollector::EventLog];
            let validation = validate(&program, dates).await;
            let validation = validation.map_err(|problem| facts.problems.push(problem)).ok();
            facts.problems.extend(validation.as_ref().and_then(Validation::problem));
            let last_connection = validation.as_ref().and_then(|validation| validation.last_connection);
            let last_maps_connection =
                last_connection.and_then(|local| local_time::moment(local, TimeZone::system()));
            let events = self.events().await.map_err(|problem| facts.problems.push(problem)).ok();
            let programs = |windows| WindowsFacts { validation, last_maps_connection, events, ..windows };
            facts.windows = facts.windows.map(programs);
            facts.finished(clock.now())
        })
    }

    fn quick_facts(&mut self, clock: Clock) -> Pin<Box<dyn Future<Output = Option<HostFacts>> + Send + '_>> {
        Box::pin(async move {
            let read = || (RegistryFacts::read(&LocalMachine), MpCmdRun::find());
            let ((registry, problems), MpCmdRun { platform, .. }) = task::blocking(read).await;
            Some(HostFacts::from_registry(registry, problems, platform).finished(clock.now()))
        })
    }

    fn detected_since(
        &mut self,
        since: SystemTime,
    ) -> Pin<Box<dyn Future<Output = Option<bool>> + Send + '_>> {
        Box::pin(async move {
            let newest = query_events(&[EventKind::Detected], 0, 1, true).await.ok()?;
            Some(newest.first().is_some_and(|event| event.at >= since))
        })
    }
}

/// `MpCmdRun.exe` and the platform that it belongs to.
struct MpCmdRun {
    program: PathBuf,
    /// `None` for the program in Program Files.
    platform: Option<ProductVersion>,
}

impl MpCmdRun {
    /// The program of the newest platform folder. Without a platform folder, the one in Program Files.
    fn find() -> Self {
        let platforms = folder("ProgramData", r"C:\ProgramData").join(r"Microsoft\Windows Defender\Platform");
        let entries = std::fs::read_dir(&platforms).into_iter().flatten().flatten();
        let names: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        let (home, platform) = match newest_platform(names.iter().map(String::as_str)) {
            Some((name, version)) => (platforms.join(name), Some(version)),
            None => (folder("ProgramFiles", r"C:\Program Files").join("Windows Defender"), None),
        };
        Self { program: home.join("MpCmdRun.exe"), platform }
    }
}

fn folder(variable: &str, usual: &str) -> PathBuf {
    PathBuf::from(std::env::var_os(variable).unwrap_or_else(|| OsString::from(usual)))
}

async fn validate(program: &Path, dates: Option<DateOrder>) -> Result<Validation, HostProblem> {
    let output = command::run(program, ["-ValidateMapsConnection"], VALIDATION).await;
    let output =
        output.map_err(|error| command_problem(HostCollector::MapsValidation, "MpCmdRun.exe", &error))?;
    let text = [output.stdout, output.stderr].concat();
    Ok(Validation::parse(&text, output.code, dates))
}

/// The date order of this user's locale.
fn date_order() -> Option<DateOrder> {
    let key = CURRENT_USER.open(r"Control Panel\International").ok()?;
    DateOrder::from_registry(&key.get_string("iDate").ok()?)
}

async fn query_events(
    kinds: &[EventKind],
    after: u64,
    most: usize,
    newest_first: bool,
) -> Result<Vec<LoggedEvent>, HostProblem> {
    let program = folder("SystemRoot", r"C:\Windows").join(r"System32\wevtutil.exe");
    let arguments = events::arguments(&events::query(kinds, after), most, newest_first);
    let output = command::run(&program, arguments, EVENTS).await;
    let output = output.map_err(|error| command_problem(HostCollector::EventLog, "wevtutil.exe", &error))?;
    match output.code {
        Some(0) => events::parse(&output.stdout).map_err(|error| {
            HostProblem::new(HostCollector::EventLog, HostReadReason::Malformed, error.to_string())
        }),
        code => Err(events::refused(code, &output.stderr)),
    }
}

fn command_problem(source: HostCollector, program: &str, error: &CommandError) -> HostProblem {
    HostProblem::new(source, error.reason(), format!("{program}: {error}"))
}

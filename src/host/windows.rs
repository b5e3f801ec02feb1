//! Defender Antivirus of Windows: the real registry, the real tools. What they say is understood in the other files of this
//! folder, so that little is left here that only Windows can run.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::time::{Duration, SystemTime};

use jiff::tz::TimeZone;
use windows_registry::{CURRENT_USER, LOCAL_MACHINE, Type, Value};

use super::command::{self, CommandError, Limits};
use super::events::{self, EventKind, EventLog, LoggedEvent, MAX_EVENTS};
use super::local_time::{self, DateOrder};
use super::mpcmdrun::Validation;
use super::registry::{Read, Registry, RegistryFacts};
use super::version::{ProductVersion, newest_platform};
use super::{BoxedFacts, Host, HostFacts, Problem, Reason, Source, WindowsFacts};
use crate::clock::Clock;

/// For a validation, which waits for the network.
const VALIDATION: Limits = Limits::of(Duration::from_secs(120));

/// For one question to the event log, whose answer is UTF-16.
const EVENTS: Limits = Limits { time: Duration::from_secs(20), output: 1024 * 1024 };

/// The system's errors as HRESULTs ([MS-ERREF], section 2.1).
const FILE_NOT_FOUND: u32 = 0x8007_0002;
const PATH_NOT_FOUND: u32 = 0x8007_0003;
const ACCESS_DENIED: u32 = 0x8007_0005;

/// This machine's Defender.
#[derive(Debug, Default)]
pub struct Windows {
    events: EventLog,
    recalled: bool,
}

impl Windows {
    /// None where Defender isn't installed.
    #[must_use]
    pub fn find() -> Option<Self> {
        tool().0.exists().then(Self::default)
    }

    async fn events(&mut self) -> Result<EventLog, Problem> {
        if self.recalled {
            let newest = ask(EventKind::ALL, 0, 1, true).await?;
            if let Some(after) = self.events.unread_after(newest.first()) {
                let unread = ask(EventKind::ALL, after, MAX_EVENTS, false).await?;
                self.events.count(&unread);
            }
        } else {
            for kind in EventKind::ALL {
                self.events.recall(&ask(&[*kind], 0, 1, true).await?);
            }
            self.recalled = true;
        }
        Ok(self.events.clone())
    }
}

impl Host for Windows {
    fn facts(&mut self, clock: Clock) -> BoxedFacts<'_> {
        Box::pin(async move {
            let mut facts = HostFacts::new(&[Source::Registry, Source::MapsValidation, Source::EventLog]);
            let (registry, problems) = RegistryFacts::read(&LocalMachine);
            facts.problems = problems;
            let (program, platform) = tool();
            facts.signatures = registry.signatures.clone().map(|own| own.of_platform(platform));
            let validation = validate(&program).await;
            let validation = validation.map_err(|problem| facts.problems.push(problem)).ok();
            facts.problems.extend(validation.as_ref().and_then(Validation::problem));
            let last_connection = validation.as_ref().and_then(|validation| validation.last_connection);
            let last_maps_connection =
                last_connection.and_then(|local| local_time::moment(local, TimeZone::system()));
            let events = self.events().await.map_err(|problem| facts.problems.push(problem)).ok();
            facts.windows = Some(WindowsFacts { registry, validation, last_maps_connection, events });
            facts.finished(clock.now())
        })
    }

    fn detected_since(
        &mut self,
        since: SystemTime,
    ) -> Pin<Box<dyn Future<Output = Option<bool>> + Send + '_>> {
        Box::pin(async move {
            let newest = ask(&[EventKind::Detected], 0, 1, true).await.ok()?;
            Some(newest.first().is_some_and(|event| event.at >= since))
        })
    }
}

/// `MpCmdRun.exe` of the newest platform and that platform's version; of the system where there is no platform folder.
fn tool() -> (PathBuf, Option<ProductVersion>) {
    let platforms = folder("ProgramData", r"C:\ProgramData").join(r"Microsoft\Windows Defender\Platform");
    let entries = std::fs::read_dir(&platforms).into_iter().flatten().flatten();
    let names: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    let (home, version) = match newest_platform(names.iter().map(String::as_str)) {
        Some((name, version)) => (platforms.join(name), Some(version)),
        None => (folder("ProgramFiles", r"C:\Program Files").join("Windows Defender"), None),
    };
    (home.join("MpCmdRun.exe"), version)
}

fn folder(variable: &str, usual: &str) -> PathBuf {
    PathBuf::from(std::env::var_os(variable).unwrap_or_else(|| OsString::from(usual)))
}

async fn validate(program: &Path) -> Result<Validation, Problem> {
    let output = command::run(program, ["-ValidateMapsConnection"], VALIDATION).await;
    let output = output.map_err(|error| of_command(Source::MapsValidation, "MpCmdRun.exe", &error))?;
    let text = [output.stdout, output.stderr].concat();
    Ok(Validation::parse(&text, output.code, date_order()))
}

/// The order in which programs of this user print dates.
fn date_order() -> Option<DateOrder> {
    let key = CURRENT_USER.open(r"Control Panel\International").ok()?;
    DateOrder::of_windows(&key.get_string("iDate").ok()?)
}

async fn ask(
    kinds: &[EventKind],
    after: u64,
    most: usize,
    newest_first: bool,
) -> Result<Vec<LoggedEvent>, Problem> {
    let program = folder("SystemRoot", r"C:\Windows").join(r"System32\wevtutil.exe");
    let arguments = events::arguments(&events::query(kinds, after), most, newest_first);
    let output = command::run(&program, arguments, EVENTS).await;
    let output = output.map_err(|error| of_command(Source::EventLog, "wevtutil.exe", &error))?;
    match output.code {
        Some(0) => events::parse(&output.stdout)
            .map_err(|error| Problem::new(Source::EventLog, Reason::Malformed, error.to_string())),
        code => Err(events::refused(code, &output.stderr)),
    }
}

fn of_command(source: Source, program: &str, error: &CommandError) -> Problem {
    Problem::new(source, error.reason(), format!("{program}: {error}"))
}

/// `HKEY_LOCAL_MACHINE`.
pub(super) struct LocalMachine;

impl LocalMachine {
    /// A value of one of these types.
    fn value(path: &str, name: &str, types: &[Type]) -> Read<Value> {
        let value = LOCAL_MACHINE.open(path).and_then(|key| key.get_value(name));
        match value {
            Ok(value) if types.contains(&value.ty()) => Ok(Some(value)),
            Ok(_) => Err(Reason::Malformed),
            Err(error) => match error.code().0.cast_unsigned() {
                FILE_NOT_FOUND | PATH_NOT_FOUND => Ok(None),
                ACCESS_DENIED => Err(Reason::AccessDenied),
                _ => Err(Reason::Failed),
            },
        }
    }

    fn read<T: TryFrom<Value>>(path: &str, name: &str, types: &[Type]) -> Read<T> {
        let value = Self::value(path, name, types)?;
        value.map(T::try_from).transpose().map_err(|_| Reason::Malformed)
    }
}

impl Registry for LocalMachine {
    fn dword(&self, path: &str, name: &str) -> Read<u32> {
        Self::read(path, name, &[Type::U32])
    }

    fn sz(&self, path: &str, name: &str) -> Read<String> {
        Self::read(path, name, &[Type::String, Type::ExpandString])
    }

    fn multi_sz(&self, path: &str, name: &str) -> Read<Vec<String>> {
        Self::read(path, name, &[Type::MultiString])
    }

    fn binary(&self, path: &str, name: &str) -> Read<Vec<u8>> {
        Ok(Self::value(path, name, &[Type::Bytes])?.map(|value| value.to_vec()))
    }
}

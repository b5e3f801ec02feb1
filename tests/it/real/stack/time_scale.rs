//! Copies of rules and routes with shorter durations: up to sixty times, so that minutes become seconds. Keeps thresholds, and text that
//! only looks like a duration.

use std::time::Duration;

use crate::load::slowness;

/// How many times as fast time runs in a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tempo(u32);

impl Tempo {
    /// An hour of the shipped files takes a minute: what an idle machine of two processors bears.
    pub const FASTEST: Self = Self(60);
    /// An hour takes six minutes.
    const SLOWEST: Self = Self(10);

    /// What this machine can handle now. Prints it.
    pub fn of_machine() -> Self {
        let slowness = slowness();
        let tempo = [Self::FASTEST, Self(30), Self(20)]
            .into_iter()
            .find(|tempo| slowness * f64::from(tempo.0) <= 1.5 * f64::from(Self::FASTEST.0));
        let tempo = tempo.unwrap_or(Self::SLOWEST);
        println!("this machine is {slowness:.1} times as slow as an idle one: {tempo:?}");
        tempo
    }

    /// Whether time runs faster than by another.
    pub const fn is_faster_than(self, other: Self) -> bool {
        self.0 > other.0
    }

    /// The next slower one, if there is any.
    pub fn slower(self) -> Option<Self> {
        [Self(30), Self(20), Self::SLOWEST].into_iter().find(|other| other.0 < self.0)
    }

    /// What so long of the shipped files is in the copy.
    pub fn short(self, long: Duration) -> Duration {
        long / self.0
    }

    /// How long what takes so long at the fastest takes.
    pub fn stretched(self, at_fastest: Duration) -> Duration {
        at_fastest * (Self::FASTEST.0 / self.0)
    }
}

/// Keys whose value is a duration, in rules and in Alertmanager's routes.
const KEYS: [&str; 6] =
    ["for", "keep_firing_for", "interval", "group_wait", "group_interval", "repeat_interval"];

/// The copy of a file.
pub fn shorten(text: &str, tempo: Tempo) -> String {
    let lines =
        text.lines().map(|line| keyed(line, tempo).unwrap_or_else(|| ranges(&offsets(line, tempo), tempo)));
    lines.map(|line| line + "\n").collect()
}

/// A line that is a key with a duration.
fn keyed(line: &str, tempo: Tempo) -> Option<String> {
    let (before, value) = line.split_once(": ")?;
    let key = before.trim_start().trim_start_matches("- ");
    KEYS.contains(&key)
        .then(|| duration(value.trim(), tempo))
        .flatten()
        .map(|short| format!("{before}: {short}"))
}

/// PromQL's ranges: `[15m]`, `[7d:15m]`.
fn ranges(line: &str, tempo: Tempo) -> String {
    let mut parts = line.split('[');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |copy, part| {
        let short = part.split_once(']').and_then(|(inside, rest)| {
            let short: Option<Vec<_>> = inside.split(':').map(|part| duration(part, tempo)).collect();
            Some(format!("{}]{rest}", short?.join(":")))
        });
        format!("{copy}[{}", short.unwrap_or_else(|| part.to_owned()))
    })
}

/// PromQL's `offset 1d`.
fn offsets(line: &str, tempo: Tempo) -> String {
    let mut parts = line.split("offset ");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |copy, part| {
        let end = part.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(part.len());
        let short = duration(&part[..end], tempo).unwrap_or_else(|| part[..end].to_owned());
        format!("{copy}offset {short}{}", &part[end..])
    })
}

fn duration(text: &str, tempo: Tempo) -> Option<String> {
    let long: Duration = text.parse::<humantime::Duration>().ok()?.into();
    Some(format!("{}ms", tempo.short(long).as_millis()))
}

#[test]
fn durations_are_shortened_and_nothing_else_is() {
    for (line, expected) in [
        ("        for: 5m", "        for: 5000ms"),
        ("    keep_firing_for: 1h", "    keep_firing_for: 60000ms"),
        ("  - interval: 30s", "  - interval: 500ms"),
        ("  group_wait: 30s", "  group_wait: 500ms"),
        ("expr: avg_over_time(x{a=\"[b]\"}[15m]) < 0.5", "expr: avg_over_time(x{a=\"[b]\"}[15000ms]) < 0.5"),
        ("max(a[5m]) or min(b[1h:1m])", "max(a[5000ms]) or min(b[60000ms:1000ms])"),
        ("x[7d:15m] offset 1d)", "x[10080000ms:15000ms] offset 1440000ms)"),
        ("x - time() < 14 * 86400", "x - time() < 14 * 86400"),
        ("summary: \"for 5m\" [see]", "summary: \"for 5m\" [see]"),
        ("group_by: [job, instance, component]", "group_by: [job, instance, component]"),
    ] {
        assert_eq!(shorten(line, Tempo::FASTEST), format!("{expected}\n"), "{line}");
    }
    assert_eq!(shorten("for: 5m", Tempo::SLOWEST), "for: 30000ms\n");
}

#[test]
fn every_duration_of_the_shipped_files_is_understood() {
    for (file, text) in [
        ("defender.rules.yml", include_str!("../../../../alerts/defender.rules.yml")),
        ("alertmanager.yml", include_str!("../../../../alerts/alertmanager.yml")),
        ("fleet.rules.yml", include_str!("../../../../deploy/prometheus/fleet.rules.yml")),
    ] {
        let copy = shorten(text, Tempo::FASTEST);
        assert_eq!(copy.lines().count(), text.lines().count(), "{file}");
        for (line, short) in text.lines().zip(copy.lines()) {
            let key = line.trim_start().trim_start_matches("- ").split(": ").next().unwrap_or_default();
            let timed = KEYS.contains(&key) && !line.trim_start().starts_with('#');
            assert!(!timed || line != short, "{file}: {line}");
        }
    }
}

//! A test's copy of rules and routes in which time runs sixty times as fast: minutes become seconds. The shipped files are
//! never changed. Thresholds stay, and so does text that only looks like a duration.

use std::time::Duration;

/// What an hour of the shipped files takes in a copy: a minute.
const FACTOR: u32 = 60;

/// Keys whose value is a duration, in rules and in Alertmanager's routes.
const KEYS: [&str; 6] =
    ["for", "keep_firing_for", "interval", "group_wait", "group_interval", "repeat_interval"];

/// The copy of a file.
pub fn shorten(text: &str) -> String {
    let lines = text.lines().map(|line| keyed(line).unwrap_or_else(|| ranges(&offsets(line))));
    lines.map(|line| line + "\n").collect()
}

/// A line that is a key with a duration.
fn keyed(line: &str) -> Option<String> {
    let (before, value) = line.split_once(": ")?;
    let key = before.trim_start().trim_start_matches("- ");
    KEYS.contains(&key).then(|| duration(value.trim())).flatten().map(|short| format!("{before}: {short}"))
}

/// PromQL's ranges: `[15m]`, `[7d:15m]`.
fn ranges(line: &str) -> String {
    let mut parts = line.split('[');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |copy, part| {
        let short = part.split_once(']').and_then(|(inside, rest)| {
            let short: Option<Vec<_>> = inside.split(':').map(duration).collect();
            Some(format!("{}]{rest}", short?.join(":")))
        });
        format!("{copy}[{}", short.unwrap_or_else(|| part.to_owned()))
    })
}

/// PromQL's `offset 1d`.
fn offsets(line: &str) -> String {
    let mut parts = line.split("offset ");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |copy, part| {
        let end = part.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(part.len());
        let short = duration(&part[..end]).unwrap_or_else(|| part[..end].to_owned());
        format!("{copy}offset {short}{}", &part[end..])
    })
}

fn duration(text: &str) -> Option<String> {
    let long: Duration = text.parse::<humantime::Duration>().ok()?.into();
    Some(format!("{}ms", (long / FACTOR).as_millis()))
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
        assert_eq!(shorten(line), format!("{expected}\n"), "{line}");
    }
}

#[test]
fn every_duration_of_the_shipped_files_is_understood() {
    for (file, text) in [
        ("defender.rules.yml", include_str!("../../../../alerts/defender.rules.yml")),
        ("alertmanager.yml", include_str!("../../../../alerts/alertmanager.yml")),
    ] {
        let copy = shorten(text);
        assert_eq!(copy.lines().count(), text.lines().count(), "{file}");
        for (line, short) in text.lines().zip(copy.lines()) {
            let key = line.trim_start().trim_start_matches("- ").split(": ").next().unwrap_or_default();
            let timed = KEYS.contains(&key) && !line.trim_start().starts_with('#');
            assert!(!timed || line != short, "{file}: {line}");
        }
    }
}

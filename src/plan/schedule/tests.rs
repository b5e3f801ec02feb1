//! The schedule, driven by a fake clock.

mod rechecks;

use super::*;
use crate::catalog;
use crate::config::Config;
use crate::plan::plan;

const SECOND: Duration = Duration::from_secs(1);

fn default_plan() -> Plan {
    plan(catalog::embedded(), &Config::default()).unwrap()
}

/// Runs the schedule for a time in steps of 10 ms; each probe takes `lasting`. Returns the due targets with
/// their times.
fn run(plan: &Plan, time: Duration, lasting: Duration) -> Vec<(Duration, Due)> {
    let start = Instant::now();
    let mut schedule = Schedule::new(plan, start);
    let mut busy: Vec<(Instant, TargetId)> = Vec::new();
    let mut events = Vec::new();
    for step in 0..=time.as_millis() / 10 {
        let now = start + Duration::from_millis(u64::try_from(step).unwrap() * 10);
        busy.retain(|(until, id)| {
            if *until <= now {
                schedule.finished(*id, Some(true), now);
            }
            *until > now
        });
        while let Some(due) = schedule.due(now) {
            if let Due::Probe(id) = due {
                busy.push((now + lasting, id));
            }
            events.push((now - start, due));
        }
    }
    events
}

#[test]
fn the_first_round_takes_three_seconds_at_most() {
    let plan = default_plan();
    let first = run(&plan, 3 * SECOND, SECOND);
    let mut ids: Vec<_> = first.iter().map(|(_, due)| *due).collect();
    assert_eq!(ids.len(), plan.targets.len());
    ids.dedup();
    assert!(ids.iter().all(|due| matches!(due, Due::Probe(_))));
}

#[test]
fn first_round_is_spread() {
    let check = |timeout: Duration, expected: Duration| {
        let mut plan = default_plan();
        plan.targets.iter_mut().for_each(|target| target.timeout = timeout);
        let start = Instant::now();
        let schedule = Schedule::new(&plan, start);
        let last = schedule.queue.iter().map(|Reverse((at, _))| *at - start).max().unwrap();
        assert!(last < expected && last > expected * 9 / 10, "{timeout:?}: {last:?}");
    };
    check(10 * SECOND, 3 * SECOND);
    check(6 * SECOND, 3 * SECOND);
    check(2 * SECOND, SECOND);
}

/// The digests are 64-bit FNV-1a, computed by another program.
#[test]
fn offsets_are_the_same_everywhere() {
    let check = |words: &[&str], digest: u64, place: f64| {
        assert_eq!(hash(words.iter().copied()), digest, "{words:?}");
        let found = fraction(words.iter().copied());
        assert_eq!(found.to_bits(), place.to_bits(), "{words:?}: {found}");
    };
    check(&[], 0xcbf2_9ce4_8422_2325, 0.796_670_728_363_096_7);
    check(&["foobar"], 0x3453_1ca7_168b_8f38, 0.204_393_187_304_958_7);
    check(&["a", "bc"], 0x4018_01fc_84f3_ca79, 0.250_366_329_215_467);
    check(&["ab", "c"], 0xad22_872f_536e_4705, 0.676_308_106_398_209_9);
}

#[test]
fn neighbours_in_the_catalog_are_not_adjacent() {
    let plan = default_plan();
    let names: std::collections::BTreeSet<u64> = plan.targets.iter().map(name_hash).collect();
    assert_eq!(names.len(), plan.targets.len(), "each has a name of its own");
    let first: Vec<TargetId> = run(&plan, 3 * SECOND, SECOND)
        .into_iter()
        .map(|(_, due)| match due {
            Due::Probe(id) | Due::Overrun(id) => id,
        })
        .collect();
    let following = first.windows(2).filter(|pair| pair[1].0 == pair[0].0 + 1).count();
    assert!(following < first.len() / 4, "{following} of {}", first.len());
}

#[test]
fn probes_are_spread_evenly() {
    let plan = default_plan();
    let events = run(&plan, 300 * SECOND, SECOND);
    let mut per_second = vec![0; 301];
    let mut last: Vec<Option<Duration>> = vec![None; plan.targets.len()];
    for (at, due) in events {
        let Due::Probe(TargetId(n)) = due else { panic!("{due:?} although probes end in time") };
        if let Some(before) = last[n].replace(at) {
            let gap = at.saturating_sub(before);
            assert!(gap >= 29 * SECOND && gap <= 91 * SECOND, "{gap:?}");
        }
        per_second[usize::try_from(at.as_secs()).unwrap()] += 1;
    }
    let most = per_second[100..].iter().max().unwrap();
    assert!(*most <= 2, "{most} probes in a second, of {} a minute", plan.targets.len());
}

#[test]
fn a_running_probe_is_an_overrun_and_is_not_started_again() {
    let mut plan = default_plan();
    plan.targets.truncate(1);
    let events = run(&plan, 600 * SECOND, 150 * SECOND);
    let probes = events.iter().filter(|(_, due)| matches!(due, Due::Probe(_))).count();
    let overruns = events.iter().filter(|(_, due)| matches!(due, Due::Overrun(_))).count();
    assert!((3..=5).contains(&probes) && (5..=8).contains(&overruns), "{probes} probes, {overruns} overruns");
}

/// The number of targets probed now, and the number skipped.
fn drain(schedule: &mut Schedule, now: Instant) -> (usize, usize) {
    let (mut probes, mut overruns) = (0, 0);
    while let Some(due) = schedule.due(now) {
        match due {
            Due::Probe(id) => {
                probes += 1;
                schedule.finished(id, Some(true), now);
            }
            Due::Overrun(_) => overruns += 1,
        }
    }
    (probes, overruns)
}

/// After a day without probes, every target is probed once within a minute, evenly spread.
fn check_catch_up(interval: Duration, asleep: impl Fn(&mut Schedule, Instant) -> Instant) {
    let mut plan = default_plan();
    plan.targets.iter_mut().for_each(|target| target.interval = interval);
    let all = plan.targets.len();
    let start = Instant::now();
    let mut schedule = Schedule::new(&plan, start);
    assert_eq!(drain(&mut schedule, start + 3 * SECOND), (all, 0));
    let woken = asleep(&mut schedule, start + 3 * SECOND);
    let per_second: Vec<_> = (1..=60).map(|n| drain(&mut schedule, woken + n * SECOND)).collect();
    assert!(per_second.iter().all(|(_, overruns)| *overruns == 0), "{interval:?}: {per_second:?}");
    assert_eq!(per_second.iter().map(|(probes, _)| probes).sum::<usize>(), all, "{interval:?}");
    assert!(per_second.iter().all(|(probes, _)| *probes <= 2), "{interval:?}: {per_second:?}");
}

#[test]
fn probes_missed_during_a_stall_are_skipped_without_a_burst() {
    let day = Duration::from_secs(86_400);
    let all = default_plan().targets.len();
    for interval in [60 * SECOND, 3600 * SECOND] {
        check_catch_up(interval, |schedule, slept| {
            let woken = slept + day;
            assert_eq!(drain(schedule, woken), (0, all), "one is left out of each, not a day of them");
            schedule.resume_after_stall(day, woken);
            woken
        });
    }
}

#[test]
fn targets_are_probed_soon_after_a_suspend() {
    check_catch_up(3600 * SECOND, |schedule, slept| {
        schedule.resume_after_stall(SECOND, slept);
        assert!(
            schedule.queue.iter().all(|Reverse((at, _))| *at > slept + 60 * SECOND),
            "a short pause is no stall"
        );
        schedule.resume_after_stall(8 * 3600 * SECOND, slept);
        slept
    });
}

#[test]
fn the_next_due_time_is_known() {
    let mut plan = default_plan();
    let start = Instant::now();
    let mut schedule = Schedule::new(&plan, start);
    for _ in 0..2 * plan.targets.len() {
        let next = schedule.next_due().expect("there are targets");
        assert_eq!(schedule.due(next - Duration::from_nanos(1)), None, "nothing before that");
        assert!(schedule.due(next).is_some());
    }
    plan.targets.clear();
    assert_eq!(Schedule::new(&plan, start).next_due(), None);
}

/// When each target is due next, in seconds after `start`.
fn next(schedule: &Schedule, start: Instant) -> HashMap<TargetId, f64> {
    let due = schedule.queue.iter().map(|Reverse((at, id))| (*id, (*at - start).as_secs_f64()));
    due.collect()
}

#[test]
fn reload_keeps_the_schedule_of_carried_targets() {
    let mut plan = default_plan();
    plan.targets.truncate(3);
    let start = Instant::now();
    let mut schedule = Schedule::new(&plan, start);
    while schedule.due(start + 3 * SECOND).is_some() {}
    schedule.finished(TargetId(2), Some(true), start + 3 * SECOND);
    let before = next(&schedule, start);
    plan.targets.swap(1, 2);
    plan.targets[0].interval = 10 * SECOND; // 60 before
    let carried = HashMap::from([(TargetId(0), TargetId(0)), (TargetId(2), TargetId(1))]);
    let now = start + 20 * SECOND;
    let schedule = schedule.carry_over(&plan, &carried, now);
    let after = next(&schedule, start);
    assert!(after[&TargetId(0)] <= 30.0, "a shorter interval takes effect at once: {after:?}");
    assert_eq!(after[&TargetId(1)].to_bits(), before[&TargetId(2)].to_bits(), "{after:?}");
    assert!((20.0..=23.0).contains(&after[&TargetId(2)]), "{after:?}");
    let busy: Vec<_> = schedule.slots.iter().map(|slot| slot.state.in_flight.is_some()).collect();
    assert_eq!(busy, [true, false, false], "a probe under way is still under way");
}

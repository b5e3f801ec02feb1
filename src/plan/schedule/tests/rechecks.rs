//! Rechecks at targets whose result has changed: soon, few, spread, and beside the regular probes.

use super::*;

const INTERVAL: Duration = Duration::from_secs(60);

/// The probes of one target in some minutes, in seconds after the first. The first is the number 0; `succeeds` says which succeed, and
/// each takes `lasting`.
fn probes(minutes: u32, lasting: Duration, succeeds: impl Fn(usize) -> bool) -> Vec<f64> {
    let mut plan = default_plan();
    plan.targets.truncate(1);
    plan.targets[0].interval = INTERVAL;
    let start = Instant::now();
    let mut schedule = Schedule::new(&plan, start);
    let (mut ends, mut times): (Option<Instant>, Vec<Instant>) = (None, Vec::new());
    loop {
        let due = schedule.next_due().expect("a target");
        let now = ends.map_or(due, |ends| ends.min(due));
        if now >= start + minutes * INTERVAL {
            break;
        }
        if ends == Some(now) {
            ends = None;
            schedule.finished(TargetId(0), Some(succeeds(times.len() - 1)), now);
        } else {
            match schedule.due(now) {
                Some(Due::Probe(_)) => {
                    assert!(ends.is_none(), "two probes at once");
                    ends = Some(now + lasting);
                    times.push(now);
                }
                Some(Due::Overrun(_)) => panic!("an overrun although probes end in time"),
                None => {}
            }
        }
    }
    times.iter().map(|at| at.duration_since(times[0]).as_secs_f64()).collect()
}

/// The rechecks of three minutes: the times from the end of a probe to the start of the next that are far shorter than the interval.
fn check(case: &str, succeeds: impl Fn(usize) -> bool, expected: &[usize]) {
    let times = probes(4, Duration::from_millis(100), succeeds);
    let gaps: Vec<_> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let rechecks: Vec<_> =
        gaps.iter().enumerate().filter(|(_, gap)| **gap < 10.0).map(|(n, _)| n + 1).collect();
    assert_eq!(rechecks, expected, "{case}: {times:?}");
    for n in rechecks {
        assert!((4.0..5.11).contains(&gaps[n - 1]), "{case}: {gaps:?}"); // the probe's own time included
    }
    assert_eq!(times.len(), 4 + expected.len(), "{case}: rechecks replace no regular probe");
}

#[test]
fn a_change_is_confirmed_within_ten_seconds() {
    check("nothing changes", |_| true, &[]);
    check("it fails from the start", |_| false, &[]);
    check("an outage", |n| n < 1, &[2]);
    check("a recovery", |n| n >= 1, &[2]);
    check("a transient failure", |n| n != 1, &[2, 3]);
    check("an outage and its end", |n| !(1..=2).contains(&n), &[2, 4]);
    check("it flaps at every probe", |n| n % 2 == 0, &[2, 3, 5, 6, 8, 9]);
}

/// A slow probe is under way when the regular one is due: it is as good, and no overrun.
#[test]
fn a_look_under_way_is_no_overrun() {
    let times = probes(6, Duration::from_secs(9), |n| n < 1);
    assert!(times.windows(2).all(|pair| pair[1] - pair[0] >= 9.0), "{times:?}");
    let slow = probes(6, Duration::from_secs(56), |n| n % 2 == 0);
    assert!(slow.len() >= 5, "{slow:?}");
}

#[test]
fn the_regular_probe_is_soon_enough() {
    let mut plan = default_plan();
    plan.targets.truncate(1);
    plan.targets[0].interval = 4 * SECOND;
    let start = Instant::now();
    let mut schedule = Schedule::new(&plan, start);
    for n in 0..20 {
        let due = schedule.next_due().expect("a target");
        assert_eq!(schedule.due(due), Some(Due::Probe(TargetId(0))));
        schedule.finished(TargetId(0), Some(n % 2 == 0), due);
        assert!(schedule.rechecks.is_empty());
    }
}

/// A mass outage: every target changes at the same moment.
#[test]
fn looks_are_spread_and_bounded() {
    let plan = default_plan();
    let all = plan.targets.len();
    let start = Instant::now();
    let mut schedule = Schedule::new(&plan, start);
    for n in 0..all {
        schedule.finished(TargetId(n), Some(true), start);
    }
    assert_eq!(schedule.rechecks.capacity(), 0, "nothing is allocated while nothing changes");
    assert_eq!(drain(&mut schedule, start + 3 * SECOND), (all, 0));
    let lost = start + 4 * SECOND;
    for n in 0..all {
        schedule.finished(TargetId(n), Some(false), lost);
    }
    let mut rechecks: Vec<_> = schedule.rechecks.iter().map(|Reverse((at, id))| (*at - lost, *id)).collect();
    assert!(rechecks.iter().all(|(after, _)| *after > 4 * SECOND && *after <= 5 * SECOND));
    rechecks.sort_unstable();
    let tenths = rechecks.chunk_by(|(one, _), (next, _)| one.as_millis() / 100 == next.as_millis() / 100);
    let most = tenths.map(<[_]>::len).max().unwrap_or_default();
    assert!(rechecks.len() >= all * 8 / 10 && most <= all / 10 + 1, "{most} of {} at once", rechecks.len());
}

#[test]
fn a_recheck_that_is_long_past_is_dropped_and_not_counted() {
    let mut plan = default_plan();
    plan.targets.truncate(1);
    plan.targets[0].interval = 3600 * SECOND;
    let start = Instant::now();
    let mut schedule = Schedule::new(&plan, start);
    let first = schedule.next_due().expect("a target");
    for succeeded in [true, false] {
        assert!(schedule.due(schedule.next_due().expect("a target")).is_some());
        schedule.finished(TargetId(0), Some(succeeded), first);
    }
    let recheck = schedule.rechecks.peek().map(|Reverse((at, _))| *at);
    assert_eq!(schedule.next_due(), recheck);
    assert_eq!(schedule.due(first + 60 * SECOND), None, "the process slept");
    assert!(schedule.rechecks.is_empty());
}

/// While all places are taken, rechecks would make regular probes wait.
#[test]
fn due_looks_are_dropped_and_later_ones_kept() {
    let mut plan = default_plan();
    plan.targets.truncate(2);
    for target in &mut plan.targets {
        target.interval = 3600 * SECOND;
    }
    let start = Instant::now();
    let mut schedule = Schedule::new(&plan, start);
    assert_eq!(drain(&mut schedule, start + 3 * SECOND), (2, 0));
    for (id, ended) in [(TargetId(0), start + 3 * SECOND), (TargetId(1), start + 30 * SECOND)] {
        schedule.finished(id, Some(false), ended);
    }
    assert_eq!(schedule.rechecks.len(), 2);
    schedule.drop_due_rechecks(start + 10 * SECOND);
    let left: Vec<_> = schedule.rechecks.iter().map(|Reverse((_, id))| *id).collect();
    assert_eq!(left, [TargetId(1)]);
    assert_eq!(schedule.due(start + 10 * SECOND), None);
    assert_eq!(schedule.due(start + 36 * SECOND), Some(Due::Probe(TargetId(1))));
}

#[test]
fn a_result_of_this_machine_is_no_change() {
    let mut plan = default_plan();
    plan.targets.truncate(1);
    let start = Instant::now();
    let mut schedule = Schedule::new(&plan, start);
    for succeeded in [Some(true), None, Some(true)] {
        schedule.finished(TargetId(0), succeeded, start);
    }
    assert!(schedule.rechecks.is_empty());
}

#[test]
fn a_reload_keeps_looks() {
    let mut plan = default_plan();
    plan.targets.truncate(2);
    let start = Instant::now();
    let mut schedule = Schedule::new(&plan, start);
    assert_eq!(drain(&mut schedule, start + 3 * SECOND), (2, 0));
    let now = start + 3 * SECOND;
    for n in 0..2 {
        schedule.finished(TargetId(n), Some(false), now);
    }
    let before = schedule.rechecks.len();
    plan.targets.swap(0, 1);
    let carried = HashMap::from([(TargetId(0), TargetId(1))]);
    let schedule = schedule.carry_over(&plan, &carried, now);
    assert!(before > 0 && schedule.rechecks.len() <= 1);
    assert!(schedule.rechecks.iter().all(|Reverse((_, id))| *id == TargetId(1)), "{:?}", schedule.rechecks);
    assert_eq!(schedule.slots[1].state.succeeded, Some(false));
}

//! One fault of twelve is named, two are told apart, and a healthy round names nothing.

mod blame;
mod world;

use proptest::prelude::*;

use super::*;
use crate::catalog::Component;
use crate::observation::{AttemptTarget, Facts, FailedAttempt, Failure, FailureReason as R, Phase as S};
use crate::plan::{Target, TargetId};
use crate::report::simulation;
use crate::text::MAX_TEXT;
use world::{FAULTS, Fault, ROUTES, World};

/// The number of made networks in which each fault and each pair is tried.
const SALTS: u64 = 4;

/// The named facts of all routes, without duplicates.
fn named(snapshot: &Snapshot) -> BTreeSet<String> {
    common_causes(snapshot).iter().map(|cause| format!("{} {}", cause.kind, cause.value)).collect()
}

fn name(fault: &Fault) -> String {
    format!("{} {}", fault.kind, fault.value)
}

#[test]
fn each_of_twelve_single_faults_is_named() {
    for (fault, salt) in FAULTS.iter().flat_map(|fault| (0..SALTS).map(move |salt| (fault, salt))) {
        let snapshot = World::new(&[*fault], salt).snapshot;
        assert_eq!(named(&snapshot), BTreeSet::from([name(fault)]), "salt {salt}");
        for cause in common_causes(&snapshot) {
            assert_eq!(cause.failures, cause.of, "all failures share it: {cause:?}");
        }
    }
}

/// A pair is right if something is named, and nothing but the two faults: both, or the one that hides the other or that
/// both show as.
#[test]
fn of_66_pairs_of_faults_at_least_63_are_named() {
    for salt in 0..SALTS {
        let (mut right, mut both, mut wrong) = (0, 0, Vec::new());
        for (index, one) in FAULTS.iter().enumerate() {
            for other in &FAULTS[index + 1..] {
                let named = named(&World::new(&[*one, *other], salt).snapshot);
                let faults = BTreeSet::from([name(one), name(other)]);
                both += usize::from(named == faults);
                if !named.is_empty() && named.is_subset(&faults) {
                    right += 1;
                } else {
                    wrong.push(format!("{faults:?}: {named:?}"));
                }
            }
        }
        assert_eq!(right + wrong.len(), 66);
        assert!(right >= 63 && both >= 40, "salt {salt}: {right} right, {both} both; wrong: {wrong:#?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_healthy_round_names_nothing(salt in any::<u64>()) {
        prop_assert_eq!(common_causes(&World::new(&[], salt).snapshot), []);
    }

    #[test]
    fn one_failure_alone_names_nothing(salt in any::<u64>(), n in any::<prop::sample::Index>()) {
        let mut world = World::new(&[], salt);
        let id = TargetId(n.index(world.paths.len()));
        simulation::fail(&mut world.snapshot, id, 70, (S::Connect, R::Refused), "");
        prop_assert_eq!(common_causes(&world.snapshot), []);
    }

    /// Whatever fails, a named fact is one of several failures and of no success, and the named ones explain all failures.
    #[test]
    fn what_is_named_is_of_failures_alone(salt in any::<u64>(), faults in prop::sample::subsequence(FAULTS.to_vec(), 0..=4)) {
        let world = World::new(&faults, salt);
        let causes = common_causes(&world.snapshot);
        let fails = |n: usize| world.snapshot.targets[n].last.as_ref().is_some_and(|last| last.failure.is_some());
        for route in ROUTES {
            let own: Vec<_> = causes.iter().filter(|cause| cause.route == route).collect();
            prop_assert!(own.len() <= 2, "{:?}", own);
            let mut explained = vec![false; world.paths.len()];
            for (n, (path, target)) in world.paths.iter().zip(&world.snapshot.plan.targets).enumerate() {
                let is_own = target.route.name == route;
                for cause in own.iter().filter(|cause| path.has(cause.kind, &cause.value)) {
                    let may_succeed = cause.kind == CauseKind::Issuer;
                    prop_assert!(!is_own || fails(n) || may_succeed, "a success has {:?}", cause);
                    explained[n] = true;
                }
            }
            let has_phase = own.iter().any(|cause| cause.kind == CauseKind::Phase);
            for (n, target) in world.snapshot.plan.targets.iter().enumerate() {
                let is_own = target.route.name == route && fails(n);
                prop_assert!(own.is_empty() || has_phase || !is_own || explained[n], "{:?} explains not all", own);
            }
            for cause in own {
                prop_assert!(cause.failures >= 1 && cause.failures <= cause.of, "{:?}", cause);
            }
        }
    }
}

/// A healthy network on these routes, after those probes fail for which `fails` changes the facts.
fn round(routes: &[&str], fails: impl Fn(&Target, &mut Facts) -> Option<(S, R)>) -> Snapshot {
    let mut snapshot = simulation::healthy(routes);
    let plan = snapshot.plan.clone();
    for (n, target) in plan.targets.iter().enumerate() {
        simulation::observe(&mut snapshot, TargetId(n), 70, |facts| {
            let failed = fails(target, facts);
            failed.map(|(phase, reason)| Failure::new(phase, reason, ""))
        });
    }
    snapshot
}

fn is_maps(target: &Target) -> bool {
    target.endpoint.component == Component::Maps
}

/// What is named on the route `direct`.
fn check(why: &str, snapshot: &Snapshot, expected: &[&str]) {
    let causes = common_causes(snapshot);
    let direct = causes.iter().filter(|cause| cause.route == "direct");
    let named: Vec<_> = direct.map(|cause| format!("{} {}", cause.kind, cause.value)).collect();
    assert_eq!(named, expected, "{why}");
}

#[test]
fn without_contrast_only_proof_counts() {
    let all = |change: fn(&mut Facts), of: (S, R)| {
        round(&["direct"], move |_, facts| {
            change(facts);
            Some(of)
        })
    };
    let at_resolver = |facts: &mut Facts| {
        *facts = Facts::default();
        facts.lookup.resolver = Some(([10, 0, 0, 53], 5353).into());
    };
    let at_proxy = |facts: &mut Facts| {
        *facts = Facts { proxy: Some("http://10.0.0.8:8080".to_owned()), ..Facts::default() };
    };
    check("the uplink is down", &all(|_| {}, (S::Connect, R::Timeout)), &[]);
    check("a dead DNS server", &all(at_resolver, (S::Resolve, R::Timeout)), &["resolver 10.0.0.53:5353"]);
    check("a dead proxy", &all(at_proxy, (S::Connect, R::Refused)), &["proxy http://10.0.0.8:8080"]);
    check("a proxy's demand", &all(at_proxy, (S::Tunnel, R::AuthRequired)), &["proxy http://10.0.0.8:8080"]);
    check("an answer through a proxy", &all(at_proxy, (S::Request, R::BlockPage)), &[]);
    let but_one = round(&["direct"], |target, facts| {
        facts.http = None;
        (target.endpoint.url.as_str() != simulation::MAPS).then_some((S::Connect, R::Timeout))
    });
    check("one success is too little to compare with", &but_one, &[]);
}

#[test]
fn of_several_facts_the_most_specific_is_named() {
    let maps = |change: fn(&mut Facts), of: (S, R)| {
        round(&["direct"], move |target, facts| {
            is_maps(target).then(|| {
                change(facts);
                of
            })
        })
    };
    let aliases = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    check("nothing but the phase", &maps(|_| {}, (S::Connect, R::Timeout)), &["phase connect"]);
    let elsewhere = |facts: &mut Facts| facts.peer = Some(([203, 0, 113, 7], 443).into());
    check("a network", &maps(elsewhere, (S::Connect, R::Timeout)), &["address_prefix 203.0.113.0/24"]);
    let tried = |facts: &mut Facts| {
        facts.peer = Some("[2001:db8:7::1]:443".parse().expect("an address"));
        facts.failed_attempts = vec![FailedAttempt {
            target: AttemptTarget::Address(([203, 0, 113, 7], 443).into()),
            failure: Failure::new(S::Connect, R::Timeout, ""),
            duration: std::time::Duration::ZERO,
        }];
    };
    check("two networks", &maps(tried, (S::Connect, R::Timeout)), &["address_prefix 2001:db8:7::/48"]);
    let snapshot = round(&["direct"], |target, facts| {
        facts.aliases = aliases(&["z.service.example", "a.edge.example"]);
        if !is_maps(target) {
            facts.aliases = aliases(&["other.service.example"]);
        }
        facts.peer = Some((if is_maps(target) { [203, 0, 113, 7] } else { [192, 0, 2, 10] }, 443).into());
        is_maps(target).then_some((S::Connect, R::Timeout))
    });
    check("the network that TCP failed in", &snapshot, &["address_prefix 203.0.113.0/24"]);
    let genuine = round(&["direct"], |target, _| is_maps(target).then_some((S::Request, R::BlockPage)));
    check("an answer came: not the issuer", &genuine, &["phase request"]);
}

#[test]
fn a_route_is_named_if_nothing_smaller_is() {
    let lost = |proxy: Option<&'static str>| {
        round(&["direct", "other"], move |target, facts| {
            (target.route.name == "direct").then(|| {
                facts.proxy = proxy.map(str::to_owned);
                facts.http = None;
                (S::Connect, R::Timeout)
            })
        })
    };
    check("a route", &lost(None), &["route direct"]);
    check("its proxy", &lost(Some("http://10.0.0.8:8080")), &["proxy http://10.0.0.8:8080"]);
    let sentences = common_cause_sentences(&lost(Some("http://10.0.0.8:8080")));
    let all = simulation::fresh(&["direct"]).defender().count();
    assert_eq!(sentences, [format!("All {all} failures via direct share the proxy http://10.0.0.8:8080.")]);
}

#[test]
fn a_phase_is_told_where_it_joins_several_causes() {
    let check = |reasons: [R; 2], expected: &[&str]| {
        let snapshot = round(&["direct"], |target, _| {
            let is_alternative = target.endpoint.url.host() == "wdcpalt.microsoft.com";
            is_maps(target).then_some((S::Connect, reasons[usize::from(is_alternative)]))
        });
        assert_eq!(common_cause_sentences(&snapshot), expected);
        assert_eq!(common_causes(&snapshot).len(), 1);
    };
    check([R::Refused, R::Refused], &[]);
    check([R::Refused, R::Timeout], &["All 8 failures share the phase connect."]);
}

/// What servers send stays short and harmless, and one cause stays one series.
#[test]
fn hostile_names_stay_bounded() {
    let long = "x\u{202e}\n\"".repeat(10_000);
    let snapshot = round(&["direct"], |target, facts| {
        is_maps(target).then(|| {
            facts.aliases = (0..50).map(|n| format!("{n}{long}")).collect();
            (S::Connect, R::Timeout)
        })
    });
    let causes = common_causes(&snapshot);
    let [cause] = &causes[..] else { panic!("one: {}", causes.len()) };
    assert_eq!(cause.kind, CauseKind::CnameTarget);
    assert!(cause.value.chars().count() <= MAX_TEXT + 1 && !cause.value.contains(['\n', '\u{202e}']));
}

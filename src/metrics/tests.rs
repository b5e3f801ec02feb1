//! Tests of the complete output: golden files, rules of the formats, and hostile label values.
//! After an intended change, `UPDATE_GOLDEN=1 cargo test --lib metrics` rewrites the files.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;
use prost::Message;

use super::families::{MetricFamily, Visitor, visit};
use super::protobuf::{FamilyMessage, HistogramMessage};
use super::value::Sample;
use super::{ExpositionFormat, Kind, Metric, Scrape, encode, fixture, markdown};
use crate::observation::{Facts, RangeOutcome, TlsFacts};
use crate::plan::Route;
use crate::report::simulation;
use crate::state::{SignaturesState, Snapshot, TargetState};

/// Compares with a file of the repository, after rewriting it if `UPDATE_GOLDEN` is set.
fn check_golden(file: &str, actual: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, actual).expect("the repository can be written");
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        expected == actual,
        "{file} differs; if that is intended: UPDATE_GOLDEN=1 cargo test --lib metrics\n{actual}"
    );
}

fn text(format: ExpositionFormat, scrape: Scrape) -> String {
    String::from_utf8(encode(format, scrape).expect("encodes")).expect("UTF-8")
}

/// A sample in the form that tests compare.
#[derive(Debug)]
struct Shown {
    /// The label values.
    labels: Vec<String>,
    /// The value in its `Debug` format.
    value: String,
}

struct Collect;

impl Visitor for Collect {
    type Output = Vec<Shown>;

    fn visit<const N: usize>(&mut self, family: &MetricFamily<'_, N>) -> Vec<Shown> {
        let shown = |sample: &Sample<'_, N>| Shown {
            labels: sample.labels.iter().map(ToString::to_string).collect(),
            value: format!("{:?}", sample.value),
        };
        family.samples.iter().map(shown).collect()
    }
}

fn samples(metric: Metric, scrape: &Scrape) -> Vec<Shown> {
    visit(metric, scrape, &mut Collect)
}

fn families(scrape: Scrape) -> Vec<FamilyMessage> {
    let bytes = encode(ExpositionFormat::Protobuf, scrape).expect("encodes");
    let mut rest = bytes.as_slice();
    let mut families = Vec::new();
    while !rest.is_empty() {
        families.push(FamilyMessage::decode_length_delimited(&mut rest).expect("decodes"));
    }
    families
}

fn changed(change: impl FnOnce(&mut Snapshot)) -> Scrape {
    let mut snapshot = fixture::snapshot();
    change(&mut snapshot);
    Scrape { snapshot: Arc::new(snapshot), ..fixture::scrape() }
}

#[test]
fn metrics_md_is_current() {
    check_golden("METRICS.md", &markdown());
}

#[test]
fn openmetrics_is_as_recorded() {
    let actual = text(ExpositionFormat::OpenMetrics, fixture::scrape());
    check_golden("tests/data/exposition/openmetrics.txt", &actual);
    assert!(actual.ends_with("\n# EOF\n"));
}

#[test]
fn text_is_as_recorded() {
    check_golden("tests/data/exposition/text.prom", &text(ExpositionFormat::Text, fixture::scrape()));
}

#[test]
fn every_metric_has_a_sample_somewhere() {
    let scrape = fixture::scrape();
    for metric in Metric::ALL {
        let (spec, samples) = (metric.spec(), samples(*metric, &scrape));
        assert!(!samples.is_empty(), "{}", spec.name);
        let distinct: BTreeSet<_> = samples.iter().map(|sample| sample.labels.clone()).collect();
        assert_eq!(distinct.len(), samples.len(), "{} repeats a series", spec.name);
    }
}

#[test]
fn every_format_has_every_metric_once() {
    let names: Vec<String> = families(fixture::scrape()).into_iter().map(|family| family.name).collect();
    let declared: Vec<&str> = Metric::ALL.iter().map(|metric| metric.spec().name).collect();
    assert_eq!(names, declared);
    for format in [ExpositionFormat::Text, ExpositionFormat::OpenMetrics] {
        let text = text(format, fixture::scrape());
        for spec in Metric::ALL.iter().map(|metric| metric.spec()) {
            let family = match format {
                ExpositionFormat::OpenMetrics => spec.name.trim_end_matches(spec.kind.suffix()),
                _ => spec.name,
            };
            let types = text.lines().filter(|line| line.starts_with(&format!("# TYPE {family} "))).count();
            assert_eq!(types, 1, "{format:?} {family}");
        }
    }
}

#[test]
fn a_metric_without_samples_is_not_mentioned() {
    let mut scrape = changed(|snapshot| {
        snapshot.targets.fill_with(Arc::default);
        snapshot.components.iter_mut().for_each(|component| component.verdict = None);
        snapshot.maps.clear();
        snapshot.crls = Arc::default();
        snapshot.split_hellos = Arc::default();
        snapshot.signatures = SignaturesState::default();
        snapshot.host = None;
    });
    scrape.process = super::ProcessStats::default();
    for format in [ExpositionFormat::Text, ExpositionFormat::OpenMetrics] {
        let text = text(format, scrape.clone());
        for absent in [
            "probe_success",
            "failure_reason ",
            "tls_",
            "http_",
            "component_available",
            "process_",
            "signatures_",
            "update_source",
            "host_",
        ] {
            assert!(!text.contains(absent), "{absent} in\n{text}");
        }
        assert!(text.contains("defender_probes_total{component=\"crl\""), "{text}");
    }
}

#[test]
fn an_endpoint_with_two_routes_is_described_once() {
    let scrape = changed(|snapshot| {
        let plan = Arc::make_mut(&mut snapshot.plan);
        let mut proxied = plan.targets[0].clone();
        proxied.route = Arc::new(Route { name: "machine-proxy".to_owned(), ..(*Route::direct()).clone() });
        plan.targets.push(proxied);
        snapshot.targets.push(Arc::new(TargetState::default()));
    });
    assert_eq!(samples(Metric::EndpointInfo, &scrape).len(), 5);
    assert_eq!(samples(Metric::Probes, &scrape).len(), 6);
}

#[test]
fn native_buckets_hold_every_observation() {
    let families = families(fixture::scrape());
    let latency = families.iter().find(|family| family.name == Metric::ProbeLatency.spec().name);
    let histograms: Vec<_> = latency
        .into_iter()
        .flat_map(|family| &family.metric)
        .filter_map(|metric| metric.histogram.as_ref())
        .collect();
    assert_eq!(histograms.iter().map(|histogram| histogram.sample_count).collect::<Vec<_>>(), [7, 0]);
    for histogram in histograms {
        assert_eq!(counts(histogram).iter().sum::<u64>() + histogram.zero_count, histogram.sample_count);
        let last = histogram.bucket.last().expect("+Inf");
        assert_eq!((last.upper_bound, last.cumulative_count), (f64::INFINITY, histogram.sample_count));
        assert!(histogram.bucket.is_sorted_by_key(|bucket| bucket.cumulative_count));
        assert!(histogram.zero_threshold > 0.0, "else an empty native histogram looks like a classic one");
    }
}

/// The non-cumulative counts of the native buckets, computed from the deltas.
fn counts(histogram: &HistogramMessage) -> Vec<u64> {
    let cumulated = histogram.positive_delta.iter().scan(0, |count, delta| {
        *count += delta;
        Some(u64::try_from(*count).expect("no bucket is below zero"))
    });
    cumulated.collect()
}

#[test]
fn native_buckets_lie_where_the_values_are() {
    let families = families(fixture::scrape());
    let latency =
        families.iter().find(|family| family.name == Metric::ProbeLatency.spec().name).expect("there");
    let histogram = latency.metric[0].histogram.as_ref().expect("a histogram");
    let mut indices = Vec::new();
    let mut next = 0;
    for span in &histogram.positive_span {
        let first = next + span.offset;
        next = first + i32::try_from(span.length).expect("few");
        indices.extend(first..next);
    }
    let base = 2_f64.powf(2_f64.powi(-histogram.schema));
    let bounds: Vec<(f64, f64)> = indices.iter().map(|i| (base.powi(i - 1), base.powi(*i))).collect();
    let found = |value: f64| bounds.iter().position(|(low, high)| *low < value && value <= *high);
    let counts = counts(histogram);
    assert_eq!((counts.len(), histogram.zero_count), (bounds.len(), 1));
    for value in [0.003, 0.012, 0.013, 0.4, 45.0] {
        assert!(found(value).is_some_and(|at| counts[at] > 0), "{value} in {bounds:?}");
    }
}

/// The value of the first label `issuer` in a text, unescaped according to the formats.
fn issuer_in(text: &str) -> String {
    let start = text.find("issuer=\"").expect("there") + "issuer=\"".len();
    let mut value = String::new();
    let mut rest = text[start..].chars();
    loop {
        match rest.next().expect("the value ends") {
            '"' => return value,
            '\n' => panic!("a raw newline ends the sample"),
            '\\' => match rest.next().expect("an escape has two characters") {
                'n' => value.push('\n'),
                other => value.push(other),
            },
            c => value.push(c),
        }
    }
}

/// A scrape whose first TLS issuer is `issuer`.
fn with_issuer(issuer: &str) -> Scrape {
    changed(|snapshot| {
        let state = Arc::make_mut(&mut snapshot.targets[0]);
        let probe = Arc::make_mut(state.last.as_mut().expect("probed"));
        let tls = probe.facts.tls.get_or_insert_with(TlsFacts::default);
        issuer.clone_into(&mut Arc::make_mut(&mut tls.chain)[0].issuer);
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn hostile_labels_come_back_unchanged(issuer in r#"([\\"\n{}=, ]|\PC|.){0,40}"#) {
        for format in [ExpositionFormat::Text, ExpositionFormat::OpenMetrics] {
            let text = text(format, with_issuer(&issuer));
            prop_assert_eq!(&issuer_in(&text), &issuer, "{:?}", format);
            prop_assert_eq!(text.lines().count(), self::text(format, with_issuer("a")).lines().count());
        }
        let info = families(with_issuer(&issuer)).into_iter().find(|family| family.name == "defender_tls_info");
        let labels = &info.expect("there").metric[0].label;
        prop_assert_eq!(&labels.iter().find(|label| label.name == "issuer").expect("there").value, &issuer);
    }
}

#[test]
fn only_infos_and_the_common_cause_say_what_a_server_sent() {
    let text = text(ExpositionFormat::Text, fixture::scrape());
    for line in text.lines().filter(|line| line.contains("프록시")) {
        let may_say = ["defender_tls_info{", "defender_common_cause{"];
        assert!(may_say.iter().any(|metric| line.starts_with(metric)), "{line}");
    }
    assert!(!text.contains("not a label"));
    let infos = Metric::ALL.iter().filter(|metric| metric.spec().kind == Kind::Info).count();
    // Besides build, catalog, endpoints and TLS: versions and HRESULTs (two), which the types restrict to numbers, settings, whose
    // texts aren't kept, and three closed sets.
    assert_eq!(infos, 12);
}

/// Compares metrics' series with the state of the fixture.
#[test]
fn series_follow_the_state() {
    let scrape = fixture::scrape();
    let check = |metric, expected: &[&str]| {
        let shown: Vec<String> = samples(metric, &scrape)
            .into_iter()
            .map(|sample| format!("{} {}", sample.labels.join("|"), sample.value))
            .collect();
        assert_eq!(shown, expected, "{metric:?}");
    };
    let maps = "maps|https://wdcp.microsoft.com/|direct";
    let update = "update|https://fe2.update.microsoft.com:8443/v6/|direct";
    let adl = "adl|https://definitionupdates.microsoft.com/packages?action=info|direct";
    let control = "control|http://www.msftconnecttest.com/connecttest.txt|direct";
    let answers = format!("{control} Whole(1)");
    let one_works = [format!("{maps} Whole(1)"), format!("{update} Whole(0)"), format!("{adl} Whole(0)")];
    let one_works: Vec<_> = one_works.iter().map(String::as_str).collect();
    check(Metric::ProbeSuccess, &[&one_works[..], &[&answers]].concat());
    check(Metric::ControlSuccess, &["direct Whole(1)"]);
    check(Metric::InternetSituation, &["direct|endpoints_failing Whole(1)"]);
    check(
        Metric::ProbeFailureReason,
        &[&format!("{update}|tls|unknown_issuer Whole(1)"), &format!("{adl}|tls|unknown_issuer Whole(1)")],
    );
    check(Metric::CommonCause, &["direct|issuer|O=\"Example\\Inspection\", CN=프록시 \"CA\" Whole(2)"]);
    check(
        Metric::ProbePhaseDuration,
        &[
            &format!("{maps}|resolve Real(0.0015)"),
            &format!("{maps}|connect Real(0.012)"),
            &format!("{maps}|tls Real(0.03025)"),
            &format!("{maps}|request Real(0.02)"),
            &format!("{maps}|transfer Real(0.00025)"),
            &format!("{update}|resolve Real(0.002)"),
            &format!("{update}|connect Real(0.003)"),
            &format!("{update}|tls Real(0.04)"),
            &format!("{adl}|resolve Real(0.002)"),
            &format!("{adl}|connect Real(0.003)"),
            &format!("{adl}|tls Real(0.04)"),
            &format!("{control}|request Real(0.008)"),
        ],
    );
    check(
        Metric::ProbeLastSuccessTimestamp,
        &[&format!("{maps} Real(1795478430.5)"), &format!("{control} Real(1795478430.0)")],
    );
    check(Metric::HttpStatusExpected, &[&format!("{maps} Whole(1)"), &answers]);
    check(Metric::TlsVerified, &one_works);
    check(
        Metric::DnsAddresses,
        &[
            &format!("{maps}|ipv4 Whole(2)"),
            &format!("{maps}|ipv6 Whole(1)"),
            &format!("{update}|ipv4 Whole(1)"),
            &format!("{update}|ipv6 Whole(0)"),
            &format!("{adl}|ipv4 Whole(1)"),
            &format!("{adl}|ipv6 Whole(0)"),
        ],
    );
    let day = |days: u32| 1_795_478_400.0 + f64::from(days) * 86_400.0;
    check(
        Metric::TlsLeafNotAfter,
        &[
            &format!("{maps} Real({:?})", day(300)),
            &format!("{update} Real({:?})", day(10)),
            &format!("{adl} Real({:?})", day(10)),
        ],
    );
    check(
        Metric::TlsChainNotAfter,
        &[&format!("{maps} Real({:?})", day(100))], // the other chain isn't verified
    );
    check(Metric::ComponentAvailable, &["maps|direct Whole(1)", "update|direct Whole(0)"]);
    check(
        Metric::UpdateSourceAvailable,
        &[
            "internal_server|direct Whole(1)",
            "file_share|direct Whole(1)",
            "connected_cache|direct Whole(0)",
            "microsoft_update|direct Whole(0)",
            "adl|direct Whole(1)",
        ],
    );
    check(Metric::SignaturesStaleAfter, &[&format!(" Real({:?})", day(7) + 30.0)]);
    check(
        Metric::SignaturesFeedStale,
        &["direct|backwards Whole(0)", "direct|behind Whole(1)", "direct|old Whole(0)"],
    );
    check(Metric::ProbeInterval, &["maps Real(30.0)", "update Real(60.0)", "crl Real(60.0)"]);
}

#[test]
fn a_range_is_honored_or_ignored_or_not_asked_for() {
    let check = |range: Option<RangeOutcome>, expected: &[&str]| {
        let scrape = changed(|snapshot| {
            let state = Arc::make_mut(&mut snapshot.targets[0]);
            let last = Arc::make_mut(state.last.as_mut().expect("probed"));
            last.facts.http.as_mut().expect("answered").range = range;
        });
        let shown = samples(Metric::HttpRangeHonored, &scrape);
        assert_eq!(shown.iter().map(|sample| &*sample.value).collect::<Vec<_>>(), expected, "{range:?}");
    };
    check(Some(RangeOutcome::Honored), &["Whole(1)"]);
    check(Some(RangeOutcome::Ignored), &["Whole(0)"]);
    check(None, &[]);
}

#[test]
fn an_unexpected_root_of_any_hop_is_a_one() {
    let of = |change: fn(&mut Facts)| {
        let scrape = changed(|snapshot| {
            let state = Arc::make_mut(&mut snapshot.targets[0]);
            change(&mut Arc::make_mut(state.last.as_mut().expect("probed")).facts);
        });
        let shown = samples(Metric::TlsUnexpectedRoot, &scrape);
        shown.into_iter().map(|sample| sample.value).collect::<Vec<_>>()
    };
    assert_eq!(of(|_| ()), ["Whole(0)"]);
    assert_eq!(of(simulation::leads_to_an_unexpected_root), ["Whole(1)"]);
}

//! Any text in a certificate's names as label values: each sample stays one line, and the label is unchanged. The
//! labels bypass `text::clean`, which would remove most of it.

use std::sync::{Arc, LazyLock};

use defender_exporter::config::Config;
use defender_exporter::event::Event;
use defender_exporter::metrics::{
    BuildInfo, ExpositionFormat, MetricScope, ProcessStats, Scrape, WebStatus, encode,
};
use defender_exporter::observation::{CertificateFacts, Facts, Observation, TlsFacts};
use defender_exporter::plan::{Plan, TargetId};
use defender_exporter::state::Snapshot;
use defender_exporter::text::clean;

use super::lab::{endpoint, now, plan};
use super::text::{SECRET, check_shown};

static PLAN: LazyLock<Arc<Plan>> =
    LazyLock::new(|| Arc::new(plan(&Config::default(), &[endpoint("https://secure.example/", Vec::new())])));

pub fn run(bytes: &[u8]) {
    let name = String::from_utf8_lossy(bytes);
    if !name.contains(SECRET) {
        check_shown(&clean(&name));
    }
    for format in [ExpositionFormat::Text, ExpositionFormat::OpenMetrics] {
        let (text, plain) = (scrape(&name, format), scrape("CN=plain", format));
        assert_eq!(text.split('\n').count(), plain.split('\n').count(), "a label makes a line of its own");
        let start = |line: &&str| line.starts_with("defender_tls_info");
        let line = text.split('\n').find(start).expect("no sample of the certificate");
        for label in ["issuer", "root"] {
            assert_eq!(value(line, label).as_deref(), Some(&*name), "{line}");
        }
    }
}

fn scrape(name: &str, format: ExpositionFormat) -> String {
    let subject = name.to_owned();
    let leaf = CertificateFacts { issuer: subject.clone(), subject, not_before: now(), not_after: now() };
    let root = Some(name.to_owned());
    let tls = TlsFacts { verified: true, chain: [leaf].into(), root, ..TlsFacts::default() };
    let facts = Facts { tls: Some(tls), ..Facts::default() };
    let mut snapshot = Snapshot::new(Arc::clone(&PLAN), now());
    let observation = Observation { target: TargetId(0), at: now(), facts, failure: None };
    snapshot.apply(Event::Observed(Box::new(observation)));
    let (snapshot, build) = (Arc::new(snapshot), BuildInfo::current());
    let scrape = Scrape {
        scope: MetricScope::Probe,
        snapshot,
        build,
        process: ProcessStats::default(),
        web: WebStatus::default(),
    };
    String::from_utf8(encode(format, scrape).unwrap()).expect("a scrape is UTF-8")
}

/// A label's value in a line, as a reader of the format unescapes it.
fn value(line: &str, label: &str) -> Option<String> {
    let mut rest = line.split_once('{')?.1;
    loop {
        let (name, after) = rest.split_once("=\"")?;
        let (mut value, mut chars) = (String::new(), after.char_indices());
        let end = loop {
            match chars.next()? {
                (at, '"') => break at,
                (_, '\\') => value.push(match chars.next()?.1 {
                    'n' => '\n',
                    other => other,
                }),
                (_, c) => value.push(c),
            }
        };
        if name == label {
            return Some(value);
        }
        rest = after[end + 1..].trim_start_matches(',');
    }
}

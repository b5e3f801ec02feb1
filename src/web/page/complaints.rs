//! Public complaints (`tests/data/complaints.yaml`): from what the machine has logged, metrics, JSON, page and
//! advice lead to the cause.

use std::sync::Arc;

use serde::Deserialize;

use super::tests::html;
use crate::advice::{self, Code, parse_code};
use crate::host::events::{EventLog, parse};
use crate::host::{HostCollector, HostFacts, WindowsFacts};
use crate::metrics::{ExpositionFormat, Scrape, encode, fixture};
use crate::report::StatusReport;
use crate::report::simulation::{at, healthy};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Complaint {
    thread: String,
    about: String,
    event: Option<LoggedValues>,
    line: Option<String>,
    #[serde(default)]
    source: String,
    cause: String,
    remedy: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LoggedValues {
    id: u16,
    source: Option<String>,
    step: Option<String>,
    code: String,
    path: Option<String>,
}

fn log(of: &LoggedValues) -> EventLog {
    let value = |name: &str, value: &Option<String>| {
        value.as_ref().map(|value| format!("<Data Name='{name}'>{value}</Data>")).unwrap_or_default()
    };
    let values = [
        value("Update Source", &of.source),
        value("Update State", &of.step),
        value("Source Path", &of.path),
        value("Error Code", &Some(of.code.clone())),
    ];
    let xml = format!(
        "<Events><Event><System><EventID>{}</EventID><TimeCreated SystemTime='2026-11-23T00:00:00Z'/>\
         <EventRecordID>1</EventRecordID></System><EventData>{}</EventData></Event></Events>",
        of.id,
        values.concat()
    );
    let mut log = EventLog::default();
    log.recall(&parse(xml.as_bytes()).unwrap());
    log
}

/// All words of the advice about what somebody pastes.
fn advice_on(of: &Complaint, line: &str) -> String {
    match parse_code(line) {
        Ok(Code::Topic(topic)) => topic.text.join(" "),
        Ok(Code::Hresult(code)) => {
            let advice = [advice::for_hresult(code), advice::for_update(code, None)].into_iter().flatten();
            let words = advice.map(|advice| format!("{} {}", advice.title, advice.cause));
            words.collect::<Vec<_>>().join(" ") + advice::update_action(code, None)
        }
        other => panic!("{}: {other:?}", of.thread),
    }
}

fn check_logged(of: &Complaint, event: &LoggedValues) {
    let mut snapshot = healthy(&["direct"]);
    let windows = WindowsFacts { events: Some(log(event)), ..WindowsFacts::default() };
    let facts = HostFacts { windows: Some(windows), ..HostFacts::new(&[HostCollector::EventLog]) };
    snapshot.host = Some(Arc::new(facts));

    let scrape = Scrape { snapshot: Arc::new(snapshot.clone()), ..fixture::scrape() };
    let text = String::from_utf8(encode(ExpositionFormat::Text, scrape).unwrap()).unwrap();
    let start =
        format!("defender_host_last_update_failure_info{{event=\"{}\",source=\"{}\"", event.id, of.source);
    let sample = text.lines().find(|line| line.starts_with(&start));
    let sample = sample.unwrap_or_else(|| panic!("{}: no {start}", of.thread));
    assert!(sample.contains(&of.cause) && sample.contains(&of.remedy), "{}: {sample}", of.thread);

    let json = StatusReport::new(&snapshot, at(200), "1").to_json().unwrap();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let failure = &json["host"]["windows"]["update_failures"][0];
    assert!(failure["title"].as_str().unwrap().contains(&of.cause), "{}: {failure}", of.thread);
    assert!(!failure["remedies"].as_array().unwrap().is_empty(), "{}: {failure}", of.thread);

    let page = html(&snapshot, "");
    for words in [&of.cause, &of.remedy] {
        assert!(page.contains(words.as_str()), "{}: no {words:?} on the page", of.thread);
    }
}

#[test]
fn every_complaint_leads_to_its_cause() {
    let complaints: Vec<Complaint> =
        serde_saphyr::from_str(include_str!("../../../tests/data/complaints.yaml")).unwrap();
    assert!(complaints.len() >= 15);
    for of in &complaints {
        let pasted = match (&of.event, &of.line) {
            (Some(event), None) => {
                check_logged(of, event);
                &event.code
            }
            (None, Some(line)) => line,
            _ => panic!("{}: an event or a line", of.thread),
        };
        let (advice, Complaint { thread, about, cause, .. }) = (advice_on(of, pasted), of);
        assert!(advice.contains(cause), "{thread} ({about}): no {cause:?} in {advice}");
        assert!(
            of.event.is_some() || advice.contains(&of.remedy),
            "{thread}: no {:?} in {advice}",
            of.remedy
        );
    }
}

//! `/api/v1/evidence?target=URL[&component=NAME][&route=NAME][&names=keep]`: what the last failed probe of an endpoint rests on, as a
//! record that `judge` and `report` read.

use std::sync::Arc;

use axum::extract::{RawQuery, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use url::form_urlencoded;

use super::app::AppState;
use super::response::{in_background, write_error};
use crate::engine::on_demand::{OnDemand, ProbeRequest, find};
use crate::event::Event;
use crate::observation::Observation;
use crate::plan::TargetId;
use crate::record::{Record, Recorder, Round};
use crate::state::Snapshot;
use crate::text::clean;
use crate::tls::Roots;

/// The path.
pub(super) const PATH: &str = "/api/v1/evidence";

/// What is requested.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct EvidenceRequest {
    probe: ProbeRequest,
    keeps_names: bool,
}

/// Serves the record. Errors are text for the user.
pub(super) async fn evidence(State(app): State<Arc<AppState>>, RawQuery(query): RawQuery) -> Response {
    let (snapshot, roots) = (app.newest(), app.on_demand.as_ref().map(OnDemand::roots));
    let bad = |words: String| (StatusCode::BAD_REQUEST, format!("{words}\n")).into_response();
    let request = match evidence_request(query.as_deref().unwrap_or_default()) {
        Ok(request) => request,
        Err(problem) => return bad(problem),
    };
    let id = match find(&snapshot.plan, &request.probe) {
        Ok(id) => id,
        Err(refusal) => return bad(refusal.to_string()),
    };
    let Some(record) = roots.and_then(|roots| record(&snapshot, id, roots)) else {
        return (StatusCode::NOT_FOUND, "no failed probe since the start\n").into_response();
    };
    in_background("the evidence", move || {
        let headers = [
            (header::CONTENT_TYPE, "application/gzip"),
            (header::CONTENT_DISPOSITION, "attachment; filename=\"evidence.gz\""),
            (header::CACHE_CONTROL, "no-store"),
        ];
        let record = if request.keeps_names { record } else { record.redacted() };
        match record.to_bytes() {
            Ok(bytes) => (headers, bytes).into_response(),
            Err(error) => write_error("the evidence", &error),
        }
    })
    .await
}

/// The record of a target's last failed probe. `None` if there was none.
fn record(snapshot: &Snapshot, id: TargetId, roots: Arc<Roots>) -> Option<Record> {
    let failed = snapshot.targets[id.0].last_failure.as_deref()?;
    let plan = Arc::new(snapshot.plan.for_target(id, snapshot.plan.target(id).timeout));
    let mut recorder = Recorder::new(Round { plan, roots, checks_revocation: false, selected: true });
    recorder.add(&Event::Observed(Box::new(Observation { target: TargetId(0), ..failed.clone() })));
    Some(recorder.finish(failed.at, failed.at))
}

fn evidence_request(query: &str) -> Result<EvidenceRequest, String> {
    let (mut target, mut names, mut probe) = (None, None, ProbeRequest::default());
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let place = match &*name {
            "target" => &mut target,
            "component" => &mut probe.component,
            "route" => &mut probe.route,
            "names" => &mut names,
            other => {
                let other = clean(other);
                return Err(format!(
                    "unknown parameter {other:?}; accepted are target, component, route and names"
                ));
            }
        };
        if place.replace(value.into_owned()).is_some() {
            return Err(format!("{name} is given twice"));
        }
    }
    let keeps_names = match names.as_deref() {
        None => false,
        Some("keep") => true,
        Some(other) => return Err(format!("names: {:?} isn't keep", clean(other))),
    };
    probe.target = target.ok_or("target is missing: /api/v1/evidence?target=https://wdcp.microsoft.com/")?;
    Ok(EvidenceRequest { probe, keeps_names })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries() {
        let of =
            evidence_request("target=https%3A%2F%2Fa.example%2F&names=keep&route=direct").expect("valid");
        assert_eq!((of.probe.target.as_str(), of.keeps_names), ("https://a.example/", true));
        let check = |query: &str, words: &str| {
            let said = evidence_request(query).expect_err("invalid");
            assert!(said.contains(words), "{said}");
        };
        check("", "target is missing");
        check("target=a&target=b", "target is given twice");
        check("target=a&names=all", "names: \"all\" isn't keep");
        check("target=a&who=b", "unknown parameter \"who\"");
    }
}

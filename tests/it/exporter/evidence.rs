//! The evidence of an endpoint's last failure: on the page, and as a record, until the next failure.

use defender_exporter::plan::TargetId;
use defender_exporter::record::Record;

use super::{Exporter, internet, samples};
use crate::lab::reply::Response;

const URL: &str = "https://wdcp.microsoft.com/";

/// Status and bytes of what the exporter has of the last failure.
async fn evidence(exporter: &Exporter, query: &str) -> (u16, Vec<u8>) {
    let url = format!("{}api/v1/evidence?{query}", exporter.page());
    let answer = crate::lab::client().get(url).send().await.unwrap();
    (answer.status().as_u16(), answer.bytes().await.unwrap().to_vec())
}

/// Whether the endpoint succeeds, by its metrics.
fn succeeds(metrics: &str, success: bool) -> bool {
    let all = samples(metrics, "defender_probe_success");
    let own = all.iter().find(|(labels, _)| labels.contains(&format!("endpoint=\"{URL}\"")));
    own.is_some_and(|(_, value)| (*value > 0.5) == success)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_evidence_of_a_failure_survives_the_recovery() {
    let (lab, config, _) = internet("interval: 2s\ntimeout: 1s").await;
    let exporter = Exporter::start(&config);
    exporter.until("success", |metrics| succeeds(metrics, true)).await;
    let query = format!("target={URL}");
    assert_eq!(evidence(&exporter, &query).await.0, 404);
    let page = "<script>alert(1)</script> Web Filter Violation, jdoe";
    lab.tls.break_host("wdcp.microsoft.com", Response::new(200).body(page));
    exporter.until("a failure", |metrics| succeeds(metrics, false)).await;
    lab.tls.heal_host("wdcp.microsoft.com");
    exporter.until("the recovery", |metrics| succeeds(metrics, true)).await;

    for (more, has_user) in [("", false), ("&names=keep", true)] {
        let (status, bytes) = evidence(&exporter, &format!("{query}{more}")).await;
        assert_eq!(status, 200);
        let record = Record::from_bytes(&bytes).unwrap();
        let judged = record.judge();
        let failure = judged.targets[0].last.as_ref().unwrap().failure.clone().unwrap();
        assert_eq!(failure.reason.as_str(), "block_page", "{failure:?}");
        assert_eq!(record.received(TargetId(0)).contains("jdoe"), has_user);
    }
    let (_, page) = exporter.get("/").await;
    assert!(
        page.contains("&lt;script&gt;alert(1)&lt;/script&gt;") && !page.contains("<script>alert"),
        "{page}"
    );
    assert!(page.contains("api/v1/evidence?target=https%3A%2F%2Fwdcp.microsoft.com%2F"), "{page}");
    assert_eq!(evidence(&exporter, "target=https://elsewhere.example/").await.0, 400);
}

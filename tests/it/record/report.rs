//! `report`: one HTML file for the firewall or proxy team, in which nothing from the network is markup.

use crate::exporter::{internet, run};
use crate::lab::reply::Response;

/// Whatever would make a browser load something, or run it.
const LOADS: [&str; 7] = ["<script", "<link", "<img", "<iframe", " src=", "@import", "url("];

/// What a command that succeeds prints.
fn printed(args: &[&str]) -> String {
    let output = run(args);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_names_the_rule_and_loads_nothing() {
    let (lab, config, _) = internet("").await;
    let page = "<script src=//evil.example/x.js></script><title>Web Filter Violation</title><img src=x>";
    lab.tls.break_host("wdcp.microsoft.com", Response::new(200).header("Server", "<b>filter</b>").body(page));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("round.gz");
    let args = ["check", "--config.file", config.to_str().unwrap(), "--component", "maps", "--keep-names"];
    run(&[&args[..], &["--record", file.to_str().unwrap()]].concat());
    drop(lab);

    let html = printed(&["report", file.to_str().unwrap()]);
    assert!(html.starts_with("<!DOCTYPE html>"), "{html}");
    let document = "https://learn.microsoft.com/defender-endpoint/configure-network-connections-microsoft-defender-antivirus";
    let rule = "*.wdcp.microsoft.com tcp 80, 443\nwdcp.microsoft.com tcp 80, 443\n";
    let ports = html.contains(rule) || html.contains(&rule.replace("80, ", ""));
    assert!(ports, "{html}");
    for said in ["block_page", document, "&lt;script src=//evil.example", "&lt;b&gt;filter"] {
        assert!(html.contains(said), "{said}: {html}");
    }
    for loads in LOADS {
        assert!(
            !html.replace("&lt;script src=", "").replace("&lt;img src=", "").contains(loads),
            "{loads}: {html}"
        );
    }
    let markdown = printed(&["report", file.to_str().unwrap(), "--format", "markdown"]);
    assert!(markdown.starts_with("# Microsoft Defender: network check"), "{markdown}");
}

#[test]
fn what_is_no_record_is_not_reported() {
    let output = run(&["report", "missing.gz"]);
    assert_eq!(output.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&output.stderr).contains("missing.gz: can't be read: no such file"));
}

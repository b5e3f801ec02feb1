//! The page at `/`: hand-written HTML with nothing to load, for people who open the exporter in a browser.

use std::fmt::{self, Write as _};

use crate::advice;
use crate::plan::Target;
use crate::state::{ComponentState, Snapshot, TargetState};
use crate::verdict::Verdict;

/// Text as HTML text or a quoted attribute.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write;
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                other => f.write_char(other)?,
            }
        }
        Ok(())
    }
}

/// The page at `/`: the verdicts, and what is wrong with which endpoint. Reloaded by hand.
pub(super) fn landing(version: &str, telemetry_path: &str, snapshot: &Snapshot) -> String {
    let (version, metrics) = (Escaped(version), Escaped(telemetry_path));
    let (verdicts, disagreements, endpoints) =
        (verdicts(snapshot), disagreements(snapshot), endpoints(snapshot));
    format!(
        r#"<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>defender-exporter</title>
</head>
<body>
<h1>defender-exporter</h1>
<p>Tells whether this network lets Microsoft Defender Antivirus work. Version {version}.</p>
<ul>
<li><a href="{metrics}">Metrics</a>, for Prometheus</li>
<li><a href="/-/healthy">Health</a>: whether the exporter runs</li>
<li><a href="/-/ready">Readiness</a>: whether every endpoint was probed once</li>
</ul>
<h2>Verdicts</h2>
<ul>
{verdicts}</ul>
{disagreements}<h2>Endpoints</h2>
<table>
<thead><tr><th scope="col">Component</th><th scope="col">Route</th><th scope="col">State</th><th scope="col">Status</th>
<th scope="col">Endpoint</th><th scope="col">Why</th></tr></thead>
<tbody>
{endpoints}</tbody>
</table>
</body>
</html>
"#
    )
}

/// MAPS in a sentence for each route, then each component.
fn verdicts(snapshot: &Snapshot) -> String {
    let mut html = String::new();
    for route in &snapshot.plan.routes {
        let Some(story) = advice::maps_story(snapshot, &route.name) else { continue };
        let _ = writeln!(html, "<li>MAPS by {}: {}</li>", Escaped(&route.name), Escaped(&story)); // a String never fails
    }
    for ComponentState { component, route, verdict } in &snapshot.components {
        let verdict = verdict.map_or("unknown", Verdict::as_str);
        let _ = writeln!(html, "<li>{component} by {}: {verdict}</li>", Escaped(route));
    }
    html
}

/// Where one route leads and another doesn't; nothing where they all agree.
fn disagreements(snapshot: &Snapshot) -> String {
    let different = advice::disagreements(snapshot);
    if different.is_empty() {
        return String::new();
    }
    let items = different.iter().fold(String::new(), |items, (url, ends)| {
        format!("{items}<li>{}: {}</li>\n", Escaped(url), Escaped(ends))
    });
    format!("<h2>Routes disagree</h2>\n<ul>\n{items}</ul>\n")
}

/// The route's name, and the proxy that was gone by.
fn way(target: &Target, state: &TargetState) -> String {
    let proxy = state.last.as_ref().and_then(|last| last.facts.proxy.as_deref());
    proxy.map_or_else(|| target.route.name.clone(), |proxy| format!("{} ({proxy})", target.route.name))
}

fn endpoints(snapshot: &Snapshot) -> String {
    let mut html = String::new();
    for (_, target, state) in snapshot.iter() {
        let http = state.last.as_ref().and_then(|last| last.facts.http.as_ref());
        let cells = [
            target.endpoint.component.as_str(),
            &way(target, state),
            state.verdict(target).map_or("unknown", Verdict::as_str),
            &http.map_or_else(|| "-".to_owned(), |http| http.status.to_string()),
            target.endpoint.url.as_str(),
            &advice::why(target, state),
        ];
        let cells: String =
            cells.iter().fold(String::new(), |row, cell| format!("{row}<td>{}</td>", Escaped(cell)));
        let _ = writeln!(html, "<tr>{cells}</tr>"); // a String never fails
    }
    html
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::fixture;

    /// The first cause of Microsoft's document, and a failure's words, stand on the page; texts from the network as text.
    #[test]
    fn the_page_says_what_is_wrong() {
        let mut snapshot = fixture::snapshot();
        snapshot.maps[3].connection = snapshot.maps[1].connection;
        snapshot.maps[3].nearest = Some(crate::plan::TargetId(0));
        let failing = std::sync::Arc::make_mut(&mut snapshot.targets[1]);
        let last = std::sync::Arc::make_mut(failing.last.as_mut().expect("it was probed"));
        last.failure.as_mut().expect("it failed").detail = "<script>alert(1)</script>".to_owned();
        let page = landing("1", "/metrics", &snapshot);
        for words in ["http://crl.example/blocked.crl", "0x80072F8F", "unknown_issuer: &lt;script&gt;"] {
            assert!(page.contains(words), "{words}: {page}");
        }
        assert!(!page.contains("<script>"), "{page}");
    }

    #[test]
    fn values_are_escaped() {
        let page = landing("1 <b>&", "/m\"'><script>", &fixture::snapshot());
        assert!(page.contains("Version 1 &lt;b&gt;&amp;."), "{page}");
        assert!(page.contains("href=\"/m&quot;&#39;&gt;&lt;script&gt;\""), "{page}");
    }
}

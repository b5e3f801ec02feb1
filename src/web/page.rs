//! The landing page: hand-written HTML with nothing to load, for people who open the exporter in a browser.

use std::fmt;

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

/// The page at `/`.
pub(super) fn landing(version: &str, telemetry_path: &str) -> String {
    let (version, metrics) = (Escaped(version), Escaped(telemetry_path));
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
</body>
</html>
"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_escaped() {
        let page = landing("1 <b>&", "/m\"'><script>");
        assert!(page.contains("Version 1 &lt;b&gt;&amp;."), "{page}");
        assert!(page.contains("href=\"/m&quot;&#39;&gt;&lt;script&gt;\""), "{page}");
    }
}

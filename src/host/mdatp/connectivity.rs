//! What `mdatp connectivity test` prints: lines such as `Testing connection with https://… ... [OK]` (Microsoft's page
//! "Troubleshoot cloud connectivity issues for Microsoft Defender for Endpoint on Linux"). Pure.

use crate::catalog::ProbeUrl;
use crate::text::clean;

/// The most connections that are kept.
const MAX_TESTS: usize = 100;

/// What the product found of one connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectivityTest {
    /// Where to.
    pub url: ProbeUrl,
    /// None: it works. Otherwise what is printed instead of `[OK]`, cleaned and cut.
    pub failure: Option<String>,
}

/// Every connection that the output has a result of; other lines don't matter.
#[must_use]
pub fn parse(output: &[u8]) -> Vec<ConnectivityTest> {
    let text = String::from_utf8_lossy(output);
    text.lines().filter_map(test).take(MAX_TESTS).collect()
}

fn test(line: &str) -> Option<ConnectivityTest> {
    let (_, rest) = line.split_once("Testing connection with ")?;
    let (url, result) = rest.split_once("...")?;
    let url = ProbeUrl::parse(url.trim()).ok()?;
    let result = result.trim().trim_start_matches(['.', ' ']);
    if !result.starts_with('[') {
        return None; // the test was ended in the middle of it
    }
    let works = result.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("[ok]"));
    Some(ConnectivityTest { url, failure: (!works).then(|| clean(result)) })
}

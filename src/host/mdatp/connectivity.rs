//! Parses `mdatp connectivity test`: lines such as `Testing connection with https://… ... [OK]` (Microsoft's page
//! "Troubleshoot cloud connectivity issues for Microsoft Defender for Endpoint on Linux"). Pure.

use crate::catalog::ProbeUrl;
use crate::text::clean;

/// The maximum number of connections.
const MAX_TESTS: usize = 100;

/// The result of one connection test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectivityTest {
    /// The URL that was tested.
    pub url: ProbeUrl,
    /// The text printed instead of `[OK]`, cleaned and truncated. `None` if the connection works.
    pub failure: Option<String>,
}

/// Every test with a result; other lines are ignored.
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
        return None; // the test was interrupted
    }
    let works = result.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("[ok]"));
    Some(ConnectivityTest { url, failure: (!works).then(|| clean(result)) })
}

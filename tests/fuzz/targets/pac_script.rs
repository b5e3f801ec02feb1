//! Any bytes as a PAC script, decoded and evaluated for a URL within its limits of time and memory.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use defender_exporter::catalog::ProbeUrl;
use defender_exporter::config::ResolverConfig;
use defender_exporter::net::proxy::pac::{PacContent, PacLimits, Script, ScriptMachine};
use defender_exporter::net::resolver::Resolver;
use tokio::runtime::Runtime;

use super::lab::{now, runtime};

static RUNTIME: LazyLock<Runtime> = LazyLock::new(runtime);

const LIMITS: PacLimits = PacLimits { time: Duration::from_millis(50), memory: 4 << 20 };

/// For two evaluations, on a busy machine too.
const TEST_TIMEOUT: Duration = Duration::from_secs(5);

pub fn run(bytes: &[u8]) {
    let begin = Instant::now();
    let Ok(text) = (PacContent { bytes, ..PacContent::default() }).text() else { return };
    RUNTIME.block_on(ask(&text));
    assert!(begin.elapsed() < TEST_TIMEOUT, "it runs past its time");
}

/// No name resolves: nothing listens at the DNS server's port.
async fn ask(text: &str) {
    let Ok(script) = Script::parse(text, LIMITS).await else { return };
    let resolver = ResolverConfig { servers: vec![([127, 0, 0, 1], 1).into()], ..ResolverConfig::default() };
    let names = Resolver::new(&resolver, &BTreeMap::new());
    let machine = ScriptMachine::new(now(), Some(60), vec![[10, 0, 0, 7].into()]);
    let url = ProbeUrl::parse("https://wdcp.microsoft.com/path").unwrap();
    let deadline = tokio::time::Instant::now() + TEST_TIMEOUT / 2;
    match script.find(&url, machine, &names, LIMITS, deadline).await.answer {
        Ok(answer) => assert!(!answer.directives.is_empty()),
        Err(error) => assert!(error.to_string().chars().count() < 600, "{error}"),
    }
}

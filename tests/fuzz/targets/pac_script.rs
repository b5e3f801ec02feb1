//! Any text as a PAC script that is asked for the way to a URL: within its time and memory.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use defender_exporter::catalog::ProbeUrl;
use defender_exporter::config::ResolverConfig;
use defender_exporter::names::Destinations;
use defender_exporter::pac::{Limits, Machine, Script};
use tokio::runtime::Runtime;

use super::lab::{now, runtime};

static RUNTIME: LazyLock<Runtime> = LazyLock::new(runtime);

const LIMITS: Limits = Limits { time: Duration::from_millis(50), memory: 4 << 20 };

/// For two evaluations, on a busy machine too.
const PATIENCE: Duration = Duration::from_secs(5);

pub fn run(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let begin = Instant::now();
    RUNTIME.block_on(ask(text));
    assert!(begin.elapsed() < PATIENCE, "it runs past its time");
}

/// No name has an address: DNS is asked on a port that nobody listens on.
async fn ask(text: &str) {
    let Ok(script) = Script::parse(text, LIMITS).await else { return };
    let resolver = ResolverConfig { servers: vec![([127, 0, 0, 1], 1).into()], ..ResolverConfig::default() };
    let names = Destinations::new(&resolver, &BTreeMap::new(), LIMITS.time);
    let now = now();
    let machine = Machine { now, utc_offset: Some(60), addresses: vec![[10, 0, 0, 7].into()] };
    let url = ProbeUrl::parse("https://wdcp.microsoft.com/path").unwrap();
    match script.find(&url, machine, &names, LIMITS).await {
        Ok(answer) => assert!(!answer.choices.is_empty()),
        Err(error) => assert!(error.to_string().chars().count() < 600, "{error}"),
    }
}

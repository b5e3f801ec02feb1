//! Malicious PAC scripts: each evaluation ends at its deadline with its reason, memory stays flat, and later
//! evaluations are unaffected.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use defender_exporter::catalog::ProbeUrl;
use defender_exporter::config::{Config, ResolverConfig};
use defender_exporter::net::proxy::pac::{
    PacAnswer, PacError, PacLimits, PacReason, RunLimiter, Script, ScriptMachine,
};
use defender_exporter::net::resolver::Resolver;
use tokio::net::UdpSocket;
use tokio::sync::Mutex;

use crate::load::{Disturbance, TEST_TIMEOUT};

use PacReason::{BadAnswer, Busy, OutOfMemory, Threw, Timeout};

/// What the time limit of these tests is, and what a busy machine may add to it.
const TIME: Duration = Duration::from_millis(300);
const SLACK: Duration = Duration::from_secs(2);

/// Threads for scripts are the process's, so these tests take turns.
static TURN: Mutex<()> = Mutex::const_new(());

/// Bodies of `FindProxyForURL`, and how each may end.
const HOSTILE: &[(&str, &[PacReason])] = &[
    ("while (true);", &[Timeout]),
    ("while (true) alert('x'.repeat(1000))", &[Timeout]),
    ("while (true) try { while (true); } catch (e) {} finally { continue }", &[Timeout]),
    ("while (true) try { throw 1 } catch (e) {}", &[Timeout]),
    ("function f() { f() } f()", &[Threw]),
    ("function f() { try { f() } finally { f() } } f()", &[Timeout]),
    ("return 'a'.repeat(2 ** 30)", &[Threw]),
    ("return 'a'.repeat(2 ** 29)", &[OutOfMemory]),
    ("let s = 'x'; while (true) s += s + 'y'", &[Threw, OutOfMemory]),
    ("const a = []; while (true) a.push(new Array(1000).fill(1))", &[OutOfMemory]),
    ("const a = []; while (true) try { a.push({ a, f: () => a }) } catch (e) {}", &[Timeout, OutOfMemory]),
    ("const m = new Map(); for (let i = 0; ; i++) m.set(i, [m])", &[OutOfMemory]),
    ("const a = []; while (true) a.push(new Uint8Array(1e6))", &[OutOfMemory]),
    ("const a = []; a.length = 2 ** 32 - 1; a.indexOf(1)", &[Timeout]),
    ("return /^(a+)+$/.test('a'.repeat(64) + 'b')", &[Timeout]),
    ("return shExpMatch('a'.repeat(4000), '*a'.repeat(1000) + 'b')", &[Timeout]),
    ("new RegExp('('.repeat(1e6))", &[Threw]),
    ("JSON.parse('['.repeat(1e6))", &[Threw]),
    ("eval('['.repeat(1e5))", &[Threw]),
    ("[3, 1, 2].sort(() => { while (true); })", &[Timeout]),
    ("throw { toString() { while (true); } }", &[Timeout]),
    ("throw { get [Symbol.toPrimitive]() { while (true); } }", &[Timeout]),
    ("class E extends Error { get message() { while (true); } } throw new E()", &[Timeout]),
    ("Error.prepareStackTrace = () => { while (true); }; null.x", &[Timeout]),
    ("return { toString() { while (true); } }", &[BadAnswer]),
    ("return 'PROXY a:1;'.repeat(1e6).replace(/a:1/g, '/')", &[BadAnswer, OutOfMemory]),
    ("return new Proxy({}, { get() { while (true); } })", &[BadAnswer]),
    ("return (async () => { while (true) await 1 })()", &[BadAnswer]),
    ("for (let i = 0; ; i++) try { dnsResolve(i + '.example') } catch (e) {}", &[Timeout]),
    ("dnsResolve({ toString() { while (true); } })", &[Timeout]),
    (
        "String.prototype.substring = () => 'x'.repeat(1e6); while (true) sortIpAddressList('1.2.3.4')",
        &[Timeout],
    ),
];

/// Takes names in and never answers.
async fn silence() -> (UdpSocket, Resolver) {
    let server = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let resolver =
        ResolverConfig { servers: vec![server.local_addr().unwrap()], ..ResolverConfig::default() };
    let config = Config { resolver, ..Config::default() };
    (server, Resolver::new(&config.resolver, &config.connect_to))
}

/// Asks a script, and holds that it is over in time.
async fn ask(script: &Script, names: &Resolver, limits: PacLimits) -> Result<PacAnswer, PacError> {
    let url = ProbeUrl::parse("http://a.example/").unwrap();
    let machine = ScriptMachine::new(SystemTime::UNIX_EPOCH, None, Vec::new());
    let (start, disturbance) = (Instant::now(), Disturbance::of_process(std::process::id()));
    // as long for DNS as for the script
    let deadline = limits.time * 2;
    let found = script.find(&url, machine, names, limits, tokio::time::Instant::now() + deadline).await;
    let (took, limit) = (start.elapsed(), deadline + SLACK + disturbance.so_far());
    assert!(took < limit, "{took:?} for {script:?}, {disturbance}");
    found.answer
}

/// The reason. On a busy machine an endless script may have no CPU to use up its limit: then the machine is blamed.
fn reason(error: &PacError) -> PacReason {
    let is_starved = error.reason() == PacReason::Internal && error.to_string().contains("for a CPU");
    if is_starved { Timeout } else { error.reason() }
}

/// A script that is the only one of its source.
async fn script(body: &str) -> Script {
    limited_script(body, &Arc::default()).await
}

async fn limited_script(body: &str, source: &Arc<RunLimiter>) -> Script {
    let text = format!("function FindProxyForURL(url, host) {{ {body} }}");
    let start = Instant::now();
    loop {
        match Script::parse_limited(&text, PacLimits::default(), source).await {
            // What can't be stopped takes longer on a busy machine.
            Err(error) if error.reason() == Busy && start.elapsed() < TEST_TIMEOUT => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            parsed => return parsed.unwrap(),
        }
    }
}

#[tokio::test]
async fn hostile_scripts_end_in_time_each_with_its_reason() {
    let _turn = TURN.lock().await;
    let (_server, names) = silence().await;
    for (body, expected) in HOSTILE {
        // who runs out of something else must not run out of time first
        let time = if expected.contains(&Timeout) { TIME } else { Duration::from_secs(30) };
        let limits = PacLimits { time, ..PacLimits::default() };
        let found = ask(&script(body).await, &names, limits).await.unwrap_err();
        assert!(expected.contains(&reason(&found)), "{body}: {found}");
    }
}

#[tokio::test]
async fn a_hostile_top_level_is_found_when_the_script_is_read() {
    let _turn = TURN.lock().await;
    let timeout = Duration::from_secs(30);
    let cases =
        [("while (true);", TIME, Timeout), ("const a = []; while (true) a.push([a])", timeout, OutOfMemory)];
    for (text, time, expected) in cases {
        let limits = PacLimits { time, ..PacLimits::default() };
        let (start, disturbance) = (Instant::now(), Disturbance::of_process(std::process::id()));
        let found = Script::parse(text, limits).await.unwrap_err();
        assert_eq!(reason(&found), expected, "{text}: {found}");
        let (took, limit) = (start.elapsed(), time + SLACK + disturbance.so_far());
        assert!(took < limit, "{took:?} for {text}, {disturbance}");
    }
}

/// Names that differ in each run end at their limit, and a name that isn't answered ends no run.
#[tokio::test]
async fn names_without_end_are_too_many() {
    let _turn = TURN.lock().await;
    let (_server, names) = silence().await;
    for name in ["Math.random()", "i++"] {
        let body = format!("for (var i = 0; i < 99;) dnsResolve({name} + '.example'); return 'DIRECT'");
        let script = script(&body).await;
        let limits = PacLimits { time: Duration::from_secs(5), ..PacLimits::default() };
        let mut found = ask(&script, &names, limits).await.unwrap_err();
        if reason(&found) == Timeout {
            // A busy machine gets more time.
            let limits = PacLimits { time: limits.time * 5, ..limits };
            found = ask(&script, &names, limits).await.unwrap_err();
        }
        assert!(found.to_string().ends_with("the script resolves too many names"), "{body}: {found}");
    }
}

#[tokio::test]
async fn nothing_is_left_for_the_next_evaluation() {
    let _turn = TURN.lock().await;
    let (_server, names) = silence().await;
    let text = "var seen = 0;
        function FindProxyForURL(url, host) {
          if (seen++ || isPlainHostName('a.b') || [].mine) return 'PROXY spoilt:1';
          isPlainHostName = () => true; Array.prototype.mine = 1; FindProxyForURL = null;
          Object.prototype.toString = null; globalThis.dnsResolve = null;
          return 'DIRECT';
        }";
    let script = Script::parse(text, PacLimits::default()).await.unwrap();
    for _ in 0..3 {
        assert_eq!(
            ask(&script, &names, PacLimits::default()).await.unwrap(),
            PacAnswer::parse("DIRECT").unwrap()
        );
    }
}

/// Quadratic work inside one built-in function, which can't be interrupted, and takes seconds. After two such scripts
/// of a source, no script of that source is run until they are over. Another source's is.
#[tokio::test]
async fn a_script_that_cannot_be_stopped_keeps_up_its_source_only() {
    let _turn = TURN.lock().await;
    let (_server, names) = silence().await;
    let limits = PacLimits { time: Duration::from_millis(100), ..PacLimits::default() };
    let source = Arc::new(RunLimiter::default());
    let fine = limited_script("return 'DIRECT'", &source).await;
    for body in
        ["const h = 'a'.repeat(25000); return (h + h).indexOf(h + 'b')", "return String(3n ** 600000n)"]
    {
        let stuck = limited_script(body, &source).await;
        assert_eq!(reason(&ask(&stuck, &names, limits).await.unwrap_err()), Timeout);
    }
    assert_eq!(ask(&fine, &names, limits).await.unwrap_err().reason(), Busy);
    ask(&script("return 'DIRECT'").await, &names, PacLimits::default()).await.unwrap();
    let start = Instant::now();
    while ask(&fine, &names, PacLimits::default()).await.is_err_and(|error| error.reason() == Busy) {
        assert!(start.elapsed() < Duration::from_secs(120));
    }
    ask(&fine, &names, PacLimits::default()).await.unwrap();
}

/// Whoever stops waiting stops the script too.
#[tokio::test]
async fn a_script_that_nobody_waits_for_ends() {
    let _turn = TURN.lock().await;
    let (_server, names) = silence().await;
    let limits = PacLimits { time: Duration::from_secs(600), ..PacLimits::default() };
    for body in ["while (true);", "isResolvable('silent.example'); while (true);"] {
        let script = script(body).await;
        for _ in 0..8 {
            let asked = ask(&script, &names, limits);
            tokio::time::timeout(Duration::from_millis(20), asked).await.unwrap_err();
        }
    }
    ask(&script("return 'DIRECT'").await, &names, PacLimits::default()).await.unwrap();
}

/// Resident memory of this process, in MiB: now, and at its highest.
#[cfg(target_os = "linux")]
fn resident() -> (u64, u64) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let of = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
    };
    (of("VmRSS:"), of("VmHWM:"))
}

/// Runs itself again in a process where no other test's memory counts.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn hostile_scripts_leave_memory_flat() {
    const MARK: &str = "PAC_MEMORY_TEST_ALONE";
    if std::env::var_os(MARK).is_none() {
        let _turn = TURN.lock().await;
        let this = std::env::current_exe().unwrap();
        let test = "pac_hostile::hostile_scripts_leave_memory_flat";
        let mut alone = std::process::Command::new(this);
        let output = alone.args(["--exact", test]).env(MARK, "1").output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        return;
    }
    let (_server, names) = silence().await;
    let limits = PacLimits { time: Duration::from_millis(50), ..PacLimits::default() };
    let mut resident_after = Vec::new();
    for _ in 0..5 {
        for (body, _) in HOSTILE {
            let _ended = ask(&script(body).await, &names, limits).await;
        }
        resident_after.push(resident().0);
    }
    // the C library keeps up to a script's memory for each of the threads that there were at once
    let (early, late, highest) = (resident_after[2], resident_after[4], resident().1);
    assert!(late <= early + 20, "MiB resident after each round: {resident_after:?}");
    assert!(highest < 128, "at most {highest} MiB resident");
}

//! Every failure reason over every endpoint of the catalog that has the scheme: judged from the record as it was online. The
//! records of one endpoint of each kind are in the corpus.

use std::collections::BTreeSet;
use std::sync::Arc;

use defender_exporter::catalog::{Endpoint, ProbeUrl, embedded};
use defender_exporter::config::{
    ConnectTo, Credentials, NoProxy, PacConfig, PacSource, Proxies, Proxy as ProxyConfig, RouteProxy, Secret,
};
use defender_exporter::observation::{FailureReason as R, Phase as S};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::scenes::{Names, is_kind, keep, kind_of};
use super::updates;
use super::world::{DEADLINE, World, is_of, resetting};
use crate::exporter::proxies::names;
use crate::lab::pki::crl::Crl;
use crate::lab::pki::{Authority, Issuer, Signature};
use crate::lab::proxy::Proxy;
use crate::lab::reply::{End, Reply, Response};
use crate::lab::revocation::crl_response;
use crate::lab::{Lab, faults, named};
use crate::probe_failures::cases::{self, Case, Order, Wrong};
use crate::routes::{at, cases as proxy_cases};
use crate::scenario::Scenario;

/// Cases that only the marks of block pages in `scenario.rs` find.
const MARKS_OF_THE_LAB: [&str; 2] = ["a filter's header", "a portal's page"];

/// How many scenes are under way at once.
const AT_ONCE: usize = 4;

/// How often a scene is recorded anew if a busy machine took its time.
const ATTEMPTS: usize = 5;

/// The faults of `probe_failures`, and those that the catalog's own evidence finds.
async fn all() -> Vec<Case> {
    let of_catalog = |case: &Case| case.evidence.is_none() && !MARKS_OF_THE_LAB.contains(&case.name.as_str());
    let mut all: Vec<_> = cases::all().await.into_iter().filter(of_catalog).collect();
    for scheme in ["https", "http"] {
        let origin = |name: &str, response: Response, expected| {
            Case::new(name, scheme, Wrong::Origin(response.into()), expected)
        };
        all.push(origin("another status", Response::new(500), (S::Request, R::Status)));
        all.push(origin("a bare 200", Response::new(200), (S::Transfer, R::WrongContent)));
        let page = || Response::new(200).body("<html><body>Welcome</body></html>");
        all.push(origin("a welcome page", page(), (S::Transfer, R::WrongContent)));
        for mark in &embedded().block_pages {
            let mut response = Response::new(403);
            let contained = mark.header_contains.as_deref().unwrap_or("yes");
            if let Some(header) = &mark.header {
                response = response.header(header, contained);
            }
            if let Some(body) = &mark.body_contains {
                response = response.body(format!("<html><body>{body}</body></html>"));
            }
            let phase = if mark.header.is_some() { S::Request } else { S::Transfer };
            let name = format!("block page of {}", mark.name);
            all.push(origin(&name, response, (phase, R::BlockPage)));
        }
    }
    let list =
        |name: &str, order: Order| Case::new(name, "http", Wrong::Ordered(order), (S::Transfer, R::Expired));
    all.push(list("an expired list", |lab, _, scenario| lists(lab, scenario, Crl::expired)));
    let bad = (S::Transfer, R::BadSignature);
    all.push(Case {
        expected: bad,
        ..list("a broken list", |lab, _, scenario| {
            lists(lab, scenario, |list| list.signed(Signature::Broken));
        })
    });
    all.push(Case {
        expected: bad,
        ..list("a list of another", |lab, _, scenario| {
            lists(lab, scenario, |list| list.signed(Signature::OtherKey));
        })
    });
    all
}

/// Serves a list of a root, changed, for the URL that is probed.
fn lists(lab: &Lab, scenario: &Scenario, change: fn(Crl) -> Crl) {
    let (root, url) = (Issuer::Root(Authority::Microsoft2011), &scenario.target.endpoint.url);
    let list = lab.pki.sign_crl(root, &change(lab.pki.sound_crl(root)));
    lab.plain.set(url.host(), url.path_and_query(), crl_response(list));
}

/// Runs scenes, a few at a time.
async fn run(scenes: impl IntoIterator<Item = impl Future<Output = ()> + Send + 'static>) {
    let permits = Arc::new(Semaphore::new(AT_ONCE));
    let mut running = JoinSet::new();
    for scene in scenes {
        let permits = Arc::clone(&permits);
        running.spawn(async move {
            let _permit = permits.acquire().await.unwrap();
            Box::pin(scene).await;
        });
    }
    while let Some(ended) = running.join_next().await {
        ended.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_of_an_endpoint_is_judged_again_as_it_was() {
    let (mut names, mut seen) = (Names::default(), BTreeSet::new());
    let scenes = all().await.into_iter().map(|case| {
        let name = names.name(&format!("{} over {}", case.name, case.scheme));
        let is_first = seen.insert((case.scheme, case.expected));
        direct(name, case, is_first)
    });
    run(scenes.collect::<Vec<_>>()).await;
}

/// One fault over the examples of the kinds, and over the whole catalog if it is the first with its reason.
async fn direct(name: String, case: Case, is_first: bool) {
    let has_scheme = is_of(case.scheme);
    if is_first {
        let world = spoilt(&case, &has_scheme).await;
        world.round(&has_scheme, resetting(&case.wrong)).await.judged_again();
    }
    let is_example = |endpoint: &Endpoint| has_scheme(endpoint) && kind_of(endpoint).is_some();
    let expected = format!("{}.{}", case.expected.0, case.expected.1);
    for attempt in 1.. {
        let world = spoilt(&case, is_example).await;
        let recorded = world.round(is_example, resetting(&case.wrong)).await;
        let is_early = case.expected.1 == R::Timeout && recorded.codes().iter().any(|code| *code != expected);
        if updates() && attempt < ATTEMPTS && is_early {
            continue; // a busy machine took the time
        }
        for (target, part) in recorded.parts() {
            let kind = kind_of(&target.endpoint).expect("it is an example");
            keep(&format!("{name}--{kind}"), &part.judged_again());
        }
        break;
    }
}

/// A world in which this is wrong with what is wanted.
async fn spoilt(case: &Case, is_wanted: impl Fn(&Endpoint) -> bool) -> World {
    let mut world = World::start().await;
    if case.expected.1 == R::Timeout {
        world.timeout = DEADLINE;
    }
    world.spoil(&case.wrong, embedded().endpoints.iter().filter(|endpoint| is_wanted(endpoint)));
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_of_a_proxy_is_judged_again_as_it_was() {
    let lab = Lab::start().await; // all labs share its certificates
    let (mut names, mut seen) = (Names::default(), BTreeSet::new());
    let scenes = proxy_cases::all(&lab).into_iter().map(|case| {
        let status = case.status.map(|status| format!(" {status}")).unwrap_or_default();
        let name = format!("{} proxy {}{status} over {}", case.kind, case.name, case.scheme);
        let is_first = seen.insert((case.scheme, case.expected));
        by_proxy(names.name(&name), case, is_first)
    });
    run(scenes.collect::<Vec<_>>()).await;
}

/// A fault of a proxy for one endpoint, and for the whole catalog if it is the first with its reason.
async fn by_proxy(name: String, case: proxy_cases::Case, is_first: bool) {
    let has_scheme = is_of(case.scheme);
    if is_first {
        let (world, _proxy) = behind(&case).await;
        world.round(&has_scheme, None).await.judged_again();
    }
    let is_example = is_kind(if case.scheme == "https" { "maps" } else { "crl" });
    let expected = format!("{}.{}", case.expected.0, case.expected.1);
    for attempt in 1.. {
        let (world, _proxy) = behind(&case).await;
        let recorded = world.round(&is_example, None).await;
        if !updates() || attempt == ATTEMPTS || recorded.codes().contains(&expected) {
            return keep(&name, &recorded.judged_again());
        }
    }
}

/// A world behind a proxy that does so.
async fn behind(case: &proxy_cases::Case) -> (World, Proxy) {
    let mut world = World::start().await;
    let proxy = Proxy::start(case.of.clone(), names(&world.lab, &world.urls));
    proxy.order(case.order.clone());
    let credentials = case.who.map(|(username, password)| Credentials {
        username: username.to_owned(),
        password: Secret::new(password.to_owned()),
    });
    let own = Some(Arc::new(ProxyConfig { kind: case.kind, at: at(proxy.addr()), credentials }));
    let proxies = Proxies { http: own.clone(), https: own, no_proxy: NoProxy::default() };
    world.config.routes[0].via = RouteProxy::Proxies(proxies);
    world.config.connect_to = world.lab.connect_to_forwarders().collect();
    if case.expected.1 == R::Timeout {
        world.timeout = DEADLINE;
    }
    (world, proxy)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_of_a_script_is_judged_again_as_it_was() {
    let function = |body: &str| {
        let script = format!("function FindProxyForURL(url, host) {{ {body} }}");
        Reply::from(Response::new(200).body(script))
    };
    // A script without end takes its time for each endpoint: not for the whole catalog.
    let cases = [
        ("script without an address", function("return 'PROXY'"), true),
        ("script that returns a number", function("return 42"), false),
        ("script that throws", function("throw 'no'"), false),
        ("script that is none", Response::new(200).body("}}} this is no script").into(), false),
        ("script that names SOCKS 4", function("return 'SOCKS4 127.0.0.1:1'"), false),
        ("script without end", function("while (true) {}"), false),
        (
            "script that fills the memory",
            function("var a = []; while (true) a.push('x'.repeat(1000))"),
            false,
        ),
        ("script that is not there", Response::new(404).into(), true),
        ("script that never ends", faults::endless_body(), false),
        ("script whose server hangs up", faults::end(End::Close), false),
        ("script that names a dead proxy", function("return 'PROXY 127.0.0.1:1'"), true),
        (
            "script that names two dead proxies",
            function("return 'PROXY 127.0.0.1:1; PROXY 127.0.0.2:1'"),
            false,
        ),
    ];
    let mut names = Names::default();
    let scenes =
        cases.into_iter().map(|(name, reply, is_whole)| by_script(names.name(name), reply, is_whole));
    run(scenes.collect::<Vec<_>>()).await;
}

async fn by_script(name: String, reply: Reply, is_whole: bool) {
    let mut world = World::start().await;
    world.lab.plain.set("pac.lab", "/", reply);
    let source = PacSource::Url(ProbeUrl::parse("http://pac.lab/proxy.pac").unwrap());
    world.config.routes[0].via = RouteProxy::Pac(PacConfig { source, credentials: None });
    world.config.connect_to.insert(named("pac.lab", 80), ConnectTo::Address(world.lab.plain.addr()));
    if is_whole {
        world.round(|_| true, None).await.judged_again();
    }
    for kind in ["maps", "crl"] {
        let mut recorded = world.round(is_kind(kind), None).await;
        // On a busy machine a script without end may have no CPU to use up its limit: then the machine is blamed.
        for _ in 1..ATTEMPTS {
            if updates() && recorded.codes().contains(&"tunnel.internal".to_owned()) {
                recorded = world.round(is_kind(kind), None).await;
            }
        }
        keep(&format!("{name}--{kind}"), &recorded.judged_again());
    }
}

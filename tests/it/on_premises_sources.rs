//! Update sources that a company runs: what each server answers, and whether clients can update from it.

use std::sync::Arc;
use std::time::Duration;

use defender_exporter::catalog::{Component, ListedSource, ProbeUrl, UpdateSource, embedded};
use defender_exporter::clock::Clock;
use defender_exporter::config::{Config, RouteConfig};
use defender_exporter::event::Event;
use defender_exporter::observation::{FailureReason as R, Phase as S};
use defender_exporter::plan::{Plan, TargetId, plan};
use defender_exporter::probe::Prober;
use defender_exporter::state::Snapshot;
use defender_exporter::tls::Roots;
use defender_exporter::verdict::Verdict;

use crate::lab::Lab;
use crate::lab::blackhole::Refusing;
use crate::lab::pki::Authority;
use crate::lab::reply::{Reply, Response};
use crate::lab::{divert, genuine};

const WSUS: &str = "http://wsus.corp.example:8530";
const SECURE_WSUS: &str = "https://wsus.corp.example:8531";
const CACHE: &str = "http://cache.corp.example";

const SERVICE: &str = "/ClientWebService/client.asmx";
const CABINET: &str = "/selfupdate/wuident.cab";
const PICTURE: &str = "/mscomtest/wuidt.gif?cacheHostOrigin=au.download.windowsupdate.com";

/// ASP.NET's page for browsers.
const PAGE: &str = "<html><head><title>Client Web Service</title></head><body>For a formal definition, see the \
                    <a href=\"client.asmx?WSDL\">Service Description</a>.</body></html>";
/// WCF's, where it doesn't publish the description.
const WCF: &str = "<HTML><BODY>Metadata publishing for this service is currently disabled.</BODY></HTML>";
const FAULT: &str = "<soap:Envelope xmlns:soap=\"http://schemas.xmlsoap.org/soap/envelope/\"><soap:Body><soap:Fault>\
                     <faultcode>soap:Client</faultcode></soap:Fault></soap:Body></soap:Envelope>";
/// A page that repeats the URL.
const LOGIN: &str = "<html><form action=\"/login?next=/ClientWebService/client.asmx\">Sign in</form></html>";

/// The end of a probe: why it failed, if it did.
pub type End = Option<(S, R)>;

fn ok(body: impl Into<Vec<u8>>) -> Reply {
    Response::new(200).body(body).into()
}

fn status(status: u16) -> Reply {
    Response::new(status).body("<html>Service Unavailable</html>").into()
}

fn picture() -> Reply {
    let mut body = b"GIF89a".to_vec();
    body.resize(969_710, 0);
    ok(body)
}

/// A network whose clients update from these sources alone.
fn config(lab: &Lab, source: UpdateSource, address: &str) -> Config {
    let address = ProbeUrl::parse(address).unwrap();
    let urls = ListedSource::urls(source, &address).unwrap();
    let listed = ListedSource { source, address: Some(address) };
    let maps = Component::Maps;
    let mut config = lab.config(&urls);
    config.update_sources = vec![listed];
    assert!(plan(embedded(), &config).unwrap().components.iter().any(|of| of.spec.component == maps));
    config
}

/// Probes the endpoints of the source once, over the only route. Returns their ends and the state after it.
pub async fn probe(lab: &Lab, config: &Config, of: Component) -> (Vec<End>, Snapshot) {
    let plan = plan(embedded(), config).unwrap();
    let targets: Vec<_> = plan.targets.into_iter().filter(|target| target.endpoint.component == of).collect();
    let components = plan.components.into_iter().filter(|own| own.spec.component == of).collect();
    let plan = Arc::new(Plan { targets, components, ..plan });
    let roots = Roots::from_lists(&[], &embedded().microsoft_roots, &config.tls).unwrap();
    let prober = Prober::new(Arc::clone(&plan), config, &roots, Clock::Fixed(lab.pki.now())).unwrap();
    let start = lab.pki.now() - Duration::from_secs(30 * 24 * 60 * 60);
    let mut snapshot = Snapshot::new(Arc::clone(&plan), start);
    let mut ends = Vec::new();
    for n in 0..plan.targets.len() {
        let observation = prober.probe(TargetId(n)).await;
        ends.push(observation.failure.as_ref().map(|failure| (failure.phase, failure.reason)));
        snapshot.apply(Event::Observed(Box::new(observation)));
    }
    (ends, snapshot)
}

/// Lets the lab's plain origin answer for a host as WSUS does.
pub fn answer_as_wsus(lab: &Lab, host: &str) {
    lab.plain.set(host, SERVICE, ok(PAGE));
    lab.plain.set(host, CABINET, ok(genuine::cabinet()));
}

/// Lets it answer for a host as a cache does.
pub fn answer_as_cache(lab: &Lab, host: &str) {
    lab.plain.set(host, PICTURE, picture());
}

/// Whether clients can update from the only source.
fn available(snapshot: &Snapshot) -> bool {
    let [source] = &snapshot.signatures.sources[..] else { panic!("one source, one route") };
    source.available.expect("all endpoints were probed")
}

#[tokio::test]
async fn wsus_is_proven_by_its_web_service_and_its_cabinet() {
    const NOTHING: End = Some((S::Request, R::Status));
    const FOREIGN: End = Some((S::Transfer, R::WrongContent));
    let cabinet = || ok(genuine::cabinet());
    let fault = |body: &str| Reply::from(Response::new(500).body(body));
    let filter = || ok("<html>gateway.zscaler.net</html>");
    let portal = || Reply::from(Response::redirect(302, "http://portal.example/login"));
    let proxy = || Reply::from(Response::new(407).header("Proxy-Authenticate", "Basic"));
    let cases: Vec<(&str, Reply, Reply, [End; 2])> = vec![
        ("ASP.NET's page", ok(PAGE), cabinet(), [None, None]),
        ("WCF's page", ok(WCF), cabinet(), [None, None]),
        ("a SOAP fault", fault(FAULT), cabinet(), [None, None]),
        ("a login page at the service", ok(LOGIN), cabinet(), [FOREIGN, None]),
        ("a login page everywhere", ok(LOGIN), ok(LOGIN), [FOREIGN, FOREIGN]),
        ("a filter's page", filter(), filter(), [Some((S::Transfer, R::BlockPage)); 2]),
        ("a portal", portal(), portal(), [Some((S::Request, R::RedirectOffSite)); 2]),
        ("a proxy's 407", proxy(), proxy(), [Some((S::Request, R::AuthRequired)); 2]),
        ("a stopped application pool", status(503), status(503), [NOTHING; 2]),
        ("a broken application", fault("<html>Runtime Error</html>"), cabinet(), [FOREIGN, None]),
        ("another web server", status(404), status(404), [NOTHING; 2]),
        ("no self-update folder", ok(PAGE), status(404), [None, NOTHING]),
    ];
    let lab = Lab::start().await;
    let config = config(&lab, UpdateSource::InternalServer, WSUS);
    for (name, service, cabinet, expected) in cases {
        lab.plain.set("wsus.corp.example", SERVICE, service);
        lab.plain.set("wsus.corp.example", CABINET, cabinet);
        let (ends, snapshot) = probe(&lab, &config, Component::Wsus).await;
        assert_eq!(ends, expected, "{name}");
        let works = expected == [None, None];
        assert_eq!(available(&snapshot), works, "{name}");
        let verdict = snapshot.components.iter().find_map(|state| state.verdict);
        assert_eq!(verdict, Some(if works { Verdict::Good } else { Verdict::Bad }), "{name}");
    }
}

#[tokio::test]
async fn a_wsus_that_cannot_be_reached_is_no_source() {
    let lab = Lab::start().await;
    let closed = Refusing::new();
    let mut config = config(&lab, UpdateSource::InternalServer, WSUS);
    let url = ProbeUrl::parse(WSUS).unwrap();
    config.connect_to.extend([divert(&url, closed.addr())]);
    let (ends, snapshot) = probe(&lab, &config, Component::Wsus).await;
    assert_eq!(ends, [Some((S::Connect, R::Refused)); 2]);
    assert!(!available(&snapshot));
}

/// A company's own authority: its root must be in the machine's store, or in `extra_roots`, and counts as genuine there.
#[tokio::test]
async fn wsus_over_tls_may_have_the_companys_own_authority() {
    let lab = Lab::start().await;
    lab.tls.set_authority("wsus.corp.example", Authority::Inspector);
    lab.tls.set("wsus.corp.example", SERVICE, ok(PAGE));
    lab.tls.set("wsus.corp.example", CABINET, ok(genuine::cabinet()));
    let mut config = config(&lab, UpdateSource::InternalServer, SECURE_WSUS);
    let (ends, snapshot) = probe(&lab, &config, Component::Wsus).await;
    assert!(ends.iter().all(|end| end.is_some_and(|(phase, _)| phase == S::Tls)), "{ends:?}");
    assert!(!available(&snapshot));
    config.tls.extra_roots = vec![lab.pki.root(Authority::Inspector)];
    let (ends, snapshot) = probe(&lab, &config, Component::Wsus).await;
    assert_eq!(ends, [None, None]);
    assert!(available(&snapshot));
}

#[tokio::test]
async fn a_cache_is_proven_by_the_first_bytes_of_a_picture() {
    let foreign = Some((S::Transfer, R::WrongContent));
    let cases: Vec<(&str, Reply, End)> = vec![
        ("a picture", picture(), None),
        ("a small picture", ok("GIF87a"), None),
        ("a page", ok(LOGIN), foreign),
        ("nothing", ok(""), foreign),
        ("no such host to fetch from", status(404), Some((S::Request, R::Status))),
        ("a cache without Internet", status(502), Some((S::Request, R::Status))),
    ];
    let lab = Lab::start().await;
    let config = config(&lab, UpdateSource::ConnectedCache, CACHE);
    for (name, reply, expected) in cases {
        lab.plain.set("cache.corp.example", PICTURE, reply);
        let (ends, snapshot) = probe(&lab, &config, Component::ConnectedCache).await;
        assert_eq!(ends, [expected], "{name}");
        assert_eq!(available(&snapshot), expected.is_none(), "{name}");
        if expected.is_none() {
            let last = snapshot.targets[0].last.as_ref().unwrap();
            assert_eq!(last.facts.http.as_ref().unwrap().body_bytes, 6, "{name}: no more is read");
        }
    }
}

/// The system reads the folder, whatever the routes are.
#[tokio::test]
async fn a_share_is_proven_by_a_package_that_is_young_enough() {
    let lab = Lab::start().await;
    let share = lab.files().join("updates");
    std::fs::create_dir_all(share.join("x64")).unwrap();
    let package = share.join("x64/mpam-fe.exe");
    let path = share.to_str().unwrap().to_owned();
    let cases = [
        (path.clone(), None, Some(R::NotFound)),
        (path.clone(), Some(1), None),
        (path.clone(), Some(6), None),
        (path.clone(), Some(7), Some(R::Outdated)),
        (path + "/absent", Some(1), Some(R::NotFound)),
    ];
    for (path, days, reason) in cases {
        if let Some(days) = days {
            let modified = lab.pki.now() - Duration::from_secs(days * 24 * 60 * 60);
            std::fs::File::create(&package).unwrap().set_modified(modified).unwrap();
        }
        let address = Some(ProbeUrl::parse_folder(&path).unwrap());
        let listed = ListedSource { source: UpdateSource::FileShare, address };
        let route = |name: &str| RouteConfig { name: name.to_owned(), ..RouteConfig::direct() };
        let mut config = lab.config([]);
        config.update_sources = vec![listed];
        config.routes = vec![route("direct"), route("another")];
        let (ends, snapshot) = probe(&lab, &config, Component::FileShare).await;
        assert_eq!(ends, [reason.map(|reason| (S::Request, reason))], "{path} {days:?}");
        assert_eq!(available(&snapshot), reason.is_none(), "{path} {days:?}");
        let package = snapshot.targets[0].last.as_ref().unwrap().facts.package.as_ref();
        assert_eq!(package.is_some(), reason != Some(R::NotFound), "{path} {days:?}");
        // Clients are as current as the package, whenever it is read.
        let last = snapshot.signatures.last_chance;
        let offered = package.map(|package| package.modified);
        assert!(reason.is_some() || last == offered, "{path} {days:?}: {last:?}");
    }
}

/// What this system can't open says nothing about the share: neither a loss nor good news.
#[cfg(not(windows))]
#[tokio::test]
async fn a_share_that_only_windows_opens_is_unknown() {
    let lab = Lab::start().await;
    let address = Some(ProbeUrl::parse_folder(r"\\files.corp.example\updates").unwrap());
    let mut config = lab.config([]);
    config.update_sources = vec![ListedSource { source: UpdateSource::FileShare, address }];
    let (ends, snapshot) = probe(&lab, &config, Component::FileShare).await;
    assert_eq!(ends, [Some((S::Request, R::Unsupported))]);
    assert_eq!(snapshot.signatures.sources[0].available, None);
    assert_eq!(snapshot.signatures.stale_after(&snapshot.plan), None);
    assert!(snapshot.components.iter().all(|state| state.verdict.is_none()));
}

/// A cache keeps nobody current: it knows no updates.
#[tokio::test]
async fn a_cache_alone_does_not_keep_signatures_fresh() {
    let lab = Lab::start().await;
    lab.plain.set("cache.corp.example", PICTURE, picture());
    lab.plain.set("wsus.corp.example", SERVICE, ok(PAGE));
    lab.plain.set("wsus.corp.example", CABINET, ok(genuine::cabinet()));
    for (source, address, component, moves) in [
        (UpdateSource::ConnectedCache, CACHE, Component::ConnectedCache, false),
        (UpdateSource::InternalServer, WSUS, Component::Wsus, true),
    ] {
        let config = config(&lab, source, address);
        let (_, snapshot) = probe(&lab, &config, component).await;
        assert!(available(&snapshot));
        let last = snapshot.signatures.sources[0].last_available;
        let moved = last.is_some() && snapshot.signatures.last_chance == last;
        assert_eq!(moved, moves, "{source}");
    }
}

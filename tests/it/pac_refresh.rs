//! PAC scripts are refreshed, and the last valid one stays in use if a refresh fails.

use std::time::{Duration, Instant};

use defender_exporter::catalog::ProbeUrl;
use defender_exporter::config::{ConnectTo, PacConfig, PacSource, RouteProxy};
use defender_exporter::net::fetch::FetchRequest;
use defender_exporter::net::proxy::{ProxySelector, RefreshPolicy};
use defender_exporter::observation::{Failure, FailureReason as R, Phase as S};
use defender_exporter::plan::routes;

use crate::fetch::paced;
use crate::lab::blackhole::Refusing;
use crate::lab::proxy::{Kind, Proxy};
use crate::lab::reply::{Reply, Response};
use crate::lab::{Lab, faults, host_port};
use crate::load::Disturbance;

const PACE: RefreshPolicy = RefreshPolicy {
    age: Duration::from_millis(50),
    retry: Duration::from_millis(50),
    timeout: Duration::from_millis(1500),
};
/// Far more than any of these takes.
const LONG: Duration = Duration::from_secs(60);

fn parse(text: &str) -> ProbeUrl {
    ProbeUrl::parse(text).unwrap()
}

/// The proxy selection of a route whose PAC script the lab serves.
fn by_script(lab: &Lab) -> (defender_exporter::net::fetch::Fetcher, ProxySelector) {
    let script = parse("http://pac.lab/proxy.pac");
    let mut config = lab.config([]);
    config.connect_to.insert(host_port(&script), ConnectTo::Address(lab.plain.addr()));
    config.routes[0].via = RouteProxy::Pac(PacConfig { source: PacSource::Url(script), credentials: None });
    paced(&routes(&config)[0], &config, PACE)
}

/// Serves a constant script.
fn serve(lab: &Lab, answer: &str) {
    let script = format!("function FindProxyForURL(url, host) {{ return '{answer}'; }}");
    lab.plain.set("pac.lab", "/", Response::new(200).body(script));
}

async fn chosen(selector: &ProxySelector) -> Result<String, Failure> {
    let deadline = tokio::time::Instant::now() + LONG;
    let proxies = selector.proxies_for(&parse("https://maps.genuine.example/"), deadline).await?;
    Ok(proxies[0].as_ref().map_or("direct".to_owned(), |proxy| proxy.at.to_string()))
}

/// Asks until that is chosen; whatever was before is chosen without delay.
async fn until(selector: &ProxySelector, expected: &str) {
    let (start, before) = (Instant::now(), chosen(selector).await.unwrap());
    loop {
        let (asked, disturbance) = (Instant::now(), Disturbance::of_process(std::process::id()));
        let now = chosen(selector).await.unwrap();
        let (took, limit) = (asked.elapsed(), PACE.timeout + disturbance.so_far());
        assert!(took < limit, "nobody waits for a script while there is one: {took:?}, {disturbance}");
        if now == expected {
            return;
        }
        assert_eq!(now, before);
        assert!(start.elapsed() < LONG, "{now}, and never {expected}");
        tokio::time::sleep(PACE.age).await;
    }
}

#[tokio::test]
async fn the_last_good_script_stays_in_use_until_there_is_another() {
    let lab = Lab::start().await;
    let (_, selector) = by_script(&lab);
    serve(&lab, "PROXY a.example:1");
    until(&selector, "a.example:1").await;
    serve(&lab, "PROXY b.example:2");
    until(&selector, "b.example:2").await;
    let troubles: [Reply; 4] = [
        faults::silent(),
        Response::new(404).into(),
        Response::new(200).body("<html>Sign in</html>").into(),
        faults::endless_body(),
    ];
    for fetch_error in troubles {
        let before = lab.plain.connections();
        lab.plain.set("pac.lab", "/", fetch_error);
        while lab.plain.connections() < before + 2 {
            assert_eq!(chosen(&selector).await.unwrap(), "b.example:2");
            tokio::time::sleep(PACE.age).await;
        }
    }
    serve(&lab, "DIRECT");
    until(&selector, "direct").await;
}

#[tokio::test]
async fn a_script_that_could_not_be_read_is_tried_again() {
    let lab = Lab::start().await;
    let (_, selector) = by_script(&lab);
    lab.plain.set("pac.lab", "/", Response::new(404));
    let failure = chosen(&selector).await.unwrap_err();
    assert_eq!((failure.phase, failure.reason), (S::Tunnel, R::PacUnreachable));
    serve(&lab, "PROXY a.example:1");
    let start = Instant::now();
    while chosen(&selector).await != Ok("a.example:1".to_owned()) {
        assert!(start.elapsed() < LONG, "{:?}", chosen(&selector).await);
        tokio::time::sleep(PACE.retry).await;
    }
}

/// Lists, answers and issuers go by the same script as the probes.
#[tokio::test]
async fn fetches_go_as_the_script_says() {
    let lab = Lab::start().await;
    let proxy = Proxy::start(Kind::Http, [("crl.genuine.example:80".to_owned(), lab.plain.addr())]);
    lab.plain.set("crl.genuine.example", "/", Response::new(200).body("a list"));
    let list = parse("http://crl.genuine.example/list.crl");
    let refusing = Refusing::new();
    for (says, end) in [
        (format!("PROXY {}", proxy.addr()), None),
        (format!("PROXY {}", refusing.addr()), Some((S::Connect, R::Refused))),
        ("DIRECT".to_owned(), Some((S::Resolve, R::Nxdomain))),
        ("nonsense".to_owned(), Some((S::Tunnel, R::PacInvalid))),
    ] {
        serve(&lab, &says);
        let (fetcher, _) = by_script(&lab);
        let failure = fetcher.fetch(FetchRequest::get(&list, 1024, LONG)).await.err();
        assert_eq!(
            failure.as_ref().map(|failure| (failure.phase, failure.reason)),
            end,
            "{says}: {failure:?}"
        );
    }
    assert_eq!(proxy.asked(), ["crl.genuine.example:80"]);
}

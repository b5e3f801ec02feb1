//! Pages that a proxy sends in place of the origin's response over plain HTTP.

use defender_exporter::catalog::{BodyKind, Expectation, ExpectedEvidence};
use defender_exporter::config::ProxyKind;
use defender_exporter::observation::{FailureReason as R, Phase};

use super::{HOST, at, by, proxy};
use crate::fetch::in_place_of;
use crate::lab::Lab;
use crate::lab::pki::Authority;
use crate::lab::proxy::{Kind, Order};
use crate::lab::reply::Response;

/// An answer, and the reason of the failure that it makes of a probe by the proxy; none: it is the endpoint's.
type Case = (Response, Option<R>);

fn with(status: u16, headers: &[(&str, &str)]) -> Response {
    headers.iter().fold(Response::new(status), |response, (name, value)| response.header(name, value))
}

fn proxy_status(value: &str) -> Response {
    with(403, &[("Proxy-Status", value)])
}

fn cases() -> Vec<Case> {
    vec![
        (Response::new(403), None),
        (with(403, &[("X-Lab-Filter", "yes")]), Some(R::BlockPage)),
        (Response::new(403).body("<html>Blocked by the lab's portal</html>"), Some(R::BlockPage)),
        (with(403, &[("X-Squid-Error", "ERR_ACCESS_DENIED 0")]), Some(R::BlockPage)),
        (with(403, &[("X-Squid-Error", "ERR_PORT_IS_UNSAFE 0")]), Some(R::BlockPage)),
        (with(503, &[("X-Squid-Error", "ERR_CONNECT_FAIL 111")]), Some(R::BadGateway)),
        (with(503, &[("X-Squid-Error", "ERR_DNS_FAIL 0")]), Some(R::BadGateway)),
        (with(500, &[("X-Squid-Error", "ERR_CANNOT_FORWARD 0")]), Some(R::BadGateway)),
        (proxy_status("lab; error=http_request_denied"), Some(R::Denied)),
        (proxy_status("\"lab, 1\" ; x=\"a;b\";error=destination_ip_prohibited;y"), Some(R::Denied)),
        (proxy_status("lab; error=dns_error; details=\"NXDOMAIN\""), Some(R::BadGateway)),
        (proxy_status("lab; error=\"connection_refused\""), Some(R::BadGateway)),
        (proxy_status("cdn; received-status=200, lab; error=proxy_loop_detected"), Some(R::BadGateway)),
        // The endpoint's own gateways may send anything: the last one is the route's.
        (proxy_status("cdn; error=http_request_denied, lab; next-protocol=h2"), None),
        (proxy_status("lab; details=\"; error=dns_error\""), None),
        (proxy_status("lab; error=http_response_incomplete"), None), // of an answer that isn't the proxy's own
        (proxy_status("lab; error=something_new"), None),
        (
            with(403, &[("Proxy-Status", "cdn"), ("Proxy-Status", "lab; error=http_request_denied")]),
            Some(R::Denied),
        ),
        (with(502, &[("Via", "1.1 lab")]), None),
        (with(403, &[("Via", "1.1 lab (tinyproxy/1.11.1)")]), None),
        (with(403, &[("Server", "tinyproxy/1.11.1")]), Some(R::Denied)),
        (with(500, &[("Server", "tinyproxy/1.11.1")]), Some(R::BadGateway)),
        (
            Response::new(503).body("<title>503 - Connect failed (Privoxy@proxy.lab)</title>"),
            Some(R::BlockPage),
        ),
    ]
}

/// Some genuine services answer 403, or anything, and so does a proxy that denies.
#[tokio::test]
async fn a_proxys_own_answer_is_not_taken_for_the_endpoints() {
    let lab = Lab::start().await;
    let proxy = proxy(&lab, Kind::Http);
    for (response, expected) in cases() {
        proxy.order(Order::Reply(response.clone().into()));
        let mut scenario = by(&lab, "http", ProxyKind::Http, at(proxy.addr()), None);
        scenario.target.endpoint.expect = Expectation::OneOf(vec![403, 500, 502, 503]);
        scenario.target.endpoint.evidence = vec![ExpectedEvidence::Status];
        let observation = scenario.probe().await;
        let found = observation.failure.as_ref().map(|failure| failure.reason);
        assert_eq!(found, expected, "{response:?}: {:?}", observation.failure);
        if matches!(expected, Some(R::Denied | R::BadGateway)) {
            let failure = observation.failure.unwrap();
            assert_eq!(failure.phase, Phase::Request, "{failure:?}");
            assert!(failure.detail.contains("the proxy answered "), "{failure:?}");
            assert_eq!(in_place_of(&scenario).await, Err(failure), "a fetch by the same proxy");
        }
    }
}

/// As everywhere: evidence decides.
#[tokio::test]
async fn a_proof_outweighs_what_a_proxy_adds() {
    let lab = Lab::start().await;
    let proxy = proxy(&lab, Kind::Http);
    let list = with(200, &[("Proxy-Status", "lab; error=dns_error"), ("X-Squid-Error", "ERR_DNS_FAIL 0")]);
    proxy.order(Order::Reply(list.body(lab.pki.crl(Authority::Microsoft2011)).into()));
    let mut scenario = by(&lab, "http", ProxyKind::Http, at(proxy.addr()), None);
    scenario.target.endpoint.evidence = vec![ExpectedEvidence::Body(BodyKind::Crl)];
    assert_eq!(scenario.probe().await.failure, None);
}

/// Responses through a tunnel, or without a proxy, are the endpoint's.
#[tokio::test]
async fn an_answer_that_no_proxy_can_have_given_is_the_endpoints() {
    let lab = Lab::start().await;
    let http = proxy(&lab, Kind::Http);
    let socks = proxy(&lab, Kind::Socks);
    for (scheme, kind, at) in
        [("https", ProxyKind::Http, at(http.addr())), ("http", ProxyKind::Socks5, at(socks.addr()))]
    {
        let mut scenario = by(&lab, scheme, kind, at, None);
        for origin in [&lab.tls, &lab.plain] {
            origin.set(HOST, "/", proxy_status("cdn; error=http_request_denied"));
        }
        scenario.target.endpoint.expect = Expectation::OneOf(vec![403]);
        scenario.target.endpoint.evidence = vec![ExpectedEvidence::Status];
        assert_eq!(scenario.probe().await.failure, None, "{scheme} by {kind}");
    }
}

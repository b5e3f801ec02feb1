//! Fetches over TLS, and their failures. Through proxies: `routes.rs`.

use defender_exporter::catalog::ProbeUrl;
use defender_exporter::net::fetch::{FetchRequest, Fetched, Fetcher};
use defender_exporter::plan::routes;

use super::{R, S, by, check, get, url};
use crate::lab::blackhole::Hanging;
use crate::lab::faults::{Fault, Handshake};
use crate::lab::pki::{Authority, Flaw};
use crate::lab::reply::{End, Reply, Response, Step};
use crate::lab::{Lab, divert};

/// Directly, to the lab's origin.
fn direct(lab: &Lab, from: &ProbeUrl) -> Fetcher {
    let config = lab.config([from]);
    by(&routes(&config)[0], &config)
}

#[tokio::test]
async fn tls_fails_as_in_a_probe() {
    let lab = Lab::start().await;
    let flaw = |flaw| Fault::Certificate(Authority::Microsoft2011, flaw);
    let away = Response::redirect(302, "http://crl.genuine.example/");
    let cases: [(&str, Fault, (S, R)); 9] = [
        ("expired", flaw(Flaw::Expired), (S::Tls, R::Expired)),
        ("not valid yet", flaw(Flaw::NotYetValid), (S::Tls, R::NotYetValid)),
        ("another's", flaw(Flaw::WrongName), (S::Tls, R::NameMismatch)),
        ("nobody's", flaw(Flaw::UnknownRoot), (S::Tls, R::UnknownIssuer)),
        ("no TLS", Handshake::plain_http().into(), (S::Tls, R::NotTls)),
        ("an alert", Handshake::alert(40).into(), (S::Tls, R::Alert)),
        (
            "an old suite",
            Handshake::Suite(rustls::CipherSuite::TLS_RSA_WITH_AES_128_CBC_SHA).into(),
            (S::Tls, R::Unsupported),
        ),
        ("silence", Handshake::Silent.into(), (S::Tls, R::Timeout)),
        ("a way to plain HTTP", away.into(), (S::Request, R::Protocol)),
    ];
    for (n, (name, fault, expected)) in cases.into_iter().enumerate() {
        let host = format!("feed{n}.genuine.example");
        lab.tls.break_host(&host, fault);
        let from = url(&format!("https://{host}/feed"));
        check(name, &direct(&lab, &from), FetchRequest { secure: true, ..get(&from) }, expected).await;
    }
    // What TLS would have followed isn't TLS' fault.
    let (from, hanging) = (url("https://feed.genuine.example/feed"), Hanging::new().await);
    let mut config = lab.config([&from]);
    config.connect_to.extend([divert(&from, hanging.addr())]);
    let fetcher = by(&routes(&config)[0], &config);
    check("a dropped SYN", &fetcher, FetchRequest { secure: true, ..get(&from) }, (S::Connect, R::Timeout))
        .await;
}

/// Like a probe: fetched from the URL in the certificate, and cached.
#[tokio::test]
async fn a_chain_that_lacks_an_issuer_is_completed() {
    let lab = Lab::start().await;
    let from = url("https://feed.genuine.example/feed");
    lab.tls.set("feed.genuine.example", "/", Response::new(200).body("a feed"));
    let lacking = Fault::Certificate(Authority::EccProduct2018, Flaw::WithoutIntermediate);
    lab.tls.break_host("feed.genuine.example", lacking);
    let fetcher = direct(&lab, &from);
    for _ in 0..2 {
        let answer = fetcher.fetch(FetchRequest { secure: true, ..get(&from) }).await;
        assert!(matches!(&answer, Ok(Fetched::Body { bytes, .. }) if bytes == "a feed"), "{answer:?}");
    }
}

/// A feed's or a script's content shows whether it is complete; that of other fetches is cut off.
#[tokio::test]
async fn a_body_without_a_length_may_end_without_close_notify() {
    let lab = Lab::start().await;
    let from = url("https://feed.genuine.example/feed");
    let open_ended = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\na feed".to_vec();
    let script = vec![Step::Send(open_ended), Step::End(End::Cut)];
    lab.tls.break_host("feed.genuine.example", Reply::Script(script));
    let fetcher = direct(&lab, &from);
    let secure = || FetchRequest { secure: true, ..get(&from) };
    check("a list", &fetcher, secure(), (S::Transfer, R::Closed)).await;
    let answer = fetcher.fetch(FetchRequest { unclean_close: true, ..secure() }).await;
    assert!(matches!(&answer, Ok(Fetched::Body { bytes, .. }) if bytes == "a feed"), "{answer:?}");
}

/// A filter that this machine trusts may read what is fetched: no signature of a list or a feed depends on it.
#[tokio::test]
async fn any_root_that_this_machine_trusts_will_do() {
    let lab = Lab::start().await;
    let from = url("https://feed.genuine.example/feed");
    lab.tls.set("feed.genuine.example", "/", Response::new(200).body("a feed"));
    lab.tls.set_authority("feed.genuine.example", Authority::Inspector);
    let mut config = lab.config([&from]);
    let wanted = || FetchRequest { secure: true, ..get(&from) };
    check("a stranger", &by(&routes(&config)[0], &config), wanted(), (S::Tls, R::UnknownIssuer)).await;
    config.tls.extra_roots = vec![lab.pki.root(Authority::Inspector)];
    let fetched = by(&routes(&config)[0], &config).fetch(wanted()).await;
    assert!(matches!(&fetched, Ok(Fetched::Body { .. })), "{fetched:?}");
}

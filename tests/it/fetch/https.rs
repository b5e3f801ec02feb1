//! Fetches over TLS, for whoever asks for that, and how they fail; by proxies in `routes.rs`.

use defender_exporter::catalog::ProbeUrl;
use defender_exporter::fetch::{Fetcher, Wanted};
use defender_exporter::plan::routes;

use super::{R, S, by, check, get, url};
use crate::lab::Lab;
use crate::lab::faults::{Fault, Handshake};
use crate::lab::pki::{Authority, Flaw};
use crate::lab::reply::Response;

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
    let cases: [(&str, Fault, (S, R)); 8] = [
        ("expired", flaw(Flaw::Expired), (S::Tls, R::Expired)),
        ("not valid yet", flaw(Flaw::NotYetValid), (S::Tls, R::NotYetValid)),
        ("another's", flaw(Flaw::WrongName), (S::Tls, R::NameMismatch)),
        ("nobody's", flaw(Flaw::UnknownRoot), (S::Tls, R::UnknownIssuer)),
        ("no TLS", Handshake::plain_http().into(), (S::Tls, R::NotTls)),
        ("an alert", Handshake::alert(40).into(), (S::Tls, R::Alert)),
        ("silence", Handshake::Silent.into(), (S::Tls, R::Timeout)),
        ("a way to plain HTTP", away.into(), (S::Request, R::Protocol)),
    ];
    for (n, (name, fault, expected)) in cases.into_iter().enumerate() {
        let host = format!("feed{n}.genuine.example");
        lab.tls.break_host(&host, fault);
        let from = url(&format!("https://{host}/feed"));
        check(name, &direct(&lab, &from), Wanted { secure: true, ..get(&from) }, expected).await;
    }
}

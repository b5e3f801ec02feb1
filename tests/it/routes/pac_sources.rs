//! How a PAC script comes: over TLS, compressed, in any encoding that browsers read.

use std::io::Write;

use defender_exporter::catalog::ProbeUrl;
use defender_exporter::config::{ConnectTo, PacSource};
use defender_exporter::net::proxy::pac::Script;
use defender_exporter::observation::{FailureReason as R, Phase};
use flate2::Compression;
use flate2::write::GzEncoder;

use super::pac::{by, url};
use super::proxy;
use crate::lab::faults::{Fault, Handshake};
use crate::lab::pki::{Authority, Flaw};
use crate::lab::proxy::Kind;
use crate::lab::reply::Response;
use crate::lab::{Lab, host_port};

/// A header of the script's response.
type Header = (&'static str, &'static str);

/// A script that finds the proxy if its one letter outside of ASCII arrives.
fn script(proxy: &str) -> String {
    format!("function FindProxyForURL(u, h) {{ return 'é' == '\\u00e9' ? 'PROXY {proxy}' : 'misread' }}")
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn utf16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(bytes).collect()
}

#[tokio::test]
async fn a_script_is_decoded_as_in_browsers() {
    let lab = Lab::start().await;
    let http = proxy(&lab, Kind::Http);
    let text = script(&http.addr().to_string());
    let marked = format!("\u{feff}{text}");
    let latin1: Vec<u8> = text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
    let compressed = [("Content-Encoding", "gzip")];
    let (utf8, windows) =
        ("text/javascript; charset=\"UTF-8\"", "application/x-ns-proxy-autoconfig;charset=windows-1252");
    let cases: &[(&str, &[Header], Vec<u8>)] = &[
        ("UTF-8", &[], text.clone().into()),
        ("UTF-8 with a BOM", &[], marked.clone().into()),
        ("UTF-8 by its type", &[("Content-Type", utf8)], text.clone().into()),
        ("UTF-16LE with a BOM", &[], utf16(&marked, u16::to_le_bytes)),
        ("UTF-16BE with a BOM", &[], utf16(&marked, u16::to_be_bytes)),
        (
            "UTF-16LE by its type",
            &[("Content-Type", "a/b; charset=utf-16le")],
            utf16(&text, u16::to_le_bytes),
        ),
        ("Latin-1", &[], latin1.clone()),
        ("Latin-1 by its type", &[("Content-Type", windows)], latin1.clone()),
        ("an unknown charset", &[("Content-Type", "a/b; charset=klingon")], text.clone().into()),
        ("gzip", &compressed, gzip(text.as_bytes())),
        ("x-gzip", &[("Content-Encoding", "X-Gzip")], gzip(text.as_bytes())),
        ("identity", &[("Content-Encoding", "identity")], text.clone().into()),
        ("gzip unsaid", &[], gzip(text.as_bytes())),
        ("gzip of UTF-16", &compressed, gzip(&utf16(&marked, u16::to_be_bytes))),
        ("gzip of Latin-1", &compressed, gzip(&latin1)),
    ];
    let file = lab.files().join("proxy.pac");
    for (name, headers, bytes) in cases {
        let mut response = Response::new(200).body(bytes.clone());
        for (header, value) in *headers {
            response = response.header(header, value);
        }
        lab.plain.set("pac.lab", "/", response);
        assert_eq!(by(&lab, "https", url()).probe().await.failure, None, "{name}");
        if headers.is_empty() {
            std::fs::write(&file, bytes).unwrap();
            let scenario = by(&lab, "https", PacSource::File(file.clone()));
            assert_eq!(scenario.probe().await.failure, None, "{name}, as a file");
        }
    }
}

#[tokio::test]
async fn what_cannot_be_decompressed_is_invalid() {
    let lab = Lab::start().await;
    let bomb = gzip(&vec![b' '; Script::MAX_LEN + 1]);
    let cut = gzip(script("a:1").as_bytes()).split_off(20);
    let mut short = gzip(script("a:1").as_bytes());
    short.truncate(40);
    let cases = [
        ("gzip", bomb, "the decompressed script exceeds the limit of 1048576 bytes"),
        ("gzip", cut, "the script can't be decompressed: it is not gzip"),
        ("gzip", short, "the script can't be decompressed: it is not gzip"),
        ("br", b"anything".to_vec(), "Content-Encoding \"br\" is not supported, only gzip"),
    ];
    for (encoding, body, expected) in cases {
        lab.plain.set("pac.lab", "/", Response::new(200).header("Content-Encoding", encoding).body(body));
        let failure = by(&lab, "https", url()).probe().await.failure.unwrap();
        assert_eq!((failure.phase, failure.reason), (Phase::Tunnel, R::PacInvalid), "{failure:?}");
        assert!(failure.detail.contains(expected), "{expected:?} in {failure:?}");
    }
}

/// Where the script's certificate has this fault; the chain is verified against this machine's roots.
#[tokio::test]
async fn a_script_may_come_over_tls() {
    let lab = Lab::start().await;
    let http = proxy(&lab, Kind::Http);
    let flaw = |flaw| Some(Fault::Certificate(Authority::Microsoft2011, flaw));
    let cases: [(&str, Option<Fault>, &str); 4] = [
        ("sound", None, ""),
        ("expired", flaw(Flaw::Expired), "https://pac1.lab/proxy.pac: tls: expired: "),
        ("a stranger", flaw(Flaw::UnknownRoot), "https://pac2.lab/proxy.pac: tls: unknown_issuer: "),
        ("no TLS", Some(Handshake::plain_http().into()), "https://pac3.lab/proxy.pac: tls: not_tls: "),
    ];
    for (n, (name, fault, expected)) in cases.into_iter().enumerate() {
        let host = format!("pac{n}.lab");
        lab.tls.set(&host, "/", Response::new(200).body(script(&http.addr().to_string())));
        if let Some(fault) = fault {
            lab.tls.break_host(&host, fault);
        }
        let from = ProbeUrl::parse(&format!("https://{host}/proxy.pac")).unwrap();
        let mut scenario = by(&lab, "https", PacSource::Url(from.clone()));
        scenario.config.connect_to.insert(host_port(&from), ConnectTo::Address(lab.tls.addr()));
        let failure = scenario.probe().await.failure;
        let detail = failure.as_ref().map_or("", |failure| failure.detail.as_str());
        assert_eq!(
            failure.as_ref().map(|failure| failure.reason),
            (n > 0).then_some(R::PacUnreachable),
            "{name}: {failure:?}"
        );
        assert!(detail.contains(expected), "{name}: {detail}");
    }
}

/// A redirect to TLS is followed, one back to plain HTTP is not.
#[tokio::test]
async fn redirects_lead_to_tls_and_not_away_from_it() {
    let lab = Lab::start().await;
    let http = proxy(&lab, Kind::Http);
    let secure = ProbeUrl::parse("https://pac.lab/proxy.pac").unwrap();
    let scenario = |source: PacSource| {
        let mut scenario = by(&lab, "https", source);
        scenario.config.connect_to.insert(host_port(&secure), ConnectTo::Address(lab.tls.addr()));
        scenario
    };
    lab.plain.set("pac.lab", "/", Response::redirect(302, secure.as_str()));
    lab.tls.set("pac.lab", "/", Response::new(200).body(script(&http.addr().to_string())));
    assert_eq!(scenario(url()).probe().await.failure, None);
    lab.tls.set("pac.lab", "/", Response::redirect(302, "http://pac.lab/proxy.pac"));
    let failure = scenario(PacSource::Url(secure.clone())).probe().await.failure.unwrap();
    assert_eq!(failure.reason, R::PacUnreachable);
    assert!(failure.detail.contains("a redirect from https to plain http"), "{failure:?}");
}

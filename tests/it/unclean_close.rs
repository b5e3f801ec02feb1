//! Servers that close TLS without close_notify after a body without a length. Clients such as curl accept that; it is a
//! failure only where what proves the answer may have been cut off.

use defender_exporter::catalog::{BodyKind, ExpectedEvidence};
use defender_exporter::observation::{FailureReason as R, Phase as S};

use crate::lab::Lab;
use crate::lab::pki::{Authority, Issuer};
use crate::lab::reply::{End, Reply, Step};
use crate::scenario::Scenario;

const HOST: &str = "maps.genuine.example";

/// Whether the answer is genuine with an unclean close, genuine and clean, or cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Unclean,
    Clean,
    CutOff,
}
use Outcome::{Clean, CutOff, Unclean};

async fn check(
    lab: &Lab,
    name: &str,
    evidence: Option<ExpectedEvidence>,
    sent: &[u8],
    end: End,
    expected: Outcome,
) {
    let script = vec![Step::Send(sent.to_vec()), Step::End(end)];
    lab.tls.break_host(HOST, Reply::Script(script));
    let mut scenario = Scenario::new(lab, &format!("https://{HOST}/"));
    scenario.target.endpoint.evidence.extend(evidence);
    let observation = scenario.probe().await;
    let http = observation.facts.http.unwrap();
    let found = match observation.failure.as_ref().map(|failure| (failure.phase, failure.reason)) {
        None if http.unclean_close => Unclean,
        None => Clean,
        Some((S::Transfer, R::Closed)) => CutOff,
        Some(_) => panic!("{name}: {:?}", observation.failure),
    };
    assert_eq!(found, expected, "{name}: {:?}", observation.failure);
    assert!(expected == CutOff || http.genuine, "{name}");
}

/// A head without a length, and this body.
fn open_ended(body: &[u8]) -> Vec<u8> {
    [b"HTTP/1.1 200 OK\r\nX-Lab: lab\r\nConnection: close\r\n\r\n", body].concat()
}

#[tokio::test]
async fn an_answer_that_ends_with_the_connection_needs_no_close_notify() {
    let lab = Lab::start().await;
    let root = Issuer::Root(Authority::Microsoft2011);
    let list = lab.pki.sign_crl(root, &lab.pki.sound_crl(root));
    let cabinet = [b"MSCF\0\0\0\0\x14\0\0\0".as_slice(), &[0; 8]].concat();
    let of = |kind: BodyKind| Some(ExpectedEvidence::Body(kind));
    let xml = || of(BodyKind::Xml("versions".to_owned()));
    let text = || of(BodyKind::Text("OK".to_owned()));
    let header = ExpectedEvidence::Header { name: "x-lab".to_owned(), prefix: String::new() };
    let cases: [(&str, Option<ExpectedEvidence>, &[u8], Outcome); 13] = [
        ("no evidence", None, b"<html>", Unclean),
        ("no body", None, b"", Unclean),
        ("evidence in the head", Some(header), b"<html>", Unclean),
        ("evidence in the status", Some(ExpectedEvidence::Status), b"<html>", Unclean),
        ("the text", text(), b"OK", Unclean),
        ("half of the text", text(), b"O", CutOff),
        ("a document", xml(), b"<versions><a>1</a></versions>", Unclean),
        ("half a document", xml(), b"<versions><a>1</a>", CutOff),
        ("a list", of(BodyKind::Crl), &list, Unclean),
        ("half a list", of(BodyKind::Crl), &list[..list.len() / 2], CutOff),
        ("a cabinet", of(BodyKind::Cabinet), &cabinet, Unclean),
        ("half a cabinet", of(BodyKind::Cabinet), &cabinet[..18], CutOff),
        ("nothing of a cabinet", of(BodyKind::Cabinet), b"", CutOff),
    ];
    for (name, evidence, body, expected) in cases {
        check(&lab, name, evidence.clone(), &open_ended(body), End::Cut, expected).await;
        if expected == Unclean {
            check(&lab, name, evidence, &open_ended(body), End::Close, Clean).await;
        }
    }
}

/// What has a length is cut off if it is shorter, with or without close_notify.
#[tokio::test]
async fn a_body_with_a_length_must_be_whole() {
    let lab = Lab::start().await;
    let length = |body: &str| format!("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n{body}").into_bytes();
    let chunked =
        |chunks: &str| format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}").into_bytes();
    let cases = [
        ("all of it", length("four"), Clean),
        ("half of it", length("fo"), CutOff),
        ("all chunks", chunked("4\r\nfour\r\n0\r\n\r\n"), Clean),
        ("half a chunk", chunked("4\r\nfo"), CutOff),
        ("no last chunk", chunked("4\r\nfour\r\n"), CutOff),
    ];
    for (name, sent, expected) in cases {
        for end in [End::Cut, End::Close] {
            check(&lab, name, None, &sent, end, expected).await;
        }
    }
}

//! OCSP responses of the lab by GET, by POST and stapled, parsed by x509-ocsp and verified with ring.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use der::{Decode, Encode};
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use ring::signature::{
    ECDSA_P256_SHA256_ASN1, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey, VerificationAlgorithm,
};
use x509_ocsp::{
    BasicOcspResponse, CertId, CertStatus, OcspRequest, OcspResponse, OcspResponseStatus, Request, TbsRequest,
};

use super::tls_client::shown;
use crate::lab::pki::ocsp::{self, By, Ocsp, Question, Status};
use crate::lab::pki::pointers::OCSP_HOST;
use crate::lab::pki::{Authority, Issuer, Leaf, Signature};
use crate::lab::responder::ocsp_response;
use crate::lab::{Lab, faults, now};

const LEAVES: Issuer = Issuer::Intermediate(Authority::DigicertG2);

fn leaf() -> Leaf {
    Leaf::new("maps.lab", Authority::DigicertG2)
}

/// A question about the leaf.
fn question(lab: &Lab) -> OcspRequest {
    let about = Question::about(&lab.pki, LEAVES, leaf().serial());
    let req_cert = CertId::from_der(&about.about[0].0).unwrap();
    let request_list = vec![Request { req_cert, single_request_extensions: None }];
    let tbs_request = TbsRequest { request_list, ..TbsRequest::default() };
    OcspRequest { tbs_request, optional_signature: None }
}

fn path(lab: &Lab) -> String {
    let url = &lab.pki.pointers(LEAVES).ocsp[0];
    url.strip_prefix(&format!("http://{OCSP_HOST}")).unwrap().to_owned()
}

async fn send(lab: &Lab, request: reqwest::RequestBuilder) -> Vec<u8> {
    let response = request.header("Host", OCSP_HOST).send().await.unwrap();
    let (status, body) = (response.status(), response.bytes().await.unwrap().to_vec());
    assert_eq!(status, 200, "{}", lab.plain.requests().last().unwrap().head);
    body
}

async fn post(lab: &Lab, question: &OcspRequest) -> Vec<u8> {
    let client = crate::lab::client();
    let url = format!("http://{}{}", lab.forwarder(OCSP_HOST).addr(), path(lab));
    let request = client.post(url).header("Content-Type", "application/ocsp-request");
    send(lab, request.body(question.to_der().unwrap())).await
}

async fn get(lab: &Lab, question: &OcspRequest) -> Vec<u8> {
    let client = crate::lab::client();
    let text = STANDARD.encode(question.to_der().unwrap());
    let text = text.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    let url = format!("http://{}{}/{text}", lab.forwarder(OCSP_HOST).addr(), path(lab));
    send(lab, client.get(url)).await
}

fn basic(answer: &[u8]) -> BasicOcspResponse {
    let answer = OcspResponse::from_der(answer).unwrap();
    assert_eq!(answer.response_status, OcspResponseStatus::Successful);
    BasicOcspResponse::from_der(answer.response_bytes.unwrap().response.as_bytes()).unwrap()
}

/// Whether this certificate's key made the answer's signature.
fn signed_by(answer: &BasicOcspResponse, certificate: &[u8]) -> bool {
    let (_, certificate) = x509_parser::parse_x509_certificate(certificate).unwrap();
    let algorithm: &dyn VerificationAlgorithm = match answer.signature_algorithm.oid.to_string().as_str() {
        "1.2.840.113549.1.1.11" => &RSA_PKCS1_2048_8192_SHA256,
        "1.2.840.10045.4.3.2" => &ECDSA_P256_SHA256_ASN1,
        other => panic!("an unexpected algorithm: {other}"),
    };
    let key = UnparsedPublicKey::new(algorithm, &certificate.public_key().subject_public_key.data);
    key.verify(&answer.tbs_response_data.to_der().unwrap(), answer.signature.raw_bytes()).is_ok()
}

#[tokio::test]
async fn all_is_good_until_something_is_ordered_by_get_and_post() {
    let lab = Lab::start().await;
    let question = question(&lab);
    for answer in [post(&lab, &question).await, get(&lab, &question).await] {
        let answer = basic(&answer);
        assert!(signed_by(&answer, &lab.pki.intermediate(Authority::DigicertG2)));
        let [single] = &answer.tbs_response_data.responses[..] else { panic!("{answer:?}") };
        assert_eq!(single.cert_id, question.tbs_request.request_list[0].req_cert);
        assert_eq!(single.cert_status, CertStatus::good());
        assert!(answer.certs.is_none() && answer.nonce().is_none());
    }
    let requests: Vec<_> = lab.plain.requests().into_iter().map(|request| request.method).collect();
    assert_eq!(requests, ["POST", "GET"]);
}

#[tokio::test]
async fn questions_name_the_issuer_by_its_hashes() {
    let lab = Lab::start().await;
    let mut question = question(&lab);
    let issuer = lab.pki.intermediate(Authority::DigicertG2);
    let (_, issuer) = x509_parser::parse_x509_certificate(&issuer).unwrap();
    let sha1 = |bytes: &[u8]| digest(&SHA1_FOR_LEGACY_USE_ONLY, bytes).as_ref().to_vec();
    let id = &mut question.tbs_request.request_list[0].req_cert;
    assert_eq!(id.issuer_name_hash.as_bytes(), sha1(issuer.subject().as_raw()));
    assert_eq!(id.issuer_key_hash.as_bytes(), sha1(&issuer.public_key().subject_public_key.data));
    id.issuer_key_hash = id.issuer_name_hash.clone();
    let answer = OcspResponse::from_der(&post(&lab, &question).await).unwrap();
    assert_eq!(answer.response_status, OcspResponseStatus::Unauthorized);
}

fn seconds(at: SystemTime) -> u64 {
    at.duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// Status and signer of the OCSP response for the leaf, with this change.
async fn check(name: &str, order: Ocsp, status: u8, asked: bool, signed: bool) {
    let lab = Lab::start().await;
    lab.serve_ocsp(LEAVES, &order);
    let question = question(&lab);
    let answer = basic(&post(&lab, &question).await);
    let single = &answer.tbs_response_data.responses[0];
    let found = match single.cert_status {
        CertStatus::Good(_) => 0,
        CertStatus::Revoked(_) => 1,
        CertStatus::Unknown(_) => 2,
    };
    assert_eq!(found, status, "{name}: {single:?}");
    assert_eq!(single.cert_id == question.tbs_request.request_list[0].req_cert, asked, "{name}");
    assert_eq!(signed_by(&answer, &lab.pki.intermediate(Authority::DigicertG2)), signed, "{name}");
    assert_eq!(single.this_update.0.to_unix_duration().as_secs(), seconds(order.this_update), "{name}");
    let next = single.next_update.map(|next| next.0.to_unix_duration().as_secs());
    assert_eq!(next, order.next_update.map(seconds), "{name}");
}

#[tokio::test]
async fn each_answer_is_what_was_ordered() {
    let good = || Ocsp::good(now());
    check("good", good(), 0, true, true).await;
    check("revoked", good().revoking(leaf().serial()), 1, true, true).await;
    check("another revoked", good().revoking(vec![7]), 0, true, true).await;
    check("all revoked", good().status(Status::Revoked), 1, true, true).await;
    check("unknown", good().status(Status::Unknown), 2, true, true).await;
    check("stale", good().stale(), 0, true, true).await;
    assert!(good().stale().next_update.unwrap() < now());
    check("not yet valid", good().not_yet_valid(), 0, true, true).await;
    assert!(good().not_yet_valid().this_update > now());
    check("without an end", Ocsp { next_update: None, ..good() }, 0, true, true).await;
    check("another key", good().signed(Signature::OtherKey), 0, true, false).await;
    check("broken", good().signed(Signature::Broken), 0, true, false).await;
    check("about another", good().about_another(), 0, false, true).await;
    check("delegate", good().by(By::Delegate), 0, true, false).await;
}

#[tokio::test]
async fn delegates_are_those_that_were_ordered() {
    let other = Issuer::Intermediate(Authority::Microsoft2011);
    // By whom it is made, whether it is for OCSP, and whether it is still valid.
    let cases = [
        (By::Delegate, LEAVES, true, true),
        (By::DelegateWithoutPurpose, LEAVES, false, true),
        (By::ExpiredDelegate, LEAVES, true, false),
        (By::DelegateOf(other), other, true, true),
    ];
    let lab = Lab::start().await;
    for (by, issuer, purpose, valid) in cases {
        let answer = basic(&lab.pki.staple(LEAVES, leaf().serial(), &Ocsp::good(now()).by(by)));
        let delegate = answer.certs.as_ref().unwrap()[0].to_der().unwrap();
        assert!(signed_by(&answer, &delegate), "{by:?}");
        let (_, delegate) = x509_parser::parse_x509_certificate(&delegate).unwrap();
        assert!(delegate.issuer().to_string().contains(issuer.name()), "{by:?}: {}", delegate.issuer());
        let usage = delegate.extended_key_usage().unwrap().unwrap().value;
        assert_eq!(usage.ocsp_signing, purpose, "{by:?}");
        let at = i64::try_from(seconds(now())).unwrap();
        assert_eq!(delegate.validity().not_after.timestamp() > at, valid, "{by:?}");
        let issuer = lab.pki.certificate(issuer);
        let (_, issuer) = x509_parser::parse_x509_certificate(&issuer).unwrap();
        let key = &issuer.public_key().subject_public_key.data;
        let signature = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key);
        let signed = signature.verify(delegate.tbs_certificate.as_ref(), &delegate.signature_value.data);
        assert!(signed.is_ok(), "{by:?}");
    }
}

#[tokio::test]
async fn errors_and_nonsense_pass_as_they_are() {
    let lab = Lab::start().await;
    let question = question(&lab);
    lab.serve_ocsp_reply(LEAVES, ocsp_response(ocsp::error(ocsp::TRY_LATER)));
    let answer = OcspResponse::from_der(&post(&lab, &question).await).unwrap();
    assert_eq!((answer.response_status, answer.response_bytes), (OcspResponseStatus::TryLater, None));
    lab.serve_ocsp_reply(LEAVES, ocsp_response(b"no answer".to_vec()));
    assert_eq!(get(&lab, &question).await, b"no answer");
    lab.plain.break_host(OCSP_HOST, faults::proxy_authentication());
    let (text, _) = super::client::get(lab.forwarder(OCSP_HOST).addr(), OCSP_HOST, &path(&lab)).await;
    assert!(text.starts_with("HTTP/1.1 407 "), "{text}");
}

#[tokio::test]
async fn revoked_leaves_and_nonces() {
    let lab = Lab::start().await;
    lab.revoke(LEAVES, [leaf().serial()]);
    let mut question = question(&lab);
    let nonce = "302b302906092b0601050507300102041c041a0102030405060708090a0b0c0d0e0f101112131415161718191a";
    question.tbs_request.request_extensions = Some(Decode::from_der(&hex::decode(nonce).unwrap()).unwrap());
    let answer = basic(&get(&lab, &question).await);
    assert!(matches!(answer.tbs_response_data.responses[0].cert_status, CertStatus::Revoked(_)));
    assert_eq!(answer.nonce(), question.nonce());
    assert!(answer.nonce().is_some());
}

#[tokio::test]
async fn an_answer_is_stapled() {
    let lab = Lab::start().await;
    lab.tls.set_authority("maps.lab", Authority::DigicertG2);
    assert_eq!(shown(&lab, "maps.lab").await.staple, b"");
    lab.staple("maps.lab", Authority::DigicertG2, &Ocsp::good(now()).revoking(leaf().serial()));
    let answer = basic(&shown(&lab, "maps.lab").await.staple);
    assert!(matches!(answer.tbs_response_data.responses[0].cert_status, CertStatus::Revoked(_)));
    assert_eq!(shown(&lab, "other.lab").await.staple, b"", "it stays with its host");
    lab.tls.set_staple("maps.lab", b"no answer".to_vec());
    assert_eq!(shown(&lab, "maps.lab").await.staple, b"no answer");
}

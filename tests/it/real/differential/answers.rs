//! Every combination of faults of an OCSP response, judged by the exporter and by `openssl ocsp`, which has no clock of its
//! own to set: the responses are made for now.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use defender_exporter::revocation::ocsp::{self, OcspCertStatus, OcspProblem, OcspStatus};
use defender_exporter::revocation::{Certificate, Issuer as OcspIssuer};
use defender_exporter_needs::needs;

use super::judges::pem;
use crate::lab::pki::ocsp::{By, Ocsp, Status};
use crate::lab::pki::{Authority, Issuer, Leaf, Pki, Signature};
use crate::real::tools;

const ISSUER: Issuer = Issuer::Intermediate(Authority::Microsoft2011);

/// What a response says of the certificate; none if it can't be used.
type Judgement = Option<Status>;

/// Whether the judges judge it differently for a reason: without nextUpdate a response is one that was made when it was
/// asked for (RFC 6960 section 4.2.2.1), so that we refuse one that is a day old, which OpenSSL accepts at any age.
fn is_explained(order: &Ocsp, ours: &Result<OcspStatus, OcspProblem>) -> bool {
    order.next_update.is_none() && matches!(ours, Err(OcspProblem::Expired { .. }))
}

/// All responses: what they say, when they hold, who signs them, how, and about whom.
fn orders(now: SystemTime) -> Vec<Ocsp> {
    let signers = [
        By::Issuer,
        By::Delegate,
        By::DelegateWithoutPurpose,
        By::ExpiredDelegate,
        By::DelegateOf(Issuer::Intermediate(Authority::DigicertG2)),
    ];
    let mut orders = Vec::new();
    for status in [Status::Good, Status::Revoked, Status::Unknown] {
        for by in signers {
            for signature in [Signature::Sound, Signature::Broken, Signature::OtherKey] {
                let order = Ocsp::good(now).status(status).by(by).signed(signature);
                let endless = Ocsp { next_update: None, ..order.clone() };
                let times = [order.clone(), order.clone().stale(), order.clone().not_yet_valid(), endless];
                orders.extend(times.clone());
                orders.extend(times.map(Ocsp::about_another));
            }
        }
    }
    orders
}

#[needs("openssl")]
#[test]
fn ocsp_responses_are_judged_as_openssl_judges_them() {
    let program = tools::find("openssl");
    let seconds = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    let folder = tempfile::TempDir::new().unwrap();
    let pki = Pki::new(now);
    let leaf = Leaf::new("wdcp.microsoft.com", Authority::Microsoft2011);
    let chain = &pki.issue(&leaf).cert;
    let (certificate, issuer) = (
        Certificate::read(&chain[0]).unwrap(),
        OcspIssuer::from_certificate(&pki.certificate(ISSUER)).unwrap(),
    );
    let write =
        |name: &str, der: &[u8]| std::fs::write(folder.path().join(name), pem("CERTIFICATE", der)).unwrap();
    write("leaf.pem", &chain[0]);
    write("issuer.pem", &pki.certificate(ISSUER));
    write("root.pem", &pki.root(Authority::Microsoft2011));
    let mut seen = Vec::new();
    for order in orders(now) {
        let response = pki.staple(ISSUER, leaf.serial(), &order);
        let answer = ocsp::check(&certificate, &issuer, &response, now);
        let ours = answer.as_ref().ok().map(|answer| match answer.status {
            OcspCertStatus::Good => Status::Good,
            OcspCertStatus::Revoked(_) => Status::Revoked,
            OcspCertStatus::Unknown => Status::Unknown,
        });
        let openssl = openssl(&program, folder.path(), &response);
        assert!(
            ours == openssl || is_explained(&order, &answer),
            "{answer:?}, openssl {openssl:?}: {order:?}"
        );
        if !seen.contains(&ours) {
            seen.push(ours);
        }
    }
    assert_eq!(seen.len(), 4, "{seen:?}");
}

/// The judgement of `openssl ocsp` (openssl-ocsp(1)), with the certificates in a folder.
fn openssl(program: &Path, folder: &Path, response: &[u8]) -> Judgement {
    std::fs::write(folder.join("response.der"), response).unwrap();
    let mut command = Command::new(program);
    command.current_dir(folder).args([
        "ocsp",
        "-respin",
        "response.der",
        "-no_nonce",
        "-no-CApath",
        "-no-CAstore",
    ]);
    command.args(["-CAfile", "root.pem", "-issuer", "issuer.pem", "-cert", "leaf.pem"]);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    let is_usable = said.contains("Response verify OK") && !said.contains("WARNING: Status times invalid");
    let status = said.lines().find_map(|line| line.strip_prefix("leaf.pem: ")).filter(|_| is_usable)?;
    match status {
        "good" => Some(Status::Good),
        "revoked" => Some(Status::Revoked),
        "unknown" => Some(Status::Unknown),
        other if other.starts_with("ERROR") => None,
        other => panic!("openssl says {other:?}: {said}"),
    }
}

//! The two judges: the exporter's own code, and `openssl verify`.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::SystemTime;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use defender_exporter::config::TlsConfig;
use defender_exporter::revocation::crl::{self, CrlProblem, CrlQuery, List};
use defender_exporter::revocation::{Certificate, Issuer};
use defender_exporter::tls::certificate_urls::DistributionPoint;
use defender_exporter::tls::{AiaIssuers, ChainError, ChainVerifier, PresentedChain, Roots};
use rustls::pki_types::{ServerName, UnixTime};

use super::fault::Class;
use super::generator::{HOST, Sample};

/// A judgement: good, or the class of what is wrong.
pub type Judgement = Result<(), Class>;

/// The exporter's judgement: the chain, then the list of each certificate of the path.
pub fn ours(sample: &Sample) -> Judgement {
    let config = TlsConfig { extra_roots: vec![sample.root.clone()], ..TlsConfig::default() };
    let roots = Roots::with_public(&[], &[], &[], &config).unwrap();
    let provider = rustls::crypto::ring::default_provider();
    let issuers = Arc::new(AiaIssuers::new(Vec::new()));
    let verifier = ChainVerifier::new(roots, issuers, provider.signature_verification_algorithms);
    let certificates = std::iter::once(&sample.leaf).chain(&sample.presented).cloned().collect();
    let presented = PresentedChain { certificates, stapled: Vec::new() };
    let now = UnixTime::since_unix_epoch(sample.now.duration_since(SystemTime::UNIX_EPOCH).unwrap());
    let name = ServerName::try_from(HOST).unwrap();
    let trusted = verifier.verify(&presented, &name, now).map_err(|error| class(&error))?;

    let path = &trusted.path.certificates;
    for (n, der) in path.iter().enumerate() {
        let certificate = Certificate::read(der).unwrap();
        let above = path.get(n + 1).unwrap_or(&sample.root);
        let issuer = Issuer::from_certificate(above).unwrap();
        revocation(sample, &certificate, &issuer)?;
    }
    Ok(())
}

/// What a list of the issuer says; the best of all lists, as no certificate here names one.
fn revocation(sample: &Sample, certificate: &Certificate, issuer: &Issuer) -> Judgement {
    let point =
        DistributionPoint { urls: Vec::new(), names: Vec::new(), some_reasons: false, crl_issuers: None };
    let query = CrlQuery { certificate, issuer, point: &point, now: sample.now };
    for list in &sample.lists {
        match crl::check(&query, List::Whole(list), None) {
            Ok(status) if status.revoked.is_some() => return Err(Class::Revoked),
            Ok(_) => return Ok(()),
            Err(CrlProblem::OtherIssuer) => {}
            Err(_) => return Err(Class::List),
        }
    }
    Err(Class::List)
}

fn class(error: &ChainError) -> Class {
    use webpki::Error as E;
    match error {
        ChainError::Refused { error, .. } => match error {
            E::CertExpired { .. } => Class::Expired,
            E::CertNotValidYet { .. } => Class::NotYetValid,
            E::CertNotValidForName(_) | E::MalformedDnsIdentifier => Class::Name,
            E::InvalidSignatureForPublicKey | E::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => {
                Class::Signature
            }
            E::EndEntityUsedAsCa
            | E::CaUsedAsEndEntity
            | E::PathLenConstraintViolated
            | E::RequiredEkuNotFoundContext(_) => Class::Usage,
            E::UnsupportedCriticalExtension => Class::CriticalExtension,
            E::NameConstraintViolation => Class::Constraint,
            E::UnknownIssuer => Class::Issuer,
            other => panic!("no class for {other:?}"),
        },
        ChainError::Unsupported(_) => Class::Unsupported,
        ChainError::RootExpired { .. } => Class::Expired,
        ChainError::RootNotYetValid { .. } => Class::NotYetValid,
        ChainError::Incomplete { .. } | ChainError::IssuerHostNotAllowed { .. } => Class::Issuer,
        other => panic!("no class for {other:?}"),
    }
}

/// The judgement of `openssl verify`, with files in a folder of its own.
pub fn openssl(program: &Path, folder: &Path, sample: &Sample) -> Judgement {
    let write = |name: &str, label: &str, ders: &[&[u8]]| {
        let text: String = ders.iter().map(|der| pem(label, der)).collect();
        let file = folder.join(name);
        std::fs::write(&file, text).unwrap();
        file
    };
    let presented: Vec<&[u8]> = sample.presented.iter().map(AsRef::as_ref).collect();
    let lists: Vec<&[u8]> = sample.lists.iter().map(Vec::as_slice).collect();
    let at = sample.now.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs().to_string();
    let mut command = Command::new(program);
    command.args(["verify", "-no-CApath", "-no-CAstore", "-purpose", "sslserver", "-crl_check_all"]);
    command.args(["-attime", &at, "-verify_hostname", HOST]);
    command.arg("-CAfile").arg(write("root.pem", "CERTIFICATE", &[&sample.root]));
    if !presented.is_empty() {
        command.arg("-untrusted").arg(write("presented.pem", "CERTIFICATE", &presented));
    }
    if !lists.is_empty() {
        command.arg("-CRLfile").arg(write("lists.pem", "X509 CRL", &lists));
    }
    let output = command.arg(write("leaf.pem", "CERTIFICATE", &[&sample.leaf])).output().unwrap();
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    let mut words = said.lines().filter_map(|line| line.strip_prefix("error ")?.split_once(' '));
    let code = words.next().and_then(|(code, _)| code.parse::<u32>().ok());
    Err(openssl_class(code.unwrap_or_else(|| panic!("openssl: {said}"))))
}

/// The class of an error code of `openssl verify` (openssl-verification-options(1), x509_vfy.h).
fn openssl_class(code: u32) -> Class {
    match code {
        2 | 18..=21 => Class::Issuer,
        3 | 12 | 11 | 33 | 35 | 8 | 36 | 44 => Class::List,
        7 => Class::Signature,
        9 => Class::NotYetValid,
        10 => Class::Expired,
        23 => Class::Revoked,
        24..=26 | 32 | 79 => Class::Usage,
        34 => Class::CriticalExtension,
        47..=54 => Class::Constraint,
        62 => Class::Name,
        other => panic!("no class for error {other} of openssl"),
    }
}

/// PEM of one value.
pub fn pem(label: &str, der: &[u8]) -> String {
    let text = BASE64_STANDARD.encode(der);
    let lines: Vec<_> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

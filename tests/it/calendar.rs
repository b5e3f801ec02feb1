//! Expiry of everything shipped: the roots in `src`, the roots in the catalog, and the CAs of the signed objects
//! that the catalog probes. Each must last a year from the tested commit. Warns three months before an expiry and
//! fails afterwards, so that the calendar alone never fails an old commit earlier.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use defender_exporter::catalog::{BodyKind, Endpoint, ExpectedEvidence, Fingerprint, Trust, embedded};
use ring::digest::{SHA256, digest};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use x509_parser::prelude::{FromDer as _, X509Certificate};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// How long what is embedded lasts from the commit on.
const LASTS: Duration = Duration::from_secs(365 * 24 * 60 * 60);
/// How long before an end this warns.
const WARNS: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// The authorities behind the catalog's signed objects, by how the objects' names begin, and when their certificates end: their
/// objects aren't served beyond that for certain. As Microsoft's PKI repository and DigiCert's list of roots have them.
const AUTHORITIES: &[(&str, &str)] = &[
    ("DigiCertGlobalRootG2", "2038-01-15T12:00:00Z"),
    ("MicRooCerAut2011", "2036-03-22T22:13:04Z"),
    ("Microsoft ECC Product Root Certificate Authority 2018", "2043-02-27T00:00:00Z"),
    ("Microsoft TLS RSA Root G2", "2029-06-19T23:59:59Z"), // its cross-sign by DigiCert ends first
];

/// Something that has an end.
struct Dated {
    what: String,
    end: SystemTime,
}

fn certificate(der: &[u8]) -> Dated {
    let (_, certificate) = X509Certificate::from_der(der).unwrap();
    let end = u64::try_from(certificate.validity().not_after.timestamp()).unwrap();
    Dated { what: certificate.subject().to_string(), end: SystemTime::UNIX_EPOCH + Duration::from_secs(end) }
}

/// The files of a kind below a folder.
fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| if path.is_dir() { files(&path, extension) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .collect()
}

/// The certificates in the sources.
fn in_sources() -> Vec<Dated> {
    let pem = files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), "pem");
    let certificates = pem.iter().flat_map(|file| CertificateDer::pem_file_iter(file).unwrap());
    certificates.map(|der| certificate(&der.unwrap())).collect()
}

/// The roots that the catalog lists and Mozilla's bundle has; the others are in the sources.
fn of_the_catalog() -> Vec<Dated> {
    let fingerprint = |der: &[u8]| Fingerprint(digest(&SHA256, der).as_ref().try_into().unwrap());
    let listed = |der: &&CertificateDer<'_>| {
        embedded().microsoft_roots.iter().any(|root| root.sha256 == fingerprint(der))
    };
    webpki_root_certs::TLS_SERVER_ROOT_CERTS.iter().filter(listed).map(|der| certificate(der)).collect()
}

/// The name of a signed object's file, if it is one of a certification authority's.
fn object_name(endpoint: &Endpoint) -> Option<String> {
    let signed = endpoint.trust == Trust::SignedObject
        && endpoint.evidence.iter().any(|evidence| {
            matches!(evidence, ExpectedEvidence::Body(BodyKind::Crl | BodyKind::Certificate))
        });
    let file = endpoint.url.path_and_query().rsplit('/').next()?;
    signed.then(|| file.replace("%20", " "))
}

/// The catalog's signed objects.
fn objects() -> Vec<Dated> {
    let names = embedded().endpoints.iter().filter_map(object_name);
    names
        .map(|name| {
            let (_, end) = AUTHORITIES
                .iter()
                .find(|(authority, _)| name.starts_with(authority))
                .unwrap_or_else(|| panic!("{name} is new in the catalog: say here when its authority ends"));
            Dated { end: humantime::parse_rfc3339(end).unwrap(), what: format!("the authority of {name}") }
        })
        .collect()
}

/// When the commit was made; none in an archive without one.
fn committed() -> Option<SystemTime> {
    let git = Command::new("git")
        .args(["-C", env!("CARGO_MANIFEST_DIR"), "log", "-1", "--format=%ct"])
        .output()
        .ok()?;
    let seconds = String::from_utf8(git.stdout).ok()?.trim().parse().ok()?;
    Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
}

/// The result at a time: an error fails, otherwise it is a warning.
fn judge(dated: &Dated, committed: Option<SystemTime>, now: SystemTime) -> Result<Option<String>, String> {
    let (what, end) = (&dated.what, humantime::format_rfc3339_seconds(dated.end));
    if dated.end <= now {
        return Err(format!("{what} has ended on {end}: replace it"));
    }
    if committed.is_some_and(|committed| dated.end < committed + LASTS) {
        return Err(format!("{what} ends on {end}, within a year of this commit: replace it"));
    }
    let left = dated.end.duration_since(now).unwrap_or_default();
    Ok((left < WARNS).then(|| {
        format!("{what} ends on {end}, in {} days: replace it before that", left.as_secs() / DAY.as_secs())
    }))
}

#[test]
fn what_is_embedded_lasts_a_year() {
    let (committed, now) = (committed(), SystemTime::now());
    let all: Vec<Dated> = in_sources().into_iter().chain(of_the_catalog()).chain(objects()).collect();
    assert!(all.len() >= 2 + 4, "something isn't found any more: {}", all.len());
    let mut failures = Vec::new();
    for dated in &all {
        match judge(dated, committed, now) {
            Ok(None) => {}
            // Past the capture of a passing test's output.
            Ok(Some(warning)) => drop(writeln!(std::io::stderr(), "warning: {warning}")),
            Err(failure) => failures.push(failure),
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
}

#[test]
fn expiry_warns_three_months_ahead() {
    let end = SystemTime::UNIX_EPOCH + 20_000 * DAY;
    let dated = Dated { what: "Root".to_owned(), end };
    let at = |now: u32, committed: Option<u32>| {
        judge(&dated, committed.map(|before| end - DAY * before), end - DAY * now)
    };
    assert_eq!(at(91, Some(366)), Ok(None));
    assert_eq!(at(400, Some(400)), Ok(None));
    let warning = at(89, Some(366)).unwrap().unwrap();
    assert_eq!(warning, "Root ends on 2024-10-04T00:00:00Z, in 89 days: replace it before that");
    assert!(at(89, None).unwrap().is_some(), "also where nobody knows the commit");
    assert!(at(364, Some(364)).unwrap_err().contains("within a year of this commit"));
    assert!(at(0, Some(400)).unwrap_err().contains("has ended on"));
}

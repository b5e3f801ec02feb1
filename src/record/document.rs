//! The document of a record: JSON with a marker and a version.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use serde::{Deserialize, Serialize};
use x509_parser::prelude::{CertificateRevocationList, FromDer as _, X509Certificate};

use super::certificates::{CertificateList, CertificateReader, CertificateWriter};
use super::plan::PlanDocument;
use super::probe::ProbeDocument;
use super::revocation::{CheckDocument, FetchedDocument, RecordedCheck};
use super::values::{Bytes, Text, Time};
use super::{Record, RecordedEvent};
use crate::probe::RecordedProbe;
use crate::tls::{RootKind, RootParts, Roots, Validity, issuer_certificates, microsoft_intermediates};

/// The marker of records.
pub(super) const MARK: &str = "defender-exporter-record";

/// The current version, which is also the newest that can be read.
pub(super) const VERSION: u64 = 1;

/// What every version begins with.
#[derive(Deserialize)]
pub(super) struct Head {
    pub(super) format: String,
    pub(super) version: u64,
    #[serde(default)]
    pub(super) program: String,
}

/// One round.
#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Document {
    format: String,
    version: u64,
    /// The version of the program that recorded it.
    program: Text,
    /// The version of the catalog in the program.
    catalog: Text,
    started: Time,
    ended: Time,
    /// Whether a part of the plan was selected.
    selected: bool,
    /// Whether revocation was checked.
    checks_revocation: bool,
    /// Whether names are replaced by pseudonyms.
    #[serde(default)]
    redacted: bool,
    plan: PlanDocument,
    roots: RootsDocument,
    /// The certificates of all chains, each once.
    certificates: CertificateList,
    /// What revocation checks fetched.
    #[serde(default)]
    fetched: Vec<FetchedDocument>,
    events: Vec<EventDocument>,
}

/// The trusted roots.
#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct RootsDocument {
    /// The number of trusted roots.
    count: usize,
    /// Those that a recorded certificate or list names as its issuer. No other can change a verdict.
    named: Vec<RootDocument>,
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct RootDocument {
    subject: Bytes,
    spki: Bytes,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name_constraints: Option<Bytes>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key_id: Option<Bytes>,
    name: Text,
    kind: RootKind,
    validity: Validity,
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
enum EventDocument {
    Probe(Box<ProbeDocument>),
    Revocation(CheckDocument),
}

impl Document {
    pub(super) fn new(record: &Record) -> Self {
        let mut certificates = CertificateWriter::default();
        let events = record.events.iter().map(|event| match event {
            RecordedEvent::Probe(probe) => {
                EventDocument::Probe(Box::new(ProbeDocument::new(probe, &mut certificates)))
            }
            RecordedEvent::Checked(check) => EventDocument::Revocation(CheckDocument::from(check)),
        });
        let events = events.collect();
        Self {
            format: MARK.to_owned(),
            version: VERSION,
            program: Text::from(&record.program),
            catalog: Text::from(&record.catalog),
            started: Time(record.started),
            ended: Time(record.ended),
            selected: record.selected,
            checks_revocation: record.checks_revocation,
            redacted: record.is_redacted,
            plan: PlanDocument::from(record.plan.as_ref()),
            roots: RootsDocument::new(record),
            certificates: certificates.into_list(),
            fetched: FetchedDocument::list(&record.fetched),
            events,
        }
    }

    pub(super) fn into_record(self) -> Result<Record, String> {
        let plan = self.plan.into_plan()?;
        let mut certificates = CertificateReader::new(self.certificates);
        let mut events = Vec::with_capacity(self.events.len());
        let mut seen = HashSet::new();
        for event in self.events {
            let event = match event {
                EventDocument::Probe(probe) => {
                    RecordedEvent::Probe(Box::new(probe.into_probe(&mut certificates)?))
                }
                EventDocument::Revocation(check) => RecordedEvent::Checked(RecordedCheck::from(check)),
            };
            let (target, is_probe) = (event.target(), matches!(event, RecordedEvent::Probe(_)));
            if target.0 >= plan.targets.len() {
                return Err(format!("there is no target {}", target.0));
            }
            if !seen.insert((target, is_probe)) {
                return Err(format!("the target {} is listed twice", target.0));
            }
            events.push(event);
        }
        Ok(Record {
            program: self.program.into(),
            catalog: self.catalog.into(),
            started: self.started.0,
            ended: self.ended.0,
            selected: self.selected,
            checks_revocation: self.checks_revocation,
            is_redacted: self.redacted,
            fetched: FetchedDocument::into_fetches(self.fetched, plan.routes.len())?,
            plan: Arc::new(plan),
            root_count: self.roots.count,
            roots: Roots::from_parts(self.roots.named.into_iter().map(RootParts::from)),
            events,
        })
    }
}

impl RootsDocument {
    fn new(record: &Record) -> Self {
        let issuers = issuer_names(&record.events);
        let named = record.roots.parts().filter(|root| issuers.contains(root.subject.as_slice()));
        Self { count: record.root_count, named: named.map(RootDocument::from).collect() }
    }
}

/// The names of all issuers in certificates and lists, as the contents of their SEQUENCE. What stands above a certificate is in
/// one of these as well.
fn issuer_names(events: &[RecordedEvent]) -> BTreeSet<Vec<u8>> {
    let mut names = BTreeSet::new();
    for event in events {
        let RecordedEvent::Probe(probe) = event else { continue };
        for bytes in signed_bytes(probe) {
            if let Ok(certificates) = issuer_certificates::read(bytes) {
                names.extend(certificates.iter().filter_map(|der| issuer_name(der)));
            } else if let Ok((_, list)) = CertificateRevocationList::from_der(bytes) {
                names.insert(contents(list.issuer().as_raw()).to_vec());
            }
        }
    }
    // Embedded intermediates complete chains too.
    names.extend(microsoft_intermediates().iter().filter_map(|der| issuer_name(der)));
    names
}

/// The issuer's name in a certificate, as the contents of its SEQUENCE.
fn issuer_name(der: &[u8]) -> Option<Vec<u8>> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    Some(contents(certificate.issuer().as_raw()).to_vec())
}

/// What may name a root as its issuer: certificates of chains, what URLs served as issuers (messages of certificates too), and bodies.
fn signed_bytes(probe: &RecordedProbe) -> impl Iterator<Item = &[u8]> {
    probe.hops.iter().filter_map(|hop| hop.evidence.as_deref()).flat_map(|evidence| {
        let chains = evidence.chain.iter();
        let presented =
            chains.clone().flat_map(|chain| chain.certificates.iter().map(CertificateDer::as_ref));
        let fetched = chains.flat_map(|chain| &chain.issuers);
        let fetched = fetched.filter_map(|issuer| issuer.outcome.as_deref().ok());
        let bodies = evidence.response.iter().map(|response| response.body.as_slice());
        presented.chain(fetched).chain(bodies)
    })
}

/// The contents of a SEQUENCE in DER.
fn contents(sequence: &[u8]) -> &[u8] {
    let length = match sequence.get(1) {
        Some(long) if *long >= 0x80 => usize::from(*long & 0x7f),
        _ => 0,
    };
    sequence.get(2 + length..).unwrap_or_default()
}

impl From<RootParts> for RootDocument {
    fn from(root: RootParts) -> Self {
        Self {
            subject: Bytes(root.subject),
            spki: Bytes(root.spki),
            name_constraints: root.name_constraints.map(Bytes),
            key_id: root.key_id.map(Bytes),
            name: Text::from(&root.name),
            kind: root.kind,
            validity: root.validity,
        }
    }
}

impl From<RootDocument> for RootParts {
    fn from(root: RootDocument) -> Self {
        Self {
            subject: root.subject.0,
            spki: root.spki.0,
            name_constraints: root.name_constraints.map(|bytes| bytes.0),
            key_id: root.key_id.map(|bytes| bytes.0),
            name: root.name.into(),
            kind: root.kind,
            validity: root.validity,
        }
    }
}

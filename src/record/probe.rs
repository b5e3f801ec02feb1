//! A probe in the document.

use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use super::certificates::{CertificateReader, CertificateWriter};
use super::evidence::EvidenceDocument;
use super::values::{Nanoseconds, RecordedFailure, Text, Time, short_list};
use crate::observation::{
    AddressFacts, AddressSource, AttemptTarget, FailedAttempt, HopFacts, LookupFacts, PackageFacts, Phase,
    PhaseOutcome, Timings,
};
use crate::plan::TargetId;
use crate::probe::{RecordedProbe, package_path};

/// The maximum number of hops of a probe, more than any redirect limit allows.
const MAX_HOPS: usize = 32;

/// A probe.
#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct ProbeDocument {
    /// Its place in the plan's targets.
    target: usize,
    at: Time,
    #[serde(deserialize_with = "short_list")]
    hops: Vec<HopDocument>,
    #[serde(default, deserialize_with = "short_list", skip_serializing_if = "Vec::is_empty")]
    failed_attempts: Vec<AttemptDocument>,
    #[serde(default, deserialize_with = "short_list", skip_serializing_if = "Vec::is_empty")]
    other_addresses: Vec<AddressDocument>,
    unprobed: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    package: Option<PackageDocument>,
    /// Why the probe failed, as judged when recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    failure: Option<RecordedFailure>,
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct HopDocument {
    #[serde(deserialize_with = "short_list")]
    phases: Vec<PhaseDocument>,
    #[serde(deserialize_with = "short_list")]
    addresses: Vec<IpAddr>,
    #[serde(default, deserialize_with = "short_list", skip_serializing_if = "Vec::is_empty")]
    aliases: Vec<Text>,
    source: Option<AddressSource>,
    private: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    resolver: Option<SocketAddr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    search_suffix: Option<Text>,
    peer: Option<SocketAddr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    proxy: Option<Text>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    proxy_status: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    evidence: Option<EvidenceDocument>,
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct PhaseDocument {
    phase: Phase,
    outcome: PhaseOutcome,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    took_ns: Option<Nanoseconds>,
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct AttemptDocument {
    target: AttemptTargetDocument,
    failure: RecordedFailure,
    took_ns: Nanoseconds,
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
enum AttemptTargetDocument {
    DnsServer(SocketAddr),
    Address(SocketAddr),
    Proxy(Text),
    Script(Text),
    Direct,
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct AddressDocument {
    address: IpAddr,
    failure: Option<RecordedFailure>,
    took_ns: Nanoseconds,
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct PackageDocument {
    file: String,
    modified: Time,
}

impl ProbeDocument {
    pub(super) fn new(probe: &RecordedProbe, certificates: &mut CertificateWriter) -> Self {
        let address = |other: &AddressFacts| AddressDocument {
            address: other.address,
            failure: other.failure.as_ref().map(RecordedFailure::from),
            took_ns: other.duration.into(),
        };
        let package = |package: &PackageFacts| PackageDocument {
            file: package.file.to_owned(),
            modified: Time(package.modified),
        };
        Self {
            target: probe.target.0,
            at: Time(probe.at),
            hops: probe.hops.iter().map(|hop| HopDocument::new(hop, certificates)).collect(),
            failed_attempts: probe.failed_attempts.iter().map(AttemptDocument::from).collect(),
            other_addresses: probe.others.iter().map(address).collect(),
            unprobed: probe.unprobed,
            package: probe.package.as_ref().map(package),
            failure: probe.failure.as_ref().map(RecordedFailure::from),
        }
    }

    pub(super) fn into_probe(self, certificates: &mut CertificateReader) -> Result<RecordedProbe, String> {
        if self.hops.len() > MAX_HOPS {
            return Err(format!("a probe of more than {MAX_HOPS} hops"));
        }
        let address = |other: AddressDocument| AddressFacts {
            address: other.address,
            failure: other.failure.map(|failure| failure.0),
            duration: other.took_ns.into(),
        };
        let package = |package: PackageDocument| {
            let file = package_path(&package.file);
            let file = file.ok_or_else(|| format!("{:?} is no package", package.file))?;
            Ok::<_, String>(PackageFacts { file, modified: package.modified.0 })
        };
        Ok(RecordedProbe {
            target: TargetId(self.target),
            at: self.at.0,
            hops: self.hops.into_iter().map(|hop| hop.into_hop(certificates)).collect::<Result<_, _>>()?,
            failed_attempts: self.failed_attempts.into_iter().map(FailedAttempt::from).collect(),
            others: self.other_addresses.into_iter().map(address).collect(),
            unprobed: self.unprobed,
            package: self.package.map(package).transpose()?,
            failure: self.failure.map(|failure| failure.0),
        })
    }
}

impl HopDocument {
    fn new(hop: &HopFacts, certificates: &mut CertificateWriter) -> Self {
        let phase = |phase: &Phase| PhaseDocument {
            phase: *phase,
            outcome: hop.timings.outcome(*phase),
            took_ns: hop.timings.get(*phase).map(Nanoseconds::from),
        };
        Self {
            phases: Phase::ALL.iter().map(phase).collect(),
            addresses: hop.addresses.clone(),
            aliases: hop.aliases.iter().map(Text::from).collect(),
            source: hop.source,
            private: hop.private,
            resolver: hop.lookup.resolver,
            search_suffix: hop.lookup.search_suffix.as_ref().map(Text::from),
            peer: hop.peer,
            proxy: hop.proxy.as_ref().map(Text::from),
            proxy_status: hop.proxy_status,
            evidence: hop.evidence.as_deref().map(|evidence| EvidenceDocument::new(evidence, certificates)),
        }
    }

    fn into_hop(self, certificates: &mut CertificateReader) -> Result<HopFacts, String> {
        let mut timings = Timings::default();
        for PhaseDocument { phase, outcome, took_ns } in self.phases {
            match outcome {
                PhaseOutcome::Done | PhaseOutcome::Failed => {
                    timings.record(phase, outcome, took_ns.map(Into::into).unwrap_or_default());
                }
                PhaseOutcome::NotApplicable => timings.not_applicable(phase),
                PhaseOutcome::NotReached => {}
            }
        }
        Ok(HopFacts {
            timings,
            addresses: self.addresses,
            aliases: self.aliases.into_iter().map(String::from).collect(),
            source: self.source,
            private: self.private,
            lookup: LookupFacts {
                resolver: self.resolver,
                search_suffix: self.search_suffix.map(String::from),
            },
            peer: self.peer,
            proxy: self.proxy.map(String::from),
            proxy_status: self.proxy_status,
            evidence: self.evidence.map(|evidence| evidence.into_evidence(certificates)).transpose()?,
            ..HopFacts::default()
        })
    }
}

impl From<&FailedAttempt> for AttemptDocument {
    fn from(attempt: &FailedAttempt) -> Self {
        use AttemptTargetDocument as Document;
        let target = match &attempt.target {
            AttemptTarget::DnsServer(server) => Document::DnsServer(*server),
            AttemptTarget::Address(address) => Document::Address(*address),
            AttemptTarget::Proxy(proxy) => Document::Proxy(Text::from(proxy)),
            AttemptTarget::Script(script) => Document::Script(Text::from(script)),
            AttemptTarget::Direct => Document::Direct,
        };
        Self { target, failure: RecordedFailure::from(&attempt.failure), took_ns: attempt.duration.into() }
    }
}

impl From<AttemptDocument> for FailedAttempt {
    fn from(attempt: AttemptDocument) -> Self {
        use AttemptTargetDocument as Document;
        let target = match attempt.target {
            Document::DnsServer(server) => AttemptTarget::DnsServer(server),
            Document::Address(address) => AttemptTarget::Address(address),
            Document::Proxy(proxy) => AttemptTarget::Proxy(proxy.into()),
            Document::Script(script) => AttemptTarget::Script(script.into()),
            Document::Direct => AttemptTarget::Direct,
        };
        Self { target, failure: attempt.failure.0, duration: attempt.took_ns.into() }
    }
}

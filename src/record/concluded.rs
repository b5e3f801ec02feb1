//! A chain in the document of which only the conclusions are recorded.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::values::{RecordedFailure, Text, Time, known_cipher, known_version};
use crate::observation::{CertificateFacts, ConcludedChain, TlsFacts, VerifiedPath};

/// What was concluded of a chain.
#[allow(clippy::struct_excessive_bools, reason = "facts, as in `TlsFacts`")]
#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct ConcludedDocument {
    verified: bool,
    intercepted: bool,
    unexpected_root: bool,
    completed: bool,
    version: Option<String>,
    cipher: Option<String>,
    /// The presented chain, leaf first.
    chain: Vec<CertificateDocument>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    unused: Vec<CertificateDocument>,
    root: Option<Text>,
    chain_not_after: Option<Time>,
    chain_not_before: Option<Time>,
    /// What stands for the verified path: equal paths have the same name.
    path: Option<Text>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    failure: Option<RecordedFailure>,
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct CertificateDocument {
    subject: Text,
    issuer: Text,
    not_before: Time,
    not_after: Time,
}

impl From<&ConcludedChain> for ConcludedDocument {
    fn from(chain: &ConcludedChain) -> Self {
        let ConcludedChain { facts, failure } = chain;
        let path = facts.path.as_ref().and_then(|path| path.placeholder_name());
        Self {
            verified: facts.verified,
            intercepted: facts.intercepted,
            unexpected_root: facts.unexpected_root,
            completed: facts.completed,
            version: facts.version.map(str::to_owned),
            cipher: facts.cipher.map(str::to_owned),
            chain: facts.chain.iter().map(CertificateDocument::from).collect(),
            unused: facts.unused.iter().map(CertificateDocument::from).collect(),
            root: facts.root.as_ref().map(Text::from),
            chain_not_after: facts.chain_not_after.map(Time),
            chain_not_before: facts.chain_not_before.map(Time),
            path: path.map(Text::from),
            failure: failure.as_ref().map(RecordedFailure::from),
        }
    }
}

impl ConcludedDocument {
    /// The conclusions.
    ///
    /// # Errors
    /// If version or cipher are unknown: in words.
    pub(super) fn into_chain(self) -> Result<ConcludedChain, String> {
        let path = self.path.map(|name| Arc::new(VerifiedPath::placeholder(&String::from(name))));
        let facts = TlsFacts {
            verified: self.verified,
            intercepted: self.intercepted,
            unexpected_root: self.unexpected_root,
            completed: self.completed,
            version: self.version.map(|name| known_version(&name)).transpose()?,
            cipher: self.cipher.map(|name| known_cipher(&name)).transpose()?,
            chain: self.chain.into_iter().map(CertificateFacts::from).collect(),
            unused: self.unused.into_iter().map(CertificateFacts::from).collect(),
            root: self.root.map(String::from),
            chain_not_after: self.chain_not_after.map(|at| at.0),
            chain_not_before: self.chain_not_before.map(|at| at.0),
            path,
        };
        Ok(ConcludedChain { facts, failure: self.failure.map(|failure| failure.0) })
    }
}

impl From<&CertificateFacts> for CertificateDocument {
    fn from(certificate: &CertificateFacts) -> Self {
        Self {
            subject: Text::from(&certificate.subject),
            issuer: Text::from(&certificate.issuer),
            not_before: Time(certificate.not_before),
            not_after: Time(certificate.not_after),
        }
    }
}

impl From<CertificateDocument> for CertificateFacts {
    fn from(certificate: CertificateDocument) -> Self {
        Self {
            subject: certificate.subject.into(),
            issuer: certificate.issuer.into(),
            not_before: certificate.not_before.0,
            not_after: certificate.not_after.0,
        }
    }
}

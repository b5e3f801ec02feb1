//! What a probe learned of TLS: the presented certificates and the verified path.

use std::sync::Arc;
use std::time::SystemTime;

use serde::Serialize;

use super::VerifiedPath;
use crate::clock;

/// A presented certificate. Texts from the network are cleaned and truncated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct CertificateFacts {
    /// Distinguished name of the subject (in RFC 4514 order, as OpenSSL prints it).
    pub subject: String,
    /// Distinguished name of the issuer.
    pub issuer: String,
    /// Start of validity.
    #[serde(serialize_with = "rfc3339")]
    #[cfg_attr(test, schemars(with = "String", extend("format" = "date-time")))]
    pub not_before: SystemTime,
    /// End of validity.
    #[serde(serialize_with = "rfc3339")]
    #[cfg_attr(test, schemars(with = "String", extend("format" = "date-time")))]
    pub not_after: SystemTime,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "what serde hands over; a time of Windows is small")]
fn rfc3339<S: serde::Serializer>(at: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&clock::rfc3339(*at))
}

#[allow(clippy::ref_option, reason = "what serde hands over")]
fn rfc3339_if_known<S: serde::Serializer>(at: &Option<SystemTime>, serializer: S) -> Result<S::Ok, S::Error> {
    at.map(clock::rfc3339).serialize(serializer)
}

/// Serializes the shared list as a plain one.
fn as_list<S: serde::Serializer>(chain: &Arc<[CertificateFacts]>, serializer: S) -> Result<S::Ok, S::Error> {
    chain.as_ref().serialize(serializer)
}

/// Facts of the TLS phase, recorded for failed handshakes too.
#[allow(clippy::struct_excessive_bools, reason = "facts that programs read one by one")]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct TlsFacts {
    /// Whether the chain was verified against this machine's roots, for this name at the time of the probe.
    pub verified: bool,
    /// Whether the chain ends at a private root, not the genuine service's: a TLS inspector's.
    pub intercepted: bool,
    /// Whether the chain ends at a public root that isn't known for the genuine service. This isn't
    /// interception: inspectors have no public roots, so the service may have moved to it.
    pub unexpected_root: bool,
    /// Whether the verified path needs an intermediate that the server didn't present.
    pub completed: bool,
    /// `TLSv1.2` or `TLSv1.3`, if negotiated.
    pub version: Option<&'static str>,
    /// The IANA name of the cipher suite, if negotiated.
    pub cipher: Option<&'static str>,
    /// The presented chain, leaf first. Omits certificates that can't be parsed.
    #[serde(serialize_with = "as_list")]
    #[cfg_attr(test, schemars(with = "Vec<CertificateFacts>"))]
    pub chain: Arc<[CertificateFacts]>,
    /// The presented certificates that belong neither to the verified path nor to its root.
    pub unused: Vec<CertificateFacts>,
    /// Distinguished name of the root that the verified chain ends at.
    pub root: Option<String>,
    /// When the first certificate of the verified path expires, root included.
    #[serde(serialize_with = "rfc3339_if_known")]
    #[cfg_attr(test, schemars(with = "Option<String>", extend("format" = "date-time")))]
    pub chain_not_after: Option<SystemTime>,
    /// When the validity of that certificate began.
    #[serde(serialize_with = "rfc3339_if_known")]
    #[cfg_attr(test, schemars(with = "Option<String>", extend("format" = "date-time")))]
    pub chain_not_before: Option<SystemTime>,
    /// The verified path, for revocation checks.
    #[serde(skip)]
    pub path: Option<Arc<VerifiedPath>>,
}

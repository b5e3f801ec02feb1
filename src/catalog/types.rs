//! What an endpoint of Defender Antivirus is: the words of the catalog as types.
//! How the YAML becomes these types is in `parse.rs`; which of them are probed is decided in `plan.rs`.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::updates::{DownloadTest, SourceSpec, VersionFeed};
use super::url::ProbeUrl;
use crate::words::words;

words! {
    /// A service of Defender Antivirus, as the rows of Microsoft's table group them, or an optional group.
    Component {
        /// Cloud-delivered protection, the Microsoft Active Protection Service.
        Maps = "maps",
        /// Microsoft Update and Windows Update.
        Update = "update",
        /// Security intelligence from the alternate download location.
        Adl = "adl",
        /// Malware sample storage.
        Submission = "submission",
        /// Certificate revocation lists.
        Crl = "crl",
        /// Diagnostic data, the Universal GDPR client.
        Diagnostics = "diagnostics",
        /// Optional: the consolidated domains of Defender for Endpoint.
        Streamlined = "streamlined",
        /// Optional: the command channel of Defender for Endpoint.
        Mde = "mde",
        /// Optional: clouds of the United States government.
        Usgov = "usgov",
        /// Optional: certificate hosts that the document omits.
        PkiExtended = "pki-extended",
    }
}

words! {
    /// A region with hosts or storage accounts of its own.
    Geo {
        /// United States.
        Us = "us",
        /// Europe.
        Eu = "eu",
        /// United Kingdom.
        Uk = "uk",
        /// Australia.
        Au = "au",
        /// Switzerland.
        Ch = "ch",
        /// India.
        In = "in",
    }
}

words! {
    /// Which roots a genuine answer's certificate chains to.
    Trust {
        /// One of [`Catalog::microsoft_roots`].
        Microsoft = "microsoft",
        /// One of those, or a root of the public web PKI (Mozilla's bundle).
        Public = "public",
        /// Whatever root this machine trusts: a user's own endpoint.
        Any = "any",
        /// Plain HTTP: nothing but the content can prove the answer.
        Plain = "plain",
        /// Plain HTTP that carries an object with a signature of its own (CRL, certificate, cabinet).
        SignedObject = "signed-object",
    }
}

words! {
    /// Where a fact of the catalog comes from, strongest first.
    Basis {
        /// A Microsoft document.
        Document = "document",
        /// A test tool or code of Microsoft.
        Tool = "tool",
        /// A community script or capture.
        Community = "community",
        /// Inferred, confirmed by nobody.
        Inferred = "inferred",
    }
}

words! {
    /// The request that is sent.
    Method {
        /// GET, the default.
        Get = "GET",
        /// HEAD, where the body would be a large download.
        Head = "HEAD",
    }
}

/// The statuses that the genuine service answers with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Expectation {
    /// No status is known: any HTTP answer counts as expected.
    Any,
    /// One of these.
    OneOf(Vec<u16>),
}

impl Expectation {
    /// Whether `status` is what the genuine service answers with.
    #[must_use]
    pub fn allows(&self, status: u16) -> bool {
        match self {
            Self::Any => true,
            Self::OneOf(statuses) => statuses.contains(&status),
        }
    }
}

impl<'de> Deserialize<'de> for Expectation {
    /// `any`, a status, or a list of statuses.
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "expected `any`, a status or a list of statuses")]
        enum Raw {
            One(u16),
            Many(Vec<u16>),
            Word(Any),
        }
        #[derive(Deserialize)]
        enum Any {
            #[serde(rename = "any")]
            Any,
        }
        Ok(match Raw::deserialize(deserializer)? {
            Raw::One(status) => Self::OneOf(vec![status]),
            Raw::Many(statuses) => Self::OneOf(statuses),
            Raw::Word(Any::Any) => Self::Any,
        })
    }
}

impl fmt::Display for Expectation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any"),
            Self::OneOf(statuses) => {
                let words: Vec<String> = statuses.iter().map(u16::to_string).collect();
                f.write_str(&words.join(" or "))
            }
        }
    }
}

/// What makes an answer genuine beyond a verified chain. All that an endpoint names must hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// The expected status itself: all there is on plain HTTP without signed content.
    Status,
    /// A response header with this name, whose value starts with `prefix`.
    Header {
        /// Header name, in lower case.
        name: String,
        /// What the value starts with; empty: anything.
        #[serde(default)]
        prefix: String,
    },
    /// A redirect to a host that matches.
    Redirect(HostPattern),
    /// A body of this kind.
    Body(BodyKind),
}

/// The kinds of body that can be told from a block page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BodyKind {
    /// A DER certificate revocation list (RFC 5280).
    Crl,
    /// A DER certificate (RFC 5280).
    Certificate,
    /// A cabinet file: begins with `MSCF`.
    Cabinet,
    /// A well-formed XML document with this root element, compared without case.
    Xml(String),
    /// A text that starts with this, surrounding white space aside.
    Text(String),
}

/// A host name, or `*.suffix` for every name below a suffix (the suffix itself included).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HostPattern(pub String);

impl HostPattern {
    /// Whether `host` is the pattern's name, or below its suffix; case doesn't matter.
    #[must_use]
    pub fn matches(&self, host: &str) -> bool {
        let host = host.trim_end_matches('.');
        match self.0.strip_prefix("*.") {
            None => host.eq_ignore_ascii_case(&self.0),
            Some(suffix) => {
                let Some(start) = host.len().checked_sub(suffix.len()) else { return false };
                let boundary = start == 0 || host.as_bytes()[start - 1] == b'.';
                boundary && host.as_bytes()[start..].eq_ignore_ascii_case(suffix.as_bytes())
            }
        }
    }
}

/// A root certificate by its SHA-256 over the DER.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(pub [u8; 32]);

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Fingerprint {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Fingerprint {
    /// 64 hexadecimal digits, in any case.
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let mut digest = [0; 32];
        hex::decode_to_slice(&text, &mut digest).map_err(serde::de::Error::custom)?;
        Ok(Self(digest))
    }
}

/// A root that Microsoft's services chain to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnownRoot {
    /// As Microsoft's PKI repository calls it.
    pub name: String,
    /// Which certificate it is.
    pub sha256: Fingerprint,
}

/// One concrete URL that stands for a documented pattern, and what its genuine service answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Endpoint {
    /// The component whose metrics it feeds.
    pub component: Component,
    /// The address as Microsoft's document writes it, wildcards included.
    pub pattern: String,
    /// The ports that the document asks to open for the pattern.
    pub ports: Vec<u16>,
    /// What is probed; unique within its component.
    pub url: ProbeUrl,
    /// GET, or HEAD where a body would be large.
    pub method: Method,
    /// Statuses of the genuine service.
    pub expect: Expectation,
    /// Where the expected statuses are known from.
    pub basis: Basis,
    /// What makes an answer genuine besides its chain.
    pub evidence: Vec<Evidence>,
    /// Which roots are genuine.
    pub trust: Trust,
    /// Whether TLS inspection of it is in order, as Microsoft's document says of sample storage.
    pub may_be_inspected: bool,
    /// The region that uses it; none: all.
    pub geo: Option<Geo>,
    /// The need of its component that it serves; none: its failure only degrades the component.
    pub serves: Option<String>,
    /// How many redirects are followed, to hosts of [`Catalog::redirect_hosts`] only.
    pub follow_redirects: u8,
    /// Its own probe interval.
    #[serde(skip)]
    pub interval: Option<Duration>,
    /// Its own probe timeout.
    #[serde(skip)]
    pub timeout: Option<Duration>,
}

/// A service of Defender: why it is needed, and what must answer for it to work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ComponentSpec {
    /// Which one.
    pub component: Component,
    /// Off unless the configuration's `groups` names it.
    pub optional: bool,
    /// What it does for the protection of a machine, in a sentence.
    pub purpose: String,
    /// The component works when, for each of these, at least one endpoint that `serves` it answers.
    pub needs: Vec<String>,
}

/// How a filter, proxy or captive portal gives itself away. Any listed mark is enough.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlockPage {
    /// The product or kind of device, for logs and pages.
    pub name: String,
    /// A response header: its name in lower case.
    #[serde(default)]
    pub header: Option<String>,
    /// What the header's value contains, without case; none: its presence is enough.
    #[serde(default)]
    pub header_contains: Option<String>,
    /// What the first 64 KiB of the body contain, without case.
    #[serde(default)]
    pub body_contains: Option<String>,
}

/// Everything that Defender Antivirus needs from the network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Catalog {
    /// The components, in the document's order.
    pub components: Vec<ComponentSpec>,
    /// Their endpoints, in the document's order.
    pub endpoints: Vec<Endpoint>,
    /// Hosts that a genuine answer may redirect to.
    pub redirect_hosts: Vec<HostPattern>,
    /// Hosts that missing intermediates may be fetched from (AIA `caIssuers`).
    pub issuer_hosts: Vec<HostPattern>,
    /// The roots that are genuine for [`Trust::Microsoft`].
    pub microsoft_roots: Vec<KnownRoot>,
    /// Marks of answers that are somebody else's.
    pub block_pages: Vec<BlockPage>,
    /// Where clients update from.
    pub update_sources: Vec<SourceSpec>,
    /// Where the current versions are published, the first choice first.
    pub version_feeds: Vec<VersionFeed>,
    /// The harmless file that a working Defender stops.
    pub download_test: Option<DownloadTest>,
}

impl Catalog {
    /// Whether `host` is one that the genuine services redirect to.
    #[must_use]
    pub fn allows_redirect_to(&self, host: &str) -> bool {
        self.redirect_hosts.iter().any(|pattern| pattern.matches(host))
    }
}

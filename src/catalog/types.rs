//! The parts of the catalog: regions, trust, expected answers, evidence, marks of block pages. `parse.rs` converts the YAML to these types.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::string_enum::string_enum;

string_enum! {
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

string_enum! {
    /// A cloud for the government of the United States, with hosts of its own. Defender's own configuration names the hosts by number.
    Cloud {
        /// GCC High: 1.
        GccHigh = "gcc_high",
        /// Department of Defense: 2.
        Dod = "dod",
        /// GCC: 4.
        Gcc = "gcc",
    }
}

string_enum! {
    /// Which roots a genuine answer's certificate chains to.
    Trust {
        /// One of [`Catalog::microsoft_roots`](super::Catalog::microsoft_roots).
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

string_enum! {
    /// The request that is sent.
    Method {
        /// GET, the default.
        Get = "GET",
        /// HEAD, where the body would be a large download.
        Head = "HEAD",
    }
}

/// The HTTP statuses that the genuine service returns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Expectation {
    /// The status is unknown: every HTTP response counts as expected.
    Any,
    /// One of these statuses.
    OneOf(Vec<u16>),
}

impl Expectation {
    /// Whether `status` is an expected status.
    #[must_use]
    pub fn allows(&self, status: u16) -> bool {
        match self {
            Self::Any => true,
            Self::OneOf(statuses) => statuses.contains(&status),
        }
    }
}

impl<'de> Deserialize<'de> for Expectation {
    /// Accepts `any`, a status, or a list of statuses.
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

/// Evidence that an answer is genuine, in addition to a verified chain. All evidence that an endpoint lists is required.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ExpectedEvidence {
    /// The expected status alone: the only evidence on plain HTTP without signed content.
    Status,
    /// A response header with this name whose value starts with `prefix`.
    Header {
        /// The header name, in lower case.
        name: String,
        /// The prefix of the value; any value matches an empty prefix.
        #[serde(default)]
        prefix: String,
    },
    /// A redirect to a host that matches the pattern.
    Redirect(HostPattern),
    /// A body of this kind.
    Body(BodyKind),
}

/// Kinds of bodies that distinguish an answer from a block page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum BodyKind {
    /// A DER certificate revocation list (RFC 5280).
    Crl,
    /// A DER certificate (RFC 5280).
    Certificate,
    /// A cabinet file: starts with `MSCF`.
    Cabinet,
    /// A GIF picture: starts with `GIF87a` or `GIF89a`. Only these bytes are read.
    Gif,
    /// A SOAP web service: its page for browsers, its description (WSDL), or a SOAP message.
    WebService,
    /// A well-formed XML document with this root element, compared case-insensitively.
    Xml(String),
    /// A text that starts with this string, ignoring surrounding white space.
    Text(String),
}

impl BodyKind {
    /// The number of bytes that show the kind, if a few do and the rest of the body needn't be read.
    #[must_use]
    pub const fn prefix_len(&self) -> Option<usize> {
        match self {
            Self::Gif => Some(6),
            Self::Crl
            | Self::Certificate
            | Self::Cabinet
            | Self::WebService
            | Self::Xml(_)
            | Self::Text(_) => None,
        }
    }
}

/// A host name, or `*.suffix` for every name below a suffix (the suffix itself included).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct HostPattern(pub String);

impl HostPattern {
    /// Whether `host` matches the pattern, case-insensitively.
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

/// The SHA-256 digest of a root certificate's DER encoding.
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
    /// Accepts 64 hexadecimal digits, in upper or lower case.
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let mut digest = [0; 32];
        hex::decode_to_slice(&text, &mut digest).map_err(serde::de::Error::custom)?;
        Ok(Self(digest))
    }
}

/// A root certificate that the chains of Microsoft's services end at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnownRoot {
    /// The name in Microsoft's PKI repository.
    pub name: String,
    /// The certificate's fingerprint.
    pub sha256: Fingerprint,
}

/// Marks of a page from a filter, proxy or captive portal. Header and body are separate marks; one match suffices.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct BlockPage {
    /// The product or type of device, for logs and pages.
    pub name: String,
    /// The name of a response header, in lower case.
    #[serde(default)]
    pub header: Option<String>,
    /// A substring of the header's value, case-insensitive; `None` if the header's presence suffices.
    #[serde(default)]
    pub header_contains: Option<String>,
    /// A substring of the first 64 KiB of the body, case-insensitive.
    #[serde(default)]
    pub body_contains: Option<String>,
}

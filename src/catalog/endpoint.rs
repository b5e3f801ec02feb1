//! An endpoint of the catalog: a URL, what the genuine service answers, and what is left to prove it.

use std::time::Duration;

use serde::Serialize;

use super::component::Component;
use super::confidence::{Basis, Captured, Confidence};
use super::types::{Cloud, Expectation, ExpectedEvidence, Geo, Method, Trust};
use super::url::{ProbeUrl, Scheme};

/// A concrete URL that represents a documented pattern, and the genuine service's answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Endpoint {
    /// The component that the endpoint belongs to.
    pub component: Component,
    /// The address as in Microsoft's document, wildcards included.
    pub pattern: String,
    /// The ports that the document requires for the pattern.
    pub ports: Vec<u16>,
    /// The probed URL; unique within its component.
    pub url: ProbeUrl,
    /// GET, or HEAD if the body would be large.
    pub method: Method,
    /// The statuses that the genuine service returns.
    pub expect: Expectation,
    /// The source of the expected statuses.
    pub basis: Basis,
    /// The confidence in the expected statuses and the evidence.
    pub confidence: Confidence,
    /// When the genuine answer was last captured; `None` if never, and for a user's own endpoints.
    pub captured: Option<Captured>,
    /// Evidence that an answer is genuine, in addition to its chain.
    pub evidence: Vec<ExpectedEvidence>,
    /// The roots that are genuine.
    pub trust: Trust,
    /// Whether TLS inspection is acceptable, as Microsoft's document states for sample storage.
    pub may_be_inspected: bool,
    /// Whether a company may give its clients the same by other means, so that a failure degrades and isn't bad.
    #[serde(skip)]
    pub may_be_replaced: bool,
    /// The region whose clients use the endpoint; `None` for all regions.
    pub geo: Option<Geo>,
    /// The government's cloud whose clients use the endpoint; `None` for the public cloud and hosts that all clouds share.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cloud: Option<Cloud>,
    /// The component's need that the endpoint serves; `None` if a failure only degrades the component.
    pub serves: Option<String>,
    /// The maximum number of redirects to follow, to hosts of [`Catalog::redirect_hosts`](super::Catalog::redirect_hosts) only.
    pub follow_redirects: u8,
    /// Whether the probe requests only the first byte of a large object (`Range: bytes=0-0`, RFC 9110, section 14.2). Only
    /// valid for GET over TLS.
    pub range: bool,
    /// The endpoint's own probe interval, if any.
    #[serde(skip)]
    pub interval: Option<Duration>,
    /// The endpoint's own probe timeout, if any.
    #[serde(skip)]
    pub timeout: Option<Duration>,
}

impl Endpoint {
    /// An endpoint of which nothing but the URL is known: any answer is genuine that comes over a chain that this machine trusts.
    #[must_use]
    pub fn new(component: Component, url: ProbeUrl) -> Self {
        Self {
            component,
            pattern: url.host().to_owned(),
            ports: vec![url.port()],
            method: Method::Get,
            expect: Expectation::Any,
            basis: Basis::Inferred,
            confidence: Confidence::D,
            captured: None,
            evidence: Vec::new(),
            trust: if url.scheme() == Scheme::Https { Trust::Any } else { Trust::Plain },
            may_be_inspected: false,
            may_be_replaced: false,
            geo: None,
            cloud: None,
            serves: None,
            follow_redirects: 0,
            range: false,
            interval: None,
            timeout: None,
            url,
        }
    }

    /// Whether an unexpected status indicates a network fault rather than an error in the catalog: a Microsoft document states
    /// the expected status, two captures confirm it, or the user configured it. At a company's own server, an answer without
    /// the service's marks is the fault to find: a login page, a proxy's page, a server that is something else.
    #[must_use]
    pub fn expects_firmly(&self) -> bool {
        self.basis == Basis::Document || self.confidence == Confidence::A || self.component.is_on_premises()
    }

    /// How much of the body is read, if not all of it: the body is large, and its beginning is enough.
    #[must_use]
    pub fn first_bytes(&self) -> Option<usize> {
        if self.range {
            return Some(1);
        }
        let lengths = self.evidence.iter().filter_map(|evidence| match evidence {
            ExpectedEvidence::Body(kind) => Some(kind.prefix_len()),
            _ => None,
        });
        lengths.collect::<Option<Vec<_>>>()?.into_iter().max()
    }

    /// Returns `x` if the pattern is `*.x` and the probed host is `x`. The source document has such patterns for hosts that
    /// clients contact by their bare name, which a wildcard doesn't match in many firewalls.
    #[must_use]
    pub fn apex(&self) -> Option<&str> {
        let apex = self.pattern.strip_prefix("*.")?;
        apex.eq_ignore_ascii_case(self.url.host()).then_some(apex)
    }

    /// The names that a firewall must allow: the pattern's, and for a wildcard also the probed apex. None for a control, which
    /// Defender doesn't need.
    #[must_use]
    pub fn names_to_allow(&self) -> Vec<&str> {
        if self.component.is_control() {
            return Vec::new();
        }
        let pattern = if self.pattern.contains("://") { self.url.host() } else { &self.pattern };
        std::iter::once(pattern).chain(self.apex()).collect()
    }
}

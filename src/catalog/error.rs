//! Why the parser rejects a catalog.

use super::component::Component;
use super::types::Trust;
use super::updates::UpdateSource;
use super::url::UrlError;

/// A problem in a catalog, and its location.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// Invalid YAML, or YAML that doesn't match the catalog's schema.
    #[error("{0}")]
    Syntax(String),
    /// A component is defined twice.
    #[error("{0} is described twice")]
    DuplicateComponent(Component),
    /// A service without ports or probes, or with port 0.
    #[error(
        "{component}: {pattern}: a service has at least one port, none of them 0, and at least one probe"
    )]
    Service {
        /// The component.
        component: Component,
        /// The service's pattern.
        pattern: String,
    },
    /// A need that no endpoint serves, or an endpoint that serves an undeclared need.
    #[error(
        "{component}: the component needs {need:?} and no endpoint serves it, or an endpoint serves it and the component does not need it"
    )]
    Need {
        /// The component.
        component: Component,
        /// The need.
        need: String,
    },
    /// An update source is invalid.
    #[error("update source {source_name}: {problem}")]
    Source {
        /// The source.
        source_name: UpdateSource,
        /// The problem.
        problem: String,
    },
    /// A version feed's URL is invalid.
    #[error("version feed {url:?}: {problem}")]
    Feed {
        /// The URL as written in the catalog.
        url: String,
        /// The problem.
        problem: UrlError,
    },
    /// The URL of the download test is invalid.
    #[error("download test {url:?}: {problem}")]
    DownloadTest {
        /// The URL as written in the catalog.
        url: String,
        /// The problem.
        problem: UrlError,
    },
    /// An endpoint is invalid.
    #[error("{component}: {url}: {problem}")]
    Endpoint {
        /// The component.
        component: Component,
        /// The URL as written in the catalog.
        url: String,
        /// The problem.
        problem: EndpointProblem,
    },
}

/// A problem with an endpoint.
#[derive(Debug, thiserror::Error)]
pub enum EndpointProblem {
    /// The URL is invalid.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// The component already has this URL.
    #[error("is listed twice in its component")]
    Duplicate,
    /// A status outside 100–599, or an empty list of statuses.
    #[error("expects {0}: statuses are 100 to 599, at least one")]
    Status(String),
    /// Plain HTTP without evidence: it doesn't authenticate the server.
    #[error("plain HTTP needs evidence")]
    NoEvidence,
    /// The trust doesn't apply to the URL's scheme.
    #[error("trust {0} does not fit the URL's scheme")]
    Trust(Trust),
    /// A header name in upper case: header names are compared in lower case.
    #[error("the header name {0:?} is not in lower case")]
    HeaderCase(String),
    /// A `range` on an endpoint other than GET over TLS.
    #[error("range is only for GET over https")]
    Range,
    /// A capture date with confidence D, which means that no capture was found.
    #[error("confidence D is for what was never captured: it has no date")]
    Captured,
    /// `each` without a placeholder, or a placeholder without `each`.
    #[error("the placeholder {{}} and `each` go together")]
    Placeholder,
}

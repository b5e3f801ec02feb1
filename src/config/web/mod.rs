//! `--web.config.file`: TLS and authentication of the exporter's own server, in the format of Prometheus'
//! exporter-toolkit (<https://github.com/prometheus/exporter-toolkit/blob/master/docs/web-configuration.md>). Reports
//! every problem at once, and rejects what isn't supported. `web/access/` applies it.

mod clients;
mod headers;
mod limit;
mod pem;
mod tls;
mod users;
mod yaml11;

#[cfg(test)]
mod tests;

use std::path::Path;

use hyper::header::{HeaderName, HeaderValue};

use super::ConfigProblems;
use super::load::read_text;
use super::positions::add_positions;
use super::reader::{Mapping, Node, ProblemCollector, document};

pub use clients::{ClientAuth, is_for_clients};
pub use limit::RateLimit;
pub use tls::{Curve, ServerKey, ServerTls, TlsVersion};
pub use users::{PasswordHash, Users};
use yaml11::boolean;

/// The settings. The default is plain HTTP without authentication.
#[derive(Clone, Debug, PartialEq)]
pub struct WebConfig {
    /// TLS. `None` for plain HTTP.
    pub tls: Option<ServerTls>,
    /// Whether HTTP/2 is offered over TLS.
    pub http2: bool,
    /// Headers of every response.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Users. If empty, no password is required.
    pub users: Users,
    /// The rate limit, if any.
    pub rate_limit: Option<RateLimit>,
}

impl Default for WebConfig {
    fn default() -> Self {
        Self { tls: None, http2: true, headers: Vec::new(), users: Users::default(), rate_limit: None }
    }
}

/// Loads the file and the files that it names, whose paths are relative to its folder.
///
/// # Errors
/// If a file is invalid: the error lists every problem.
pub fn load(path: &Path) -> Result<WebConfig, ConfigProblems> {
    let (name, text) = read_text(path)?;
    parse(&name, &text, path.parent().unwrap_or(Path::new("")))
}

/// Parses a web configuration. `file_name` is for messages; paths are relative to `base_dir`.
///
/// # Errors
/// If the text or a file that it names is invalid: the error lists every problem.
pub fn parse(file_name: &str, text: &str, base_dir: &Path) -> Result<WebConfig, ConfigProblems> {
    let report = ProblemCollector::new(file_name);
    let root = document(text, &report).and_then(Node::mapping);
    match root.map(|root| read(root, base_dir)) {
        Some(config) if report.is_empty() => Ok(config),
        _ => Err(add_positions(report.finish(), text)),
    }
}

/// Reads every key. Invalid values are reported and keep their default.
fn read(mut root: Mapping<'_>, base_dir: &Path) -> WebConfig {
    // As in exporter-toolkit, a section without keys is no section.
    let tls = root.take_set("tls_server_config").and_then(Node::mapping).filter(|tls| !tls.is_empty());
    let tls = tls.and_then(|tls| tls::read(tls, base_dir));
    let http = root.take_set("http_server_config").and_then(Node::mapping).map(HttpServer::read);
    let HttpServer { http2, headers } = http.unwrap_or(HttpServer { http2: true, headers: Vec::new() });
    let users = root.take_set("basic_auth_users").and_then(users::read).unwrap_or_default();
    let rate_limit = root.take_set("rate_limit").and_then(Node::mapping).and_then(limit::read);
    if http2 && tls.as_ref().is_some_and(|tls| !tls.fits_http2()) {
        root.report().add(
            "tls_server_config.cipher_suites".to_owned(),
            "lacks TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 and TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, one of which HTTP/2 over \
             TLS12 requires (RFC 9113, section 9.2.2): add it, or set http2 to false in http_server_config"
                .to_owned(),
        );
    }
    root.finish();
    WebConfig { tls, http2, headers, users, rate_limit }
}

/// `http_server_config`.
struct HttpServer {
    http2: bool,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl HttpServer {
    fn read(mut http: Mapping<'_>) -> Self {
        let http2 = http.take_set("http2").and_then(|node| boolean(&node)).unwrap_or(true);
        let headers = http.take_set("headers").and_then(Node::mapping).map(headers::read).unwrap_or_default();
        http.finish();
        Self { http2, headers }
    }
}

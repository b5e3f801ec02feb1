//! `--web.config.file`: who may connect to the exporter and how, in the format of Prometheus' exporter-toolkit
//! (<https://github.com/prometheus/exporter-toolkit/blob/master/docs/web-configuration.md>). Every problem is told at
//! once; what can't be honoured is refused. What follows from it is for `web/access/`.

mod headers;
mod limit;
mod pem;
mod tls;
mod users;

#[cfg(test)]
mod tests;

use std::path::Path;

use hyper::header::{HeaderName, HeaderValue};

use super::Problems;
use super::load::read_text;
use super::raw::{Mapping, Node, Report, document};

pub use limit::RateLimit;
pub use tls::{ClientAuth, Curve, ServerKey, ServerTls, TlsVersion};
pub use users::{PasswordHash, Users};

/// What may be set. The default is plain HTTP for everyone.
#[derive(Clone, Debug, PartialEq)]
pub struct WebConfig {
    /// TLS; none: plain HTTP.
    pub tls: Option<ServerTls>,
    /// Whether HTTP/2 is offered over TLS.
    pub http2: bool,
    /// Headers of every answer.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Who may ask; nobody: no password is asked for.
    pub users: Users,
    /// How often may be asked.
    pub rate_limit: Option<RateLimit>,
}

impl Default for WebConfig {
    fn default() -> Self {
        Self { tls: None, http2: true, headers: Vec::new(), users: Users::default(), rate_limit: None }
    }
}

/// Reads the file and those that it names, whose paths are relative to its folder.
///
/// # Errors
/// With every problem of the files.
pub fn load(path: &Path) -> Result<WebConfig, Problems> {
    let (name, text) = read_text(path)?;
    parse(&name, &text, path.parent().unwrap_or(Path::new("")))
}

/// Reads a web configuration from its text. `file_name` is for messages; paths are relative to `base_dir`.
///
/// # Errors
/// With every problem of the text, and of the files that it names.
pub fn parse(file_name: &str, text: &str, base_dir: &Path) -> Result<WebConfig, Problems> {
    let report = Report::new(file_name);
    let root = document(text, &report).and_then(Node::mapping);
    match root.map(|root| read(root, base_dir)) {
        Some(config) if report.is_empty() => Ok(config),
        _ => Err(report.into_problems()),
    }
}

/// Takes every key. What can't be read keeps its default: the report has it.
fn read(mut root: Mapping<'_>, base_dir: &Path) -> WebConfig {
    let tls = root.take("tls_server_config").and_then(Node::mapping).and_then(|tls| tls::read(tls, base_dir));
    let (http2, headers) =
        root.take("http_server_config").and_then(Node::mapping).map_or((true, Vec::new()), http_server);
    let users = root.take("basic_auth_users").and_then(users::read).unwrap_or_default();
    let rate_limit = root.take("rate_limit").and_then(Node::mapping).and_then(limit::read);
    root.finish();
    WebConfig { tls, http2, headers, users, rate_limit }
}

fn http_server(mut http: Mapping<'_>) -> (bool, Vec<(HeaderName, HeaderValue)>) {
    let http2 = http.take("http2").and_then(|node| node.boolean()).unwrap_or(true);
    let headers = http.take("headers").and_then(Node::mapping).map(headers::read).unwrap_or_default();
    http.finish();
    (http2, headers)
}

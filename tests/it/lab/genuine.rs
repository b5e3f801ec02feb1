//! The genuine services on loopback: the captured responses of `captured.rs`, with objects signed by the lab.

pub mod captured;

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

use defender_exporter::catalog::{Endpoint, ProbeUrl};

use super::Lab;
use super::http::Request;
use super::pki::Authority;
use super::pki::crl::Crl;
use super::reply::{Answer, End, Reply, Response, Step};
use captured::{Body, Captured, Says};

/// How old the signatures of the lab's version feed are when the lab starts.
const FEED_AGE: Duration = Duration::from_secs(60 * 60);

/// A version feed in the shape that its readers agree on.
pub fn version_feed(engine: &str, platform: &str, signatures: &str, published: SystemTime) -> String {
    let date = humantime::format_rfc3339_seconds(published).to_string().replace('T', " ");
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<versions>\n  <engine>{engine}</engine>\n  \
         <platform>{platform}</platform>\n  <signatures date=\"{date}\">{signatures}</signatures>\n</versions>\n"
    )
}

/// A cabinet without folders or files: the header alone, 36 bytes ([MS-CAB], section 2.1).
pub fn cabinet() -> Vec<u8> {
    const LENGTH: u32 = 36;
    let mut bytes = b"MSCF\0\0\0\0".to_vec();
    bytes.extend(LENGTH.to_le_bytes()); // cbCabinet
    bytes.extend([0; 4]);
    bytes.extend(LENGTH.to_le_bytes()); // coffFiles
    bytes.extend([0; 4]);
    bytes.extend([3, 1]); // version 1.3, minor first
    bytes.extend([0; 10]); // cFolders, cFiles, flags, setID, iCabinet
    bytes
}

/// The captured answer to a URL.
pub fn captured(url: &str) -> Option<&'static Captured> {
    static BY_URL: LazyLock<BTreeMap<String, &'static Captured>> = LazyLock::new(|| {
        captured::all().flat_map(|row| row.urls().into_iter().map(move |url| (url, row))).collect()
    });
    BY_URL.get(url).copied()
}

/// Whose chain a host presents over TLS, as captured.
pub fn authority_of(host: &str) -> Option<Authority> {
    let hosts = captured::all().flat_map(|row| row.urls().into_iter().map(|url| (url, row.by)));
    let mut fitting = hosts.filter(|(url, by)| by.is_some() && parsed(url).host() == host);
    fitting.next().and_then(|(_, by)| by)
}

impl Lab {
    /// Makes the origins answer for all of these as their genuine services do, redirects included, and gives every URL that
    /// `connect_to` must send to the lab: the endpoints' own and those that they redirect to.
    ///
    /// # Panics
    /// When no answer of an endpoint is in `captured.rs`.
    pub fn serve_all<'a>(&self, endpoints: impl IntoIterator<Item = &'a Endpoint>) -> Vec<ProbeUrl> {
        let mut urls = Vec::new();
        for endpoint in endpoints {
            let mut next = Some(endpoint.url.clone());
            while let Some(url) = next {
                let row = captured(url.as_str());
                next =
                    row.and_then(|row| row.leads_from(&url)).filter(|next| captured(next.as_str()).is_some());
                match row {
                    Some(row) => self.serve_captured(row, &url),
                    None => panic!("no answer of {url} is in captured.rs"),
                }
                urls.push(url);
            }
        }
        urls
    }

    fn serve_captured(&self, row: &Captured, url: &ProbeUrl) {
        if let Some(by) = row.by {
            self.tls.set_authority(url.host(), by);
        }
        let reply = match row.says {
            Says::Answers(status, headers, body) => {
                Reply::from(with(Response::new(status), headers).body(self.body(body)))
            }
            Says::Redirects(status, headers, to) => with(Response::redirect(status, to), headers).into(),
            Says::Download(kind, length) => {
                Answer::new(move |request| download(request, kind, length)).into()
            }
        };
        self.origin(url).set(url.host(), url.path_and_query(), reply);
    }

    fn body(&self, body: Body) -> Vec<u8> {
        match body {
            Body::Empty => Vec::new(),
            Body::Text(text) => text.as_bytes().to_vec(),
            Body::Html => b"<html><head><title>Forbidden</title></head><body></body></html>\r\n".to_vec(),
            Body::StorageError => {
                let code = "<Code>InvalidQueryParameterValue</Code>";
                let why = "<Message>Value for one of the query parameters specified in the request URI is invalid.</Message>";
                format!("<?xml version=\"1.0\" encoding=\"utf-8\"?><Error>{code}{why}</Error>").into_bytes()
            }
            Body::Feed => {
                version_feed("1.1.1.1", "4.18.1.1", "1.1.1.0", self.pki.now() - FEED_AGE).into_bytes()
            }
            Body::Cabinet => cabinet(),
            Body::CrlOf(issuer) => self.pki.sign_crl(issuer, &Crl::sound(self.pki.now())),
            Body::Certificate(issuer) => self.pki.certificate(issuer).to_vec(),
            Body::CrossSign => self.pki.cross_sign().to_vec(),
        }
    }
}

impl Captured {
    /// Its URLs.
    pub fn urls(&self) -> Vec<String> {
        if self.each.is_empty() {
            return vec![self.url.to_owned()];
        }
        self.each.iter().map(|value| self.url.replace("{}", value)).collect()
    }

    /// Where a redirect leads from this URL of it.
    pub fn leads_from(&self, url: &ProbeUrl) -> Option<ProbeUrl> {
        let Says::Redirects(_, _, to) = self.says else { return None };
        Some(url.join(to).unwrap())
    }
}

fn with(response: Response, headers: &[(&str, &str)]) -> Response {
    headers.iter().fold(response, |response, (name, value)| response.header(name, value))
}

/// A large object: a GET of the first byte gets that (206, RFC 9110, section 15.3.7), any other all of it.
fn download(request: &Request, kind: &str, length: usize) -> Reply {
    const CHUNK: usize = 16 * 1024;
    let head = |status: &str, more: &str, length: usize| {
        let head = format!("HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nAccept-Ranges: bytes\r\n{more}");
        Step::Send(format!("{head}Content-Length: {length}\r\nConnection: close\r\n\r\n").into_bytes())
    };
    let steps = match (request.method.as_str(), request.header("range")) {
        ("HEAD", _) => vec![head("200 OK", "", length)],
        ("GET", Some("bytes=0-0")) => {
            let of = format!("Content-Range: bytes 0-0/{length}\r\n");
            vec![head("206 Partial Content", &of, 1), Step::Send(b"M".to_vec())]
        }
        _ => {
            let rest = Step::Send(vec![b'M'; length % CHUNK]);
            vec![head("200 OK", "", length), Step::Repeat(vec![b'M'; CHUNK], length / CHUNK), rest]
        }
    };
    Reply::Script(steps.into_iter().chain([Step::End(End::Close)]).collect())
}

fn parsed(url: &str) -> ProbeUrl {
    ProbeUrl::parse(url).unwrap()
}

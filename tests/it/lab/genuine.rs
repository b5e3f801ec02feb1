//! What the genuine services answer, as the catalog describes it, with objects made by the lab.
//! Nothing here was captured: shapes follow the catalog's expectations and the formats' own specifications.

use defender_exporter::catalog::{BodyKind, Endpoint, Evidence, Expectation, ProbeUrl, Trust};

use super::Lab;
use super::pki::crl::Crl;
use super::pki::{Authority, Issuer};
use super::reply::Response;

/// Where the lab's redirects lead.
pub const REDIRECTED: &str = "/lab-redirected";

/// A version feed in the shape that its readers agree on; `date` as `YYYY-MM-DD HH:MM:SSZ`.
pub fn version_feed(engine: &str, platform: &str, signatures: &str, date: &str) -> String {
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

impl Lab {
    /// Makes the origins answer for this endpoint as its genuine service does, redirects included.
    /// A host's certificate follows the trust of the endpoint that was served last.
    pub fn serve(&self, endpoint: &Endpoint) {
        let url = &endpoint.url;
        let origin = self.origin(url);
        self.certify(url.host(), endpoint.trust);
        let mut response = Response::new(expected(endpoint));
        for evidence in &endpoint.evidence {
            response = match evidence {
                Evidence::Status => response,
                Evidence::Header { name, prefix } => response.header(name, &format!("{prefix}lab")),
                Evidence::Body(kind) => response.body(self.object(kind, url)),
                Evidence::Redirect(to) => {
                    let host = to.0.trim_start_matches("*.");
                    self.certify(host, Trust::Public);
                    self.tls.set(host, REDIRECTED, response);
                    let first = expected(endpoint);
                    let status = if (300..400).contains(&first) { first } else { 302 };
                    Response::redirect(status, &format!("https://{host}{REDIRECTED}"))
                }
            };
        }
        origin.set(url.host(), url.path_and_query(), response);
    }

    /// Makes the origins answer for all of them, and gives every URL that `connect_to` must send to the lab:
    /// the endpoints' own and those that they redirect to.
    pub fn serve_all<'a>(&self, endpoints: impl IntoIterator<Item = &'a Endpoint>) -> Vec<ProbeUrl> {
        let mut urls = Vec::new();
        for endpoint in endpoints {
            self.serve(endpoint);
            urls.push(endpoint.url.clone());
            urls.extend(endpoint.evidence.iter().filter_map(redirected_to));
        }
        urls
    }

    fn certify(&self, host: &str, trust: Trust) {
        let authority = match trust {
            Trust::Microsoft => Authority::Microsoft2011,
            Trust::Public | Trust::Any | Trust::Plain | Trust::SignedObject => Authority::DigicertG2,
        };
        self.tls.set_authority(host, authority);
    }

    fn object(&self, kind: &BodyKind, url: &ProbeUrl) -> Vec<u8> {
        match kind {
            BodyKind::Crl => self.pki.sign_crl(signer(url), &Crl::sound(self.pki.now())),
            BodyKind::Certificate => self.pki.certificate(signer(url)).to_vec(),
            BodyKind::Cabinet => cabinet(),
            BodyKind::Xml(root) if root.eq_ignore_ascii_case("versions") => {
                version_feed("1.1.1.1", "4.18.1.1", "1.1.1.0", "2026-11-23 20:00:00Z").into_bytes()
            }
            BodyKind::Xml(root) => format!("<{root}/>").into_bytes(),
            BodyKind::Text(text) => text.clone().into_bytes(),
        }
    }
}

/// Who stands behind a signed object, by the name of its file; the one behind most of the lab's leaves otherwise.
pub fn signer(url: &ProbeUrl) -> Issuer {
    let file = url.path_and_query().rsplit('/').next().unwrap_or_default();
    let named = [
        ("MicRooCerAut2011", Issuer::Root(Authority::Microsoft2011)),
        ("DigiCertGlobalRootG2", Issuer::Root(Authority::DigicertG2)),
    ];
    let found = named.into_iter().find(|(name, _)| file.starts_with(name));
    found.map_or(Issuer::Intermediate(Authority::Microsoft2011), |(_, issuer)| issuer)
}

fn expected(endpoint: &Endpoint) -> u16 {
    match &endpoint.expect {
        Expectation::Any => 200,
        Expectation::OneOf(statuses) => statuses.first().copied().unwrap_or(200),
    }
}

fn redirected_to(evidence: &Evidence) -> Option<ProbeUrl> {
    let Evidence::Redirect(to) = evidence else { return None };
    ProbeUrl::parse(&format!("https://{}{REDIRECTED}", to.0.trim_start_matches("*."))).ok()
}

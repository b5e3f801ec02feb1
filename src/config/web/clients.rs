//! Client certificates: `client_auth_type`, their authorities, their names.

use std::path::Path;

use rustls::pki_types::CertificateDer;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::pem::{PemSource, certificates, source};
use crate::config::reader::{Mapping, Node};

/// Whether clients need a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientAuth {
    /// Client certificates aren't requested.
    None,
    /// A client certificate is optional, but must be valid.
    IfGiven(Vec<CertificateDer<'static>>),
    /// The same, by the roots of the system: as in exporter-toolkit, if no authorities are set.
    IfGivenBySystem(Vec<CertificateDer<'static>>),
    /// A valid client certificate is required.
    Required {
        /// The trusted authorities.
        authorities: Vec<CertificateDer<'static>>,
        /// The allowed names, of which one must match exactly, as in exporter-toolkit. If empty, any.
        allowed_sans: Vec<String>,
    },
}

/// `client_auth_type`, by Go's names.
#[derive(Clone, Copy)]
enum ClientAuthPolicy {
    None,
    IfGiven,
    Required,
}

fn policy(text: &str) -> Result<ClientAuthPolicy, String> {
    const UNCHECKED: &str = "would accept any client with a self-made certificate; use NoClientCert, \
                             VerifyClientCertIfGiven or RequireAndVerifyClientCert";
    match text {
        "NoClientCert" => Ok(ClientAuthPolicy::None),
        "VerifyClientCertIfGiven" => Ok(ClientAuthPolicy::IfGiven),
        "RequireAndVerifyClientCert" => Ok(ClientAuthPolicy::Required),
        "RequestClientCert" | "RequireAnyClientCert" | "RequireClientCert" => Err(UNCHECKED.to_owned()),
        _ => {
            Err("is not one of NoClientCert, VerifyClientCertIfGiven, RequireAndVerifyClientCert".to_owned())
        }
    }
}

/// Returns `None` if a problem is reported.
pub(super) fn read(tls: &mut Mapping<'_>, base_dir: &Path) -> Option<ClientAuth> {
    let named = tls.take_set("client_auth_type").map(|node| node.parsed(policy));
    let has_authorities = tls.is_set("client_ca_file") || tls.is_set("client_ca");
    let authorities = source(tls, "client_ca_file", "client_ca", base_dir).and_then(|ca| authorities(&ca));
    let has_sans = tls.is_set("client_allowed_sans");
    let sans = tls.take_set("client_allowed_sans").map(allowed_sans);
    let policy = named.unwrap_or(Some(ClientAuthPolicy::None))?;
    if has_authorities && matches!(policy, ClientAuthPolicy::None) {
        tls.problem_at(
            "client_auth_type",
            "requests no client certificate although client CAs are set: use RequireAndVerifyClientCert",
        );
    }
    if has_sans && !matches!(policy, ClientAuthPolicy::Required) {
        tls.problem_at("client_allowed_sans", "needs client_auth_type RequireAndVerifyClientCert: without a certificate there is no name to compare");
    }
    if !has_authorities && matches!(policy, ClientAuthPolicy::Required) {
        tls.problem_at(
            "client_ca_file",
            "is missing: without client_ca_file or client_ca, a certificate of any public CA would give access",
        );
    }
    match policy {
        ClientAuthPolicy::None => Some(ClientAuth::None),
        ClientAuthPolicy::IfGiven if !has_authorities => {
            Some(ClientAuth::IfGivenBySystem(rustls_native_certs::load_native_certs().certs))
        }
        ClientAuthPolicy::IfGiven => Some(ClientAuth::IfGiven(authorities?)),
        ClientAuthPolicy::Required => Some(ClientAuth::Required {
            authorities: authorities?,
            allowed_sans: sans.unwrap_or(Some(Vec::new()))?,
        }),
    }
}

fn authorities(ca: &PemSource<'_>) -> Option<Vec<CertificateDer<'static>>> {
    let found = certificates(ca)?;
    for (n, authority) in found.iter().enumerate() {
        if let Err(error) = webpki::anchor_from_trusted_cert(authority) {
            ca.problem(&format!("contains a certificate (number {}) that can't be a CA: {error}", n + 1));
            return None;
        }
        if is_useless(authority) {
            ca.problem(&format!(
                "contains a certificate (number {}) that is neither a CA's nor for client authentication: no client could use it",
                n + 1
            ));
            return None;
        }
    }
    Some(found)
}

/// Whether a certificate can neither sign clients' certificates nor be a client's own. Those of version 1 say nothing about it.
fn is_useless(der: &CertificateDer<'_>) -> bool {
    let Ok((_, certificate)) = X509Certificate::from_der(der) else { return false };
    let signs = match certificate.basic_constraints() {
        Ok(Some(constraints)) => constraints.value.ca,
        Ok(None) => certificate.version().0 == 0,
        Err(_) => true, // webpki reports it
    };
    !signs && !is_for_clients(&certificate)
}

/// Whether the extended key usage, if there is one, includes client authentication (RFC 5280, section 4.2.1.12).
#[must_use]
pub fn is_for_clients(certificate: &X509Certificate<'_>) -> bool {
    match certificate.extended_key_usage() {
        Ok(Some(usage)) => usage.value.any || usage.value.client_auth,
        Ok(None) => true,
        Err(_) => false,
    }
}

/// An empty list would reject every client.
fn allowed_sans(list: Node<'_>) -> Option<Vec<String>> {
    list.filled_distinct("name", |san| san.text().map(str::to_owned))
}

//! Converts the web configuration to rustls' server configuration.

use std::sync::Arc;

use rustls::crypto::ring::{default_provider, kx_group};
use rustls::crypto::{CryptoProvider, SupportedKxGroup};
use rustls::pki_types::CertificateDer;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{VerifierBuilderError, WebPkiClientVerifier};
use rustls::{Error, RootCertStore, ServerConfig, SupportedProtocolVersion, version};

use super::client_verifier::ClientVerifier;
use crate::config::web::{ClientAuth, Curve, ServerTls, TlsVersion};

/// ALPN's name for HTTP/2 (RFC 9113, section 3.1).
pub(in crate::web) const H2: &[u8] = b"h2";

/// ALPN's name for HTTP/1.1 (RFC 7301, section 6).
const HTTP11: &[u8] = b"http/1.1";

/// # Errors
/// If rustls rejects the configuration.
pub(super) fn server_config(tls: &ServerTls, http2: bool) -> Result<ServerConfig, Error> {
    let mut provider = CryptoProvider { cipher_suites: tls.suites.clone(), ..default_provider() };
    if !tls.curves.is_empty() {
        provider.kx_groups = tls.curves.iter().map(|curve| group(*curve)).collect();
    }
    let provider = Arc::new(provider);
    let versions: Vec<_> = tls.versions.iter().map(|version| supported_version(*version)).collect();
    let builder =
        ServerConfig::builder_with_provider(Arc::clone(&provider)).with_protocol_versions(&versions)?;
    let builder = match client_verifier(&tls.clients, &provider)? {
        Some(verifier) => builder.with_client_cert_verifier(verifier),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder.with_single_cert(tls.chain.clone(), tls.key.reveal())?;
    config.ignore_client_order = tls.server_order;
    config.alpn_protocols = if http2 { vec![H2.to_vec(), HTTP11.to_vec()] } else { vec![HTTP11.to_vec()] };
    Ok(config)
}

fn group(curve: Curve) -> &'static dyn SupportedKxGroup {
    match curve {
        Curve::P256 => kx_group::SECP256R1,
        Curve::P384 => kx_group::SECP384R1,
        Curve::X25519 => kx_group::X25519,
    }
}

const fn supported_version(tls: TlsVersion) -> &'static SupportedProtocolVersion {
    match tls {
        TlsVersion::Tls12 => &version::TLS12,
        TlsVersion::Tls13 => &version::TLS13,
    }
}

fn client_verifier(
    clients: &ClientAuth,
    provider: &Arc<CryptoProvider>,
) -> Result<Option<Arc<dyn ClientCertVerifier>>, Error> {
    let builder = |roots| WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
    let (built, listed, sans): (_, _, &[String]) = match clients {
        ClientAuth::None => return Ok(None),
        ClientAuth::IfGiven(authorities) => {
            (builder(anchors(authorities)?).allow_unauthenticated().build(), authorities, &[])
        }
        ClientAuth::IfGivenBySystem(certificates) => {
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(certificates.iter().cloned()); // stores contain some that can't be anchors
            if roots.is_empty() {
                return Ok(None); // a container without roots: no certificate could be verified
            }
            // Without the names of a hundred roots in each handshake.
            let verifier = builder(roots).allow_unauthenticated().clear_root_hint_subjects().build();
            return verifier.map(Some).map_err(|error| unusable(&error));
        }
        ClientAuth::Required { authorities, allowed_sans } => {
            (builder(anchors(authorities)?).build(), authorities, allowed_sans)
        }
    };
    let chain = built.map_err(|error| unusable(&error))?;
    Ok(Some(Arc::new(ClientVerifier::new(chain, listed.clone(), sans.to_vec()))))
}

fn anchors(authorities: &[CertificateDer<'static>]) -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    for authority in authorities {
        roots.add(authority.clone())?;
    }
    Ok(roots)
}

fn unusable(error: &VerifierBuilderError) -> Error {
    Error::General(error.to_string())
}

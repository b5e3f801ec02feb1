//! `tls_server_config`: certificate, versions, cipher suites, curves, client certificates. Values use Go's names, as in
//! exporter-toolkit. Rejects what rustls doesn't support, and settings that would only appear to protect.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use rustls::crypto::ring::default_provider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SigningKey};
use rustls::{Error, InconsistentKeys, SupportedCipherSuite};

use super::pem::{PemSource, certificates, private_key, source};
use crate::config::reader::{Mapping, Node};
use crate::string_enum::string_enum;

string_enum! {
    /// A TLS version, by Go's name.
    TlsVersion {
        /// TLS 1.2.
        Tls12 = "TLS12",
        /// TLS 1.3.
        Tls13 = "TLS13",
    }
}

string_enum! {
    /// A key exchange group, by Go's name.
    Curve {
        /// secp256r1.
        P256 = "CurveP256",
        /// secp384r1.
        P384 = "CurveP384",
        /// X25519.
        X25519 = "X25519",
    }
}

/// The server's TLS settings.
#[derive(Clone, Debug, PartialEq)]
pub struct ServerTls {
    /// The server's certificate, followed by its intermediates.
    pub chain: Vec<CertificateDer<'static>>,
    /// The certificate's private key.
    pub key: ServerKey,
    /// Whether clients need a certificate.
    pub clients: ClientAuth,
    /// The enabled versions, at least one.
    pub versions: Vec<TlsVersion>,
    /// The cipher suites of those versions, in order of preference; at least one per version.
    pub suites: Vec<SupportedCipherSuite>,
    /// Whether the server's order of suites applies, rather than the client's.
    pub server_order: bool,
    /// The groups, in order of preference. If empty, the library's.
    pub curves: Vec<Curve>,
}

/// A private key, which is never printed.
#[derive(PartialEq)]
pub struct ServerKey(PrivateKeyDer<'static>);

impl ServerKey {
    /// The key, for signing.
    #[must_use]
    pub fn reveal(&self) -> PrivateKeyDer<'static> {
        self.0.clone_key()
    }
}

impl Clone for ServerKey {
    fn clone(&self) -> Self {
        Self(self.reveal())
    }
}

impl fmt::Debug for ServerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServerKey(…)")
    }
}

/// Whether clients need a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientAuth {
    /// Client certificates aren't requested.
    None,
    /// A client certificate is optional, but must be valid.
    IfGiven(Vec<CertificateDer<'static>>),
    /// A valid client certificate is required.
    Required {
        /// The trusted authorities.
        authorities: Vec<CertificateDer<'static>>,
        /// The allowed names, of which one must match exactly, as in exporter-toolkit. If empty, any.
        allowed_sans: Vec<String>,
    },
}

/// Returns `None` if a problem is reported.
pub(super) fn read(mut tls: Mapping<'_>, base_dir: &Path) -> Option<ServerTls> {
    let chain = identity_part(&mut tls, "cert_file", "cert", base_dir);
    let key = identity_part(&mut tls, "key_file", "key", base_dir);
    let clients = clients(&mut tls, base_dir);
    let versions = versions(&mut tls);
    let suites = suites(&mut tls, versions.as_deref());
    let server_order = tls.take("prefer_server_cipher_suites").and_then(|node| node.boolean());
    let curves = tls
        .take("curve_preferences")
        .and_then(|node| node.distinct(|curve| curve.word(Curve::ALL, Curve::as_str)));
    let identity = chain.zip(key).and_then(|(chain, key)| identity(&chain, &key));
    if let (Some(identity), Some(suites), Some(versions)) = (&identity, &suites, &versions) {
        check_suites(&tls, identity.signer.as_ref(), suites, versions);
    }
    tls.finish();
    let Identity { chain, key, .. } = identity?;
    Some(ServerTls {
        chain,
        key,
        clients: clients?,
        versions: versions?,
        suites: suites?,
        server_order: server_order.unwrap_or(true),
        curves: curves.unwrap_or_default(),
    })
}

/// The source of the certificate or its key, both of which are required.
fn identity_part<'a>(
    tls: &mut Mapping<'a>,
    file_key: &'static str,
    inline_key: &'static str,
    base_dir: &Path,
) -> Option<PemSource<'a>> {
    if !tls.has(file_key) && !tls.has(inline_key) {
        tls.problem_at(file_key, format!("is missing: TLS needs {file_key} or {inline_key}"));
    }
    source(tls, file_key, inline_key, base_dir)
}

/// The server's certificate with its key.
struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: ServerKey,
    signer: Arc<dyn SigningKey>,
}

fn identity(chain: &PemSource<'_>, key: &PemSource<'_>) -> Option<Identity> {
    let (certificates, private) = (certificates(chain), private_key(key));
    let (certificates, private) = (certificates?, private?);
    match CertifiedKey::from_der(certificates.clone(), private.clone_key(), &default_provider()) {
        Ok(CertifiedKey { key: signer, .. }) => {
            return Some(Identity { chain: certificates, key: ServerKey(private), signer });
        }
        Err(Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => {
            key.problem("does not match the certificate");
        }
        Err(Error::InvalidCertificate(error)) => chain.problem(&format!("can't be used: {error}")),
        Err(_) => key.problem(
            "can't be used: RSA of 2048 to 8192 bits, ECDSA P-256 or P-384 and Ed25519 are accepted",
        ),
    }
    None
}

/// A TLS 1.2 suite requires one kind of key. Without a matching suite, no TLS 1.2 client could connect.
fn check_suites(
    tls: &Mapping<'_>,
    signer: &dyn SigningKey,
    suites: &[SupportedCipherSuite],
    versions: &[TlsVersion],
) {
    let fits = |suite: &SupportedCipherSuite| match suite {
        SupportedCipherSuite::Tls12(suite) => signer.choose_scheme(suite.sign).is_some(),
        SupportedCipherSuite::Tls13(_) => false,
    };
    if versions.contains(&TlsVersion::Tls12) && !suites.iter().any(fits) {
        let kind = signer.algorithm();
        tls.problem_at(
            "cipher_suites",
            format!("has no suite of TLS12 for the certificate's key, which is {kind:?}"),
        );
    }
}

/// `client_auth_type`, by Go's names.
#[derive(Clone, Copy)]
enum Policy {
    None,
    IfGiven,
    Required,
}

fn policy(text: &str) -> Result<Policy, String> {
    const UNCHECKED: &str = "would accept any client with a self-made certificate; use NoClientCert, \
                             VerifyClientCertIfGiven or RequireAndVerifyClientCert";
    match text {
        "NoClientCert" => Ok(Policy::None),
        "VerifyClientCertIfGiven" => Ok(Policy::IfGiven),
        "RequireAndVerifyClientCert" => Ok(Policy::Required),
        "RequestClientCert" | "RequireAnyClientCert" | "RequireClientCert" => Err(UNCHECKED.to_owned()),
        _ => {
            Err("is not one of NoClientCert, VerifyClientCertIfGiven, RequireAndVerifyClientCert".to_owned())
        }
    }
}

fn clients(tls: &mut Mapping<'_>, base_dir: &Path) -> Option<ClientAuth> {
    let named = tls.take("client_auth_type").map(|node| node.parsed(policy));
    let has_authorities = tls.has("client_ca_file") || tls.has("client_ca");
    let authorities = source(tls, "client_ca_file", "client_ca", base_dir).and_then(|ca| authorities(&ca));
    let has_sans = tls.has("client_allowed_sans");
    let sans = tls.take("client_allowed_sans").map(allowed_sans);
    let policy = named.unwrap_or(Some(Policy::None))?;
    if has_authorities && matches!(policy, Policy::None) {
        tls.problem_at(
            "client_auth_type",
            "requests no client certificate although client CAs are set: use RequireAndVerifyClientCert",
        );
    }
    if has_sans && !matches!(policy, Policy::Required) {
        tls.problem_at("client_allowed_sans", "needs client_auth_type RequireAndVerifyClientCert: without a certificate there is no name to compare");
    }
    if !has_authorities && !matches!(policy, Policy::None) {
        tls.problem_at("client_ca_file", "is missing: client_auth_type needs client_ca_file or client_ca");
    }
    match policy {
        Policy::None => Some(ClientAuth::None),
        Policy::IfGiven => Some(ClientAuth::IfGiven(authorities?)),
        Policy::Required => Some(ClientAuth::Required {
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
    }
    Some(found)
}

/// An empty list would reject every client.
fn allowed_sans(list: Node<'_>) -> Option<Vec<String>> {
    list.filled_distinct("name", |san| san.text().map(str::to_owned))
}

fn version(text: &str) -> Result<TlsVersion, String> {
    let found = TlsVersion::ALL.iter().copied().find(|version| version.as_str() == text);
    found.ok_or_else(|| match text {
        "TLS10" | "TLS11" => "is not supported (deprecated by RFC 8996): use TLS12 or TLS13".to_owned(),
        _ => "is not one of TLS12, TLS13".to_owned(),
    })
}

fn versions(tls: &mut Mapping<'_>) -> Option<Vec<TlsVersion>> {
    let least = tls.take("min_version").map_or(Some(TlsVersion::Tls12), |node| node.parsed(version));
    let most = tls.take("max_version").map_or(Some(TlsVersion::Tls13), |node| node.parsed(version));
    let (least, most) = (least?, most?);
    if least > most {
        tls.problem_at("max_version", format!("{most} is lower than min_version, {least}"));
        return None;
    }
    Some(TlsVersion::ALL.iter().copied().filter(|version| (least..=most).contains(version)).collect())
}

/// The TLS version of a suite.
const fn suite_version(suite: SupportedCipherSuite) -> TlsVersion {
    match suite {
        SupportedCipherSuite::Tls12(_) => TlsVersion::Tls12,
        SupportedCipherSuite::Tls13(_) => TlsVersion::Tls13,
    }
}

/// The name of a suite in Go and in IANA's registry. rustls names those of TLS 1.3 differently.
fn suite_name(suite: SupportedCipherSuite) -> String {
    format!("{:?}", suite.suite()).replace("TLS13_", "TLS_")
}

/// The suites, in order. As in Go, all TLS 1.3 suites are enabled if the list contains none of them.
fn suites(tls: &mut Mapping<'_>, versions: Option<&[TlsVersion]>) -> Option<Vec<SupportedCipherSuite>> {
    let all = default_provider().cipher_suites;
    let Some(list) = tls.take("cipher_suites") else { return Some(all) };
    if list.value().as_array().is_some_and(Vec::is_empty) {
        return Some(all); // the default, as in exporter-toolkit
    }
    let listed_count = list.value().as_array().map_or(0, Vec::len);
    let mut listed = list.distinct(|node| node.parsed(|name| suite(name, &all)))?;
    if listed.len() < listed_count {
        return None; // reported
    }
    if !listed.iter().any(|suite| suite_version(*suite) == TlsVersion::Tls13) {
        listed.extend(all.iter().copied().filter(|suite| suite_version(*suite) == TlsVersion::Tls13));
    }
    for version in versions? {
        if !listed.iter().any(|suite| suite_version(*suite) == *version) {
            let problem = format!("has no suite of {version}, which min_version and max_version allow");
            tls.problem_at("cipher_suites", problem);
            return None;
        }
    }
    Some(listed)
}

fn suite(name: &str, all: &[SupportedCipherSuite]) -> Result<SupportedCipherSuite, String> {
    all.iter().copied().find(|suite| suite_name(*suite) == name).ok_or_else(|| {
        let names: Vec<_> = all.iter().map(|suite| suite_name(*suite)).collect();
        format!("is not a supported cipher suite: {}", names.join(", "))
    })
}

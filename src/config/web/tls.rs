//! `tls_server_config`: certificate, versions, cipher suites, curves, client certificates. The values of a key are Go's, as
//! exporter-toolkit has them; what rustls lacks, and what would look like a protection and be none, is refused.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use rustls::crypto::ring::default_provider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SigningKey};
use rustls::{Error, InconsistentKeys, SupportedCipherSuite};

use super::pem::{Source, certificates, private_key, source};
use crate::config::raw::{Mapping, Node};
use crate::words::words;

words! {
    /// A version of TLS, as Go names it.
    TlsVersion {
        /// TLS 1.2.
        Tls12 = "TLS12",
        /// TLS 1.3.
        Tls13 = "TLS13",
    }
}

words! {
    /// A group for the key exchange, as Go names it.
    Curve {
        /// secp256r1.
        P256 = "CurveP256",
        /// secp384r1.
        P384 = "CurveP384",
        /// X25519.
        X25519 = "X25519",
    }
}

/// How the server speaks TLS.
#[derive(Clone, Debug, PartialEq)]
pub struct ServerTls {
    /// The server's certificate, then its intermediates.
    pub chain: Vec<CertificateDer<'static>>,
    /// The key of the first certificate.
    pub key: ServerKey,
    /// Whether clients need a certificate.
    pub clients: ClientAuth,
    /// The versions that are spoken, at least one.
    pub versions: Vec<TlsVersion>,
    /// The suites of those versions, the preferred first; at least one for each version.
    pub suites: Vec<SupportedCipherSuite>,
    /// Whether the order of the suites counts; otherwise the client's does.
    pub server_order: bool,
    /// The groups, the preferred first; empty: the library's.
    pub curves: Vec<Curve>,
}

/// A private key. It prints nothing.
#[derive(PartialEq)]
pub struct ServerKey(PrivateKeyDer<'static>);

impl ServerKey {
    /// The key, for who signs with it.
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
    /// They aren't asked for one.
    None,
    /// One that is presented must be good.
    IfGiven(Vec<CertificateDer<'static>>),
    /// There must be a good one.
    Required {
        /// The authorities that it may come from.
        authorities: Vec<CertificateDer<'static>>,
        /// The names of which it must have one, as exporter-toolkit compares them: exactly; empty: any.
        allowed_sans: Vec<String>,
    },
}

/// None when there is a problem, which the report has.
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
    if let (Some((_, _, signer)), Some(suites), Some(versions)) = (&identity, &suites, &versions) {
        check_suites(&tls, signer.as_ref(), suites, versions);
    }
    tls.finish();
    let (chain, key, _) = identity?;
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

/// Where the certificate or its key stands: there is no TLS without.
fn identity_part<'a>(
    tls: &mut Mapping<'a>,
    file_key: &'static str,
    inline_key: &'static str,
    base_dir: &Path,
) -> Option<Source<'a>> {
    if !tls.has(file_key) && !tls.has(inline_key) {
        tls.problem_of(file_key, format!("is missing: TLS needs {file_key} or {inline_key}"));
    }
    source(tls, file_key, inline_key, base_dir)
}

/// Certificates, the key of the first, and what signs with it.
type Identity = (Vec<CertificateDer<'static>>, ServerKey, Arc<dyn SigningKey>);

fn identity(chain: &Source<'_>, key: &Source<'_>) -> Option<Identity> {
    let (certificates, private) = (certificates(chain), private_key(key));
    let (certificates, private) = (certificates?, private?);
    match CertifiedKey::from_der(certificates.clone(), private.clone_key(), &default_provider()) {
        Ok(made) => return Some((certificates, ServerKey(private), made.key)),
        Err(Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => {
            key.problem("is not the key of the certificate");
        }
        Err(Error::InvalidCertificate(error)) => chain.problem(&format!("can't be used: {error}")),
        Err(_) => key.problem(
            "can't be used: RSA of 2048 to 8192 bits, ECDSA P-256 or P-384 and Ed25519 are accepted",
        ),
    }
    None
}

/// A suite of TLS 1.2 is for one kind of key. Without one that fits, no client of TLS 1.2 could connect.
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
        tls.problem_of(
            "cipher_suites",
            format!("has no suite of TLS12 for the certificate's key, which is {kind:?}"),
        );
    }
}

/// `client_auth_type`, as Go names them.
#[derive(Clone, Copy)]
enum Policy {
    None,
    IfGiven,
    Required,
}

fn policy(text: &str) -> Result<Policy, String> {
    const UNCHECKED: &str = "would let every client in, with a certificate that it made itself: accepted are NoClientCert, \
                             VerifyClientCertIfGiven and RequireAndVerifyClientCert";
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
        tls.problem_of(
            "client_auth_type",
            "asks for no certificate, but there are client authorities: set it to RequireAndVerifyClientCert",
        );
    }
    if has_sans && !matches!(policy, Policy::Required) {
        tls.problem_of("client_allowed_sans", "needs client_auth_type RequireAndVerifyClientCert: without a certificate there is no name to compare");
    }
    if !has_authorities && !matches!(policy, Policy::None) {
        tls.problem_of("client_ca_file", "is missing: client_auth_type needs client_ca_file or client_ca");
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

fn authorities(ca: &Source<'_>) -> Option<Vec<CertificateDer<'static>>> {
    let found = certificates(ca)?;
    for (n, authority) in found.iter().enumerate() {
        if let Err(error) = webpki::anchor_from_trusted_cert(authority) {
            ca.problem(&format!(
                "holds a certificate (number {}) that can't be an authority: {error}",
                n + 1
            ));
            return None;
        }
    }
    Some(found)
}

/// An empty list would let nobody in.
fn allowed_sans(list: Node<'_>) -> Option<Vec<String>> {
    list.filled_distinct("name", |san| san.text().map(str::to_owned))
}

fn version(text: &str) -> Result<TlsVersion, String> {
    let found = TlsVersion::ALL.iter().copied().find(|version| version.as_str() == text);
    found.ok_or_else(|| match text {
        "TLS10" | "TLS11" => "is not spoken: RFC 8996 deprecates it; accepted are TLS12 and TLS13".to_owned(),
        _ => "is not one of TLS12, TLS13".to_owned(),
    })
}

fn versions(tls: &mut Mapping<'_>) -> Option<Vec<TlsVersion>> {
    let least = tls.take("min_version").map_or(Some(TlsVersion::Tls12), |node| node.parsed(version));
    let most = tls.take("max_version").map_or(Some(TlsVersion::Tls13), |node| node.parsed(version));
    let (least, most) = (least?, most?);
    if least > most {
        tls.problem_of("max_version", format!("{most} is lower than min_version, {least}"));
        return None;
    }
    Some(TlsVersion::ALL.iter().copied().filter(|version| (least..=most).contains(version)).collect())
}

/// The version that a suite is for.
const fn version_of(suite: SupportedCipherSuite) -> TlsVersion {
    match suite {
        SupportedCipherSuite::Tls12(_) => TlsVersion::Tls12,
        SupportedCipherSuite::Tls13(_) => TlsVersion::Tls13,
    }
}

/// The name of a suite in Go and in IANA's registry; rustls names those of TLS 1.3 otherwise.
fn name_of(suite: SupportedCipherSuite) -> String {
    format!("{:?}", suite.suite()).replace("TLS13_", "TLS_")
}

/// The suites, in their order. As in Go, those of TLS 1.3 are all there where the list names none of them.
fn suites(tls: &mut Mapping<'_>, versions: Option<&[TlsVersion]>) -> Option<Vec<SupportedCipherSuite>> {
    let all = default_provider().cipher_suites;
    let Some(list) = tls.take("cipher_suites") else { return Some(all) };
    if list.value().as_array().is_some_and(Vec::is_empty) {
        return Some(all); // the default, as in exporter-toolkit
    }
    let asked = list.value().as_array().map_or(0, Vec::len);
    let mut listed = list.distinct(|node| node.parsed(|name| suite(name, &all)))?;
    if listed.len() < asked {
        return None; // the report says which
    }
    if !listed.iter().any(|suite| version_of(*suite) == TlsVersion::Tls13) {
        listed.extend(all.iter().copied().filter(|suite| version_of(*suite) == TlsVersion::Tls13));
    }
    for version in versions? {
        if !listed.iter().any(|suite| version_of(*suite) == *version) {
            let problem = format!("has no suite of {version}, which min_version and max_version allow");
            tls.problem_of("cipher_suites", problem);
            return None;
        }
    }
    Some(listed)
}

fn suite(name: &str, all: &[SupportedCipherSuite]) -> Result<SupportedCipherSuite, String> {
    all.iter().copied().find(|suite| name_of(*suite) == name).ok_or_else(|| {
        let names: Vec<_> = all.iter().map(|suite| name_of(*suite)).collect();
        format!("is not one of the suites that can be offered: {}", names.join(", "))
    })
}

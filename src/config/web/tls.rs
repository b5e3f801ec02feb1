//! `tls_server_config`: certificate, versions, cipher suites, curves, client certificates. Values use Go's names, as in
//! exporter-toolkit. Rejects what rustls doesn't support, and settings that would only appear to protect.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use rustls::crypto::ring::default_provider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SigningKey};
use rustls::{CipherSuite, Error, InconsistentKeys, SignatureAlgorithm, SupportedCipherSuite};

use super::clients::{self, ClientAuth};
use super::pem::{PemSource, certificates, private_key, source};
use super::yaml11::boolean;
use crate::config::reader::Mapping;
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

/// Returns `None` if a problem is reported.
pub(super) fn read(mut tls: Mapping<'_>, base_dir: &Path) -> Option<ServerTls> {
    let chain = identity_part(&mut tls, "cert_file", "cert", base_dir);
    let key = identity_part(&mut tls, "key_file", "key", base_dir);
    let clients = clients::read(&mut tls, base_dir);
    let versions = versions(&mut tls);
    let suites = suites(&mut tls, versions.as_deref());
    let server_order = tls.take_set("prefer_server_cipher_suites").and_then(|node| boolean(&node));
    let curves =
        tls.take_set("curve_preferences").and_then(|node| node.distinct(|curve| curve.parsed(parse_curve)));
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

impl ServerTls {
    /// Whether HTTP/2 over TLS 1.2 has the suite that it requires (RFC 9113, section 9.2.2), or its sister for ECDSA.
    pub(super) fn fits_http2(&self) -> bool {
        let required = [
            CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
            CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        ];
        !self.versions.contains(&TlsVersion::Tls12)
            || self.suites.iter().any(|suite| required.contains(&suite.suite()))
    }
}

/// The source of the certificate or its key, both of which are required.
fn identity_part<'a>(
    tls: &mut Mapping<'a>,
    file_key: &'static str,
    inline_key: &'static str,
    base_dir: &Path,
) -> Option<PemSource<'a>> {
    if !tls.is_set(file_key) && !tls.is_set(inline_key) {
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
        Err(Error::InvalidCertificate(_)) => {
            chain.problem(
                "can't be used: the first certificate is malformed or its kind of key is not supported",
            );
        }
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
        let kind = match signer.algorithm() {
            SignatureAlgorithm::RSA => "RSA",
            SignatureAlgorithm::ECDSA => "ECDSA",
            SignatureAlgorithm::ED25519 => "Ed25519",
            _ => "of another algorithm",
        };
        tls.problem_at(
            "cipher_suites",
            format!("has no suite of TLS12 for the certificate's key, which is {kind}"),
        );
    }
}

fn version(text: &str) -> Result<TlsVersion, String> {
    let found = TlsVersion::ALL.iter().copied().find(|version| version.as_str() == text);
    found.ok_or_else(|| match text {
        "TLS10" | "TLS11" => "is not supported (deprecated by RFC 8996): use TLS12 or TLS13".to_owned(),
        _ => "is not one of TLS12, TLS13".to_owned(),
    })
}

fn versions(tls: &mut Mapping<'_>) -> Option<Vec<TlsVersion>> {
    let least = tls.take_set("min_version").map_or(Some(TlsVersion::Tls12), |node| node.parsed(version));
    let most = tls.take_set("max_version").map_or(Some(TlsVersion::Tls13), |node| node.parsed(version));
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
    let Some(list) = tls.take_set("cipher_suites") else { return Some(all) };
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
        let why = if name.contains("_CBC_") {
            "is a suite of CBC, which the exporter's TLS library doesn't implement; accepted are"
        } else {
            "is not a supported cipher suite:"
        };
        format!("{why} {}", names.join(", "))
    })
}

fn parse_curve(name: &str) -> Result<Curve, String> {
    Curve::ALL.iter().copied().find(|curve| curve.as_str() == name).ok_or_else(|| {
        let names: Vec<_> = Curve::ALL.iter().map(|curve| curve.as_str()).collect();
        let why = if name == "CurveP521" {
            "is not implemented by the exporter's TLS library; accepted are"
        } else {
            "is not one of"
        };
        format!("{why} {}", names.join(", "))
    })
}

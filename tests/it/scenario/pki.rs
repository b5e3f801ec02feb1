//! The lab's PKI: one root that is trusted, one that isn't, and leaves with every fault.

use std::sync::{Arc, LazyLock};

use defender_exporter::trust::Roots;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose, SerialNumber, date_time_ymd,
};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

type Ca = CertifiedIssuer<'static, KeyPair>;

/// What is wrong with a leaf, or with the chain that is sent with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Leaf {
    Good,
    Expired,
    NotYetValid,
    WrongName,
    UnknownRoot,
    NoIntermediate,
    NotForServers,
    Garbage,
}

struct Pki {
    root: Ca,
    intermediate: Ca,
    stranger: Ca,
}

static PKI: LazyLock<Pki> = LazyLock::new(|| {
    let root = self_signed("Lab Microsoft Root 2011");
    let key = KeyPair::generate().unwrap();
    let intermediate = CertifiedIssuer::signed_by(ca_params("Lab Secure Server CA"), key, &root).unwrap();
    Pki { root, intermediate, stranger: self_signed("Lab Stranger Root") }
});

fn self_signed(name: &str) -> Ca {
    CertifiedIssuer::self_signed(ca_params(name), KeyPair::generate().unwrap()).unwrap()
}

fn ca_params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

/// The trusted root as DER.
pub fn root() -> CertificateDer<'static> {
    PKI.root.der().clone()
}

/// A set of roots with the lab's alone.
pub fn roots() -> Arc<Roots> {
    Roots::only(&[root()]).unwrap()
}

/// A server's TLS configuration with this leaf for these names.
pub fn server(leaf: Leaf, names: &[&str]) -> Arc<ServerConfig> {
    let (chain, key) = chain(leaf, names);
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth();
    if leaf == Leaf::Garbage {
        // rustls refuses to load what it can't read: the resolver hands it out unread.
        let key = ring::sign::any_supported_type(&key).unwrap();
        let certified = Arc::new(rustls::sign::CertifiedKey::new(chain, key));
        return Arc::new(
            ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_no_client_auth()
                .with_cert_resolver(Arc::new(rustls::sign::SingleCertAndKey::from(certified))),
        );
    }
    let config = config.with_single_cert(chain, key);
    Arc::new(config.unwrap())
}

fn chain(leaf: Leaf, names: &[&str]) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
    let key = KeyPair::generate().unwrap();
    let names: Vec<String> = match leaf {
        Leaf::WrongName => vec!["other.example".to_owned()],
        _ => names.iter().map(|name| (*name).to_owned()).collect(),
    };
    let mut params = CertificateParams::new(names).unwrap();
    params.distinguished_name.push(DnType::CommonName, "lab leaf");
    params.extended_key_usages = vec![match leaf {
        Leaf::NotForServers => ExtendedKeyUsagePurpose::CodeSigning,
        _ => ExtendedKeyUsagePurpose::ServerAuth,
    }];
    (params.not_before, params.not_after) = match leaf {
        Leaf::Expired => (date_time_ymd(2020, 1, 1), date_time_ymd(2026, 10, 18)),
        Leaf::NotYetValid => (date_time_ymd(2090, 1, 1), date_time_ymd(2091, 1, 1)),
        _ => (date_time_ymd(2026, 1, 1), date_time_ymd(2090, 1, 1)),
    };
    let issuer = if leaf == Leaf::UnknownRoot { &PKI.stranger } else { &PKI.intermediate };
    let signed = params.signed_by(&key, issuer).unwrap().der().clone();
    let first =
        if leaf == Leaf::Garbage { CertificateDer::from(vec![0x30, 0x03, 1, 1, 0xff]) } else { signed };
    let chain = match leaf {
        Leaf::NoIntermediate | Leaf::UnknownRoot => vec![first],
        _ => vec![first, PKI.intermediate.der().clone()],
    };
    (chain, PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der())))
}

/// An empty revocation list, signed by the intermediate.
pub fn crl() -> Vec<u8> {
    let params = CertificateRevocationListParams {
        this_update: date_time_ymd(2026, 11, 1),
        next_update: date_time_ymd(2090, 1, 1),
        crl_number: SerialNumber::from(1),
        issuing_distribution_point: None,
        revoked_certs: Vec::new(),
        key_identifier_method: KeyIdMethod::Sha256,
    };
    params.signed_by(&PKI.intermediate).unwrap().der().to_vec()
}

//! Leaf certificates, valid or with one defect, and their chains.

use std::sync::Arc;
use std::time::SystemTime;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, SigningKey,
};
use ring::digest::{SHA256, digest};
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;

use super::ca::{distinguished, intermediate_params, root_params};
use super::keys::{self, Owner};
use super::pointers::Pointers;
use super::weak::{self, WeakKey};
use super::{Authority, DAY, Issuer, Pki, Serial};

/// What is wrong with a certificate chain. One flaw at a time, so that it has one name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Flaw {
    /// Nothing.
    None,
    /// The leaf ended a day ago.
    Expired,
    /// The leaf begins in a day.
    NotYetValid,
    /// The leaf is for another host.
    WrongName,
    /// The leaf is its own issuer.
    SelfSigned,
    /// Issued by [`Authority::Inspector`], whatever the requested authority.
    UnknownRoot,
    /// The leaf alone, as servers that rely on AIA send it.
    WithoutIntermediate,
    /// Without the last certificate of the chain; what is missing under [`Authority::TlsG2`] is the cross-sign.
    WithoutCrossSign,
    /// The intermediate ended a day ago.
    ExpiredIntermediate,
    /// The leaf is its own issuer, and marked as an authority, as `openssl req -x509` makes it.
    SelfSignedAuthority,
    /// The leaf is marked as an authority.
    Authority,
    /// Extended key usage: client authentication alone.
    NotForServers,
    /// The last bit of the leaf's signature is turned.
    BadSignature,
    /// The leaf's RSA key has 1024 bits.
    WeakKey,
    /// The leaf is sound, but of an intermediate whose RSA key has 1024 bits.
    WeakIntermediate,
    /// The leaf is signed with RSA and SHA-1. Of authorities with RSA keys alone.
    Sha1,
    /// The leaf's DER is cut in half.
    Malformed,
}

/// A leaf to order.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Leaf {
    /// Whom it is for.
    pub host: String,
    /// By whom it is issued.
    pub authority: Authority,
    /// What is wrong with it or with its chain.
    pub flaw: Flaw,
    /// The URLs in the certificate; `None` for those of its issuer.
    pub pointers: Option<Pointers>,
}

impl Leaf {
    /// A sound one.
    pub fn new(host: &str, authority: Authority) -> Self {
        Self { host: host.to_owned(), authority, flaw: Flaw::None, pointers: None }
    }

    /// Sets the flaw.
    #[must_use]
    pub const fn flaw(mut self, flaw: Flaw) -> Self {
        self.flaw = flaw;
        self
    }

    /// Sets what it points at.
    #[must_use]
    pub fn pointers(mut self, pointers: Pointers) -> Self {
        self.pointers = Some(pointers);
        self
    }

    /// Its serial number: the same for every leaf of this host and authority, whatever else is different.
    pub fn serial(&self) -> Serial {
        serial(&format!("{} of {:?}", self.host, self.authority))
    }
}

/// A serial number of 16 bytes for whatever has this name.
pub(super) fn serial(of: &str) -> Serial {
    let mut serial = digest(&SHA256, of.as_bytes()).as_ref()[..16].to_vec();
    serial[0] = serial[0] & 0x3f | 0x40; // positive, and never shorter
    serial
}

/// The chain and the key.
pub(super) fn issue(pki: &Pki, leaf: &Leaf) -> Arc<CertifiedKey> {
    let mut leaf = leaf.clone();
    if leaf.flaw == Flaw::UnknownRoot {
        leaf.authority = Authority::Inspector;
    }
    let (certificate, key) = if leaf.flaw == Flaw::WeakKey {
        let key = Arc::new(WeakKey::of_leaves());
        (certificate(pki, &leaf, &*key), key as _)
    } else {
        let key = key(pki, leaf.authority);
        let private = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        (certificate(pki, &leaf, &key), any_supported_type(&private).unwrap())
    };
    let mut chain = vec![certificate];
    chain.extend(issuers(pki, leaf.authority, leaf.flaw));
    // `CertifiedKey::from_der` would read the leaf, and refuse a malformed one.
    Arc::new(CertifiedKey::new(chain, key))
}

/// What a server presents after its issuer got another key under the same name: the leaf alone. With the issuer's new certificate.
pub(super) fn after_rekeying(
    pki: &Pki,
    host: &str,
    authority: Authority,
) -> (Arc<CertifiedKey>, CertificateDer<'static>) {
    let (above, issuer) = (Issuer::root_of(authority), Issuer::Intermediate(authority));
    let (from, to) = (pki.now - DAY, pki.now + 365 * DAY);
    let issuer_params = intermediate_params(issuer.name(), from, to, pki.pointers(above));
    let issuer_key = keys::another_like(pki.signer(issuer).key());
    let rekeyed = CertifiedIssuer::signed_by(issuer_params, issuer_key, pki.signer(above)).unwrap();
    (Arc::new(issued_by(pki, host, authority, &rekeyed)), rekeyed.der().clone())
}

/// What a server presents below a root that was made anew: another key under the same name.
pub(super) fn below_root_made_anew(pki: &Pki, host: &str, authority: Authority) -> Arc<CertifiedKey> {
    let (above, issuer) = (Issuer::root_of(authority), Issuer::Intermediate(authority));
    let anew = |of: Issuer| keys::another_like(pki.signer(of).key());
    let root = CertifiedIssuer::self_signed(root_params(above, pki.now), anew(above)).unwrap();
    let (from, to) = (pki.now - DAY, pki.now + 365 * DAY);
    let issuer_params = intermediate_params(issuer.name(), from, to, pki.pointers(above));
    let intermediate = CertifiedIssuer::signed_by(issuer_params, anew(issuer), &root).unwrap();
    let mut identity = issued_by(pki, host, authority, &intermediate);
    identity.cert.push(intermediate.der().clone());
    Arc::new(identity)
}

/// A sound leaf by this issuer in place of the authority's intermediate.
fn issued_by(
    pki: &Pki,
    host: &str,
    authority: Authority,
    issuer: &CertifiedIssuer<'static, KeyPair>,
) -> CertifiedKey {
    let mut params = params(&Leaf::new(host, authority), pki.now);
    pki.pointers(Issuer::Intermediate(authority)).put_into(&mut params);
    let key = key(pki, authority);
    let leaf = params.signed_by(&key, issuer).unwrap().der().clone();
    let private = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    CertifiedKey::new(vec![leaf], any_supported_type(&private).unwrap())
}

/// RSA under RSA, ECDSA under ECDSA.
fn key(pki: &Pki, authority: Authority) -> KeyPair {
    let of_issuer = pki.signer(Issuer::Intermediate(authority)).key();
    if keys::is_rsa(of_issuer) { keys::rsa(Owner::Leaves) } else { KeyPair::generate().unwrap() }
}

/// What follows the leaf.
fn issuers(pki: &Pki, authority: Authority, flaw: Flaw) -> Vec<CertificateDer<'static>> {
    let intermediate = match flaw {
        Flaw::SelfSigned | Flaw::SelfSignedAuthority | Flaw::WithoutIntermediate => return Vec::new(),
        Flaw::ExpiredIntermediate => expired_intermediate(pki, authority),
        Flaw::WeakIntermediate => weak_intermediate(pki, authority).der().clone(),
        _ => pki.intermediate(authority),
    };
    if authority == Authority::TlsG2 && flaw != Flaw::WithoutCrossSign {
        vec![intermediate, pki.cross_sign()]
    } else {
        vec![intermediate]
    }
}

fn certificate(pki: &Pki, leaf: &Leaf, key: &impl SigningKey) -> CertificateDer<'static> {
    let issuer = Issuer::Intermediate(leaf.authority);
    let mut params = params(leaf, pki.now);
    leaf.pointers.as_ref().unwrap_or_else(|| pki.pointers(issuer)).put_into(&mut params);
    let certificate = match leaf.flaw {
        Flaw::SelfSigned | Flaw::SelfSignedAuthority => params.self_signed(key),
        Flaw::WeakIntermediate => params.signed_by(key, &weak_intermediate(pki, leaf.authority)),
        _ => params.signed_by(key, pki.signer(issuer)),
    };
    let mut der = certificate.unwrap().der().to_vec();
    match leaf.flaw {
        Flaw::BadSignature => *der.last_mut().unwrap() ^= 1,
        Flaw::Malformed => der.truncate(der.len() / 2),
        Flaw::Sha1 => der = weak::with_sha1(&der, pki.signer(issuer).key()),
        _ => {}
    }
    der.into()
}

fn params(leaf: &Leaf, now: SystemTime) -> CertificateParams {
    let name = if leaf.flaw == Flaw::WrongName { "elsewhere.lab" } else { &leaf.host };
    let (from, to) = match leaf.flaw {
        Flaw::Expired => (now - 60 * DAY, now - DAY),
        Flaw::NotYetValid => (now + DAY, now + 60 * DAY),
        _ => (now - 30 * DAY, now + 30 * DAY),
    };
    let mut params = CertificateParams::new([name.to_owned()]).unwrap();
    params.distinguished_name = distinguished(name);
    params.serial_number = Some(leaf.serial().into());
    params.not_before = from.into();
    params.not_after = to.into();
    params.use_authority_key_identifier_extension = leaf.flaw != Flaw::SelfSigned;
    if matches!(leaf.flaw, Flaw::Authority | Flaw::SelfSignedAuthority) {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    }
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![match leaf.flaw {
        Flaw::NotForServers => ExtendedKeyUsagePurpose::ClientAuth,
        _ => ExtendedKeyUsagePurpose::ServerAuth,
    }];
    params
}

/// The intermediate's name and key in a certificate that has ended.
fn expired_intermediate(pki: &Pki, authority: Authority) -> CertificateDer<'static> {
    let (issuer, subject) = (Issuer::root_of(authority), Issuer::Intermediate(authority));
    let (from, to) = (pki.now - 400 * DAY, pki.now - DAY);
    let params = intermediate_params(subject.name(), from, to, pki.pointers(issuer));
    params.signed_by(pki.signer(subject).key(), pki.signer(issuer)).unwrap().der().clone()
}

/// An intermediate beside the usual one: another name, and a key that is too short.
fn weak_intermediate(pki: &Pki, authority: Authority) -> CertifiedIssuer<'static, WeakKey> {
    let issuer = Issuer::root_of(authority);
    let name = format!("{} with a weak key", Issuer::Intermediate(authority).name());
    let params = intermediate_params(&name, pki.now - 365 * DAY, pki.now + 365 * DAY, pki.pointers(issuer));
    CertifiedIssuer::signed_by(params, WeakKey::of_intermediate(), pki.signer(issuer)).unwrap()
}

//! A PKI like Microsoft's and DigiCert's: same roles and key types, lab names. Chain defects and revocation URLs
//! are data. `origin.rs` presents the chains, `revocation.rs` serves revocation.

mod authority;
mod ca;
pub mod crl;
mod delegate;
mod der;
mod keys;
mod leaf;
pub mod ocsp;
pub mod pointers;
mod weak;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::pki_types::CertificateDer;
use rustls::sign::CertifiedKey;
use x509_parser::prelude::{FromDer, X509Certificate};

pub use authority::{Authority, Issuer};
use ca::{Ca, Signer};
use crl::Crl;
pub use der::Signature;
pub use leaf::{Flaw, Leaf};
use ocsp::{Ocsp, Question};
use pointers::Pointers;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The number of a certificate, as big-endian bytes; its first bit is never set.
pub type Serial = Vec<u8>;

/// All authorities, with validities relative to one moment.
pub struct Pki {
    now: SystemTime,
    authorities: BTreeMap<Authority, Ca>,
    cross_sign: CertificateDer<'static>,
    pointers: BTreeMap<Issuer, Pointers>,
}

impl Pki {
    /// New certificates, sound at `now`: roots for ten years either way, intermediates one, leaves thirty days.
    /// RSA keys are the same every time, so that the chains of one PKI pass as those of another.
    pub fn new(now: SystemTime) -> Self {
        Self::pointing(now, [])
    }

    /// The same, with other pointers than usual in what these issuers issue.
    pub fn pointing(now: SystemTime, overrides: impl IntoIterator<Item = (Issuer, Pointers)>) -> Self {
        let mut pointers = BTreeMap::from(Issuer::ALL.map(|issuer| (issuer, Pointers::usual(issuer))));
        pointers.extend(overrides);
        let authorities = ca::all(now, &pointers);
        let cross_sign = ca::cross_sign(now, &authorities, &pointers);
        Self { now, authorities, cross_sign, pointers }
    }

    /// The moment at which it is sound.
    pub const fn now(&self) -> SystemTime {
        self.now
    }

    /// The roots of the genuine authorities.
    pub fn roots(&self) -> Vec<CertificateDer<'static>> {
        Authority::GENUINE.iter().map(|authority| self.root(*authority)).collect()
    }

    /// One authority's root.
    pub fn root(&self, authority: Authority) -> CertificateDer<'static> {
        self.certificate(Issuer::Root(authority))
    }

    /// One authority's root with other dates: same name, same key.
    pub fn reissued_root(
        &self,
        authority: Authority,
        from: SystemTime,
        to: SystemTime,
    ) -> CertificateDer<'static> {
        let issuer = Issuer::root_of(authority);
        ca::reissued(self.signer(issuer), issuer, (from, to))
    }

    /// What a server presents once its intermediate has another key under the same name, the leaf alone; and that intermediate.
    pub fn after_rekeying(
        &self,
        host: &str,
        authority: Authority,
    ) -> (Arc<CertifiedKey>, CertificateDer<'static>) {
        leaf::after_rekeying(self, host, authority)
    }

    /// What a server presents below a root that was made anew: same name, another key.
    pub fn below_root_made_anew(&self, host: &str, authority: Authority) -> Arc<CertifiedKey> {
        leaf::below_root_made_anew(self, host, authority)
    }

    /// One authority's intermediate.
    pub fn intermediate(&self, authority: Authority) -> CertificateDer<'static> {
        self.certificate(Issuer::Intermediate(authority))
    }

    /// An issuer's own certificate; a root's is self-signed.
    pub fn certificate(&self, issuer: Issuer) -> CertificateDer<'static> {
        self.signer(issuer).der().clone()
    }

    /// The root of [`Authority::TlsG2`], same name and key, as [`Authority::DigicertG2`] signed it.
    pub fn cross_sign(&self) -> CertificateDer<'static> {
        self.cross_sign.clone()
    }

    /// The roots of [`Self::roots`] as a PEM file's text.
    pub fn roots_pem(&self) -> String {
        Authority::GENUINE.iter().map(|authority| self.signer(Issuer::Root(*authority)).pem()).collect()
    }

    /// The root of an authority in PEM, genuine or not.
    pub fn root_pem(&self, authority: Authority) -> String {
        self.signer(Issuer::Root(authority)).pem()
    }

    /// The revocation and issuer URLs in this issuer's certificates.
    pub fn pointers(&self, issuer: Issuer) -> &Pointers {
        let issuer = if let Issuer::Root(authority) = issuer { Issuer::root_of(authority) } else { issuer };
        &self.pointers[&issuer]
    }

    /// An empty CRL of the authority's intermediate, in DER: a day old, good for six more.
    pub fn crl(&self, authority: Authority) -> Vec<u8> {
        let issuer = Issuer::Intermediate(authority);
        self.sign_crl(issuer, &self.sound_crl(issuer))
    }

    /// The list that is as it should be: a day old, good for six more, nothing revoked, with the scope that the
    /// issuer's pointers ask for.
    pub fn sound_crl(&self, issuer: Issuer) -> Crl {
        Crl { scope: self.pointers(issuer).scope(), ..Crl::sound(self.now) }
    }

    /// Signs a CRL; DER.
    pub fn sign_crl(&self, issuer: Issuer, crl: &Crl) -> Vec<u8> {
        crl.sign(issuer.name(), self.signer(issuer).key())
    }

    /// Signs an OCSP response; DER.
    pub fn sign_ocsp(&self, issuer: Issuer, question: &Question, order: &Ocsp) -> Vec<u8> {
        order.sign(self, issuer, question)
    }

    /// The OCSP answer about one certificate, in DER: what a server staples.
    pub fn staple(&self, issuer: Issuer, serial: Serial, order: &Ocsp) -> Vec<u8> {
        self.sign_ocsp(issuer, &Question::about(self, issuer, serial), order)
    }

    /// What a server presents for `host`: a chain and the leaf's key.
    pub fn identity(&self, host: &str, authority: Authority, flaw: Flaw) -> Arc<CertifiedKey> {
        self.issue(&Leaf::new(host, authority).flaw(flaw))
    }

    /// What a server presents that has this leaf.
    pub fn issue(&self, leaf: &Leaf) -> Arc<CertifiedKey> {
        leaf::issue(self, leaf)
    }

    fn signer(&self, issuer: Issuer) -> &Signer {
        match issuer {
            Issuer::Root(authority) => &self.authorities[&authority].root,
            Issuer::Intermediate(authority) => &self.authorities[&authority].intermediate,
        }
    }
}

/// The serial number of a certificate.
pub fn serial_of(certificate: &[u8]) -> Serial {
    let (_, certificate) = X509Certificate::from_der(certificate).unwrap();
    certificate.serial.to_bytes_be()
}

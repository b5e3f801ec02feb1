//! The URLs of revocation data and issuers in certificates: the extensions cRLDistributionPoints and
//! authorityInfoAccess (RFC 5280, sections 4.2.1.13 and 4.2.2.1).

use rcgen::{CertificateParams, CustomExtension};
use yasna::models::ObjectIdentifier;
use yasna::{DERWriter, Tag};

use super::crl::{FRESHEST_CRL, Scope};
use super::{Authority, Issuer, der};

/// Serves the lists.
pub const CRL_HOST: &str = "crl.pki.lab";
/// Serves the same lists, for authorities that name two hosts.
pub const CRL2_HOST: &str = "crl2.pki.lab";
/// Serves the certificates of issuers.
pub const AIA_HOST: &str = "aia.pki.lab";
/// Answers OCSP.
pub const OCSP_HOST: &str = "ocsp.pki.lab";

const CRL_DISTRIBUTION_POINTS: [u64; 4] = [2, 5, 29, 31];
const AUTHORITY_INFO_ACCESS: [u64; 9] = [1, 3, 6, 1, 5, 5, 7, 1, 1];
const OCSP: [u64; 9] = [1, 3, 6, 1, 5, 5, 7, 48, 1];
const CA_ISSUERS: [u64; 9] = [1, 3, 6, 1, 5, 5, 7, 48, 2];

/// Pointers of Microsoft's and DigiCert's older authorities at the lists and certificates that the catalog probes: the
/// hosts are then the same. For `Pki::pointing`.
pub fn genuine() -> [(Issuer, Pointers); 3] {
    const PRODUCTS: &str = "MicRooCerAut2011_2011_03_22";
    const PKIOPS: &str = "Microsoft%20ECC%20Product%20Root%20Certificate%20Authority%202018";
    let at = |list: String, issuer: String| Pointers { issuers: vec![issuer], ..Pointers::lists([&list]) };
    let products = at(
        format!("http://crl.microsoft.com/pki/crl/products/{PRODUCTS}.crl"),
        format!("http://www.microsoft.com/pki/certs/{PRODUCTS}.crt"),
    );
    let pkiops = Pointers::lists([&format!("http://www.microsoft.com/pkiops/crl/{PKIOPS}.crl")]);
    let digicert = Pointers {
        crls: ["crl3", "crl4"]
            .map(|host| vec![format!("http://{host}.digicert.com/DigiCertGlobalRootG2.crl")])
            .to_vec(),
        issuers: vec!["http://cacerts.digicert.com/DigiCertGlobalRootG2.crt".to_owned()],
        // Beside what the catalog probes there, so that the two don't get in each other's way.
        ocsp: vec!["http://ocsp.digicert.com/lab".to_owned()],
        ..Pointers::none()
    };
    [
        (Issuer::Root(Authority::Microsoft2011), products),
        (Issuer::Root(Authority::EccProduct2018), pkiops),
        (Issuer::Root(Authority::DigicertG2), digicert),
    ]
}

/// The URLs in the certificates of one issuer. Any text is allowed in a URL.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Pointers {
    /// Distribution points; each with its alternatives for one and the same list.
    pub crls: Vec<Vec<String>>,
    /// `caIssuers`.
    pub issuers: Vec<String>,
    /// OCSP responders.
    pub ocsp: Vec<String>,
    /// Deltas to the list (freshestCRL).
    pub deltas: Vec<String>,
    /// Who signs the list, where that is not the issuer (cRLIssuer, RFC 5280, section 4.2.1.13).
    pub crl_issuer: Option<Issuer>,
    /// Whether the issuer's CRL is restricted to the first distribution point.
    pub partitioned: bool,
}

impl Pointers {
    /// None at all.
    pub fn none() -> Self {
        Self::default()
    }

    /// What certificates in this role carry, on the lab's hosts: Microsoft's older authorities a list without OCSP,
    /// DigiCert's two points and OCSP, TLS G2's a partition with two alternatives and OCSP, an inspector's nothing.
    pub fn usual(issuer: Issuer) -> Self {
        let slug = issuer.slug();
        let on = |host: &str, path: &str| format!("http://{host}/{path}");
        let crl = |host| on(host, &format!("{slug}.crl"));
        let issuers = vec![on(AIA_HOST, &format!("{slug}.crt"))];
        let ocsp = vec![on(OCSP_HOST, &slug)];
        let (Issuer::Root(authority) | Issuer::Intermediate(authority)) = issuer;
        match (authority, issuer) {
            (Authority::Inspector, _) => Self::none(),
            (Authority::DigicertG2, _) => {
                let crls = [CRL_HOST, CRL2_HOST].map(|host| vec![crl(host)]).to_vec();
                Self { crls, issuers, ocsp, ..Self::none() }
            }
            (Authority::TlsG2, Issuer::Intermediate(_)) => {
                let partition = format!("partition/{slug}.7.crl");
                let crls = vec![[CRL_HOST, CRL2_HOST].map(|host| on(host, &partition)).to_vec()];
                Self { crls, issuers, ocsp, partitioned: true, ..Self::none() }
            }
            _ => Self { crls: vec![vec![crl(CRL_HOST)]], issuers, ..Self::none() },
        }
    }

    /// These lists alone, each a point of its own.
    pub fn lists<const N: usize>(urls: [&str; N]) -> Self {
        Self { crls: urls.map(|url| vec![url.to_owned()]).to_vec(), ..Self::none() }
    }

    /// Every URL of a list.
    pub fn crl_urls(&self) -> impl Iterator<Item = &String> {
        self.crls.iter().flatten()
    }

    /// Every URL.
    pub fn urls(&self) -> impl Iterator<Item = &String> {
        self.crl_urls().chain(&self.deltas).chain(&self.issuers).chain(&self.ocsp)
    }

    /// The scope of the issuer's CRL.
    pub(super) fn scope(&self) -> Option<Scope> {
        let first = self.crls.first().filter(|_| self.partitioned)?;
        Some(Scope { names: first.clone(), ..Scope::default() })
    }

    /// Writes the extensions.
    pub(super) fn put_into(&self, params: &mut CertificateParams) {
        let mut add = |oid: &[u64], content| {
            params.custom_extensions.push(CustomExtension::from_oid_content(oid, content));
        };
        if !self.crls.is_empty() {
            add(&CRL_DISTRIBUTION_POINTS, self.points(&self.crls));
        }
        if !self.deltas.is_empty() {
            add(&FRESHEST_CRL, self.points(std::slice::from_ref(&self.deltas)));
        }
        if !(self.issuers.is_empty() && self.ocsp.is_empty()) {
            add(&AUTHORITY_INFO_ACCESS, self.info_access());
        }
    }

    /// CRLDistributionPoints.
    fn points(&self, points: &[Vec<String>]) -> Vec<u8> {
        yasna::construct_der(|writer| {
            writer.write_sequence(|writer| {
                for urls in points {
                    writer.next().write_sequence(|writer| {
                        der::full_name(writer.next(), urls);
                        let Some(issuer) = self.crl_issuer else { return };
                        writer.next().write_tagged_implicit(Tag::context(2), |writer| {
                            writer.write_sequence(|writer| {
                                let name = |writer: DERWriter<'_>| der::name(writer, issuer.name());
                                writer.next().write_tagged(Tag::context(4), name); // directoryName
                            });
                        });
                    });
                }
            });
        })
    }

    fn info_access(&self) -> Vec<u8> {
        let ocsp = self.ocsp.iter().map(|url| (OCSP, url));
        let issuers = self.issuers.iter().map(|url| (CA_ISSUERS, url));
        yasna::construct_der(|writer| {
            writer.write_sequence(|writer| {
                for (method, url) in ocsp.chain(issuers) {
                    writer.next().write_sequence(|writer| {
                        writer.next().write_oid(&ObjectIdentifier::from_slice(&method));
                        // uniformResourceIdentifier
                        let write = |writer: DERWriter<'_>| writer.write_ia5_string(url);
                        writer.next().write_tagged_implicit(Tag::context(6), write);
                    });
                }
            });
        })
    }
}

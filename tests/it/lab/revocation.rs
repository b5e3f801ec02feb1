//! Who answers for revocation: the plain origin has, at the URLs that the PKI's certificates point at, each issuer's
//! list and certificate. Everything is good until something else is ordered.

use std::collections::{BTreeMap, BTreeSet};

use defender_exporter::catalog::{ProbeUrl, Scheme};

use super::Lab;
use super::gate::Gate;
use super::pki::crl::Crl;
use super::pki::{Authority, Issuer, Pki, Serial};
use super::reply::{Reply, Response};

impl Lab {
    /// Serves an issuer's list at every URL that its certificates point at.
    pub fn serve_crl(&self, issuer: Issuer, crl: &Crl) {
        self.serve_crl_reply(issuer, crl_response(self.pki.sign_crl(issuer, crl)));
    }

    /// Serves whatever this is where an issuer's list should be.
    pub fn serve_crl_reply(&self, issuer: Issuer, reply: impl Into<Reply>) {
        self.serve_at(self.pki.pointers(issuer).crl_urls(), &reply.into());
    }

    /// Serves whatever this is where an issuer's certificate should be.
    pub fn serve_issuer_reply(&self, issuer: Issuer, reply: impl Into<Reply>) {
        self.serve_at(&self.pki.pointers(issuer).issuers, &reply.into());
    }

    /// Lists these certificates of an issuer as revoked, and no others.
    pub fn revoke(&self, issuer: Issuer, serials: impl IntoIterator<Item = Serial>) {
        let sound = self.pki.sound_crl(issuer);
        self.serve_crl(issuer, &serials.into_iter().fold(sound, Crl::revoking));
    }

    /// The way to a host that certificates point at: block it, and it alone is blocked.
    ///
    /// # Panics
    /// When no certificate points there.
    pub fn gate(&self, host: &str) -> &Gate {
        &self.gates[host]
    }

    /// Puts everything in its place, sound.
    pub(super) fn serve_pki(&self) {
        for issuer in Issuer::ALL {
            self.serve_crl(issuer, &self.pki.sound_crl(issuer));
            let certificate = match issuer {
                // Trusted for itself nowhere: what completes a chain is its cross-sign.
                Issuer::Root(Authority::TlsG2) => self.pki.cross_sign(),
                _ => self.pki.certificate(issuer),
            };
            self.serve_issuer_reply(issuer, certificate_response(certificate.to_vec()));
        }
    }

    fn serve_at<'a>(&self, urls: impl IntoIterator<Item = &'a String>, reply: &Reply) {
        for url in urls.into_iter().filter_map(|url| plain(url)) {
            self.plain.set(url.host(), url.path_and_query(), reply.clone());
        }
    }
}

/// A list as servers send it.
pub fn crl_response(der: Vec<u8>) -> Response {
    Response::new(200).header("Content-Type", "application/pkix-crl").body(der)
}

/// A certificate as servers send it.
pub fn certificate_response(der: Vec<u8>) -> Response {
    Response::new(200).header("Content-Type", "application/pkix-cert").body(der)
}

/// A gate before the plain origin for every host that the PKI's certificates point at.
pub(super) fn gates(pki: &Pki, plain_origin: std::net::SocketAddr) -> BTreeMap<String, Gate> {
    let urls = Issuer::ALL.iter().flat_map(|issuer| pki.pointers(*issuer).urls());
    let hosts: BTreeSet<String> =
        urls.filter_map(|url| plain(url)).map(|url| url.host().to_owned()).collect();
    hosts.into_iter().map(|host| (host, Gate::before(plain_origin))).collect()
}

/// A URL that the plain origin can answer: others may stand in certificates as well.
fn plain(url: &str) -> Option<ProbeUrl> {
    ProbeUrl::parse(url).ok().filter(|url| url.scheme() == Scheme::Http && url.port() == 80)
}

//! Serves revocation on the plain origin, at the URLs in the PKI's certificates: each issuer's CRL, certificate and
//! OCSP responder. By default, nothing is revoked.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use defender_exporter::catalog::{ProbeUrl, Scheme};

use super::forwarder::Forwarder;
use super::pki::crl::Crl;
use super::pki::ocsp::Ocsp;
use super::pki::{Authority, Issuer, Leaf, Pki, Serial};
use super::reply::{Answer, Reply, Response};
use super::{Lab, responder};

impl Lab {
    /// Serves an issuer's list at every URL that its certificates point at.
    pub fn serve_crl(&self, issuer: Issuer, crl: &Crl) {
        let (pki, crl, signed) = (Arc::clone(&self.pki), crl.clone(), OnceLock::new());
        let answer = Answer::new(move |_| {
            // Signed on first use: most CRLs of a lab are never requested.
            crl_response(signed.get_or_init(|| pki.sign_crl(issuer, &crl)).clone()).into()
        });
        self.serve_crl_reply(issuer, answer);
    }

    /// Serves whatever this is where an issuer's list should be.
    pub fn serve_crl_reply(&self, issuer: Issuer, reply: impl Into<Reply>) {
        self.serve_at(self.pki.pointers(issuer).crl_urls(), &reply.into());
    }

    /// Serves whatever this is where an issuer's certificate should be.
    pub fn serve_issuer_reply(&self, issuer: Issuer, reply: impl Into<Reply>) {
        self.serve_at(&self.pki.pointers(issuer).issuers, &reply.into());
    }

    /// Lets an issuer's responder answer so, at every URL that its certificates point at.
    pub fn serve_ocsp(&self, issuer: Issuer, order: &Ocsp) {
        for url in self.pki.pointers(issuer).ocsp.iter().filter_map(|url| plain(url)) {
            let path = url.path_and_query();
            let answer = responder::answer(Arc::clone(&self.pki), issuer, path.to_owned(), order.clone());
            self.plain.set(url.host(), path, answer);
        }
    }

    /// What an issuer's responder at the root of its host answers.
    pub fn ocsp_answer(&self, issuer: Issuer, order: &Ocsp) -> Answer {
        responder::answer(Arc::clone(&self.pki), issuer, String::new(), order.clone())
    }

    /// Serves whatever this is where an issuer's responder should answer.
    pub fn serve_ocsp_reply(&self, issuer: Issuer, reply: impl Into<Reply>) {
        self.serve_at(&self.pki.pointers(issuer).ocsp, &reply.into());
    }

    /// Revokes exactly these certificates of an issuer, in its CRL and at its responder.
    pub fn revoke(&self, issuer: Issuer, serials: impl IntoIterator<Item = Serial>) {
        let (mut crl, mut ocsp) = (self.pki.sound_crl(issuer), Ocsp::good(self.pki.now()));
        for serial in serials {
            crl = crl.revoking(serial.clone());
            ocsp = ocsp.revoking(serial);
        }
        self.serve_crl(issuer, &crl);
        self.serve_ocsp(issuer, &ocsp);
    }

    /// Lets the TLS origin staple this answer to a host's leaf, which is of this authority.
    pub fn staple(&self, host: &str, authority: Authority, order: &Ocsp) {
        let serial = Leaf::new(host, authority).serial();
        let answer = self.pki.staple(Issuer::Intermediate(authority), serial, order);
        self.tls.set_staple(host, answer);
    }

    /// The way to a host that certificates point at: block it, and it alone is blocked.
    ///
    /// # Panics
    /// When no certificate points there.
    pub fn forwarder(&self, host: &str) -> &Forwarder {
        &self.forwarders[host]
    }

    /// Puts everything in its place, sound.
    pub(super) fn serve_pki(&self) {
        for issuer in Issuer::ALL {
            self.serve_crl(issuer, &self.pki.sound_crl(issuer));
            self.serve_ocsp(issuer, &Ocsp::good(self.pki.now()));
            let certificate = match issuer {
                // Trusted for itself nowhere: what completes a chain is its cross-sign.
                Issuer::Root(Authority::TlsG2) => self.pki.cross_sign(),
                _ => self.pki.certificate(issuer),
            };
            self.serve_issuer_reply(issuer, certificate_response(certificate.to_vec()));
        }
    }

    /// Serves whatever this is at a URL: a delta, another issuer's list.
    ///
    /// # Panics
    /// When it is no `http` URL on port 80, or no certificate points at its host.
    pub fn serve_url(&self, url: &str, reply: impl Into<Reply>) {
        let url = plain(url).unwrap();
        assert!(self.forwarders.contains_key(url.host()), "nothing leads to {url}");
        self.plain.set(url.host(), url.path_and_query(), reply);
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

/// A forwarder to the plain origin for each host in the URLs of the PKI's certificates.
pub(super) fn forwarders(pki: &Pki, plain_origin: std::net::SocketAddr) -> BTreeMap<String, Forwarder> {
    let urls = Issuer::ALL.iter().flat_map(|issuer| pki.pointers(*issuer).urls());
    let hosts: BTreeSet<String> =
        urls.filter_map(|url| plain(url)).map(|url| url.host().to_owned()).collect();
    hosts.into_iter().map(|host| (host, Forwarder::to(plain_origin))).collect()
}

/// A URL that the plain origin can serve. Certificates may contain others.
fn plain(url: &str) -> Option<ProbeUrl> {
    ProbeUrl::parse(url).ok().filter(|url| url.scheme() == Scheme::Http && url.port() == 80)
}

//! A small Internet on loopback: DNS server, PKI, TLS and plain origins, with faults that can change at any time.
//! Needs neither root nor fixed ports; everything ends with the `Lab`.
//!
//! Faults are data: `dns::Answer`, `pki::Flaw`, `faults::*`, `blackhole::*`. The lab uses only configuration and
//! catalog types of the exporter.

// The lab offers each fault whether or not a scenario orders it today.
#![allow(dead_code)]

pub mod blackhole;
pub mod dns;
pub mod faults;
pub mod forwarder;
pub mod genuine;
pub mod http;
mod listener;
pub mod middlebox;
pub mod origin;
pub mod pki;
mod port;
pub mod proxy;
pub mod reply;
pub mod responder;
pub mod revocation;
pub mod rng;
mod tls;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, SystemTime};

use defender_exporter::catalog::{ProbeUrl, Scheme};
use defender_exporter::config::{Config, ConnectTo, HostPort, ResolverConfig, TlsConfig};
use tempfile::TempDir;

use dns::Dns;
use forwarder::Forwarder;
use origin::Origin;
use pki::Pki;

/// The moment at which a lab's certificates are sound: 2026-11-24, 00:00 UTC. Goes with `Clock::Fixed`.
pub fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_478_400)
}

/// The small Internet.
pub struct Lab {
    /// Its names.
    pub dns: Dns,
    /// Its certificates.
    pub pki: Arc<Pki>,
    /// What answers `https` URLs, for every host.
    pub tls: Origin,
    /// What answers `http` URLs, for every host.
    pub plain: Origin,
    /// Before the plain origin, for the hosts that certificates point at.
    forwarders: BTreeMap<String, Forwarder>,
    files: TempDir,
}

impl Lab {
    /// Starts everything, sound; at [`now`]. All labs that are started so share their certificates.
    pub async fn start() -> Self {
        static PKI: LazyLock<Arc<Pki>> = LazyLock::new(|| Arc::new(Pki::new(now())));
        Self::start_with(Arc::clone(&PKI)).await
    }

    /// Starts everything, with certificates that are sound at another moment: for a process that reads the real clock.
    pub async fn start_at(moment: SystemTime) -> Self {
        Self::start_with(Pki::new(moment)).await
    }

    /// Starts everything, with these certificates.
    pub async fn start_with(pki: impl Into<Arc<Pki>>) -> Self {
        let pki = pki.into();
        let files = TempDir::new().unwrap();
        std::fs::write(files.path().join("roots.pem"), pki.roots_pem()).unwrap();
        let plain = Origin::start_plain(Ipv4Addr::LOCALHOST);
        let lab = Self {
            dns: Dns::start().await,
            tls: Origin::start_tls(Ipv4Addr::LOCALHOST, Arc::clone(&pki)),
            forwarders: revocation::forwarders(&pki, plain.addr()),
            plain,
            pki,
            files,
        };
        lab.serve_pki();
        lab
    }

    /// The origin that answers for a URL.
    pub const fn origin(&self, url: &ProbeUrl) -> &Origin {
        match url.scheme() {
            Scheme::Https => &self.tls,
            Scheme::Http | Scheme::Folder => &self.plain,
        }
    }

    /// The genuine roots in a PEM file.
    pub fn roots_file(&self) -> PathBuf {
        self.files.path().join("roots.pem")
    }

    /// A folder for a test's own files, which goes with the lab.
    pub fn files(&self) -> &Path {
        self.files.path()
    }

    /// Where connections for these URLs go instead, to the lab's origins; and those for the hosts that certificates
    /// point at, to their forwarders.
    pub fn connect_to<'a>(
        &self,
        urls: impl IntoIterator<Item = &'a ProbeUrl>,
    ) -> BTreeMap<HostPort, ConnectTo> {
        let entry = |url: &ProbeUrl| (host_port(url), ConnectTo::Address(self.origin(url).addr()));
        urls.into_iter().map(entry).chain(self.connect_to_forwarders()).collect()
    }

    /// Where connections for the hosts that certificates point at go instead.
    pub fn connect_to_forwarders(&self) -> impl Iterator<Item = (HostPort, ConnectTo)> {
        let from = |host: &String| HostPort { host: host.clone(), port: 80 };
        self.forwarders
            .iter()
            .map(move |(host, forwarder)| (from(host), ConnectTo::Address(forwarder.addr())))
    }

    /// The defaults, with the lab's DNS, roots and origins in place of the Internet's.
    pub fn config<'a>(&self, urls: impl IntoIterator<Item = &'a ProbeUrl>) -> Config {
        Config {
            resolver: ResolverConfig { servers: vec![self.dns.addr()], ..ResolverConfig::default() },
            connect_to: self.connect_to(urls),
            tls: TlsConfig { genuine_roots: self.pki.roots(), ..TlsConfig::default() },
            ..Config::default()
        }
    }

    /// The same as the text of a configuration file, to which a test may add its own keys.
    pub fn config_yaml<'a>(&self, urls: impl IntoIterator<Item = &'a ProbeUrl>) -> String {
        self.yaml(&self.connect_to(urls))
    }

    /// The same YAML, with `connect_to`.
    pub fn yaml(&self, connect_to: &BTreeMap<HostPort, ConnectTo>) -> String {
        let entry = |(from, to): (&HostPort, &ConnectTo)| match to {
            ConnectTo::Address(to) => format!("  \"{from}\": \"{to}\"\n"),
            ConnectTo::Name(to) => format!("  \"{from}\": \"{to}\"\n"),
        };
        let connect_to: String = connect_to.iter().map(entry).collect();
        format!(
            "resolver:\n  servers: [\"{}\"]\ntls:\n  genuine_roots: [\"{}\"]\nconnect_to:\n{connect_to}",
            self.dns.addr(),
            self.roots_file().display(),
        )
    }
}

/// The key of a URL in `connect_to`.
pub fn host_port(url: &ProbeUrl) -> HostPort {
    named(url.host(), url.port())
}

/// A host and port.
pub fn named(host: &str, port: u16) -> HostPort {
    HostPort { host: host.to_owned(), port }
}

/// A `connect_to` entry that sends a URL somewhere else, such as into a black hole.
pub fn divert(url: &ProbeUrl, to: SocketAddr) -> (HostPort, ConnectTo) {
    (host_port(url), ConnectTo::Address(to))
}

/// An HTTP client for scrapes. Trusts no root: nothing here uses TLS.
pub fn client() -> reqwest::Client {
    let store = rustls::RootCertStore::empty();
    let tls = rustls::ClientConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(store)
        .with_no_client_auth();
    reqwest::Client::builder().no_proxy().tls_backend_preconfigured(tls).build().unwrap()
}

//! Client certificates: required or optional, of a trusted or another CA, with an allowed or another name.

use rcgen::SanType;
use rustls::ALL_VERSIONS;
use rustls::version::TLS12;

use super::Served;
use super::pki::{Ca, Identity};
use super::tls::{IDENTITY, healthy};

/// Which client certificate is presented.
struct Clients {
    servers: Ca,
    authority: Ca,
    none: Option<Identity>,
    good: Option<Identity>,
    address: Option<Identity>,
    uri: Option<Identity>,
    nameless: Option<Identity>,
    strange: Option<Identity>,
    server: Option<Identity>,
}

fn dns(name: &str) -> SanType {
    SanType::DnsName(name.try_into().unwrap())
}

impl Clients {
    fn new() -> Self {
        let (servers, clients, others) = (Ca::new("Servers"), Ca::new("Clients"), Ca::new("Others"));
        let names = || vec![dns("prometheus.example")];
        Self {
            none: None,
            good: Some(clients.client(names())),
            address: Some(clients.client(vec![SanType::IpAddress("2001:db8::1".parse().unwrap())])),
            uri: Some(clients.client(vec![SanType::URI("spiffe://example/p".try_into().unwrap())])),
            nameless: Some(clients.client(Vec::new())),
            strange: Some(others.client(names())),
            server: Some(clients.server()),
            servers,
            authority: clients,
        }
    }

    fn start(&self, lines: &str) -> Served {
        let server = self.servers.server();
        let files = [
            ("server.pem", server.certificate),
            ("server.key", server.key),
            ("clients.pem", self.authority.pem.clone()),
        ];
        Served::start(&format!("{IDENTITY}  client_ca_file: clients.pem\n{lines}"), &files)
    }

    /// Whether a client with this certificate gets an answer, by each version of TLS.
    async fn check(
        &self,
        served: &Served,
        what: &str,
        identity: Option<&Identity>,
        expected: Result<(), &str>,
    ) {
        for versions in [ALL_VERSIONS, &[&TLS12]] {
            let found = healthy(served, self.servers.trusting(identity, versions)).await;
            let right = match (&found, expected) {
                (Ok(status), Ok(())) => status == "200",
                (Err(why), Err(alert)) => why.contains(alert),
                _ => false,
            };
            assert!(right, "{what}: {found:?}, not {expected:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_demanded() {
    let all = Clients::new();
    let served = all.start("  client_auth_type: RequireAndVerifyClientCert\n");
    for (what, identity, expected) in [
        ("none", &all.none, Err("ertificate")),
        ("good", &all.good, Ok(())),
        ("without a name", &all.nameless, Ok(())),
        ("of a wrong authority", &all.strange, Err("UnknownCA")),
        ("for a server", &all.server, Err("ertificate")),
    ] {
        all.check(&served, what, identity.as_ref(), expected).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_may_be_given() {
    let all = Clients::new();
    let served = all.start("  client_auth_type: VerifyClientCertIfGiven\n");
    for (what, identity, expected) in [
        ("none", &all.none, Ok(())),
        ("good", &all.good, Ok(())),
        ("of a wrong authority", &all.strange, Err("UnknownCA")),
    ] {
        all.check(&served, what, identity.as_ref(), expected).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_demanded() {
    let all = Clients::new();
    let lines = "  client_auth_type: RequireAndVerifyClientCert\n  client_allowed_sans: ";
    let served =
        all.start(&format!("{lines}[prometheus.example, \"2001:0db8::1\", \"spiffe://example/p\"]\n"));
    for (what, identity, expected) in [
        ("none", &all.none, Err("ertificate")),
        ("a DNS name", &all.good, Ok(())),
        ("an address", &all.address, Ok(())),
        ("a URI", &all.uri, Ok(())),
        ("without a name", &all.nameless, Err("AccessDenied")),
        ("of a wrong authority", &all.strange, Err("UnknownCA")),
    ] {
        all.check(&served, what, identity.as_ref(), expected).await;
    }
    let served = all.start(&format!("{lines}[other.example]\n"));
    all.check(&served, "another name", all.good.as_ref(), Err("AccessDenied")).await;
}

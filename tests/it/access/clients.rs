//! Client certificates: required or optional, of a trusted or another CA, with an allowed or another name.

use rcgen::{ExtendedKeyUsagePurpose, SanType};
use rustls::ALL_VERSIONS;
use rustls::version::TLS12;

use super::Served;
use super::pki::{self, Ca, Identity};
use super::tls::{IDENTITY, healthy, start};

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

/// Self-signed certificates, which Go accepts if they are listed: a CA's, and one for nothing but client authentication.
#[tokio::test(flavor = "multi_thread")]
async fn a_listed_certificate_is_its_own_proof() {
    let mut all = Clients::new();
    let own = pki::self_signed(vec![dns("prometheus.example")], ExtendedKeyUsagePurpose::ClientAuth);
    let (ca, other) = (all.authority.itself(), Ca::new("Clients").itself());
    all.authority.pem += &own.certificate;
    let lines = "  client_auth_type: RequireAndVerifyClientCert\n";
    let served = all.start(lines);
    all.check(&served, "the CA itself", Some(&ca), Ok(())).await;
    all.check(&served, "a listed one", Some(&own), Ok(())).await;
    all.check(&served, "one that it signed", all.good.as_ref(), Ok(())).await;
    all.check(&served, "another of the same name", Some(&other), Err("ertificate")).await;
    let served = all.start(&format!("{lines}  client_allowed_sans: [prometheus.example]\n"));
    all.check(&served, "a listed one with a name", Some(&own), Ok(())).await;
    all.check(&served, "the CA without one", Some(&ca), Err("AccessDenied")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_handshakes_are_warned_of_once_a_minute() {
    let all = Clients::new();
    let served = all.start("  client_auth_type: RequireAndVerifyClientCert\n");
    drop(served.connect().await); // as a check of the port does
    for _ in 0..3 {
        healthy(&served, all.servers.trusting(all.strange.as_ref(), ALL_VERSIONS)).await.unwrap_err();
    }
    let line = served.line("TLS handshake with a client failed");
    for words in [
        "level=warn",
        "client=127.0.0.1",
        "reason=\"the client's certificate is not from a trusted authority (client_ca_file)\"",
    ] {
        assert!(line.contains(words), "{line}");
    }
    assert_eq!(served.count("TLS handshake with a client failed"), 1);
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

/// Without authorities, by the system's roots, as in Go: who gives no certificate gets in.
#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_may_be_given_without_authorities() {
    let all = Clients::new();
    let served = start(&all.servers, "  client_auth_type: VerifyClientCertIfGiven\n");
    all.check(&served, "none", None, Ok(())).await;
    if !rustls_native_certs::load_native_certs().certs.is_empty() {
        all.check(
            &served,
            "of an authority that the system doesn't know",
            all.good.as_ref(),
            Err("UnknownCA"),
        )
        .await;
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

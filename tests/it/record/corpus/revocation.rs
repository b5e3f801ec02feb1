//! Rounds with revocation: by lists, by responders, and by neither.

use defender_exporter::catalog::Endpoint;
use defender_exporter::verdict::Verdict;

use super::scenes::{is_kind, scene};
use super::world::{World, is_of};
use crate::exporter::endpoints;
use crate::lab::Lab;
use crate::lab::faults;
use crate::lab::genuine::authority_of;
use crate::lab::pki::crl::Crl;
use crate::lab::pki::ocsp::Ocsp;
use crate::lab::pki::pointers::{CRL_HOST, CRL2_HOST, OCSP_HOST};
use crate::lab::pki::{Authority, Issuer, Leaf, Signature, serial_of};
use crate::lab::reply::{End, Reply, Response};

use Authority::{DigicertG2, Microsoft2011};

const MAPS_HOST: &str = "wdcp.microsoft.com";
const STORAGE_HOST: &str = "ussus1eastprod.blob.core.windows.net";

/// A list with something wrong.
type ChangedList = fn(Crl) -> Crl;

/// A round of one endpoint with revocation.
async fn checked(name: &str, kind: &str, order: impl AsyncFnOnce(&Lab)) {
    scene(&format!("revocation-{name}--{kind}"), is_kind(kind), async |world| {
        world.config.tls.revocation = true;
        order(&world.lab).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_state_of_revocation_has_a_record() {
    let issuer = Issuer::Intermediate(Microsoft2011);
    checked("by-a-list", "maps", async |_| {}).await;
    checked("by-a-responder", "storage", async |_| {}).await;
    checked("stapled", "storage", async |lab| {
        lab.staple(STORAGE_HOST, DigicertG2, &Ocsp::good(lab.pki.now()));
        lab.forwarder(OCSP_HOST).block().await;
    })
    .await;
    checked("without-a-responder", "storage", async |lab| lab.forwarder(OCSP_HOST).block().await).await;
    checked("by-the-second-point", "storage", async |lab| {
        lab.forwarder(OCSP_HOST).block().await;
        lab.forwarder(CRL_HOST).block().await;
    })
    .await;
    checked("with-nothing-that-answers", "storage", async |lab| {
        for host in [OCSP_HOST, CRL_HOST, CRL2_HOST] {
            lab.forwarder(host).block().await;
        }
    })
    .await;
    for (kind, host, authority) in [("maps", MAPS_HOST, Microsoft2011), ("storage", STORAGE_HOST, DigicertG2)]
    {
        checked("revoked-leaf", kind, async |lab| {
            let serial = Leaf::new(host, authority).serial();
            lab.revoke(Issuer::Intermediate(authority), [serial]);
        })
        .await;
        checked("revoked-intermediate", kind, async |lab| {
            let serial = serial_of(&lab.pki.intermediate(authority));
            lab.revoke(Issuer::root_of(authority), [serial]);
        })
        .await;
    }
    checked("revoked-by-the-staple", "storage", async |lab| {
        let serial = Leaf::new(STORAGE_HOST, DigicertG2).serial();
        lab.staple(STORAGE_HOST, DigicertG2, &Ocsp::good(lab.pki.now()).revoking(serial));
    })
    .await;
    let lists: [(&str, ChangedList); 4] = [
        ("an-expired-list", Crl::expired),
        ("a-list-of-the-future", Crl::not_yet_valid),
        ("a-broken-list", |list| list.signed(Signature::Broken)),
        ("a-list-of-another", |list| list.signed(Signature::OtherKey)),
    ];
    for (name, change) in lists {
        checked(name, "maps", async |lab| lab.serve_crl(issuer, &change(lab.pki.sound_crl(issuer)))).await;
    }
    let replies: [(&str, Reply); 8] = [
        ("a-page", Response::new(200).body("<html>").into()),
        ("a-404", Response::new(404).into()),
        ("a-403", Response::new(403).into()),
        ("a-407", faults::proxy_authentication()),
        ("a-500", Response::new(500).into()),
        ("a-portal", Response::redirect(302, "http://portal.example/").into()),
        ("the-end", faults::end(End::Close)),
        ("an-endless-list", faults::endless_body()),
    ];
    for (name, reply) in replies {
        checked(name, "maps", async |lab| lab.serve_crl_reply(issuer, reply)).await;
    }
    checked("a-closed-port", "maps", async |lab| lab.forwarder(CRL_HOST).block().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_chain_is_judged_again_over_the_catalog() {
    let mut world = World::start().await;
    world.config.tls.revocation = true;
    for authority in [Microsoft2011, DigicertG2, Authority::EccProduct2018, Authority::TlsG2] {
        let own = world.urls.iter().filter(|url| authority_of(url.host()) == Some(authority));
        let serials = own.map(|url| Leaf::new(url.host(), authority).serial());
        world.lab.revoke(Issuer::Intermediate(authority), serials);
    }
    let recorded = world.round(is_of("https"), None).await;
    recorded.judged_again();
    let verdicts = recorded.verdicts();
    assert!(verdicts.iter().all(|verdict| *verdict == Some(Verdict::Bad)), "{verdicts:?}");
}

/// What `check --record` writes on a network where all is well.
#[tokio::test(flavor = "multi_thread")]
async fn the_defaults_have_a_record() {
    let defaults: Vec<_> = endpoints();
    let is_default = |endpoint: &Endpoint| {
        defaults.iter().any(|own| own.url == endpoint.url && own.component == endpoint.component)
    };
    scene("healthy-defaults", is_default, async |world| {
        world.config.tls.revocation = true;
    })
    .await;
}

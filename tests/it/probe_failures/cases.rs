//! The failure scenarios as data, one table per phase. `mod.rs` checks them.

use std::net::SocketAddr;
use std::time::Duration;

use defender_exporter::catalog::{BodyKind, ExpectedEvidence};
use defender_exporter::observation::{FailureReason as R, Phase as S};

use rustls::CipherSuite;

use super::{Pair, names};
use crate::lab::Lab;
use crate::lab::blackhole::{Hanging, Refusing, Resetting, UNREACHABLE};
use crate::lab::dns::Answer;
use crate::lab::faults::{self, Fault, Handshake};
use crate::lab::pki::crl::Crl;
use crate::lab::pki::{Authority, Flaw, Issuer, Signature};
use crate::lab::reply::{End, Reply, Response};
use crate::lab::revocation::{certificate_response, crl_response};
use crate::scenario::Scenario;

const EVERY: Duration = Duration::from_millis(200);

/// An address where nothing responds.
pub enum Dead {
    /// It refuses.
    Refusing(Refusing),
    /// There is no way to it.
    Unreachable,
    /// It swallows what is sent.
    Hanging(Hanging),
    /// It resets.
    Resetting(Resetting),
}

impl Dead {
    /// Where that is.
    pub fn addr(&self) -> SocketAddr {
        match self {
            Self::Refusing(refusing) => refusing.addr(),
            Self::Unreachable => UNREACHABLE,
            Self::Hanging(hanging) => hanging.addr(),
            Self::Resetting(resetting) => resetting.addr(),
        }
    }
}

/// Orders what is wrong for a host.
pub type Order = fn(&Lab, &str, &mut Scenario);

/// What is wrong for the host that is probed.
pub enum Wrong {
    /// DNS answers so.
    Name(Answer),
    /// This is where DNS servers should be.
    NameServer(Dead),
    /// This is where connections go.
    Connection(Dead),
    /// The origin does so.
    Origin(Fault),
    /// A setup of the host that needs more than one server.
    Ordered(Order),
}

/// What is wrong, and the failure that it must make.
pub struct Case {
    /// For a person.
    pub name: String,
    /// Of the URL that is probed.
    pub scheme: &'static str,
    /// The fault.
    pub wrong: Wrong,
    /// What the catalog demands of a genuine answer.
    pub evidence: Option<ExpectedEvidence>,
    /// Whether the plan alone finds it wrong: by its evidence, its roots, its hosts, its marks of block pages. A fetch, which has
    /// no plan, is content.
    pub by_plan: bool,
    /// How many redirects the catalog allows.
    pub follow_redirects: u8,
    /// The failure.
    pub expected: Pair,
}

impl Case {
    pub fn new(name: &str, scheme: &'static str, wrong: Wrong, expected: Pair) -> Self {
        let name = name.to_owned();
        Self { name, scheme, wrong, evidence: None, by_plan: false, follow_redirects: 0, expected }
    }

    /// The same, found wrong by the plan alone.
    fn by_plan(self) -> Self {
        Self { by_plan: true, ..self }
    }

    /// An origin that does so; over TLS and without.
    fn of_both(name: &str, reply: &Reply, expected: Pair) -> [Self; 2] {
        ["https", "http"].map(|scheme| Self::new(name, scheme, Wrong::Origin(reply.clone().into()), expected))
    }

    /// An answer over plain HTTP that lacks this evidence.
    fn lacking(evidence: ExpectedEvidence, response: Response, expected: Pair) -> Self {
        let case = Self::new(&format!("no {evidence:?}"), "http", Wrong::Origin(response.into()), expected);
        Self { evidence: Some(evidence), ..case.by_plan() }
    }
}

/// The cases that may be tried at once.
pub async fn all() -> Vec<Case> {
    let mut all = names::all();
    all.extend(connections().await);
    all.extend(handshakes());
    all.extend(certificates());
    all.extend(chains());
    all.extend(answers());
    all.extend(refusals());
    all.extend(bodies());
    all.extend(contents());
    all.extend(objects());
    all
}

async fn connections() -> Vec<Case> {
    let cases = [
        ("a closed port", "https", Dead::Refusing(Refusing::new()), R::Refused),
        ("no route", "https", Dead::Unreachable, R::Unreachable),
        ("a dropped SYN", "https", Dead::Hanging(Hanging::new().await), R::Timeout),
        ("a dropped SYN", "http", Dead::Hanging(Hanging::new().await), R::Timeout),
        ("a reset at once", "https", Dead::Resetting(Resetting::new()), R::Reset),
        ("a reset at once", "http", Dead::Resetting(Resetting::new()), R::Reset),
    ];
    cases
        .map(|(name, scheme, dead, reason)| {
            Case::new(name, scheme, Wrong::Connection(dead), (S::Connect, reason))
        })
        .into()
}

fn handshakes() -> Vec<Case> {
    let cases = [
        ("silence", Handshake::Silent, R::Timeout),
        ("a hello a byte at a time", Handshake::drip(EVERY), R::Timeout),
        ("the end after the hello", Handshake::End(End::Close), R::Closed),
        ("a reset after the hello", Handshake::End(End::Reset), R::Reset),
        ("plain HTTP", Handshake::plain_http(), R::NotTls),
        ("garbage", Handshake::Raw(b"\x00\xff\x01 lab \x80".to_vec()), R::NotTls),
        ("an alert", Handshake::alert(40), R::Alert),
        ("an old suite", Handshake::Suite(CipherSuite::TLS_RSA_WITH_AES_128_CBC_SHA), R::Unsupported),
        ("a suite of nobody", Handshake::Suite(CipherSuite::TLS_RSA_WITH_RC4_128_SHA), R::Alert),
        ("a demand for a certificate", Handshake::DemandsCertificate(&rustls::version::TLS12), R::Alert),
        ("half a ServerHello", Handshake::bad_server_hello(), R::Protocol),
    ];
    cases
        .map(|(name, handshake, reason)| {
            Case::new(name, "https", Wrong::Origin(handshake.into()), (S::Tls, reason))
        })
        .into()
}

/// What each flaw of a certificate chain is called.
const FLAWS: [(Flaw, R); 14] = [
    (Flaw::Expired, R::Expired),
    (Flaw::ExpiredIntermediate, R::Expired),
    (Flaw::NotYetValid, R::NotYetValid),
    (Flaw::WrongName, R::NameMismatch),
    (Flaw::SelfSigned, R::UnknownIssuer),
    (Flaw::SelfSignedAuthority, R::UnknownIssuer),
    (Flaw::Authority, R::Unsupported),
    (Flaw::UnknownRoot, R::UnknownIssuer),
    (Flaw::NotForServers, R::Invalid),
    (Flaw::BadSignature, R::BadSignature),
    (Flaw::WeakKey, R::WeakKey),
    (Flaw::WeakIntermediate, R::WeakKey),
    (Flaw::Sha1, R::WeakKey),
    (Flaw::Malformed, R::Invalid),
];

fn certificates() -> Vec<Case> {
    FLAWS
        .map(|(flaw, reason)| {
            Case::new(&format!("{flaw:?}"), "https", Wrong::Origin(flaw.into()), (S::Tls, reason))
        })
        .into()
}

/// What depends on more than the chain that the server presents.
fn chains() -> Vec<Case> {
    let cases: [(&str, Order, R); 5] = [
        ("a root that was made anew under its old name", remade, R::UnknownIssuer),
        ("an inspector whom this machine trusts", inspected, R::Intercepted),
        ("a missing intermediate that can't be had", incomplete, R::IncompleteChain),
        ("a missing intermediate in whose place another is", misled, R::IncompleteChain),
        ("a missing intermediate at a host that isn't asked", foreign, R::UnknownIssuer),
    ];
    cases
        .map(|(name, order, reason)| {
            let case = Case::new(name, "https", Wrong::Ordered(order), (S::Tls, reason));
            Case { by_plan: reason == R::Intercepted, ..case }
        })
        .into()
}

fn inspected(lab: &Lab, host: &str, scenario: &mut Scenario) {
    lab.tls.set_authority(host, Authority::Inspector);
    scenario.config.tls.extra_roots = vec![lab.pki.root(Authority::Inspector)];
}

fn remade(lab: &Lab, host: &str, _: &mut Scenario) {
    lab.tls.present(host, lab.pki.below_root_made_anew(host, Authority::Microsoft2011));
}

fn incomplete(lab: &Lab, host: &str, _: &mut Scenario) {
    lab.serve_issuer_reply(Issuer::Intermediate(Authority::EccProduct2018), Response::new(404));
    lab.tls.break_host(host, Fault::Certificate(Authority::EccProduct2018, Flaw::WithoutIntermediate));
}

fn misled(lab: &Lab, host: &str, _: &mut Scenario) {
    let other = lab.pki.intermediate(Authority::DigicertG2).to_vec();
    lab.serve_issuer_reply(Issuer::Intermediate(Authority::Microsoft2011Next), certificate_response(other));
    lab.tls.break_host(host, Fault::Certificate(Authority::Microsoft2011Next, Flaw::WithoutIntermediate));
}

fn foreign(lab: &Lab, host: &str, scenario: &mut Scenario) {
    lab.tls.break_host(host, Fault::Certificate(Authority::Microsoft2011, Flaw::WithoutIntermediate));
    scenario.issuer_hosts.clear();
}

/// Replies whose head never comes, or is no head.
fn answers() -> Vec<Case> {
    let cases = [
        ("no answer", faults::silent(), R::Timeout),
        ("a head a byte at a time", faults::drip_head(EVERY), R::Timeout),
        ("the end", faults::end(End::Close), R::Closed),
        ("a cut", faults::end(End::Cut), R::Closed),
        ("a reset", faults::end(End::Reset), R::Reset),
        ("garbage", faults::garbage_head(), R::Protocol),
        ("two lengths", faults::two_lengths(), R::Protocol),
        ("a huge head", faults::huge_head(200_000), R::TooLarge),
        ("endless headers", faults::endless_headers(), R::TooLarge),
        ("100 without end", faults::flood_1xx(100), R::TooLarge),
        ("103 without end", faults::flood_1xx(103), R::TooLarge),
    ];
    let both =
        cases.iter().flat_map(|(name, reply, reason)| Case::of_both(name, reply, (S::Request, *reason)));
    // In TLS 1.3 the server sees what the client lacks when the handshake is over.
    let demand = Wrong::Origin(Handshake::DemandsCertificate(&rustls::version::TLS13).into());
    let late = Case::new("a late demand for a certificate", "https", demand, (S::Request, R::Alert));
    both.chain([late]).collect()
}

/// Responses that refuse or redirect.
fn refusals() -> Vec<Case> {
    let filtered = Response::new(403).header("X-Lab-Filter", "yes");
    let cases = [
        ("407", faults::proxy_authentication(), R::AuthRequired),
        ("511", Response::new(511).into(), R::BlockPage),
    ];
    let both =
        cases.iter().flat_map(|(name, reply, reason)| Case::of_both(name, reply, (S::Request, *reason)));
    let filtered = Case::of_both("a filter's header", &filtered.into(), (S::Request, R::BlockPage));
    let away = || Wrong::Origin(Response::redirect(302, "http://portal.example/").into());
    let off_site = (S::Request, R::RedirectOffSite);
    let header = ExpectedEvidence::Header { name: "x-ms-request-id".to_owned(), prefix: String::new() };
    let others = [
        Case::new("a captive portal", "http", away(), off_site).by_plan(),
        Case { follow_redirects: 2, ..Case::new("a redirect off site", "https", away(), off_site) }.by_plan(),
        Case::lacking(ExpectedEvidence::Status, Response::new(404), (S::Request, R::Status)),
        Case::lacking(header, Response::new(200), (S::Request, R::WrongContent)),
    ];
    both.chain(filtered.map(Case::by_plan)).chain(others).collect()
}

/// Bodies that don't come, or don't end.
fn bodies() -> Vec<Case> {
    let promised = Response::new(200).body("late").before_body(Duration::from_secs(60));
    let cases = [
        ("no body", promised.into(), R::Timeout),
        ("half a body", faults::silent_mid_body(), R::Timeout),
        ("a body a byte at a time", faults::drip_body(&[b'a'; 1000], EVERY), R::Timeout),
        ("the end in the body", faults::end_mid_body(End::Close), R::Closed),
        ("a cut in the body", faults::end_mid_body(End::Cut), R::Closed),
        ("a reset in the body", faults::end_mid_body(End::Reset), R::Reset),
        ("a bad chunk", faults::bad_chunk(), R::Protocol),
        ("100 MB", faults::big_body(100_000_000), R::TooLarge),
        ("an endless body", faults::endless_body(), R::TooLarge),
    ];
    cases
        .iter()
        .flat_map(|(name, reply, reason)| Case::of_both(name, reply, (S::Transfer, *reason)))
        .collect()
}

/// Signed objects that are no use: they came, in the right form, from a known issuer.
fn objects() -> Vec<Case> {
    let cases: [(&str, Order, R); 3] = [
        ("an expired list", |lab, host, _| lists(lab, host, Crl::expired), R::Expired),
        (
            "a broken list",
            |lab, host, _| lists(lab, host, |list| list.signed(Signature::Broken)),
            R::BadSignature,
        ),
        (
            "another's list",
            |lab, host, _| lists(lab, host, |list| list.signed(Signature::OtherKey)),
            R::BadSignature,
        ),
    ];
    cases
        .map(|(name, order, reason)| {
            let case = Case::new(name, "http", Wrong::Ordered(order), (S::Transfer, reason));
            Case { evidence: Some(ExpectedEvidence::Body(BodyKind::Crl)), ..case.by_plan() }
        })
        .into()
}

/// Serves a list of a root, changed.
fn lists(lab: &Lab, host: &str, change: fn(Crl) -> Crl) {
    let root = Issuer::Root(Authority::Microsoft2011);
    lab.plain.set(host, "/", crl_response(lab.pki.sign_crl(root, &change(lab.pki.sound_crl(root)))));
}

/// Bodies that are something else.
fn contents() -> Vec<Case> {
    let portal = Response::new(200).body("<html>Blocked by the LAB'S portal</html>");
    let blocked = (S::Transfer, R::BlockPage);
    let welcome = || Response::new(200).body("<html><body>Welcome</body></html>");
    let kinds = [
        BodyKind::Crl,
        BodyKind::Certificate,
        BodyKind::Cabinet,
        BodyKind::Gif,
        BodyKind::WebService,
        BodyKind::Xml("versions".to_owned()),
        BodyKind::Text("OK".to_owned()),
    ];
    let mut cases: Vec<_> = kinds
        .map(|kind| Case::lacking(ExpectedEvidence::Body(kind), welcome(), (S::Transfer, R::WrongContent)))
        .into();
    cases.push(Case::lacking(ExpectedEvidence::Body(BodyKind::Crl), portal.clone(), blocked));
    cases.extend(Case::of_both("a portal's page", &portal.into(), blocked).map(Case::by_plan));
    cases
}

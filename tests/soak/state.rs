//! The lab's faults at a moment, as data, and their random changes. `world.rs` applies them, `model.rs` derives the
//! expected metrics.

use std::collections::{BTreeMap, BTreeSet};

use crate::feed::Feed;
use crate::lab::rng::Rng;

/// A host and its scheme: its name, and whether TLS is used.
pub type Server = (String, bool);

/// What is wrong with one host, over TLS or without.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum HostFault {
    /// Never answers the ClientHello.
    HandshakeSilent,
    HandshakeClosed,
    HandshakeReset,
    HandshakeAlert,
    /// Speaks HTTP where TLS should be.
    NotTls,
    Expired,
    ExpiredIntermediate,
    NotYetValid,
    WrongName,
    /// Self-signed: an untrusted root.
    SelfSigned,
    BadSignature,
    /// By a root that this machine trusts and that isn't Microsoft's.
    Intercepted,
    /// The intermediate is left out, and can be had.
    Completed,
    /// The intermediate is left out, and can't be had.
    Incomplete,
    /// By another authority that is as good: nothing is wrong.
    Renewed,
    AnswerSilent,
    AnswerClosed,
    AnswerReset,
    AnswerGarbage,
    HugeHead,
    ProxyDemand,
    /// 511 Network Authentication Required.
    CaptivePortal,
    /// 500, without a body.
    ServerError,
    /// 200, with something else in it.
    OtherContent,
    BlockPage,
    /// To a host that the genuine service never names; on plain HTTP.
    RedirectAway,
    BodySilent,
    BodyClosed,
    BodyReset,
    BodyTooLarge,
    BadChunk,
}

use HostFault as F;

/// What only TLS has.
const OF_TLS: [F; 15] = [
    F::HandshakeSilent,
    F::HandshakeClosed,
    F::HandshakeReset,
    F::HandshakeAlert,
    F::NotTls,
    F::Expired,
    F::ExpiredIntermediate,
    F::NotYetValid,
    F::WrongName,
    F::SelfSigned,
    F::BadSignature,
    F::Intercepted,
    F::Completed,
    F::Incomplete,
    F::Renewed,
];

/// What is the same with TLS and without.
const OF_HTTP: [F; 15] = [
    F::AnswerSilent,
    F::AnswerClosed,
    F::AnswerReset,
    F::AnswerGarbage,
    F::HugeHead,
    F::ProxyDemand,
    F::CaptivePortal,
    F::ServerError,
    F::OtherContent,
    F::BlockPage,
    F::BodySilent,
    F::BodyClosed,
    F::BodyReset,
    F::BodyTooLarge,
    F::BadChunk,
];

/// How DNS answers for one name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NameFault {
    Nxdomain,
    NoData,
    Servfail,
    Refused,
    Silence,
    /// An address where nothing responds.
    Moved,
}

/// How a server takes connections, for all hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ListenerFault {
    /// Gone: its port refuses.
    Shut,
    /// Connecting hangs.
    Jammed,
    Reset,
    Closed,
    /// Takes connections and never speaks.
    Silent,
}

/// What the proxy does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ProxyFault {
    Shut,
    Demand,
    /// 502, identified as the proxy's own.
    BadGateway,
    /// 502 of unknown origin.
    Bare502,
    Closed,
    Late,
}

/// The sources of revocation data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    Crl,
    Crl2,
    Ocsp,
}

/// Changes to the configuration file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Variant {
    /// Nothing.
    #[default]
    Plain,
    /// One endpoint of the catalog less: its component and URL.
    Without(String, String),
    /// One more.
    Added,
    /// Another pace for revocation lists: the lanes are made anew, and all that they know is forgotten.
    Repaced,
}

/// What is wrong at the moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    pub hosts: BTreeMap<Server, HostFault>,
    pub names: BTreeMap<String, NameFault>,
    pub dns_gone: bool,
    pub tls: Option<ListenerFault>,
    pub plain: Option<ListenerFault>,
    pub proxy: Option<ProxyFault>,
    pub blocked: BTreeSet<Source>,
    /// Hosts whose leaf is revoked.
    pub revoked: BTreeSet<String>,
    pub feed: Feed,
    pub variant: Variant,
    /// Whether the last configuration that was to be loaded was refused.
    pub refused: bool,
    /// How often a configuration was to be loaded.
    pub reloads: usize,
}

/// Where things may go wrong.
pub struct Places {
    pub servers: Vec<Server>,
    /// Endpoints probed with HEAD: their responses have no body.
    pub bodiless: BTreeSet<Server>,
    /// Names resolved by DNS.
    pub names: Vec<String>,
    /// The endpoints of the catalog: component and URL.
    pub endpoints: Vec<(String, String)>,
}

/// The most hosts, and the most names, that anything is wrong with at once.
const MOST: usize = 24;

impl State {
    /// The next state, and in words what has changed.
    pub fn next(&self, rng: &mut Rng, places: &Places) -> (Self, Vec<String>) {
        let mut next = self.clone();
        let mut changes = Vec::new();
        next.calm(rng, &mut changes);
        for _ in 0..=rng.below(10) {
            let change = match rng.below(100) {
                0..64 => next.trouble_a_host(rng, places),
                64..74 => next.trouble_a_name(rng, places),
                74..80 => next.trouble_a_server(rng),
                80..84 => next.trouble_the_proxy(rng),
                84..92 => next.trouble_revocation(rng, places),
                92..95 => next.change_the_feed(rng),
                _ if next.reloads == self.reloads => next.reconfigure(rng, places),
                _ => continue, // what isn't loaded between two writings never was
            };
            changes.push(change);
        }
        if next.plain.is_some() {
            // Whether the intermediate can be had then depends on who has fetched it before.
            next.hosts.retain(|_, fault| *fault != F::Completed);
        }
        (next, changes)
    }

    /// Takes back some of what is wrong, what holds for all hosts first of all: it hides everything else.
    fn calm(&mut self, rng: &mut Rng, changes: &mut Vec<String>) {
        let before = self.clone();
        if rng.percent(8) {
            *self = self.healed();
        }
        self.hosts.retain(|_, _| !rng.percent(35));
        self.names.retain(|_, _| !rng.percent(35));
        while self.hosts.len() > MOST {
            self.hosts.pop_first();
        }
        self.dns_gone &= rng.percent(20);
        self.tls = self.tls.filter(|_| rng.percent(20));
        self.plain = self.plain.filter(|_| rng.percent(20));
        self.proxy = self.proxy.filter(|_| rng.percent(40));
        self.blocked.retain(|_| !rng.percent(60));
        self.revoked.retain(|_| !rng.percent(40));
        if *self != before {
            changes.push("healed".to_owned());
        }
    }

    /// The same configuration, and nothing wrong.
    fn healed(&self) -> Self {
        let Self { feed, variant, refused, reloads, .. } = self.clone();
        Self { feed, variant, refused, reloads, ..Self::default() }
    }

    /// Nothing wrong, with the usual configuration.
    pub fn quiet(&self) -> Self {
        Self { reloads: self.reloads + 1, ..Self::default() }
    }

    /// Whether the revocation data changed, which takes longer to settle.
    pub fn tells_revocation_otherwise(&self, before: &Self) -> bool {
        (&self.blocked, &self.revoked) != (&before.blocked, &before.revoked)
            || self.plain.is_none() != before.plain.is_none()
    }

    fn trouble_a_host(&mut self, rng: &mut Rng, places: &Places) -> String {
        let server = rng.pick(&places.servers).clone();
        let of_http: Vec<F> =
            if places.bodiless.contains(&server) { OF_HTTP[..8].to_vec() } else { OF_HTTP.to_vec() };
        let kinds = if server.1 {
            [OF_TLS.as_slice(), &of_http].concat()
        } else {
            [of_http.as_slice(), &[F::RedirectAway]].concat()
        };
        let fault = *rng.pick(&kinds);
        self.hosts.insert(server, fault);
        format!("host:{fault:?}")
    }

    fn trouble_a_name(&mut self, rng: &mut Rng, places: &Places) -> String {
        use NameFault as N;
        if rng.percent(10) {
            self.dns_gone = true;
            return "dns:Gone".to_owned();
        }
        let fault = *rng.pick(&[N::Nxdomain, N::NoData, N::Servfail, N::Refused, N::Silence, N::Moved]);
        self.names.insert(rng.pick(&places.names).clone(), fault);
        format!("name:{fault:?}")
    }

    fn trouble_a_server(&mut self, rng: &mut Rng) -> String {
        let all = [
            ListenerFault::Shut,
            ListenerFault::Reset,
            ListenerFault::Closed,
            ListenerFault::Silent,
            ListenerFault::Jammed,
        ];
        if rng.percent(65) {
            let fault = *rng.pick(&all);
            self.tls = Some(fault);
            return format!("tls:{fault:?}");
        }
        // Who answers for revocation is there too: a hang would cost its checks half a minute.
        let fault = *rng.pick(&all[..3]);
        self.plain = Some(fault);
        format!("plain:{fault:?}")
    }

    fn trouble_the_proxy(&mut self, rng: &mut Rng) -> String {
        use ProxyFault as P;
        let fault = *rng.pick(&[P::Shut, P::Demand, P::BadGateway, P::Bare502, P::Closed, P::Late]);
        self.proxy = Some(fault);
        format!("proxy:{fault:?}")
    }

    fn trouble_revocation(&mut self, rng: &mut Rng, places: &Places) -> String {
        if rng.percent(50) {
            let source = *rng.pick(&[Source::Crl, Source::Crl2, Source::Ocsp]);
            self.blocked.insert(source);
            return format!("revocation:{source:?}");
        }
        let secure: Vec<_> = places.servers.iter().filter(|(_, tls)| *tls).collect();
        self.revoked.insert(rng.pick(&secure).0.clone());
        "revocation:Revoked".to_owned()
    }

    fn change_the_feed(&mut self, rng: &mut Rng) -> String {
        self.feed = *rng.pick(&Feed::ALL);
        format!("feed:{:?}", self.feed)
    }

    fn reconfigure(&mut self, rng: &mut Rng, places: &Places) -> String {
        self.refused = rng.percent(30);
        self.reloads += 1;
        if self.refused {
            return "reload:Refused".to_owned();
        }
        let (component, url) = rng.pick(&places.endpoints).clone();
        let all = [Variant::Plain, Variant::Without(component, url), Variant::Added, Variant::Repaced];
        self.variant = rng.pick(&all).clone();
        let word = match self.variant {
            Variant::Plain => "Plain",
            Variant::Without(..) => "Without",
            Variant::Added => "Added",
            Variant::Repaced => "Repaced",
        };
        format!("reload:{word}")
    }
}

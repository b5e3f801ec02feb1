//! Failures at a proxy before the endpoint is reached, as data. `refusals.rs` checks them.

use std::time::Duration;

use defender_exporter::config::ProxyKind::{self, Http, Https, Socks5};
use defender_exporter::observation::{FailureReason as R, Phase as S};

use crate::lab::pki::{Authority, Flaw};
use crate::lab::proxy::{Kind, Order, Part, demand, socks};
use crate::lab::reply::{End, Reply, Response, Step};
use crate::lab::{Lab, faults};

/// The probe's credentials for a proxy.
pub const LOGIN: (&str, &str) = ("ann", "c0rrect-h0rse");

const EVERY: Duration = Duration::from_millis(200);
const ESTABLISHED: &[u8] = b"HTTP/1.1 200 Connection established\r\n\r\n";

/// What a proxy does, and the failure that it must make.
pub struct Case {
    /// For a person.
    pub name: String,
    /// As which the proxy is configured.
    pub kind: ProxyKind,
    /// What it is.
    pub of: Kind,
    /// What it does.
    pub order: Order,
    /// The user and password that are configured.
    pub who: Option<(&'static str, &'static str)>,
    /// Of the URL that is probed.
    pub scheme: &'static str,
    /// The failure.
    pub expected: (S, R),
    /// The status of the answer to CONNECT.
    pub status: Option<u16>,
    /// The expected detail.
    pub words: &'static [&'static str],
}

impl Case {
    fn of(name: &str, kind: ProxyKind, of: Kind, order: Order, reason: R) -> Self {
        let (name, expected) = (name.to_owned(), (S::Tunnel, reason));
        Self { name, kind, of, order, who: None, scheme: "https", expected, status: None, words: &[] }
    }

    fn http(name: &str, order: Order, reason: R) -> Self {
        Self::of(name, Http, Kind::Http, order, reason)
    }

    fn socks(name: &str, order: Order, reason: R) -> Self {
        Self::of(name, Socks5, Kind::Socks, order, reason)
    }

    fn known(self) -> Self {
        Self { who: Some(LOGIN), ..self }
    }

    fn status(self, status: u16) -> Self {
        Self { status: Some(status), ..self }
    }

    fn saying(self, words: &'static [&'static str]) -> Self {
        Self { words, ..self }
    }

    fn over(self, scheme: &'static str) -> Self {
        Self { scheme, ..self }
    }
}

/// All of them; they may be tried at once.
pub fn all(lab: &Lab) -> Vec<Case> {
    let mut all = statuses();
    all.extend(phrases());
    all.extend(demands());
    all.extend(answers());
    all.extend(plain_on_tls());
    all.extend(others());
    all.extend(tunnels());
    all.extend(certificates(lab));
    all.extend(socks_replies());
    all.extend(socks_logins());
    all.extend(socks_parts());
    all
}

/// Refusals of CONNECT.
fn statuses() -> Vec<Case> {
    let statuses = [
        (400, R::Denied),
        (403, R::Denied),
        (404, R::Denied),
        (405, R::Denied),
        (451, R::Denied),
        (500, R::BadGateway),
        (502, R::BadGateway),
        (503, R::BadGateway),
        (504, R::BadGateway),
        (600, R::Protocol),
        (999, R::Protocol),
    ];
    let case = |(status, reason)| {
        let page = Response::new(status).body("<html>Denied by the lab's proxy</html>");
        Case::http("a status", Order::Reply(page.into()), reason)
            .status(status)
            .saying(&["the proxy answered CONNECT with"])
    };
    let mut all: Vec<_> = statuses.map(case).into();
    // As Squid's `deny_info` sends them for what an ACL denies.
    all.extend([302, 307].map(|status| {
        let page = Response::redirect(status, "http://blocked.corp.example/why?a=b");
        Case::http("a redirect to a page", Order::Reply(page.into()), R::Denied)
            .status(status)
            .saying(&["a redirect to http://blocked.corp.example/why?a=b, not a tunnel"])
    }));
    let why = Response::new(503).header("X-Squid-Error", "ERR_CONNECT_FAIL 111");
    let why = why.header("Proxy-Status", "lab; error=connection_refused");
    all.push(
        Case::http("a status, with its cause", Order::Reply(why.into()), R::BadGateway).status(503).saying(
            &["503 (proxy-status: lab; error=connection_refused, x-squid-error: ERR_CONNECT_FAIL 111)"],
        ),
    );
    all
}

/// Answers of status lines that no server writes.
fn phrases() -> Vec<Case> {
    let send = |line: &str| {
        Order::Reply(Reply::Script(vec![Step::Send(format!("{line}\r\n\r\n").into()), Step::Hang]))
    };
    let case = |line, reason| Case::http("a reason phrase", send(line), reason);
    vec![
        // As Privoxy answers for a name that it can't resolve.
        case("HTTP/1.1 404 No such domain", R::BadGateway)
            .status(404)
            .saying(&["the proxy answered CONNECT with 404: No such domain"]),
        case("HTTP/1.1 403 Access violation", R::Denied)
            .status(403)
            .saying(&["the proxy answered CONNECT with 403: Access violation"]),
    ]
}

/// Demands for authentication.
fn demands() -> Vec<Case> {
    let chooses = |method| Order::Say(Part::Method, vec![Step::Send(vec![5, method]), Step::Hang]);
    let offers = |values: &[&str]| {
        let none = Response::new(407);
        let response = values.iter().fold(none, |r, value| r.header("Proxy-Authenticate", value));
        Order::Reply(response.into())
    };
    let of_http = |name, order| Case::http(name, order, R::AuthRequired).status(407);
    let unauthorized = Response::new(401).header("WWW-Authenticate", "Basic realm=\"lab\"");
    let unauthorized = Order::Reply(unauthorized.into());
    let list = "Negotiate, NTLM, Digest realm=\"a, b\", qop=\"auth\", Basic realm=\"lab\"";
    let none = &["it offers Negotiate, NTLM, Basic, and no credentials are configured"];
    let refused = &["it offers Negotiate, NTLM, Basic, and rejected the configured user name"];
    let unspoken = &["it offers Negotiate, NTLM, none of which this exporter supports"];
    vec![
        of_http("a demand", Order::Reply(demand())).saying(none),
        of_http("another password", Order::Demand("ann", "another")).known().saying(refused),
        // As tinyproxy answers a wrong password.
        Case::http("a demand by 401", Order::Reply(Response::new(401).into()), R::AuthRequired)
            .status(401)
            .known()
            .saying(&["401 instead of 407", "rejected the configured user name and password"]),
        Case::http("a demand by 401 with its schemes", unauthorized, R::AuthRequired)
            .status(401)
            .saying(&["401 instead of 407: it offers Basic, and no credentials are configured"]),
        of_http("several schemes in one header", offers(&[list]))
            .saying(&["it offers Negotiate, NTLM, Digest, Basic, and no credentials"]),
        of_http("without Basic", offers(&["Negotiate", "NTLM"])).saying(unspoken),
        of_http("without Basic, with a login", offers(&["Negotiate", "NTLM"])).known().saying(unspoken),
        of_http("no scheme at all", offers(&[])).saying(&["407, without an offered method"]),
        Case::socks("a demand, and no login", Order::Demand("ann", "x"), R::AuthRequired),
        Case::socks("GSSAPI", chooses(1), R::AuthRequired).saying(&["no supported method"]),
        Case::socks("GSSAPI, with a login", chooses(1), R::AuthRequired).known(),
        Case::socks("no method that is offered", Order::NoMethod, R::AuthRequired),
        Case::socks("no method that is offered, with a login", Order::NoMethod, R::AuthRequired).known(),
    ]
}

/// Answers to CONNECT that are none, don't come or don't end.
fn answers() -> Vec<Case> {
    let raw = |bytes: &[u8]| Reply::Script(vec![Step::Send(bytes.to_vec()), Step::Hang]);
    let cut_head = vec![Step::Send(b"HTTP/1.1 200 OK\r\nX-L".to_vec()), Step::End(End::Close)];
    let late = Response::new(200).before_head(Duration::from_secs(60));
    let switching = b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: lab\r\n\r\n";
    let cases = [
        ("silence", faults::silent(), R::Timeout),
        ("a head a byte at a time", faults::drip_head(EVERY), R::Timeout),
        ("an answer that is too late", late.into(), R::Timeout),
        ("the end", faults::end(End::Close), R::Closed),
        ("a cut", faults::end(End::Cut), R::Closed),
        ("the end in the head", Reply::Script(cut_head), R::Closed),
        ("a reset", faults::end(End::Reset), R::Reset),
        ("garbage", faults::garbage_head(), R::Protocol),
        ("a mail server", raw(b"220 mail.lab ESMTP\r\n"), R::Protocol),
        ("HTTP/2", raw(b"\0\0\0\x04\0\0\0\0\0"), R::Protocol),
        ("a huge head", faults::huge_head(200_000), R::TooLarge),
        ("endless headers", faults::endless_headers(), R::TooLarge),
        ("100 without end", faults::flood_1xx(100), R::TooLarge),
        ("103 without end", faults::flood_1xx(103), R::TooLarge),
    ];
    let cases = cases.into_iter().map(|(name, reply, reason)| Case::http(name, Order::Reply(reply), reason));
    let other = Case::http("another protocol", Order::Reply(raw(switching)), R::Protocol).status(101);
    cases.chain([other]).collect()
}

/// What another protocol answers first, and the words for it where the proxy is configured as `http`.
pub const OTHERS: [(&[u8], &str); 6] = [
    (b"\x15\x03\x01\0\x02\x02\x46", "the proxy answered with a TLS alert: it expects https://"),
    (b"\x05\xff", "the proxy answered with SOCKS 5: it expects socks5://"),
    (b"\0\x5b\0\0\0\0\0\0", "the proxy answered with SOCKS 4, which is not supported"),
    (b"\0\0\x12\x04\0\0\0\0\0", "the proxy answered with HTTP/2, which is not supported"),
    (b"SSH-2.0-OpenSSH_9.9\r\n", "the proxy answered with an SSH banner: it is not a proxy"),
    (b"220 mail.lab ESMTP\r\n", "the proxy answered with a mail or FTP greeting: it is not a proxy"),
];

/// What servers answer on a TLS port to a request without TLS: nginx, Go, Apache.
pub const PLAIN_ON_TLS: [&str; 3] = [
    "HTTP/1.1 400 Bad Request\r\nServer: nginx/1.22.1\r\nContent-Type: text/html\r\nContent-Length: 100\r\n\
     Connection: close\r\n\r\n<html>\r\n<head><title>400 The plain HTTP request was sent to HTTPS port</title></head>\r\n\
     </html>\r\n\r\n\r\n",
    "HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n",
    "HTTP/1.1 400 Bad Request\r\nServer: Apache\r\nTransfer-Encoding: chunked\r\n\r\n\
     42\r\nReason: You're speaking plain HTTP to an SSL-enabled server port.\n\r\n0\r\n\r\n",
];

/// The words for it.
pub const EXPECTS_TLS: &[&str] =
    &["the proxy answered with 400 for plain HTTP on a TLS port: it expects https://"];

/// Proxies whose port speaks TLS, configured as `http`. Others that answer 400 deny the request.
fn plain_on_tls() -> Vec<Case> {
    let answers = PLAIN_ON_TLS.iter().flat_map(|answer| {
        let whole = vec![Step::Send(answer.as_bytes().to_vec()), Step::End(End::Close)];
        let (head, body) = answer.split_at(answer.find("\r\n\r\n").unwrap() + 4);
        let [head, body] = [head, body].map(|part| Step::Send(part.as_bytes().to_vec()));
        let late = vec![head, Step::Wait(faults::MOMENT), body, Step::Hang];
        [whole, late].map(|steps| {
            Case::http("a TLS port", Order::Reply(Reply::Script(steps)), R::Protocol).saying(EXPECTS_TLS)
        })
    });
    let mute = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 10\r\n\r\n".to_vec();
    let mute = Order::Reply(Reply::Script(vec![Step::Send(mute), Step::Hang]));
    let mute = Case::http("400 whose body never comes", mute, R::Denied).saying(&["400"]);
    answers.chain([mute]).map(|case| case.status(400)).collect()
}

/// Proxies of another kind than the configured one.
fn others() -> Vec<Case> {
    let send = |bytes: &[u8]| vec![Step::Send(bytes.to_vec()), Step::Hang];
    let http = OTHERS.iter().map(|(bytes, words)| {
        let order = Order::Reply(Reply::Script(send(bytes)));
        Case::http("another kind", order, R::Protocol).saying(std::slice::from_ref(words))
    });
    let socks = [
        (&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], &["the proxy answered with HTTP: it expects http://"]),
        (b"\x15\x03\x01\0\x02\x02\x46", &["the proxy answered with a TLS alert: it expects https://"]),
        (b"SSH-2.0-OpenSSH_9.9\r\n", &["the proxy answered with an SSH banner: it is not a proxy"]),
    ];
    let socks = socks.into_iter().map(|(bytes, words)| {
        Case::socks("another kind", Order::Say(Part::Method, send(bytes)), R::Protocol).saying(words)
    });
    http.chain(socks).collect()
}

/// Tunnels that are none.
fn tunnels() -> Vec<Case> {
    let script = |steps: Vec<Step>| {
        let steps = std::iter::once(Step::Send(ESTABLISHED.to_vec())).chain(steps).collect();
        Order::Reply(Reply::Script(steps))
    };
    let hello = || Step::Send(b"220 mail.lab ESMTP\r\n".to_vec());
    let late = || Step::Send(b"HTTP/1.1 503 Service Unavailable\r\n\r\n".to_vec());
    let hasty = Order::Reply(Reply::Script(vec![Step::Send([ESTABLISHED, b"lab"].concat()), Step::Hang]));
    let before = [Case::http("a tunnel that speaks first", hasty, R::Protocol)];
    let after = [
        ("a tunnel that hangs", vec![Step::Hang], R::Timeout),
        ("a tunnel that ends", vec![Step::Wait(faults::MOMENT), Step::End(End::Cut)], R::Closed),
        ("a tunnel to another", vec![Step::Wait(faults::MOMENT), hello(), Step::Hang], R::NotTls),
        ("an error behind the 200", vec![Step::Wait(faults::MOMENT), late(), Step::Hang], R::NotTls),
    ];
    let after = after.map(|(name, steps, reason)| Case {
        expected: (S::Tls, reason),
        ..Case::http(name, script(steps), reason)
    });
    before.into_iter().chain(after).map(|case| case.status(200)).collect()
}

/// TLS to the proxy itself; the URL's scheme doesn't matter there.
fn certificates(lab: &Lab) -> Vec<Case> {
    let identity = |authority, flaw| Kind::Https(lab.pki.identity("127.0.0.1", authority, flaw));
    let other = Kind::Https(lab.pki.identity("other.lab", Authority::DigicertG2, Flaw::None));
    let cases: [(_, _, &[&str]); 4] = [
        ("nobody's certificate", identity(Authority::Inspector, Flaw::None), &["the issuer is unknown"]),
        ("another's certificate", other, &["other.lab"]),
        ("an expired certificate", identity(Authority::DigicertG2, Flaw::Expired), &["expired"]),
        ("a proxy without TLS", Kind::Http, &["TLS to the proxy: it answered with HTTP: it expects http://"]),
    ];
    let both = cases.into_iter().flat_map(|(name, of, words)| {
        let case = Case::of(name, Https, of.clone(), Order::Pass, R::ProxyTls).saying(words);
        [case, Case::of(name, Https, of, Order::Pass, R::ProxyTls).saying(words).over("http")]
    });
    both.collect()
}

/// RFC 1928, section 6.
fn socks_replies() -> Vec<Case> {
    let replies = [
        (1, R::BadGateway),
        (2, R::Denied),
        (3, R::Unreachable),
        (4, R::Unreachable),
        (5, R::Refused),
        (6, R::Timeout),
        (7, R::Protocol),
        (8, R::Protocol),
        (9, R::Protocol),
        (255, R::Protocol),
    ];
    let case = |(code, reason), scheme| {
        let words: &[&str] = if code > 8 { &["an unassigned reply code"] } else { &["SOCKS: "] };
        Case::socks(&format!("reply {code}"), Order::Socks(code), reason).over(scheme).saying(words)
    };
    replies.into_iter().flat_map(|reply| [case(reply, "https"), case(reply, "http")]).collect()
}

/// What comes of a login (RFC 1929, section 2).
fn socks_logins() -> Vec<Case> {
    let say = |bytes: &[u8]| Order::Say(Part::Login, vec![Step::Send(bytes.to_vec()), Step::Hang]);
    let cases = [
        ("a login that is refused", say(&[1, 1]), R::AuthRequired),
        ("a login that is refused by another number", say(&[1, 0xff]), R::AuthRequired),
        ("another password", Order::Demand("ann", "another"), R::AuthRequired),
    ];
    cases.map(|(name, order, reason)| Case::socks(name, order, reason).known()).into()
}

/// Each part without an answer, or with another than SOCKS knows.
fn socks_parts() -> Vec<Case> {
    let send = |bytes: &[u8]| vec![Step::Send(bytes.to_vec()), Step::Hang];
    let mut all = Vec::new();
    for (part, wrong) in [(Part::Method, [4, 0]), (Part::Login, [5, 0]), (Part::Request, [4, 0])] {
        let scripts = [
            ("silence", vec![Step::Hang], R::Timeout),
            ("half an answer", send(&wrong[..1]), R::Timeout),
            ("the end", vec![Step::End(End::Close)], R::Closed),
            ("a reset", vec![Step::End(End::Reset)], R::Reset),
            ("another version", send(&[&wrong[..], &[0, 1, 0, 0, 0, 0, 0, 0]].concat()), R::Protocol),
            ("HTTP", send(b"HTTP/1.1 400 Bad Request\r\n\r\n"), R::Protocol),
        ];
        all.extend(scripts.map(|(name, steps, reason)| {
            Case::socks(&format!("{name} in the part {part:?}"), Order::Say(part, steps), reason).known()
        }));
    }
    let mut reserved = socks::reply(0);
    reserved[2] = 1;
    let mut no_kind = socks::reply(0);
    no_kind[3] = 2;
    let odd = [
        ("a reserved byte that isn't 0", &reserved[..]),
        ("an address of no kind", &no_kind),
        ("a name that is no text", &[5, 0, 0, 3, 2, 0xff, 0xfe, 0, 0]),
    ];
    all.extend(
        odd.map(|(name, bytes)| Case::socks(name, Order::Say(Part::Request, send(bytes)), R::Protocol)),
    );
    all
}

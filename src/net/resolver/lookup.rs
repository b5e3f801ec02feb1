//! A DNS lookup as the C library does it: the servers in order, each with its own timeout, in several rounds. The first
//! server that knows decides; what the others failed with is kept.

use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, join_all, select};
use hickory_proto::rr::{Name, RecordType};
use ring::rand::{SecureRandom as _, SystemRandom};
use tokio::time::Instant;

use super::error::DnsFailure;
use super::message::{self, Content, DnsResponse, Question};
use super::query::{DnsQuery, Transport};
use super::server_report::{ExtendedError, ServerOutcome, ServerReport};

/// The longest time that servers are queried for the reason of a failure, after it. Short, since it counts as time of the
/// failed phase: a server that limits bursts, or drops EDNS, doesn't answer.
const DIAGNOSIS: Duration = Duration::from_millis(300);

/// The servers of a lookup, and how they are queried.
#[derive(Clone, Debug)]
pub(super) struct DnsServers {
    /// At least one, in order, each with its timeout.
    pub(super) servers: Vec<DnsServer>,
    /// The number of rounds.
    pub(super) attempts: u32,
    pub(super) transport: Transport,
    /// Whether AAAA is queried after A, not beside it.
    pub(super) single_request: bool,
}

/// One server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DnsServer {
    pub(super) address: SocketAddr,
    /// How long a response is waited for, if the lookup has that much time.
    pub(super) timeout: Duration,
}

/// The record types to query, at least one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RecordTypes {
    pub(super) a: bool,
    pub(super) aaaa: bool,
}

/// The result of a lookup.
#[derive(Debug)]
pub(super) struct DnsAnswer {
    /// The addresses: IPv4 before IPv6, each in the order of the response.
    pub(super) addresses: Vec<IpAddr>,
    /// The names that the queried one is an alias of (CNAME), in order.
    pub(super) aliases: Vec<String>,
    /// The server that answered.
    pub(super) server: SocketAddr,
    /// Its own explanation of the addresses.
    pub(super) extended: Option<ExtendedError>,
    /// What failed before, or beside it.
    pub(super) failed_servers: Vec<ServerReport>,
}

/// Looks `name` up within `limit`.
pub(super) async fn lookup(
    servers: &DnsServers,
    name: &Name,
    types: RecordTypes,
    limit: Duration,
) -> Result<DnsAnswer, DnsFailure> {
    let deadline = Instant::now() + limit;
    let questions = Questions::new(name, types);
    let mut server_queries: Vec<_> =
        servers.servers.iter().map(|server| ServerQueries::new(servers, *server, &questions)).collect();
    let mut reports: Vec<Option<ServerReport>> = vec![None; server_queries.len()];
    let mut attempts_left = servers.attempts * u32::try_from(server_queries.len()).unwrap_or(u32::MAX);
    for _ in 0..servers.attempts {
        for (index, queries) in server_queries.iter_mut().enumerate() {
            let left = deadline.saturating_duration_since(Instant::now());
            let share = left / attempts_left.max(1);
            attempts_left = attempts_left.saturating_sub(1);
            let until = Instant::now() + queries.server.timeout.min(share);
            match queries.attempt(until, servers.single_request).await {
                AttemptOutcome::Addresses { addresses, aliases, extended, failed_server } => {
                    let mut failed_servers: Vec<_> = reports.into_iter().take(index).flatten().collect();
                    failed_servers.extend(failed_server);
                    let server = queries.server.address;
                    return Ok(DnsAnswer { addresses, aliases, server, extended, failed_servers });
                }
                AttemptOutcome::Negative(report) => {
                    reports[index] = Some(report);
                    return Err(failure(name, reports, Some(index)));
                }
                AttemptOutcome::Failed(report) => {
                    let before = reports[index].take();
                    reports[index] = Some(report.after(before.as_ref()));
                }
            }
        }
    }
    Err(failure(name, reports, None))
}

/// The failure from the reports by server. Without a decisive one, the first server's decides.
fn failure(name: &Name, reports: Vec<Option<ServerReport>>, decisive: Option<usize>) -> DnsFailure {
    let before = |index: usize| reports[..index].iter().flatten().count();
    let decisive = decisive.map_or(0, before);
    DnsFailure { name: message::shown(name), reports: reports.into_iter().flatten().collect(), decisive }
}

/// Queries the servers for the reason of a failure, with EDNS: for Extended DNS Errors, and for what servers say that
/// weren't queried. Adds it to the reports.
pub(super) async fn diagnose(
    servers: &DnsServers,
    name: &Name,
    types: RecordTypes,
    reports: &mut Vec<ServerReport>,
    limit: Duration,
) {
    let question =
        Question { name: name.clone(), record_type: if types.a { RecordType::A } else { RecordType::AAAA } };
    let until = Instant::now() + limit.min(DIAGNOSIS);
    let transport = Transport { edns: true, ..servers.transport };
    let question = &question;
    let has_explained = |server: &DnsServer| {
        servers.transport.edns && reports.iter().any(|report| report.server == server.address)
    };
    let queries = servers.servers.iter().filter(|server| !has_explained(server)).map(|server| async move {
        let id = random_id();
        (server.address, DnsQuery::new(server.address, question, id, transport).attempt(until).await)
    });
    let answers: Vec<_> = join_all(queries).await;
    for (server, answered) in answers {
        let Ok(DnsResponse { content, aliases, extended }) = answered else { continue };
        match reports.iter_mut().find(|report| report.server == server) {
            Some(report) if report.extended.is_none() => report.extended = extended,
            Some(_) => {}
            None => {
                if let Some(outcome) = outcome(content, aliases) {
                    reports.push(ServerReport { server, outcome, extended });
                }
            }
        }
    }
}

/// The questions of a lookup.
struct Questions {
    a: Option<Question>,
    aaaa: Option<Question>,
}

impl Questions {
    fn new(name: &Name, types: RecordTypes) -> Self {
        let question = |record_type| Question { name: name.clone(), record_type };
        Self {
            a: types.a.then(|| question(RecordType::A)),
            aaaa: types.aaaa.then(|| question(RecordType::AAAA)),
        }
    }
}

/// The queries to one server, over all attempts.
struct ServerQueries<'a> {
    server: DnsServer,
    a: Option<DnsQuery<'a>>,
    aaaa: Option<DnsQuery<'a>>,
}

/// How an attempt with one server ended.
enum AttemptOutcome {
    /// With addresses; one of the record types may have failed.
    Addresses {
        addresses: Vec<IpAddr>,
        aliases: Vec<String>,
        extended: Option<ExtendedError>,
        failed_server: Option<ServerReport>,
    },
    /// The server knows that there is no address.
    Negative(ServerReport),
    /// The next server is queried.
    Failed(ServerReport),
}

impl<'a> ServerQueries<'a> {
    fn new(servers: &DnsServers, server: DnsServer, questions: &'a Questions) -> Self {
        let query = |question: &'a Option<Question>| {
            let question = question.as_ref()?;
            Some(DnsQuery::new(server.address, question, random_id(), servers.transport))
        };
        Self { server, a: query(&questions.a), aaaa: query(&questions.aaaa) }
    }

    /// Queries both record types and judges the responses.
    async fn attempt(&mut self, until: Instant, single_request: bool) -> AttemptOutcome {
        let start = Instant::now();
        let (a, aaaa) = match (&mut self.a, &mut self.aaaa) {
            (Some(a), Some(aaaa)) if single_request => {
                // Half of the time for each, so that a lost A leaves time for AAAA.
                let half = start + until.saturating_duration_since(start) / 2;
                let first = a.attempt(half).await;
                (Some(first), Some(aaaa.attempt(until).await))
            }
            (Some(a), Some(aaaa)) => both(a, aaaa, until).await,
            (Some(a), None) => (Some(a.attempt(until).await), None),
            (None, Some(aaaa)) => (None, Some(aaaa.attempt(until).await)),
            (None, None) => (None, None), // unreachable: a lookup has a record type
        };
        for (query, answered) in [(&mut self.a, &a), (&mut self.aaaa, &aaaa)] {
            if let (Some(query), Some(Err(ServerOutcome::Silent(_)))) = (query, answered) {
                query.drop_edns();
            }
        }
        self.evaluate(a, aaaa)
    }

    fn evaluate(&self, a: Option<Answered>, aaaa: Option<Answered>) -> AttemptOutcome {
        let mut addresses = Vec::new();
        let mut known_aliases = Vec::new();
        let mut extended = None;
        let mut failed: Vec<(&'static str, ServerReport)> = Vec::new();
        let mut negative: Option<ServerReport> = None;
        for (record_type, answered) in [("A", a), ("AAAA", aaaa)] {
            let report = |outcome, extended| ServerReport { server: self.server.address, outcome, extended };
            match answered {
                None => {}
                Some(Err(outcome)) => failed.push((record_type, report(outcome, None))),
                Some(Ok(DnsResponse { content: Content::Addresses(found), aliases, extended: said })) => {
                    addresses.extend(found);
                    if known_aliases.is_empty() {
                        known_aliases = aliases;
                    }
                    extended = extended.or(said);
                }
                Some(Ok(DnsResponse { content, aliases, extended })) => match outcome(content, aliases) {
                    Some(
                        known @ (ServerOutcome::NxDomain { .. }
                        | ServerOutcome::NoData { .. }
                        | ServerOutcome::AliasLoop
                        | ServerOutcome::OtherOwner),
                    ) => {
                        let exists = matches!(known, ServerOutcome::NoData { .. });
                        // NXDOMAIN says more than NODATA for the other type.
                        if negative.is_none() || !exists {
                            negative = Some(report(known, extended));
                        }
                    }
                    Some(other) => failed.push((record_type, report(other, extended))),
                    None => {}
                },
            }
        }
        if !addresses.is_empty() {
            let failed_server =
                failed.into_iter().next().map(|(record_type, report)| one_type(record_type, report));
            return AttemptOutcome::Addresses { addresses, aliases: known_aliases, extended, failed_server };
        }
        let nxdomain = |report: &ServerReport| matches!(report.outcome, ServerOutcome::NxDomain { .. });
        match (negative, failed.into_iter().next()) {
            (Some(report), None) => AttemptOutcome::Negative(report),
            (Some(report), Some(_)) if nxdomain(&report) => AttemptOutcome::Negative(report),
            (_, Some((_, report))) => AttemptOutcome::Failed(report),
            (None, None) => AttemptOutcome::Failed(ServerReport {
                server: self.server.address,
                outcome: ServerOutcome::Malformed,
                extended: None,
            }),
        }
    }
}

/// Queries both record types at once. A name that doesn't exist has records of neither type.
async fn both(
    a: &mut DnsQuery<'_>,
    aaaa: &mut DnsQuery<'_>,
    until: Instant,
) -> (Option<Answered>, Option<Answered>) {
    let is_nxdomain =
        |answered: &Answered| answered.as_ref().is_ok_and(|response| response.content == Content::NxDomain);
    match select(pin!(a.attempt(until)), pin!(aaaa.attempt(until))).await {
        Either::Left((a, _)) if is_nxdomain(&a) => (Some(a), None),
        Either::Right((aaaa, _)) if is_nxdomain(&aaaa) => (None, Some(aaaa)),
        Either::Left((a, aaaa)) => (Some(a), Some(aaaa.await)),
        Either::Right((aaaa, a)) => (Some(a.await), Some(aaaa)),
    }
}

type Answered = Result<DnsResponse, ServerOutcome>;

/// The report of a record type that failed while the other one has addresses.
fn one_type(record_type: &'static str, report: ServerReport) -> ServerReport {
    let outcome = match report.outcome {
        ServerOutcome::Silent(after) => ServerOutcome::OneTypeSilent { record_type, after },
        other => other,
    };
    ServerReport { outcome, ..report }
}

/// The outcome of a response; none of one that is truncated, which `DnsQuery` never returns.
fn outcome(content: Content, mut aliases: Vec<String>) -> Option<ServerOutcome> {
    let alias = aliases.pop();
    Some(match content {
        Content::Addresses(addresses) => ServerOutcome::Addresses(addresses.len()),
        Content::NxDomain => ServerOutcome::NxDomain { alias },
        Content::NoData => ServerOutcome::NoData { alias },
        Content::AliasLoop => ServerOutcome::AliasLoop,
        Content::OtherOwner => ServerOutcome::OtherOwner,
        Content::Code(code) => ServerOutcome::Code(code),
        Content::Referral => ServerOutcome::Referral,
        Content::Truncated => return None,
    })
}

/// The id of a query. An unpredictable one, with the unpredictable port of the socket, makes forging a response hard
/// (RFC 5452). Without random numbers the port alone remains.
fn random_id() -> u16 {
    let mut id = [0; 2];
    match SystemRandom::new().fill(&mut id) {
        Ok(()) | Err(ring::error::Unspecified) => u16::from_be_bytes(id),
    }
}

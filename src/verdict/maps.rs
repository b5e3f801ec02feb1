//! Whether a Defender client can connect to MAPS, for each value of `SSLOptions`. MAPS has needs, each of which
//! at least one endpoint must serve. Pure.

use crate::observation::{FailureCode, FailureReason, Observation, Phase};
use crate::plan::TargetId;
use crate::revocation::RevocationStatus;
use crate::string_enum::string_enum;

string_enum! {
    /// The checks of a client, according to the registry value `SSLOptions` in
    /// `HKLM\SOFTWARE\Policies\Microsoft\Windows Defender\Spynet` (Microsoft's page "Configure and validate
    /// Microsoft Defender Antivirus network connections").
    SslOptions {
        /// Neither revocation nor pinning.
        Neither = "0",
        /// Only revocation.
        Revocation = "1",
        /// Only pinning.
        Pinning = "2",
        /// Both: the default.
        Both = "3",
    }
}

impl SslOptions {
    /// The default of clients.
    pub const DEFAULT: Self = Self::Both;

    /// Whether the client refuses a certificate whose revocation status is unknown.
    #[must_use]
    pub const fn checks_revocation(self) -> bool {
        matches!(self, Self::Revocation | Self::Both)
    }

    /// Whether the client refuses a chain whose root isn't Microsoft's.
    #[must_use]
    pub const fn pins(self) -> bool {
        matches!(self, Self::Pinning | Self::Both)
    }
}

/// Whether a client can connect to MAPS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MapsConnection {
    /// Not known yet.
    Unknown,
    /// Each probed need is served by an endpoint.
    Connected,
    /// No endpoint serves these needs. Never empty.
    Lost(Vec<UnservedNeed>),
}

impl MapsConnection {
    /// The needs that no endpoint serves.
    #[must_use]
    pub fn unserved(&self) -> &[UnservedNeed] {
        match self {
            Self::Lost(unserved) => unserved,
            Self::Unknown | Self::Connected => &[],
        }
    }
}

/// A need of MAPS that no endpoint serves, and why the nearest endpoint doesn't.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnservedNeed {
    /// The need, as named in the catalog.
    pub need: String,
    /// The phase in which the nearest endpoint fails.
    pub phase: Phase,
    /// The reason.
    pub reason: FailureReason,
    /// The endpoint that came nearest to serving it. The first one if several are equally near.
    pub nearest: TargetId,
}

/// A client's outcome at one endpoint, worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum ClientOutcome {
    Fails(FailureCode),
    Refuses(FailureReason),
    Pending,
    Connects,
}

/// One endpoint that serves a need of MAPS.
#[derive(Clone, Copy, Debug)]
pub struct MapsProbe<'a> {
    /// The endpoint.
    pub target: TargetId,
    /// The need.
    pub need: &'a str,
    /// Its last probe. `None` before the first.
    pub probe: Option<&'a Observation>,
    /// The revocation status of its chain, if known.
    pub revocation: Option<RevocationStatus>,
}

/// Whether a client with these options can connect: an endpoint must serve each need. Ignores needs that none
/// of the endpoints serves, since they aren't probed. One unserved need is sufficient for
/// [`MapsConnection::Lost`], even while others are pending.
#[must_use]
pub fn connection(options: SslOptions, needs: &[String], probes: &[MapsProbe<'_>]) -> MapsConnection {
    let (mut unserved, mut served, mut pending) = (Vec::new(), false, false);
    for need in needs {
        let serving = probes.iter().filter(|probe| probe.need == need);
        let outcomes = serving.map(|probe| (outcome(options, probe.probe, probe.revocation), probe.target));
        let best = outcomes.reduce(|best, next| if next.0 > best.0 { next } else { best });
        let Some((best, nearest)) = best else { continue };
        let (phase, reason) = match best {
            ClientOutcome::Connects => {
                served = true;
                continue;
            }
            ClientOutcome::Pending => {
                pending = true;
                continue;
            }
            ClientOutcome::Refuses(reason) => (Phase::Tls, reason),
            ClientOutcome::Fails(FailureCode { phase, reason }) => (phase, reason),
        };
        unserved.push(UnservedNeed { need: need.clone(), phase, reason, nearest });
    }
    match (unserved.is_empty(), served && !pending) {
        (false, _) => MapsConnection::Lost(unserved),
        (true, true) => MapsConnection::Connected,
        (true, false) => MapsConnection::Unknown,
    }
}

fn outcome(
    options: SslOptions,
    probe: Option<&Observation>,
    status: Option<RevocationStatus>,
) -> ClientOutcome {
    let Some(probe) = probe.filter(|probe| probe.is_about_network() || answers(probe)) else {
        return ClientOutcome::Pending;
    };
    if let Some(failure) = &probe.failure
        && !answers(probe)
    {
        return ClientOutcome::Fails(failure.code());
    }
    if options.pins() && probe.facts.tls.as_ref().is_some_and(|tls| tls.intercepted) {
        return ClientOutcome::Refuses(FailureReason::Intercepted);
    }
    match status {
        _ if !options.checks_revocation() => ClientOutcome::Connects,
        Some(RevocationStatus::Good) => ClientOutcome::Connects,
        Some(RevocationStatus::Revoked) => ClientOutcome::Refuses(FailureReason::Revoked),
        Some(RevocationStatus::Unknown) => ClientOutcome::Refuses(FailureReason::RevocationUnknown),
        None => ClientOutcome::Pending,
    }
}

/// Whether the response is genuine and its chain trusted by this machine. A stricter client may still refuse
/// the chain.
fn answers(probe: &Observation) -> bool {
    let trusted = probe.facts.tls.as_ref().is_some_and(|tls| tls.verified);
    trusted && probe.facts.http.as_ref().is_some_and(|http| http.genuine)
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::observation::{Facts, Failure, HttpFacts, TlsFacts};

    use Client::{Connects, Later, Not};
    use FailureReason::{Intercepted, Internal, RevocationUnknown, Revoked, Timeout, UnknownIssuer};
    use RevocationStatus::{Good, Unknown};

    /// The kind of a probe.
    #[derive(Clone, Copy, Debug)]
    enum Probe {
        Genuine,
        Inspected,
        /// Inspected, and the inspector answers itself.
        InspectedPage,
        RevokedLeaf,
        Fails(FailureCode),
    }

    fn observation(probe: Probe) -> Observation {
        let tls = |intercepted| TlsFacts { verified: true, intercepted, ..TlsFacts::default() };
        let http = |genuine| HttpFacts { genuine, ..HttpFacts::default() };
        let (tls, http, failure) = match probe {
            Probe::Genuine => (Some(tls(false)), Some(http(true)), None),
            Probe::Inspected => {
                (Some(tls(true)), Some(http(true)), Some(FailureCode::new(Phase::Tls, Intercepted)))
            }
            Probe::InspectedPage => {
                (Some(tls(true)), Some(http(false)), Some(FailureCode::new(Phase::Tls, Intercepted)))
            }
            Probe::RevokedLeaf => {
                (Some(tls(false)), Some(http(true)), Some(FailureCode::new(Phase::Tls, Revoked)))
            }
            Probe::Fails(code) => (None, None, Some(code)),
        };
        Observation {
            target: TargetId(0),
            at: SystemTime::UNIX_EPOCH,
            facts: Facts { tls, http, ..Facts::default() },
            failure: failure.map(|code| Failure::new(code.phase, code.reason, "")),
        }
    }

    /// A client's outcome.
    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Client {
        Later,
        Connects,
        Not(FailureReason),
    }

    const ONE: &[&str] = &["default_hosts"];

    /// The connections of clients with the options 0 to 3, given probes of these needs (by index).
    fn connections(
        needs: &[&str],
        probes: &[(usize, Option<Probe>, Option<RevocationStatus>)],
    ) -> Vec<MapsConnection> {
        let observations: Vec<_> = probes.iter().map(|(.., probe, _)| probe.map(observation)).collect();
        let probes: Vec<_> = probes
            .iter()
            .zip(&observations)
            .enumerate()
            .map(|(n, ((need, _, revocation), observation))| MapsProbe {
                target: TargetId(n),
                need: needs[*need],
                probe: observation.as_ref(),
                revocation: *revocation,
            })
            .collect();
        let needs: Vec<_> = needs.iter().map(|need| (*need).to_owned()).collect();
        SslOptions::ALL.iter().map(|options| connection(*options, &needs, &probes)).collect()
    }

    /// Checks the outcomes of clients with the options 0 to 3.
    fn check(probes: &[(Option<Probe>, Option<RevocationStatus>)], expected: [Client; 4]) {
        let probes: Vec<_> = probes.iter().map(|(probe, status)| (0, *probe, *status)).collect();
        let found = connections(ONE, &probes).into_iter().map(|connection| match connection {
            MapsConnection::Unknown => Later,
            MapsConnection::Connected => Connects,
            MapsConnection::Lost(unserved) => Not(unserved[0].reason),
        });
        assert_eq!(found.collect::<Vec<_>>(), expected, "{probes:?}");
    }

    #[test]
    fn each_value_of_ssl_options_has_its_verdict() {
        let genuine = Some(Probe::Genuine);
        check(&[(genuine, Some(Good))], [Connects; 4]);
        check(&[(None, None)], [Later; 4]);
        check(&[(genuine, None)], [Connects, Later, Connects, Later]);
        let blocked = Not(RevocationUnknown);
        check(&[(genuine, Some(Unknown))], [Connects, blocked, Connects, blocked]);
        let revoked = Some(Probe::RevokedLeaf);
        check(
            &[(revoked, Some(RevocationStatus::Revoked))],
            [Connects, Not(Revoked), Connects, Not(Revoked)],
        );
        let inspected = Some(Probe::Inspected);
        check(&[(inspected, Some(Good))], [Connects, Connects, Not(Intercepted), Not(Intercepted)]);
        check(&[(inspected, Some(Unknown))], [Connects, blocked, Not(Intercepted), Not(Intercepted)]);
        check(&[(Some(Probe::InspectedPage), Some(Good))], [Not(Intercepted); 4]);
        let timeout = Some(Probe::Fails(FailureCode::new(Phase::Connect, Timeout)));
        check(&[(timeout, None)], [Not(Timeout); 4]);
        let internal = Some(Probe::Fails(FailureCode::new(Phase::Connect, Internal)));
        check(&[(internal, None)], [Later; 4]);
        check(&[(internal, None), (timeout, None)], [Later; 4]);
    }

    #[test]
    fn one_endpoint_is_enough_and_the_nearest_gives_the_reason() {
        let timeout = (Some(Probe::Fails(FailureCode::new(Phase::Connect, Timeout))), None);
        let unknown = (Some(Probe::Fails(FailureCode::new(Phase::Tls, UnknownIssuer))), None);
        let blocked = (Some(Probe::Genuine), Some(Unknown));
        check(&[timeout, (Some(Probe::Genuine), Some(Good))], [Connects; 4]);
        check(&[unknown, timeout], [Not(UnknownIssuer); 4]);
        check(
            &[timeout, blocked, unknown],
            [Connects, Not(RevocationUnknown), Connects, Not(RevocationUnknown)],
        );
        check(&[timeout, (None, None)], [Later; 4]);
        check(&[], [Later; 4]);
    }

    #[test]
    fn the_first_of_the_nearest_endpoints_is_named() {
        let check = |probes: &[Probe], expected: Option<usize>| {
            let probes: Vec<_> = probes.iter().map(|probe| (0, Some(*probe), Some(Good))).collect();
            let default = connections(ONE, &probes).pop().unwrap();
            assert_eq!(default.unserved().first().map(|of| of.nearest.0), expected, "{probes:?}");
        };
        let timeout = Probe::Fails(FailureCode::new(Phase::Connect, Timeout));
        check(&[], None);
        check(&[timeout, Probe::Inspected, timeout], Some(1));
        check(&[timeout, Probe::Genuine], None);
        check(&[timeout, timeout], Some(0));
    }

    #[test]
    fn each_need_is_served_by_itself() {
        let needs = &["default_hosts", "regional_hosts"];
        let check = |probes: &[(usize, Option<Probe>)], expected: Result<bool, &[&str]>| {
            let probes: Vec<_> = probes.iter().map(|(need, probe)| (*need, *probe, Some(Good))).collect();
            let default = connections(needs, &probes).pop().unwrap();
            let unserved: Vec<_> = default.unserved().iter().map(|of| of.need.as_str()).collect();
            let found = match default {
                MapsConnection::Unknown => Ok(false),
                MapsConnection::Connected => Ok(true),
                MapsConnection::Lost(_) => Err(&unserved[..]),
            };
            assert_eq!(found, expected, "{probes:?}");
        };
        let genuine = Some(Probe::Genuine);
        let timeout = Some(Probe::Fails(FailureCode::new(Phase::Connect, Timeout)));
        check(&[(0, genuine), (1, genuine)], Ok(true));
        check(&[(0, timeout), (0, timeout), (1, genuine), (1, genuine)], Err(&["default_hosts"]));
        check(&[(0, timeout), (0, genuine), (1, timeout)], Err(&["regional_hosts"]));
        check(&[(0, timeout), (1, timeout)], Err(needs));
        check(&[(0, timeout), (1, None)], Err(&["default_hosts"]));
        check(&[(0, genuine), (1, None)], Ok(false));
        check(&[(0, genuine)], Ok(true)); // the regional hosts aren't probed
        check(&[], Ok(false));
    }
}

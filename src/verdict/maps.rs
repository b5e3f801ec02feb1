//! Whether a client of Defender would get through to MAPS, for each value of `SSLOptions`. Pure.

use crate::observation::{FailureReason, Observation, Stage};
use crate::trust::revocation::Status;
use crate::words::words;

words! {
    /// What a client checks, as the registry value `SSLOptions` below
    /// `HKLM\SOFTWARE\Policies\Microsoft\Windows Defender\Spynet` says (Microsoft's page "Configure and validate Microsoft
    /// Defender Antivirus network connections").
    SslOptions {
        /// Neither revocation nor pinning.
        Neither = "0",
        /// Revocation alone.
        Revocation = "1",
        /// Pinning alone.
        Pinning = "2",
        /// Both: the default.
        Both = "3",
    }
}

impl SslOptions {
    /// What a client does that nobody configured.
    pub const DEFAULT: Self = Self::Both;

    /// Whether such a client refuses a certificate whose revocation it can't check.
    #[must_use]
    pub const fn checks_revocation(self) -> bool {
        matches!(self, Self::Revocation | Self::Both)
    }

    /// Whether such a client refuses a chain that ends at a root which isn't Microsoft's.
    #[must_use]
    pub const fn pins(self) -> bool {
        matches!(self, Self::Pinning | Self::Both)
    }
}

/// Whether a client is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connection {
    /// Not known yet.
    Unknown,
    /// At least one endpoint would do.
    Connected,
    /// None would; why the one that came nearest wouldn't.
    Lost {
        /// Where it ends.
        stage: Stage,
        /// Why.
        reason: FailureReason,
    },
}

/// What would become of a client at one endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    Fails(Stage, FailureReason),
    Refuses(FailureReason),
    Pending,
    Connects,
}

/// One endpoint that serves MAPS: its last probe, none before the first, and what is known of its chain's revocation.
pub type Way<'a> = (Option<&'a Observation>, Option<Status>);

/// Whether a client with these options gets through by one of these ways, and which way came nearest, the first of equals.
#[must_use]
pub fn connection<'a, Id>(
    options: SslOptions,
    ways: impl IntoIterator<Item = (Id, Way<'a>)>,
) -> (Connection, Option<Id>) {
    let outcomes = ways.into_iter().map(|(id, (probe, status))| (outcome(options, probe, status), id));
    let Some((best, id)) = outcomes.reduce(|best, next| if next.0 > best.0 { next } else { best }) else {
        return (Connection::Unknown, None);
    };
    let connection = match best {
        Outcome::Pending => Connection::Unknown,
        Outcome::Connects => Connection::Connected,
        Outcome::Refuses(reason) => Connection::Lost { stage: Stage::Tls, reason },
        Outcome::Fails(stage, reason) => Connection::Lost { stage, reason },
    };
    (connection, Some(id))
}

fn outcome(options: SslOptions, probe: Option<&Observation>, status: Option<Status>) -> Outcome {
    let Some(probe) = probe.filter(|probe| probe.is_telling() || answers(probe)) else {
        return Outcome::Pending;
    };
    if let Some(failure) = &probe.failure
        && !answers(probe)
    {
        return Outcome::Fails(failure.stage, failure.reason);
    }
    if options.pins() && probe.facts.tls.as_ref().is_some_and(|tls| tls.intercepted) {
        return Outcome::Refuses(FailureReason::Intercepted);
    }
    match status {
        _ if !options.checks_revocation() => Outcome::Connects,
        Some(Status::Good) => Outcome::Connects,
        Some(Status::Revoked) => Outcome::Refuses(FailureReason::Revoked),
        Some(Status::Unknown) => Outcome::Refuses(FailureReason::RevocationUnknown),
        None => Outcome::Pending,
    }
}

/// Whether the genuine answer came, over a chain that this machine trusts; a stricter client may still refuse the chain.
fn answers(probe: &Observation) -> bool {
    let trusted = probe.facts.tls.as_ref().is_some_and(|tls| tls.verified);
    trusted && probe.facts.http.as_ref().is_some_and(|http| http.genuine)
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::observation::{Facts, Failure, HttpFacts, TlsFacts};
    use crate::plan::TargetId;

    use Client::{Connects, Later, Not};
    use FailureReason::{Intercepted, Internal, RevocationUnknown, Revoked, Timeout, UnknownIssuer};
    use Status::{Good, Unknown};

    /// A probe in a word.
    #[derive(Clone, Copy)]
    enum Probe {
        Genuine,
        Inspected,
        /// Inspected, and the inspector answers in the service's place.
        InspectedPage,
        RevokedLeaf,
        Fails(Stage, FailureReason),
    }

    fn observation(probe: Probe) -> Observation {
        let tls = |intercepted| TlsFacts { verified: true, intercepted, ..TlsFacts::default() };
        let http = |genuine| HttpFacts { genuine, ..HttpFacts::default() };
        let (tls, http, failure) = match probe {
            Probe::Genuine => (Some(tls(false)), Some(http(true)), None),
            Probe::Inspected => (Some(tls(true)), Some(http(true)), Some((Stage::Tls, Intercepted))),
            Probe::InspectedPage => (Some(tls(true)), Some(http(false)), Some((Stage::Tls, Intercepted))),
            Probe::RevokedLeaf => (Some(tls(false)), Some(http(true)), Some((Stage::Tls, Revoked))),
            Probe::Fails(stage, reason) => (None, None, Some((stage, reason))),
        };
        Observation {
            target: TargetId(0),
            at: SystemTime::UNIX_EPOCH,
            facts: Facts { tls, http, ..Facts::default() },
            failure: failure.map(|(stage, reason)| Failure::new(stage, reason, "")),
        }
    }

    /// What becomes of a client.
    #[derive(Clone, Copy, Debug, PartialEq)]
    enum Client {
        Later,
        Connects,
        Not(FailureReason),
    }

    /// What becomes of clients with the options 0 to 3.
    fn check(ways: &[(Option<Probe>, Option<Status>)], expected: [Client; 4]) {
        let probes: Vec<_> = ways.iter().map(|(probe, status)| (probe.map(observation), *status)).collect();
        let found = SslOptions::ALL.iter().map(|options| {
            let ways = probes.iter().map(|(probe, status)| ((), (probe.as_ref(), *status)));
            match connection(*options, ways).0 {
                Connection::Unknown => Later,
                Connection::Connected => Connects,
                Connection::Lost { reason, .. } => Not(reason),
            }
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
        check(&[(revoked, Some(Status::Revoked))], [Connects, Not(Revoked), Connects, Not(Revoked)]);
        let inspected = Some(Probe::Inspected);
        check(&[(inspected, Some(Good))], [Connects, Connects, Not(Intercepted), Not(Intercepted)]);
        check(&[(inspected, Some(Unknown))], [Connects, blocked, Not(Intercepted), Not(Intercepted)]);
        check(&[(Some(Probe::InspectedPage), Some(Good))], [Not(Intercepted); 4]);
        let silent = Some(Probe::Fails(Stage::Connect, Timeout));
        check(&[(silent, None)], [Not(Timeout); 4]);
        let own = Some(Probe::Fails(Stage::Connect, Internal));
        check(&[(own, None)], [Later; 4]);
        check(&[(own, None), (silent, None)], [Later; 4]);
    }

    #[test]
    fn one_endpoint_is_enough_and_the_nearest_one_says_why() {
        let silent = (Some(Probe::Fails(Stage::Connect, Timeout)), None);
        let unknown = (Some(Probe::Fails(Stage::Tls, UnknownIssuer)), None);
        let blocked = (Some(Probe::Genuine), Some(Unknown));
        check(&[silent, (Some(Probe::Genuine), Some(Good))], [Connects; 4]);
        check(&[unknown, silent], [Not(UnknownIssuer); 4]);
        check(
            &[silent, blocked, unknown],
            [Connects, Not(RevocationUnknown), Connects, Not(RevocationUnknown)],
        );
        check(&[silent, (None, None)], [Later; 4]);
        check(&[], [Later; 4]);
    }

    #[test]
    fn the_way_that_came_nearest_is_named_the_first_of_equals() {
        let check = |probes: &[Probe], expected: Option<usize>| {
            let probes: Vec<_> = probes.iter().map(|probe| observation(*probe)).collect();
            let ways = probes.iter().map(|probe| (Some(probe), Some(Good))).enumerate();
            assert_eq!(connection(SslOptions::DEFAULT, ways).1, expected, "{probes:?}");
        };
        let silent = Probe::Fails(Stage::Connect, Timeout);
        check(&[], None);
        check(&[silent, Probe::Inspected, silent], Some(1));
        check(&[silent, Probe::Genuine, Probe::Genuine], Some(1));
        check(&[silent, silent], Some(0));
    }
}

//! Why a name can't be resolved, in words for a person.

use std::fmt::{self, Write as _};
use std::net::{IpAddr, SocketAddr};

use super::server_report::{DisplayedServer, ServerOutcome, ServerReport};
use crate::config;
use crate::observation::AddressSource;

/// Why a name can't be resolved. `failure` classifies the errors.
#[derive(Debug, thiserror::Error)]
pub enum NameError {
    /// DNS has no address for the name, or no server could be queried successfully.
    #[error("{0}")]
    Dns(DnsFailure),
    /// A local resource is exhausted, so the query wasn't sent.
    #[error("DNS query not sent: {0}")]
    Shortage(String),
    /// The host is not a valid DNS name.
    #[error("{0:?} is not a valid DNS name")]
    InvalidName(String),
    /// The configuration names addresses of another family only.
    #[error("{name} has no {} address: its addresses come from {origin}", family_name(*.family))]
    NoAddress {
        /// The name.
        name: String,
        /// The configured family.
        family: config::Family,
        /// Where its addresses come from.
        origin: AddressOrigin,
    },
    /// The name leads to this machine, or nowhere.
    #[error("{}", sinkhole_words(*.address, .origin, .others))]
    Sinkhole {
        /// The address.
        address: IpAddr,
        /// Where it comes from.
        origin: AddressOrigin,
        /// What the servers said when they were queried for the reason.
        others: Vec<ServerReport>,
    },
    /// The machine's resolver configuration can't be read.
    #[error("failed to read this machine's resolver configuration: {0}")]
    Configuration(String),
}

/// Where the addresses of a name come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AddressOrigin {
    /// The configuration of the exporter.
    Configuration,
    /// The hosts file of this machine.
    HostsFile,
    /// This DNS server.
    Dns(SocketAddr),
}

impl AddressOrigin {
    /// The source of the addresses. `None` for the configuration.
    #[must_use]
    pub const fn source(&self) -> Option<AddressSource> {
        match self {
            Self::Configuration => None,
            Self::HostsFile => Some(AddressSource::HostsFile),
            Self::Dns(_) => Some(AddressSource::Dns),
        }
    }

    /// The DNS server that answered. `None` if none was asked.
    #[must_use]
    pub const fn resolver(&self) -> Option<SocketAddr> {
        match self {
            Self::Configuration | Self::HostsFile => None,
            Self::Dns(server) => Some(*server),
        }
    }
}

/// A failed DNS lookup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsFailure {
    /// The name, as it was queried.
    pub name: String,
    /// What each queried server answered, in the order of the configuration; the decisive one is `decisive`.
    pub reports: Vec<ServerReport>,
    /// The index of the report that decided.
    pub decisive: usize,
}

impl DnsFailure {
    /// The outcome that decided.
    #[must_use]
    pub fn outcome(&self) -> &ServerOutcome {
        &self.reports[self.decisive].outcome // an index into the list, by construction
    }

    /// The name that the name is an alias of (CNAME) and that has no address. `None` if the name itself has none.
    #[must_use]
    pub fn alias(&self) -> Option<&str> {
        match self.outcome() {
            ServerOutcome::NxDomain { alias } | ServerOutcome::NoData { alias } => alias.as_deref(),
            _ => None,
        }
    }

    /// The server that decided: the one that knows that there is no address, or the only one. If several failed, none did.
    #[must_use]
    pub fn decided_by(&self) -> Option<SocketAddr> {
        let report = &self.reports[self.decisive]; // an index into the list, by construction
        (report.outcome.is_negative() || self.reports.len() == 1).then_some(report.server)
    }
}

impl fmt::Display for DnsFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decisive = &self.reports[self.decisive];
        decisive.fmt_for(f, &self.name)?;
        for (index, report) in self.reports.iter().enumerate() {
            if index != self.decisive {
                write!(f, "; ")?;
                report.fmt_for(f, &self.name)?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for AddressOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Configuration => f.write_str("the configuration"),
            Self::HostsFile => f.write_str("the hosts file of this machine"),
            Self::Dns(server) => DisplayedServer(*server).fmt(f),
        }
    }
}

fn sinkhole_words(address: IpAddr, origin: &AddressOrigin, others: &[ServerReport]) -> String {
    let mut words = match origin {
        AddressOrigin::Dns(_) => format!("{origin} answered {address}, a sinkhole address (filtered)"),
        _ => format!("{origin} maps the name to {address}, where no service can be"),
    };
    for ServerReport { server, outcome, extended } in others {
        if let ServerOutcome::Addresses(count) = outcome {
            let _ = write!(words, "; {} has {count} other addresses", DisplayedServer(*server)); // a String can always be written to
        }
        if let Some(extended) = extended {
            let _ = write!(words, "; {}: {extended}", DisplayedServer(*server));
        }
    }
    words
}

const fn family_name(family: config::Family) -> &'static str {
    match family {
        config::Family::Any => "usable",
        config::Family::Ipv4 => "IPv4",
        config::Family::Ipv6 => "IPv6",
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_server_that_knows_decides_or_else_the_only_one() {
        let silent = || ServerOutcome::Silent(Duration::from_secs(1));
        let unreachable = || ServerOutcome::Unreachable("no route".to_owned());
        let absent = || ServerOutcome::NxDomain { alias: None };
        let check = |outcomes: Vec<ServerOutcome>, decisive, expected: Option<u16>| {
            let server = |port| SocketAddr::from(([192, 0, 2, 53], port));
            let reports = (0..).zip(outcomes);
            let reports =
                reports.map(|(port, outcome)| ServerReport { server: server(port), outcome, extended: None });
            let failure = DnsFailure { name: "a.example".to_owned(), reports: reports.collect(), decisive };
            assert_eq!(failure.decided_by(), expected.map(server), "{failure:?}");
        };
        check(vec![silent()], 0, Some(0));
        check(vec![silent(), silent()], 0, None);
        check(vec![unreachable(), unreachable()], 0, None);
        check(vec![ServerOutcome::Rejected, silent()], 0, None);
        check(vec![absent()], 0, Some(0));
        check(vec![silent(), absent()], 1, Some(1));
        check(vec![absent(), ServerOutcome::Addresses(2)], 0, Some(0));
    }
}

//! What one DNS server answered, in words for a person.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use hickory_proto::op::ResponseCode;

use crate::text;

/// The port of DNS. Messages omit it.
const DNS_PORT: u16 = 53;

/// What one DNS server answered to one lookup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerReport {
    /// The server.
    pub server: SocketAddr,
    /// The outcome.
    pub outcome: ServerOutcome,
    /// The server's own explanation.
    pub extended: Option<ExtendedError>,
}

/// How a lookup at one server ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerOutcome {
    /// Addresses: their number.
    Addresses(usize),
    /// The name doesn't exist. If it is an alias, its target doesn't.
    NxDomain {
        /// The target.
        alias: Option<String>,
    },
    /// The name has no address.
    NoData {
        /// The name that it is an alias of.
        alias: Option<String>,
    },
    /// The aliases of the name form a loop.
    AliasLoop,
    /// Addresses of other names, or addresses before the alias that leads to them: clients ignore both.
    OtherOwner,
    /// An error code.
    Code(ResponseCode),
    /// A referral: the server doesn't recurse.
    Referral,
    /// No response within this time.
    Silent(Duration),
    /// One record type was answered, this one not within the time.
    OneTypeSilent {
        /// `A` or `AAAA`.
        record_type: &'static str,
        /// How long it was waited for.
        after: Duration,
    },
    /// The query was rejected by ICMP (RFC 1122, section 4.1.3.3).
    Rejected,
    /// The system can't reach the server.
    Unreachable(String),
    /// The response is truncated over UDP, and the TCP retry failed.
    Truncated(String),
    /// The TCP connection failed (`options use-vc`).
    NoTcp(String),
    /// The response isn't a DNS message.
    Malformed,
    /// A local resource is exhausted, so the query wasn't sent.
    Exhausted(String),
}

impl ServerOutcome {
    /// Whether the server knows that there is no address: no other server is asked then.
    #[must_use]
    pub const fn is_negative(&self) -> bool {
        matches!(self, Self::NxDomain { .. } | Self::NoData { .. } | Self::AliasLoop | Self::OtherOwner)
    }
}

/// An Extended DNS Error (RFC 8914).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExtendedError {
    /// The INFO-CODE.
    pub code: u16,
    /// The EXTRA-TEXT, cleaned and truncated.
    pub text: String,
}

impl ServerReport {
    /// The report of a server that failed `before` as well: times without a response add up.
    pub(super) fn after(mut self, before: Option<&Self>) -> Self {
        let previous = before.map(|before| &before.outcome);
        if let (ServerOutcome::Silent(now), Some(ServerOutcome::Silent(previous))) =
            (&mut self.outcome, previous)
        {
            *now += *previous;
        }
        self
    }

    /// Writes the report, naming the server and `name`.
    pub(super) fn fmt_for(&self, f: &mut fmt::Formatter<'_>, name: &str) -> fmt::Result {
        let server = DisplayedServer(self.server);
        match &self.outcome {
            ServerOutcome::Addresses(1) => write!(f, "{server} has 1 address for {name}"),
            ServerOutcome::Addresses(count) => write!(f, "{server} has {count} addresses for {name}"),
            ServerOutcome::NxDomain { alias: None } => {
                write!(f, "{name} does not exist (NXDOMAIN from {server}")?;
                return self.fmt_extended(f, ", ", ")");
            }
            ServerOutcome::NxDomain { alias: Some(alias) } => {
                write!(f, "{name} is an alias of {alias}, which does not exist (NXDOMAIN from {server}")?;
                return self.fmt_extended(f, ", ", ")");
            }
            ServerOutcome::NoData { alias: None } => {
                write!(f, "{name} has no address (NODATA from {server}")?;
                return self.fmt_extended(f, ", ", ")");
            }
            ServerOutcome::NoData { alias: Some(alias) } => {
                write!(f, "{name} is an alias of {alias}, which has no address (NODATA from {server}")?;
                return self.fmt_extended(f, ", ", ")");
            }
            ServerOutcome::AliasLoop => {
                write!(f, "the aliases (CNAME) of {name} form a loop, according to {server}")
            }
            ServerOutcome::OtherOwner => {
                write!(
                    f,
                    "{server} answered {name} with the addresses of another name, or in the wrong order"
                )
            }
            ServerOutcome::Code(code) => write!(f, "{server} answered {} for {name}", code_words(*code)),
            ServerOutcome::Referral => {
                write!(f, "{server} answered {name} with a referral: it does not recurse")
            }
            ServerOutcome::Silent(after) => {
                write!(f, "{server} did not answer for {name} within {}", text::duration(*after))
            }
            ServerOutcome::OneTypeSilent { record_type, after } => {
                let after = text::duration(*after);
                write!(f, "{server} did not answer the {record_type} query for {name} within {after}")
            }
            ServerOutcome::Rejected => write!(f, "{server} unreachable (ICMP port unreachable)"),
            ServerOutcome::Unreachable(why) => write!(f, "{server} unreachable: {why}"),
            ServerOutcome::Truncated(why) => {
                write!(f, "answer of {server} for {name} truncated over UDP and unavailable over TCP: {why}")
            }
            ServerOutcome::NoTcp(why) => write!(f, "{server} unreachable over TCP: {why}"),
            ServerOutcome::Malformed => write!(f, "{server} answered {name} with an invalid DNS message"),
            ServerOutcome::Exhausted(why) => write!(f, "DNS query not sent: {why}"),
        }?;
        self.fmt_extended(f, " (", ")")
    }

    /// Writes the extended error between `before` and `after`. Without one, `after` alone if it closes a bracket
    /// that is already open.
    fn fmt_extended(&self, f: &mut fmt::Formatter<'_>, before: &str, after: &str) -> fmt::Result {
        match &self.extended {
            Some(extended) => write!(f, "{before}{extended}{after}"),
            None if before.contains('(') => Ok(()),
            None => f.write_str(after),
        }
    }
}

/// A report about one name.
pub(super) struct ReportFor<'a> {
    pub(super) report: &'a ServerReport,
    pub(super) name: &'a str,
}

impl fmt::Display for ReportFor<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.report.fmt_for(f, self.name)
    }
}

/// A server by its address, and its port if it isn't that of DNS.
pub(super) struct DisplayedServer(pub(super) SocketAddr);

impl fmt::Display for DisplayedServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.port() == DNS_PORT {
            write!(f, "DNS server {}", self.0.ip())
        } else {
            write!(f, "DNS server {}", self.0)
        }
    }
}

impl ExtendedError {
    /// The code of the EDNS option.
    pub(super) const OPTION: u16 = 15;

    /// The name of the INFO-CODE (IANA, "Extended DNS Error Codes").
    const fn name(&self) -> &'static str {
        match self.code {
            1 => "Unsupported DNSKEY Algorithm",
            2 => "Unsupported DS Digest Type",
            3 => "Stale Answer",
            4 => "Forged Answer",
            5 => "DNSSEC Indeterminate",
            6 => "DNSSEC Bogus",
            7 => "Signature Expired",
            8 => "Signature Not Yet Valid",
            9 => "DNSKEY Missing",
            10 => "RRSIGs Missing",
            11 => "No Zone Key Bit Set",
            12 => "NSEC Missing",
            13 => "Cached Error",
            14 => "Not Ready",
            15 => "Blocked",
            16 => "Censored",
            17 => "Filtered",
            18 => "Prohibited",
            19 => "Stale NXDOMAIN Answer",
            20 => "Not Authoritative",
            21 => "Not Supported",
            22 => "No Reachable Authority",
            23 => "Network Error",
            24 => "Invalid Data",
            25 => "Signature Expired before Valid",
            26 => "Too Early",
            27 => "Unsupported NSEC3 Iterations Value",
            28 => "Unable to conform to policy",
            29 => "Synthesized",
            _ => "Other Error",
        }
    }
}

impl fmt::Display for ExtendedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Extended DNS Error {} {:?}", self.code, self.name())?;
        if self.text.is_empty() { Ok(()) } else { write!(f, ": {:?}", self.text) }
    }
}

/// A response code by its name and number (IANA, "DNS RCODEs").
fn code_words(code: ResponseCode) -> String {
    let name = match code {
        ResponseCode::NoError => "NOERROR",
        ResponseCode::FormErr => "FORMERR",
        ResponseCode::ServFail => "SERVFAIL",
        ResponseCode::NXDomain => "NXDOMAIN",
        ResponseCode::NotImp => "NOTIMP",
        ResponseCode::Refused => "REFUSED",
        ResponseCode::YXDomain => "YXDOMAIN",
        ResponseCode::YXRRSet => "YXRRSET",
        ResponseCode::NXRRSet => "NXRRSET",
        ResponseCode::NotAuth => "NOTAUTH",
        ResponseCode::NotZone => "NOTZONE",
        ResponseCode::BADVERS | ResponseCode::BADSIG => "BADVERS",
        ResponseCode::BADCOOKIE => "BADCOOKIE",
        _ => "an error code",
    };
    format!("{name} ({})", u16::from(code))
}

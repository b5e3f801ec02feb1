//! DNS messages: the query for the addresses of a name, and what a response says. Pure.

use std::net::IpAddr;

use hickory_proto::op::{Edns, Message, MessageType, Query, ResponseCode};
use hickory_proto::rr::rdata::opt::{EdnsCode, EdnsOption};
use hickory_proto::rr::{DNSClass, Name, RData, RecordType};

use super::server_report::ExtendedError;
use crate::text::clean;

/// The largest response over UDP, in bytes, that EDNS announces: it fits into one packet nearly everywhere (DNS Flag
/// Day 2020).
const EDNS_PAYLOAD: u16 = 1232;

/// The longest chain of aliases that is followed. Content networks use up to five.
const MAX_ALIASES: usize = 32;

/// The number of addresses that are kept: more than any service has, and few enough to sort.
const MAX_ADDRESSES: usize = 256;

/// One question of a lookup.
#[derive(Clone, Debug)]
pub(super) struct Question {
    pub(super) name: Name,
    /// A or AAAA.
    pub(super) record_type: RecordType,
}

/// What a response says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DnsResponse {
    pub(super) content: Content,
    /// The names that the queried one is an alias of (CNAME), in order, without a dot at the end.
    pub(super) aliases: Vec<String>,
    /// The server's own explanation (RFC 8914).
    pub(super) extended: Option<ExtendedError>,
}

/// The content of a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// At least one address.
    Addresses(Vec<IpAddr>),
    /// The name doesn't exist.
    NxDomain,
    /// The name has no record of the queried type.
    NoData,
    /// The aliases of the name lead back to one of them, or are too many.
    AliasLoop,
    /// Addresses of other names alone, or addresses before the alias that leads to them.
    OtherOwner,
    /// The server failed, or doesn't serve the question.
    Code(ResponseCode),
    /// Nothing, from a server that doesn't recurse: it isn't responsible for the name.
    Referral,
    /// Incomplete: the rest must be queried over TCP.
    Truncated,
}

/// Bytes that aren't a DNS message.
#[derive(Debug)]
pub(super) struct Malformed;

/// Parses a name as a DNS name: labels of any characters, 1 to 63 bytes each.
pub(super) fn dns_name(host: &str) -> Option<Name> {
    let host = host.strip_suffix('.').unwrap_or(host);
    let name = Name::from_labels(host.split('.').map(str::as_bytes)).ok()?;
    (!host.is_empty()).then_some(name)
}

/// A name as a person writes it: without the dot at the end.
pub(super) fn shown(name: &Name) -> String {
    clean(name.to_utf8().trim_end_matches('.'))
}

/// The bytes of a query.
pub(super) fn query(question: &Question, id: u16, edns: bool) -> Result<Vec<u8>, Malformed> {
    let mut message = Message::query();
    message.metadata.id = id;
    message.metadata.recursion_desired = true;
    let mut query = Query::query(question.name.clone(), question.record_type);
    query.set_query_class(DNSClass::IN);
    message.add_query(query);
    if edns {
        let mut edns = Edns::new();
        edns.set_max_payload(EDNS_PAYLOAD);
        message.set_edns(edns);
    }
    message.to_vec().map_err(|_| Malformed)
}

/// Reads a response. `None` if it belongs to another query.
pub(super) fn parse(bytes: &[u8], question: &Question, id: u16) -> Option<Result<DnsResponse, Malformed>> {
    if bytes.first_chunk::<2>() != Some(&id.to_be_bytes()) {
        return None;
    }
    let Ok(message) = Message::from_vec(bytes) else { return Some(Err(Malformed)) };
    if message.metadata.message_type != MessageType::Response {
        return None;
    }
    // A server that can't parse the query answers without it.
    let answers_question = match message.queries.first() {
        Some(query) => query.name() == &question.name && query.query_type() == question.record_type,
        None => message.metadata.response_code != ResponseCode::NoError,
    };
    answers_question.then(|| Ok(response(&message, question)))
}

/// Reads the records in their order, as the C library does: an address counts if its owner is the queried name or what
/// that is an alias of, according to the records before it.
fn response(message: &Message, question: &Question) -> DnsResponse {
    let mut addresses = Vec::new();
    let mut owner = &question.name;
    let mut aliases = vec![owner];
    let (mut loops, mut others) = (false, false);
    for record in message.answers.iter().filter(|record| record.dns_class == DNSClass::IN) {
        match &record.data {
            RData::CNAME(target) if record.name == *owner => {
                owner = &target.0;
                loops |= aliases.contains(&owner) || aliases.len() > MAX_ALIASES;
                if loops {
                    break;
                }
                aliases.push(owner);
            }
            RData::A(a) if record.name == *owner => addresses.push(IpAddr::V4(a.0)),
            RData::AAAA(aaaa) if record.name == *owner => addresses.push(IpAddr::V6(aaaa.0)),
            RData::A(_) | RData::AAAA(_) => others = true,
            _ => {}
        }
    }
    let is_a = question.record_type == RecordType::A;
    addresses.retain(|address: &IpAddr| address.is_ipv4() == is_a);
    addresses.truncate(MAX_ADDRESSES);
    let metadata = &message.metadata;
    let is_referral =
        !metadata.authoritative && !metadata.recursion_available && message.additionals.is_empty();
    let content = match metadata.response_code {
        _ if metadata.truncation => Content::Truncated,
        ResponseCode::NoError if !addresses.is_empty() => Content::Addresses(addresses),
        ResponseCode::NoError if loops => Content::AliasLoop,
        ResponseCode::NoError if others => Content::OtherOwner,
        ResponseCode::NoError if message.answers.is_empty() && is_referral => Content::Referral,
        ResponseCode::NoError => Content::NoData,
        ResponseCode::NXDomain => Content::NxDomain,
        code => Content::Code(code),
    };
    let aliases = aliases.iter().skip(1).map(|name| shown(name)).collect();
    DnsResponse { content, aliases, extended: extended_error(message) }
}

/// The first Extended DNS Error (RFC 8914, section 2).
fn extended_error(message: &Message) -> Option<ExtendedError> {
    let option = message.edns.as_ref()?.option(EdnsCode::Unknown(ExtendedError::OPTION))?;
    let EdnsOption::Unknown(_, data) = option else { return None };
    let (code, text) = data.split_first_chunk::<2>()?;
    let text = clean(String::from_utf8_lossy(text).trim_end_matches('\0'));
    Some(ExtendedError { code: u16::from_be_bytes(*code), text })
}

/// Whether the bytes are a DNS message, of whatever query.
pub(super) fn is_message(bytes: &[u8]) -> bool {
    Message::from_vec(bytes).is_ok()
}

#[cfg(test)]
mod tests {
    use hickory_proto::op::OpCode;
    use hickory_proto::rr::Record;
    use hickory_proto::rr::rdata::{A, CNAME};

    use super::*;

    fn question() -> Question {
        Question { name: dns_name("a.example").unwrap(), record_type: RecordType::A }
    }

    /// What is read of a response to `a.example A` with these records, `name>target` or `name=address`.
    fn content(records: &[String]) -> Content {
        read(records).content
    }

    fn read(records: &[String]) -> DnsResponse {
        let mut message = Message::response(7, OpCode::Query);
        message.metadata.recursion_available = true;
        message.add_query(Query::query(question().name, RecordType::A));
        for record in records {
            let (owner, data) = match (record.split_once('>'), record.split_once('=')) {
                (Some((owner, target)), _) => (owner, RData::CNAME(CNAME(dns_name(target).unwrap()))),
                (_, Some((owner, address))) => (owner, RData::A(A(address.parse().unwrap()))),
                _ => panic!("{record}"),
            };
            message.add_answer(Record::from_rdata(dns_name(owner).unwrap(), 60, data));
        }
        parse(&message.to_vec().unwrap(), &question(), 7).unwrap().unwrap()
    }

    fn check(records: &[&str], expected: &Content) {
        let records: Vec<_> = records.iter().map(|record| (*record).to_owned()).collect();
        assert_eq!(&content(&records), expected, "{records:?}");
    }

    #[test]
    fn aliases_are_followed_in_the_order_of_the_records() {
        let found = Content::Addresses(vec!["192.0.2.1".parse().unwrap()]);
        check(&["a.example=192.0.2.1"], &found);
        check(&["A.Example=192.0.2.1"], &found);
        check(&["a.example>b.example", "b.example=192.0.2.1"], &found);
        check(&["a.example>b.example", "b.example>c.example", "c.example=192.0.2.1"], &found);
        check(&["b.example=192.0.2.1", "a.example>b.example"], &Content::OtherOwner);
        check(&["b.example=192.0.2.1"], &Content::OtherOwner);
        check(&["a.example>b.example"], &Content::NoData);
        check(&[], &Content::NoData);
        check(&["a.example>b.example", "b.example>a.example"], &Content::AliasLoop);
        check(&["a.example>a.example"], &Content::AliasLoop);
    }

    /// The whole chain, also of a name without an address; of a loop as far as it goes.
    #[test]
    fn the_chain_of_aliases_is_kept() {
        for (records, expected) in [
            (&["a.example=192.0.2.1"][..], &[][..]),
            (
                &["a.example>b.example", "b.example>c.example", "c.example=192.0.2.1"],
                &["b.example", "c.example"],
            ),
            (&["a.example>b.example"], &["b.example"]),
            (&["a.example>b.example", "b.example>a.example"], &["b.example"]),
            (&["x.example>y.example", "a.example=192.0.2.1"], &[]),
        ] {
            let records: Vec<_> = records.iter().map(|record| (*record).to_owned()).collect();
            assert_eq!(read(&records).aliases, expected, "{records:?}");
        }
    }

    #[test]
    fn what_a_server_sends_is_bounded() {
        let chain: Vec<_> = (0..200).map(|n| format!("{n}.example>{}.example", n + 1)).collect();
        let chain = [vec!["a.example>0.example".to_owned()], chain].concat();
        assert_eq!(content(&chain), Content::AliasLoop);
        let many: Vec<_> = (0..1000).map(|n| format!("a.example=10.0.{}.{}", n / 250, n % 250 + 1)).collect();
        assert!(matches!(content(&many), Content::Addresses(kept) if kept.len() == MAX_ADDRESSES));
    }

    #[test]
    fn responses_to_other_queries_are_ignored() {
        let query = query(&question(), 7, false).unwrap();
        let mut response = query.clone();
        response[2] |= 0x80;
        let other = Question { record_type: RecordType::AAAA, ..question() };
        assert!(parse(&response, &question(), 7).is_some_and(|read| read.is_ok()));
        assert!(parse(&query, &question(), 7).is_none(), "not a response");
        assert!(parse(&response, &question(), 8).is_none(), "another id");
        assert!(parse(&response, &other, 7).is_none(), "another question");
        assert!(parse(&response[..5], &question(), 7).is_some_and(|read| read.is_err()), "cut short");
        assert!(parse(&[], &question(), 7).is_none());
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..300)) {
            let _ = parse(&bytes, &question(), 7);
            let _ = parse(&[&[0, 7], bytes.as_slice()].concat(), &question(), 7);
        }
    }
}

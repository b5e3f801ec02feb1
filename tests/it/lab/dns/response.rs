//! The DNS messages of the server's answers.

use std::net::IpAddr;

use hickory_proto::op::{Message, MessageType, Metadata, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA, CNAME, SOA};
use hickory_proto::rr::{Name, RData, Record, RecordType};

use super::{Answer, Transport};

/// The response to a query. `None` if there is none.
pub(super) fn bytes(query: &Message, order: &Answer, transport: Transport) -> Option<Vec<u8>> {
    let message = match order {
        Answer::OnlyA(_) if query.queries[0].query_type() != RecordType::A => return None,
        Answer::Addresses(addresses) | Answer::Half(addresses) | Answer::OnlyA(addresses) => {
            with_addresses(query, None, addresses)
        }
        Answer::Alias(alias, addresses) => with_addresses(query, Some(alias), addresses),
        Answer::Unordered(alias, addresses) => {
            let mut message = with_addresses(query, Some(alias), addresses);
            message.answers.reverse();
            message
        }
        Answer::Foreign(owner, addresses) => {
            let mut message = with_addresses(query, Some(owner), addresses);
            message.answers.retain(|record| record.record_type() != RecordType::CNAME);
            message
        }
        Answer::NoData => negative(query, ResponseCode::NoError),
        Answer::Nxdomain => negative(query, ResponseCode::NXDomain),
        Answer::Servfail => bare(query, ResponseCode::ServFail),
        Answer::Refused => bare(query, ResponseCode::Refused),
        // What is late, and what is over TCP alone, has been seen to.
        Answer::Silence | Answer::HangUp | Answer::Delay(..) | Answer::OverTcp(_) => return None,
        Answer::Garbage => return Some(garbage(query.metadata.id)),
        Answer::Truncated(addresses) if transport == Transport::Tcp => with_addresses(query, None, addresses),
        Answer::Truncated(_) | Answer::TruncatedBoth => bare(query, ResponseCode::NoError).truncate(),
        Answer::WrongId(addresses) => {
            let mut message = with_addresses(query, None, addresses);
            message.metadata.id ^= 0xffff;
            message
        }
    };
    Some(message.to_vec().unwrap())
}

fn bare(query: &Message, code: ResponseCode) -> Message {
    let mut message = Message::response(query.metadata.id, query.metadata.op_code);
    message.metadata = Metadata::response_from_request(&query.metadata);
    message.metadata.message_type = MessageType::Response;
    message.metadata.recursion_available = true;
    message.metadata.response_code = code;
    message.add_queries(query.queries.iter().cloned());
    message
}

/// NXDOMAIN or NODATA, with the SOA record that RFC 2308 requires.
fn negative(query: &Message, code: ResponseCode) -> Message {
    let mut message = bare(query, code);
    let zone = Name::from_ascii("lab.").unwrap();
    let soa = SOA::new(zone.clone(), zone, 1, 3600, 600, 86400, 60);
    message.add_authority(Record::from_rdata(Name::root(), 60, RData::SOA(soa)));
    message
}

fn with_addresses(query: &Message, alias: Option<&str>, addresses: &[IpAddr]) -> Message {
    let asked = &query.queries[0]; // `answer` has seen it
    let mut message = bare(query, ResponseCode::NoError);
    let owner = alias.map_or_else(|| asked.name().clone(), |alias| Name::from_ascii(alias).unwrap());
    if alias.is_some() {
        let to = RData::CNAME(CNAME(owner.clone()));
        message.add_answer(Record::from_rdata(asked.name().clone(), 60, to));
    }
    let wanted = addresses.iter().filter_map(|address| match (asked.query_type(), address) {
        (RecordType::A, IpAddr::V4(v4)) => Some(RData::A(A(*v4))),
        (RecordType::AAAA, IpAddr::V6(v6)) => Some(RData::AAAA(AAAA(*v6))),
        _ => None,
    });
    message.add_answers(wanted.map(|data| Record::from_rdata(owner.clone(), 60, data)));
    if message.answers.is_empty() { negative(query, ResponseCode::NoError) } else { message }
}

/// A header that promises an answer, and then no such thing.
fn garbage(id: u16) -> Vec<u8> {
    let [high, low] = id.to_be_bytes();
    vec![high, low, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0, 0xff, 0xff, 0xff]
}

//! Address functions of PAC scripts, text to text. Pure.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Parses an address as scripts write it: drops zones (`fe80::1%15`) and surrounding spaces, and reads leading
/// zeros of an IPv4 address as decimal.
pub(super) fn parse(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    if let Some(address) = parse_v4(text) {
        return Some(IpAddr::V4(address));
    }
    let (address, _zone) = text.split_once('%').unwrap_or((text, ""));
    address.parse::<Ipv6Addr>().ok().map(IpAddr::V6)
}

fn parse_v4(text: &str) -> Option<Ipv4Addr> {
    let mut parts = text.split('.');
    let mut bytes = [0; 4];
    for byte in &mut bytes {
        let digits = parts.next().filter(|part| (1..=3).contains(&part.len()))?;
        *byte = digits.bytes().all(|digit| digit.is_ascii_digit()).then(|| digits.parse().ok())??;
    }
    parts.next().is_none().then(|| bytes.into())
}

/// `isInNet` for an IPv4 address: compares the bits of the mask.
pub(super) fn in_net(address: &str, pattern: &str, mask: &str) -> bool {
    let [Some(address), Some(pattern), Some(mask)] =
        [address, pattern, mask].map(|text| parse_v4(text.trim()).map(u32::from))
    else {
        return false;
    };
    address & mask == pattern & mask
}

/// `isInNetEx` for one address and `prefix/bits`. False for an invalid prefix and across families.
pub(super) fn in_prefix(address: &str, prefix: &str) -> bool {
    let Some((network, bits)) = prefix.split_once('/') else { return false };
    let Ok(bits) = bits.trim().parse::<u32>() else { return false };
    match (parse(address), parse(network)) {
        (Some(IpAddr::V4(a)), Some(IpAddr::V4(n))) if bits <= 32 => {
            (u32::from(a) ^ u32::from(n)).checked_shr(32 - bits).unwrap_or(0) == 0
        }
        (Some(IpAddr::V6(a)), Some(IpAddr::V6(n))) if bits <= 128 => {
            (u128::from(a) ^ u128::from(n)).checked_shr(128 - bits).unwrap_or(0) == 0
        }
        _ => false,
    }
}

/// `convert_addr`: the four bytes as one signed number, comparable with the results of JavaScript's bit
/// operators. 0 if `address` is invalid.
pub(super) fn number(address: &str) -> i32 {
    parse_v4(address.trim()).map_or(0, |address| u32::from(address).cast_signed())
}

/// `sortIpAddressList`: IPv6 before IPv4 and nearer scopes first, as in Microsoft's example. Empty if any part
/// is invalid. Keeps the spelling of each address.
pub(super) fn sorted(list: &str) -> String {
    let parts = list.split(';').map(str::trim).filter(|part| !part.is_empty());
    let parsed: Option<Vec<_>> = parts.map(|part| Some((parse(part)?, part))).collect();
    let Some(mut parsed) = parsed else { return String::new() };
    parsed.sort_by_key(|(address, _)| order(*address));
    let parts: Vec<_> = parsed.into_iter().map(|(_, part)| part).collect();
    parts.join(";")
}

/// Sort key: the family, then the scope (RFC 6724, section 3.1), then the number.
fn order(address: IpAddr) -> (u8, u8, IpAddr) {
    match address {
        IpAddr::V6(v6) => (0, scope(v6), address),
        IpAddr::V4(v4) => (1, u8::from(!v4.is_loopback() && !v4.is_link_local()), address),
    }
}

fn scope(address: Ipv6Addr) -> u8 {
    const SITE_LOCAL: u16 = 0xfec0;
    if address.is_loopback() || address.is_unicast_link_local() {
        0
    } else if address.segments()[0] & 0xffc0 == SITE_LOCAL {
        1
    } else {
        2
    }
}

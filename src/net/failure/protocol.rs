//! The protocol that a peer speaks, recognised by the first bytes that it sent: a wrong scheme or port of a proxy is
//! plain from them. Pure.

use std::fmt;

use crate::config::ProxyKind;

/// What a peer speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerProtocol {
    /// TLS that rejects what it was sent (RFC 8446, section 6).
    TlsAlert,
    /// TLS.
    Tls,
    /// HTTP/1.
    Http,
    /// HTTP/1 that refuses to be spoken to without TLS.
    HttpForTls,
    /// HTTP/2 without TLS (RFC 9113, section 3.4).
    Http2,
    /// SOCKS 5 (RFC 1928, section 3).
    Socks5,
    /// SOCKS 4.
    Socks4,
    /// SSH (RFC 4253, section 4.2).
    Ssh,
    /// SMTP (RFC 5321, section 4.2) or FTP (RFC 959, section 4.2).
    Greeting,
}

impl PeerProtocol {
    /// Recognises the protocol of the first bytes. Two bytes are enough for most.
    pub(crate) fn recognize(first: &[u8]) -> Option<Self> {
        let begins = |with: &[u8]| first.len() >= 2 && (first.starts_with(with) || with.starts_with(first));
        match first {
            [0x15, 3, ..] => Some(Self::TlsAlert),
            [0x16, 3, ..] => Some(Self::Tls),
            [5, 0 | 1 | 2 | 0xff] => Some(Self::Socks5),
            [0, 0x5a..=0x5d, ..] => Some(Self::Socks4),
            // A SETTINGS frame of stream 0 (RFC 9113, sections 4.1 and 6.5).
            [0, 0, _, 4, 0, 0, 0, 0, 0, ..] => Some(Self::Http2),
            [b'2', b'2', b'0', b' ' | b'-', ..] => Some(Self::Greeting),
            _ if begins(b"HTTP/") => Some(Self::Http),
            _ if begins(b"SSH-") => Some(Self::Ssh),
            _ => None,
        }
    }

    /// What to do about a proxy that speaks this in place of the protocol of `kind`, to continue the words for it.
    pub(super) fn hint(self, kind: ProxyKind) -> &'static str {
        match self {
            Self::TlsAlert | Self::Tls | Self::HttpForTls if kind != ProxyKind::Https => {
                ": it expects https://"
            }
            Self::TlsAlert | Self::Tls | Self::HttpForTls => "",
            Self::Http if kind == ProxyKind::Http => "",
            Self::Http => ": it expects http://",
            Self::Socks5 if kind == ProxyKind::Socks5 => "",
            Self::Socks5 => ": it expects socks5://",
            Self::Socks4 | Self::Http2 => ", which is not supported",
            Self::Ssh | Self::Greeting => ": it is not a proxy",
        }
    }
}

impl fmt::Display for PeerProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TlsAlert => "a TLS alert",
            Self::Tls => "TLS",
            Self::Http => "HTTP",
            Self::HttpForTls => "400 for plain HTTP on a TLS port",
            Self::Http2 => "HTTP/2",
            Self::Socks5 => "SOCKS 5",
            Self::Socks4 => "SOCKS 4",
            Self::Ssh => "an SSH banner",
            Self::Greeting => "a mail or FTP greeting",
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::net::failure::protocol::*;

    #[test]
    fn protocols_are_recognised_by_their_first_bytes() {
        use PeerProtocol as P;
        for (first, expected) in [
            (&b"\x15\x03\x01\0\x02\x02\x46"[..], Some(P::TlsAlert)),
            (b"\x16\x03\x03\0\x02", Some(P::Tls)),
            (b"\x15\x04", None),
            (b"HTTP/1.1 400", Some(P::Http)),
            (b"HT", Some(P::Http)),
            (b"H", None),
            (b"HELO", None),
            (b"SSH-2.0-", Some(P::Ssh)),
            (b"SS", Some(P::Ssh)),
            (b"220 mail", Some(P::Greeting)),
            (b"220-ftp", Some(P::Greeting)),
            (b"2200", None),
            (b"\x05\xff", Some(P::Socks5)),
            (b"\x05\0\x01", None),
            (b"\0\x5b\0\0", Some(P::Socks4)),
            (b"\0\0\x12\x04\0\0\0\0\0", Some(P::Http2)),
            (b"\0\0\x12\x04\0\0\0\0", None),
            (b"<html>", None),
            (b"", None),
        ] {
            assert_eq!(PeerProtocol::recognize(first), expected, "{first:?}");
        }
    }
}

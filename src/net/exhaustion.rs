//! Exhaustion of local resources, recognised from system errors: the only errors that say nothing about the
//! network.

use std::{fmt, io};

/// The resource that is exhausted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exhaustion {
    /// File descriptors of this process.
    Descriptors,
    /// File descriptors of the whole machine.
    #[cfg(unix)]
    AllDescriptors,
    /// System memory, including network buffers.
    Memory,
    /// Ephemeral ports.
    Ports,
}

/// The system's error numbers (errno(3); "Windows Sockets Error Codes"). Windows reports exhausted ports as
/// `WSAENOBUFS` as well.
#[cfg(target_os = "linux")]
const NUMBERS: &[(i32, Exhaustion)] = &[
    (24, Exhaustion::Descriptors),
    (23, Exhaustion::AllDescriptors),
    (12, Exhaustion::Memory),
    (105, Exhaustion::Memory),
];
#[cfg(windows)]
const NUMBERS: &[(i32, Exhaustion)] = &[
    (10024, Exhaustion::Descriptors),
    (4, Exhaustion::Descriptors),
    (10055, Exhaustion::Memory),
    (8, Exhaustion::Memory),
];
#[cfg(all(unix, not(target_os = "linux")))] // BSD and macOS
const NUMBERS: &[(i32, Exhaustion)] = &[
    (24, Exhaustion::Descriptors),
    (23, Exhaustion::AllDescriptors),
    (12, Exhaustion::Memory),
    (55, Exhaustion::Memory),
];

impl Exhaustion {
    /// The resource whose exhaustion caused a socket error. Returns `None` for any other error. Address errors
    /// mean exhausted ports, since sockets bind to port 0.
    #[must_use]
    pub(crate) fn from_io(error: &io::Error) -> Option<Self> {
        let known = NUMBERS.iter().find(|(number, _)| error.raw_os_error() == Some(*number));
        let ports = || {
            matches!(error.kind(), io::ErrorKind::AddrNotAvailable | io::ErrorKind::AddrInUse)
                .then_some(Self::Ports)
        };
        known.map(|(_, exhausted)| *exhausted).or_else(ports)
    }
}

impl fmt::Display for Exhaustion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Descriptors => "the exporter has run out of file descriptors (LimitNOFILE, ulimit -n)",
            #[cfg(unix)]
            Self::AllDescriptors => "this machine has run out of file descriptors",
            Self::Memory => "this machine has run out of memory for connections",
            Self::Ports => "this machine has run out of local ports",
        })
    }
}

/// The text of a system error, with the exhausted resource first if there is one.
#[must_use]
pub(crate) fn describe(error: &io::Error) -> String {
    Exhaustion::from_io(error).map_or_else(|| error.to_string(), |exhausted| format!("{exhausted}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn exhaustion_is_distinguished_from_network_errors() {
        let check = |number, expected: Option<Exhaustion>| {
            assert_eq!(Exhaustion::from_io(&io::Error::from_raw_os_error(number)), expected, "{number}");
        };
        check(24, Some(Exhaustion::Descriptors)); // EMFILE
        check(23, Some(Exhaustion::AllDescriptors)); // ENFILE
        check(12, Some(Exhaustion::Memory)); // ENOMEM
        check(105, Some(Exhaustion::Memory)); // ENOBUFS
        check(99, Some(Exhaustion::Ports)); // EADDRNOTAVAIL
        check(98, Some(Exhaustion::Ports)); // EADDRINUSE
        check(111, None); // ECONNREFUSED
        check(113, None); // EHOSTUNREACH
        check(110, None); // ETIMEDOUT
        let text = describe(&io::Error::from_raw_os_error(24));
        assert!(text.contains("LimitNOFILE") && text.contains("os error 24"), "{text}");
    }
}

//! What this machine has run out of, as the errors of its system tell: the one kind of error that says nothing of the network.

use std::fmt;
use std::io;

/// What there is none left of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shortage {
    /// File descriptors of this process.
    Descriptors,
    /// File descriptors of the whole machine.
    #[cfg(unix)]
    AllDescriptors,
    /// Memory of the system, for its network buffers among others.
    Memory,
    /// Ports to connect from.
    Ports,
}

/// The system's error numbers (errno(3); "Windows Sockets Error Codes"). Windows says `WSAENOBUFS` for ports that have run out,
/// too.
#[cfg(target_os = "linux")]
const NUMBERS: &[(i32, Shortage)] = &[
    (24, Shortage::Descriptors),
    (23, Shortage::AllDescriptors),
    (12, Shortage::Memory),
    (105, Shortage::Memory),
];
#[cfg(windows)]
const NUMBERS: &[(i32, Shortage)] = &[
    (10024, Shortage::Descriptors),
    (4, Shortage::Descriptors),
    (10055, Shortage::Memory),
    (8, Shortage::Memory),
];
#[cfg(all(unix, not(target_os = "linux")))] // BSD and macOS
const NUMBERS: &[(i32, Shortage)] = &[
    (24, Shortage::Descriptors),
    (23, Shortage::AllDescriptors),
    (12, Shortage::Memory),
    (55, Shortage::Memory),
];

impl Shortage {
    /// What an error of a socket says that there is none left of; none: it says something else. An address that can't be had
    /// is a port that can't, since nobody asked for a port of his own.
    #[must_use]
    pub(crate) fn of(error: &io::Error) -> Option<Self> {
        let known = NUMBERS.iter().find(|(number, _)| error.raw_os_error() == Some(*number));
        let ports = || {
            matches!(error.kind(), io::ErrorKind::AddrNotAvailable | io::ErrorKind::AddrInUse)
                .then_some(Self::Ports)
        };
        known.map(|(_, shortage)| *shortage).or_else(ports)
    }
}

impl fmt::Display for Shortage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Descriptors => "the exporter has no file descriptor left (LimitNOFILE, ulimit -n)",
            #[cfg(unix)]
            Self::AllDescriptors => "this machine has no file descriptor left",
            Self::Memory => "this machine has no memory left for connections",
            Self::Ports => "this machine has no port left to connect from",
        })
    }
}

/// A system's error for a person, beginning with what there is none left of.
#[must_use]
pub(crate) fn words(error: &io::Error) -> String {
    Shortage::of(error).map_or_else(|| error.to_string(), |shortage| format!("{shortage}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn a_shortage_is_told_from_what_the_network_does() {
        let check = |number, expected: Option<Shortage>| {
            assert_eq!(Shortage::of(&io::Error::from_raw_os_error(number)), expected, "{number}");
        };
        check(24, Some(Shortage::Descriptors)); // EMFILE
        check(23, Some(Shortage::AllDescriptors)); // ENFILE
        check(12, Some(Shortage::Memory)); // ENOMEM
        check(105, Some(Shortage::Memory)); // ENOBUFS
        check(99, Some(Shortage::Ports)); // EADDRNOTAVAIL
        check(98, Some(Shortage::Ports)); // EADDRINUSE
        check(111, None); // ECONNREFUSED
        check(113, None); // EHOSTUNREACH
        check(110, None); // ETIMEDOUT
        let said = words(&io::Error::from_raw_os_error(24));
        assert!(said.contains("LimitNOFILE") && said.contains("os error 24"), "{said}");
    }
}

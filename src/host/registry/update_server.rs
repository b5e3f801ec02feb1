//! The company's update server, by the policies of Windows Update. Pure.
//!
//! Microsoft's page "Manage additional Windows Update settings": `WUServer` is the server's address, and counts only while
//! `UseWUServer` is 1. What can't be read, or is no URL, is unknown and no problem: Defender itself doesn't read it.

use super::RegistryReader;
use super::settings::number;
use crate::catalog::ProbeUrl;

const POLICY: &str = r"SOFTWARE\Policies\Microsoft\Windows\WindowsUpdate";
const AUTOMATIC: &str = r"SOFTWARE\Policies\Microsoft\Windows\WindowsUpdate\AU";

impl RegistryReader<'_> {
    /// The server that Windows Update asks instead of Microsoft's.
    pub(super) fn update_server(&self) -> Option<ProbeUrl> {
        let is_used = number(self.registry, AUTOMATIC, "UseWUServer").ok().flatten() == Some(1);
        let address = self.registry.sz(POLICY, "WUServer").ok().flatten()?;
        ProbeUrl::parse(address.trim()).ok().filter(|_| is_used)
    }
}

#[cfg(test)]
mod tests {
    use super::super::RegistryFacts;
    use super::super::tests::{Table, Value};
    use super::*;

    #[test]
    fn a_server_counts_while_windows_update_uses_it() {
        let server = |value| (POLICY, "WUServer", value);
        let used = |value| (AUTOMATIC, "UseWUServer", value);
        let http = || server(Value::Sz("http://wsus.example:8530"));
        for (values, expected) in [
            (&[][..], None),
            (&[http()], None),
            (&[http(), used(Value::Dword(0))], None),
            (&[http(), used(Value::Dword(1))], Some("http://wsus.example:8530")),
            (&[http(), used(Value::Sz("1"))], Some("http://wsus.example:8530")),
            (
                &[server(Value::Sz(" https://Wsus.Example:8531 ")), used(Value::Dword(1))],
                Some("https://Wsus.Example:8531"),
            ),
            // No problem either: it is no setting of Defender.
            (&[server(Value::Sz("wsus")), used(Value::Dword(1))], None),
            (&[server(Value::Denied), used(Value::Dword(1))], None),
            (&[http(), used(Value::Denied)], None),
        ] {
            let (facts, problems) = RegistryFacts::read(&Table::new(values));
            let found = facts.update_server.map(|url| url.to_string());
            assert_eq!((found.as_deref(), problems.len()), (expected, 0), "{values:?}");
        }
    }
}

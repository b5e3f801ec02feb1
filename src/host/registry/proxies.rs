//! The proxies that the registry names, for routes that follow them. Pure.
//!
//! - `ProxyServer`, `ProxyPacUrl`, `ProxyBypass`: Defender Antivirus connects to MAPS and fetches security intelligence
//!   by the first that works of: the named proxy, the script, no proxy (ADMX `WindowsDefender`, which goes on with
//!   Internet Explorer's settings and auto-detection; neither is the machine's). Windows Update and revocation lists use
//!   the WinHTTP proxy (Microsoft's page "Configure proxy connectivity for Microsoft Defender for Endpoint").
//! - `TelemetryProxyServer`, `host:port`: the sensor of Defender for Endpoint and the telemetry service connect by it,
//!   and directly if it fails (the same page, and "Verify client connectivity").
//!
//! Not documented, and not followed: where `Set-MpPreference` keeps its values (`settings.rs` shows them). Whether Defender speaks TLS to a
//! `ProxyServer` of the form `https://` isn't documented either; it is taken as a plain HTTP proxy, as by WinHTTP.

use super::{CONNECTIONS, POLICY, ProxyPolicy, Registry, RegistryReader};
use crate::config::{MachineProxies, PacSource, PolicyProxies, Proxies};
use crate::host::HostProblem;
use crate::host::winhttp::WinHttpProxies;

/// The key of the telemetry policies.
pub(super) const TELEMETRY: &str = r"SOFTWARE\Policies\Microsoft\Windows\DataCollection";

/// Reads them all.
#[must_use]
pub fn machine_proxies(registry: &dyn Registry) -> MachineProxies {
    MachineProxies {
        winhttp: Some(winhttp(registry)),
        defender_policy: Some(defender_policy(registry)),
        telemetry_proxy: Some(telemetry_proxy(registry)),
        mdatp: None,
    }
}

fn winhttp(registry: &dyn Registry) -> Result<Proxies, String> {
    let mut reader = RegistryReader { registry, problems: Vec::new() };
    let setting = reader.winhttp();
    finished(reader, CONNECTIONS, setting.map(|setting| setting.proxies()).unwrap_or_default())
}

fn defender_policy(registry: &dyn Registry) -> Result<Option<PolicyProxies>, String> {
    let mut reader = RegistryReader { registry, problems: Vec::new() };
    let policy = reader.proxy_policy();
    let is_set = policy.is_set();
    let ProxyPolicy { server, pac_url } = policy;
    let server = server.map(|server| server.proxies()).unwrap_or_default();
    let policy = PolicyProxies { server, script: pac_url.map(PacSource::Url) };
    finished(reader, POLICY, is_set.then_some(policy))
}

fn telemetry_proxy(registry: &dyn Registry) -> Result<Option<PolicyProxies>, String> {
    let mut reader = RegistryReader { registry, problems: Vec::new() };
    let server = |text: &str| WinHttpProxies::parse(text, "").ok_or("names no proxy as host:port");
    let server = reader.parsed(TELEMETRY, "TelemetryProxyServer", server);
    let policy = server.map(|server| PolicyProxies { server: server.proxies(), script: None });
    finished(reader, TELEMETRY, policy)
}

/// What was read, or the first problem with it: value, cause, key.
fn finished<T>(reader: RegistryReader<'_>, key: &str, read: T) -> Result<T, String> {
    match reader.problems.into_iter().next() {
        None => Ok(read),
        Some(HostProblem { detail, .. }) => Err(format!(r"can't be used: {detail} (in HKLM\{key})")),
    }
}

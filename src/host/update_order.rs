//! Where this machine's Defender updates from, compared with what the configuration lists. Pure.
//!
//! - `FallbackOrder` has the sources in order (ADMX `WindowsDefender`, Policy CSP `SignatureUpdateFallbackOrder`). Where nobody
//!   sets it, Defender asks Microsoft Update, then the alternate download location: the default values on Microsoft's page
//!   "FallbackOrder" of Windows' unattended setup, and what its page of `Update-MpSignature` says.
//! - Without `DefinitionUpdateFileSharesSources`, no share is asked, whatever the order says (`Set-MpPreference`,
//!   `SignatureDefinitionUpdateFileSharesSources`).
//! - Where a policy has Windows Update ask a server of the company (`registry/update_server.rs`), its scans can bring the updates
//!   from there, whatever the order is.
//! - The order says nothing of a cache: clients ask it for what another source names.
//!
//! A difference is no fault: the exporter's machine may have other policies than the network's clients.

use super::registry::RegistryFacts;
use super::registry::settings::{DefenderSetting, HostSetting, SettingOrigin, SettingValue, Settings};
use super::{HostFacts, RunningMode, WindowsFacts};
use crate::catalog::{ListedSource, ProbeUrl, UpdateOrigin, UpdateSource};
use crate::string_enum::string_enum;

string_enum! {
    /// How this machine's order of update sources differs from the configuration's list.
    DifferenceKind {
        /// The machine updates from a source that isn't listed, so that it isn't probed.
        Unlisted = "unlisted",
        /// A source is listed that the machine doesn't ask.
        Unused = "unused",
        /// The machine asks a source before one that is listed before it.
        Earlier = "earlier",
        /// The machine's server isn't at an address that is listed. Two names can be of one server.
        OtherServer = "other_server",
    }
}

/// One difference between the order and the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderDifference {
    /// Its kind.
    pub kind: DifferenceKind,
    /// The source.
    pub source: UpdateSource,
}

/// Where a machine's Defender updates from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpdateOrder {
    /// The sources that it asks, in order.
    pub sources: Vec<UpdateSource>,
    /// Where the order comes from. `None` if nobody sets it, so that Microsoft's default counts.
    pub origin: Option<SettingOrigin>,
    /// The company's server that Windows Update asks, by policy.
    pub server: Option<ProbeUrl>,
    /// Whether it is unknown if shares are asked: the list of shares can't be read.
    shares_are_unknown: bool,
}

impl HostFacts {
    /// Where this machine's Defender updates from. `None` if that is unknown, on systems other than Windows, and if Defender is
    /// off.
    #[must_use]
    pub fn update_order(&self) -> Option<UpdateOrder> {
        let WindowsFacts { registry, .. } = self.windows.as_ref()?;
        if self.running_mode() == Some(RunningMode::Off) {
            return None;
        }
        UpdateOrder::new(registry)
    }
}

impl UpdateOrder {
    fn new(RegistryFacts { settings, update_server, .. }: &RegistryFacts) -> Option<Self> {
        if settings.unreadable.contains(&DefenderSetting::FallbackOrder) {
            return None;
        }
        let shares = Shares::new(settings);
        let order = settings.get(DefenderSetting::FallbackOrder);
        let mut sources: Vec<_> = match order.map(|HostSetting { value, .. }| value) {
            Some(SettingValue::Sources(origins)) => origins.iter().filter_map(|of| of.source()).collect(),
            Some(SettingValue::Number(_) | SettingValue::Set) => return None, // the setting is a list
            None => ListedSource::defaults().into_iter().map(|listed| listed.source).collect(),
        };
        if shares == Shares::None {
            sources.retain(|source| *source != UpdateSource::FileShare);
        }
        let shares_are_unknown = shares == Shares::Unknown && sources.contains(&UpdateSource::FileShare);
        let (origin, server) = (order.map(|order| order.origin), update_server.clone());
        Some(Self { sources, origin, server, shares_are_unknown })
    }

    /// The differences from the sources that the configuration lists, in its order: what isn't listed first, then what isn't
    /// used, then at most one of the order, and of the server.
    #[must_use]
    pub fn differences(&self, listed: &[ListedSource]) -> Vec<OrderDifference> {
        let mut expected: Vec<UpdateSource> = Vec::new();
        for source in listed.iter().map(|of| &of.source).filter(|source| source.suffices()) {
            if !expected.contains(source) {
                expected.push(*source);
            }
        }
        let is_unclear = |source: UpdateSource| self.shares_are_unknown && source == UpdateSource::FileShare;
        let is_clear = |source: &&UpdateSource| !is_unclear(**source);
        let unlisted = self.sources.iter().filter(|source| !expected.contains(source)).filter(is_clear);
        let unused = expected.iter().filter(|source| !self.sources.contains(source) && !self.scans(**source));
        let asked = self.sources.iter().filter(|source| expected.contains(source)).filter(is_clear);
        let common = expected.iter().filter(|source| self.sources.contains(source)).filter(is_clear);
        let earlier = asked.zip(common).find(|(asked, listed)| asked != listed).map(|(asked, _)| asked);
        let of = |kind| move |source: &UpdateSource| OrderDifference { kind, source: *source };
        unlisted
            .map(of(DifferenceKind::Unlisted))
            .chain(unused.map(of(DifferenceKind::Unused)))
            .chain(earlier.map(of(DifferenceKind::Earlier)))
            .chain(
                self.is_other_server(listed)
                    .then(|| of(DifferenceKind::OtherServer)(&UpdateSource::InternalServer)),
            )
            .collect()
    }

    /// Whether Windows Update's own scans ask this source.
    fn scans(&self, source: UpdateSource) -> bool {
        source == UpdateSource::InternalServer && self.server.is_some()
    }

    /// Whether servers are listed, and the machine's isn't.
    fn is_other_server(&self, listed: &[ListedSource]) -> bool {
        let Some(own) = &self.server else { return false };
        let of = |url: &ProbeUrl| (url.scheme(), url.host().to_ascii_lowercase(), url.port());
        let servers = listed.iter().filter(|listed| listed.source == UpdateSource::InternalServer);
        let mut servers = servers.filter_map(|listed| listed.address.as_ref()).peekable();
        servers.peek().is_some() && servers.all(|url| of(url) != of(own))
    }
}

/// What the setting of file shares says.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shares {
    /// None is set.
    None,
    /// Some are set.
    Some,
    /// It can't be read.
    Unknown,
}

impl Shares {
    fn new(settings: &Settings) -> Self {
        let of = DefenderSetting::DefinitionUpdateFileSharesSources;
        match () {
            () if settings.unreadable.contains(&of) => Self::Unknown,
            () if settings.get(of).is_some() => Self::Some,
            () => Self::None,
        }
    }
}

impl UpdateOrigin {
    /// The source, if clients of a network can share it.
    const fn source(self) -> Option<UpdateSource> {
        Some(match self {
            Self::InternalServer => UpdateSource::InternalServer,
            Self::MicrosoftUpdate => UpdateSource::MicrosoftUpdate,
            Self::Adl => UpdateSource::Adl,
            Self::FileShare => UpdateSource::FileShare,
            Self::UpdateFolder | Self::Unknown => return None,
        })
    }
}

#[cfg(test)]
mod tests;

//! Where Defender on this machine updates from, compared with `update_sources` of the configuration. What differs is said, and is no
//! fault: the network's clients may have other policies than this machine.

use serde::Serialize;

use crate::catalog::UpdateSource;
use crate::host::HostFacts;
use crate::host::registry::settings::SettingOrigin;
use crate::host::update_order::{DifferenceKind, OrderDifference, UpdateOrder};
use crate::state::Snapshot;

/// Where Defender on this machine updates from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct UpdateOrderReport {
    /// The sources that it uses, in order.
    pub sources: Vec<UpdateSource>,
    /// Where the order is set; null if nowhere, so that Microsoft's default counts.
    pub origin: Option<SettingOrigin>,
    /// The company's server that Windows Update uses, by policy.
    pub server: Option<String>,
    /// What differs from `update_sources` of the configuration.
    pub differences: Vec<DifferenceReport>,
}

/// A difference between that order and `update_sources` of the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct DifferenceReport {
    /// Its kind.
    pub kind: DifferenceKind,
    /// The source.
    pub source: UpdateSource,
    /// The difference in a sentence, with what to change.
    pub note: String,
}

/// The order of this machine; `None` if it is unknown, and where the plan is of a single target.
#[must_use]
pub fn update_order(snapshot: &Snapshot) -> Option<UpdateOrderReport> {
    let listed = &snapshot.plan.signatures.listed;
    let order = snapshot.host.as_deref().and_then(HostFacts::update_order)?;
    (!listed.is_empty()).then(|| {
        let differences = order.differences(listed).into_iter();
        UpdateOrderReport {
            differences: differences.map(|of| DifferenceReport::new(of, &order)).collect(),
            origin: order.origin,
            server: order.server.map(|url| url.to_string()),
            sources: order.sources,
        }
    })
}

impl UpdateOrderReport {
    /// The order in words: "microsoft_update, adl (FallbackOrder by Group Policy)".
    #[must_use]
    pub fn words(&self) -> String {
        format!("{} ({})", named(&self.sources), set_by(self.origin))
    }
}

impl DifferenceReport {
    fn new(OrderDifference { kind, source }: OrderDifference, order: &UpdateOrder) -> Self {
        let uses =
            format!("Defender on this machine uses {}: {}", named(&order.sources), set_by(order.origin));
        let note = match kind {
            DifferenceKind::Unlisted => format!(
                "{uses}. `update_sources` doesn't list {source}, so that nothing probes it. List it if the network's clients use it, too."
            ),
            DifferenceKind::Unused => format!(
                "{uses}. `update_sources` lists {source}, too, which it doesn't use{}. Remove it from the list unless the network's clients \
                 use it.",
                exception(source)
            ),
            DifferenceKind::Earlier => format!(
                "{uses}. {source} is later in `update_sources`. List the sources in the order in which the network's clients use them."
            ),
            DifferenceKind::OtherServer => format!(
                "Windows Update on this machine uses {} (policy WUServer), which isn't an address that `update_sources` lists for {source}. List it \
                 if the network's clients use it, unless it is another name of a listed server.",
                order.server.as_ref().map(ToString::to_string).unwrap_or_default()
            ),
        };
        Self { kind, source, note }
    }
}

/// What else may be true of a source that isn't in the order.
const fn exception(source: UpdateSource) -> &'static str {
    match source {
        UpdateSource::InternalServer => " (Windows Update's own scans may bring its updates)",
        UpdateSource::FileShare => {
            " (that takes FileShares in FallbackOrder, and a share in DefinitionUpdateFileSharesSources)"
        }
        UpdateSource::MicrosoftUpdate | UpdateSource::Adl | UpdateSource::ConnectedCache => "",
    }
}

fn named(sources: &[UpdateSource]) -> String {
    let names: Vec<_> = sources.iter().map(|source| source.as_str()).collect();
    if names.is_empty() { "no source".to_owned() } else { names.join(", ") }
}

fn set_by(origin: Option<SettingOrigin>) -> String {
    match origin {
        Some(origin) => format!("FallbackOrder by {}", origin.title()),
        None => "Microsoft's default, since nothing sets FallbackOrder".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::catalog::{ListedSource, ProbeUrl, UpdateOrigin, embedded};
    use crate::config::Config;
    use crate::plan::plan;
    use crate::report::simulation::{at, healthy, set_fallback_order};

    /// The report of a machine whose order is set so, in a network whose clients have WSUS alone.
    fn of_wsus(order: Option<&[UpdateOrigin]>) -> Option<UpdateOrderReport> {
        let address = ProbeUrl::parse("http://wsus.example:8530").ok();
        let listed = ListedSource { source: UpdateSource::InternalServer, address };
        let config = Config { update_sources: vec![listed], ..Config::default() };
        let mut snapshot = Snapshot::new(Arc::new(plan(embedded(), &config).unwrap()), at(0));
        set_fallback_order(&mut snapshot, order);
        update_order(&snapshot)
    }

    #[test]
    fn differences_are_said_with_what_to_change() {
        let check = |order: Option<&[UpdateOrigin]>, words: &str, expected: &[(&str, &[&str])]| {
            let report = of_wsus(order).expect("it is known");
            assert_eq!(report.words(), words);
            assert_eq!(report.differences.len(), expected.len(), "{report:?}");
            for (of, (kind, parts)) in report.differences.iter().zip(expected) {
                assert_eq!(of.kind.as_str(), *kind);
                assert!(parts.iter().all(|part| of.note.contains(part)), "{}", of.note);
            }
        };
        check(Some(&[UpdateOrigin::InternalServer]), "internal_server (FallbackOrder by Group Policy)", &[]);
        check(
            Some(&[UpdateOrigin::InternalServer, UpdateOrigin::Adl]),
            "internal_server, adl (FallbackOrder by Group Policy)",
            &[(
                "unlisted",
                &[
                    "uses internal_server, adl: FallbackOrder by Group Policy",
                    "doesn't list adl",
                    "nothing probes it",
                ],
            )],
        );
        let default = "Microsoft's default, since nothing sets FallbackOrder";
        check(
            None,
            &format!("microsoft_update, adl ({default})"),
            &[
                ("unlisted", &["doesn't list microsoft_update"]),
                ("unlisted", &["doesn't list adl"]),
                ("unused", &["lists internal_server, too", default, "Windows Update's own scans"]),
            ],
        );
    }

    #[test]
    fn a_server_that_is_not_listed_is_named() {
        let address = ProbeUrl::parse("http://wsus.example:8530").ok();
        let listed = ListedSource { source: UpdateSource::InternalServer, address };
        let config = Config { update_sources: vec![listed], ..Config::default() };
        let mut snapshot = Snapshot::new(Arc::new(plan(embedded(), &config).unwrap()), at(0));
        set_fallback_order(&mut snapshot, Some(&[UpdateOrigin::InternalServer]));
        let mut facts = snapshot.host.as_deref().cloned().expect("it was set");
        let windows = facts.windows.as_mut().expect("Windows");
        windows.registry.update_server = ProbeUrl::parse("http://old.example:8530").ok();
        snapshot.host = Some(Arc::new(facts));
        let report = update_order(&snapshot).expect("it is known");
        assert_eq!(report.server.as_deref(), Some("http://old.example:8530"));
        let [difference] = &report.differences[..] else { panic!("{report:?}") };
        assert!(
            difference.note.contains("uses http://old.example:8530 (policy WUServer)"),
            "{}",
            difference.note
        );
    }

    #[test]
    fn a_machine_without_an_order_is_not_compared() {
        let mut snapshot = healthy(&["direct"]);
        assert_eq!(update_order(&snapshot), None);
        snapshot.host = Some(Arc::new(HostFacts::new(&[])));
        assert_eq!(update_order(&snapshot), None, "not Windows");
    }
}

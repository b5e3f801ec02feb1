//! Whether Defender works on this network, as a whole: what the page and `check` say first.

use super::{Counts, exit_code};
use crate::catalog::Component;
use crate::state::{MapsState, Snapshot};
use crate::verdict::{MapsConnection, SslOptions, Verdict};

/// The most severe fact about the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NetworkOutcome {
    /// Clients with the default `SSLOptions` reach MAPS on no route.
    MapsLost,
    /// Clients with the default `SSLOptions` don't reach MAPS on these routes; each of them fires an alert.
    MapsLostVia(Vec<String>),
    /// These components don't work on any route.
    Lost(Vec<Component>),
    /// Every component works on some route, but not every endpoint does.
    Impaired,
    /// Nothing is known to be wrong, but not every endpoint is known to work.
    Unknown,
    /// Every endpoint works.
    Works,
}

/// The outcome of a snapshot. Its order is that of the exit codes: 2, 1 and 0.
#[must_use]
pub fn outcome(snapshot: &Snapshot) -> NetworkOutcome {
    let components = snapshot.plan.components.iter().map(|known| known.spec.component);
    let lost: Vec<_> =
        components.filter(|component| best(snapshot, *component) == Some(Verdict::Bad)).collect();
    let (counts, maps_lost) = (Counts::from_snapshot(snapshot), maps_lost(snapshot));
    match () {
        () if exit_code(snapshot) == 2 => NetworkOutcome::MapsLost,
        () if !maps_lost.is_empty() => {
            NetworkOutcome::MapsLostVia(maps_lost.into_iter().map(str::to_owned).collect())
        }
        () if !lost.is_empty() => NetworkOutcome::Lost(lost),
        () if counts.good == counts.total() => NetworkOutcome::Works,
        () if counts.bad + counts.degraded > 0 => NetworkOutcome::Impaired,
        () => NetworkOutcome::Unknown,
    }
}

/// The routes on which clients with the default `SSLOptions` don't reach MAPS.
#[must_use]
pub fn maps_lost(snapshot: &Snapshot) -> Vec<&str> {
    let is_lost = |maps: &&MapsState| {
        maps.options == SslOptions::DEFAULT && matches!(maps.connection, MapsConnection::Lost(_))
    };
    snapshot.maps.iter().filter(is_lost).map(|maps| maps.route.as_str()).collect()
}

/// The verdict on a component on its best route: a network that allows only the proxy out is configured correctly.
fn best(snapshot: &Snapshot, component: Component) -> Option<Verdict> {
    let own = snapshot.components.iter().filter(|state| state.component == component);
    own.filter_map(|state| state.verdict).min()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::{FailureReason as R, Phase};
    use crate::report::simulation;

    #[test]
    fn the_most_severe_fact_counts() {
        let check = |routes: &[&str],
                     fails: &dyn Fn(Component, &str, &str) -> bool,
                     reason,
                     expected: NetworkOutcome| {
            let mut snapshot = simulation::healthy(routes);
            for (id, target, _) in snapshot.clone().iter() {
                let endpoint = &target.endpoint;
                if fails(endpoint.component, endpoint.url.as_str(), &target.route.name) {
                    simulation::fail(&mut snapshot, id, 70, (Phase::Connect, reason), "");
                }
            }
            assert_eq!(outcome(&snapshot), expected);
        };
        let adl = |component: Component, _: &str, _: &str| component == Component::Adl;
        check(&["direct"], &|_, _, _| false, R::Refused, NetworkOutcome::Works);
        check(&["direct"], &|_, _, _| true, R::Refused, NetworkOutcome::MapsLost);
        check(&["direct"], &adl, R::Refused, NetworkOutcome::Lost(vec![Component::Adl]));
        check(&["direct"], &|_, url, _| url == simulation::MAPS, R::Refused, NetworkOutcome::Impaired);
        check(&["direct"], &|_, url, _| url == simulation::MAPS, R::Internal, NetworkOutcome::Unknown);
        check(
            &["direct", "proxy"],
            &|_, _, route| route == "direct",
            R::Refused,
            NetworkOutcome::MapsLostVia(vec!["direct".to_owned()]),
        );
        let adl_direct =
            |component: Component, _: &str, route: &str| component == Component::Adl && route == "direct";
        check(&["direct", "proxy"], &adl_direct, R::Refused, NetworkOutcome::Impaired);
        assert_eq!(outcome(&simulation::fresh(&["direct"])), NetworkOutcome::Unknown);
    }
}

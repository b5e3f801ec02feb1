//! Which part of the plan `check` probes. The exit code is about that part.

use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};

use crate::catalog::{Component, embedded};
use crate::plan::{Plan, Target};

/// Why an endpoint of the catalog isn't probed.
const NOT_SELECTED: &str =
    "in the catalog, but not probed with this configuration (see `geos`, `clouds`, `groups` and `endpoints`)";

/// Components, routes and endpoints; an empty list selects all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
#[command(next_help_heading = "Selection (the exit code is about it)")]
pub struct Selection {
    /// Probe only this component. Repeatable.
    #[arg(long = "component", value_name = "NAME", value_parser = component_parser())]
    pub components: Vec<Component>,
    /// Probe only via this route of the configuration. Repeatable.
    #[arg(long = "route", value_name = "NAME")]
    pub routes: Vec<String>,
    /// Probe only this endpoint: its URL, host or pattern, as `catalog` prints them. Repeatable.
    #[arg(long = "endpoint", value_name = "URL|HOST")]
    pub endpoints: Vec<String>,
}

/// Reads a component's name.
#[must_use]
pub fn component_parser() -> impl TypedValueParser<Value = Component> {
    let names = PossibleValuesParser::new(Component::of_defender().map(Component::as_str));
    names.try_map(|name| {
        let mut known = Component::of_defender();
        known.find(|component| component.as_str() == name).ok_or("unknown component")
    })
}

/// A selection that doesn't fit the configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SelectionError {
    /// The component exists, but isn't probed.
    #[error(
        "--component {name}: not probed with this configuration (see `components` and `groups`). Probed are: {}",
        .known.join(", ")
    )]
    Component {
        /// The component.
        name: Component,
        /// What is probed.
        known: Vec<&'static str>,
    },
    /// The route doesn't exist.
    #[error(
        "--route {name:?}: no such route{} The routes are: {}",
        suggestion(.nearest.as_deref()),
        .known.join(", ")
    )]
    Route {
        /// The route.
        name: String,
        /// The known name that resembles it most.
        nearest: Option<String>,
        /// The routes of the configuration.
        known: Vec<String>,
    },
    /// No probed endpoint has this URL, host or pattern.
    #[error(
        "--endpoint {name:?}: {why}{} `defender-exporter catalog` lists what is probed",
        suggestion(.nearest.as_deref())
    )]
    Endpoint {
        /// The URL, host or pattern.
        name: String,
        /// Whether the catalog has it.
        why: &'static str,
        /// The probed one that resembles it most.
        nearest: Option<String>,
    },
    /// Each part exists, but no target has all.
    #[error("no endpoint matches --component, --route and --endpoint together")]
    Empty,
}

/// The end of a sentence.
fn suggestion(nearest: Option<&str>) -> String {
    nearest.map_or_else(|| ".".to_owned(), |nearest| format!("; did you mean {nearest}?"))
}

impl Selection {
    /// Whether everything is selected.
    #[must_use]
    pub const fn is_everything(&self) -> bool {
        self.components.is_empty() && self.routes.is_empty() && self.endpoints.is_empty()
    }

    /// The selected part of a plan.
    ///
    /// # Errors
    /// If a name is unknown, or nothing is selected.
    pub fn apply(&self, plan: Plan) -> Result<Plan, SelectionError> {
        if self.is_everything() {
            return Ok(plan);
        }
        self.check_components(&plan)?;
        self.check_routes(&plan)?;
        self.check_endpoints(&plan)?;
        plan.select(|target| self.selects(target)).ok_or(SelectionError::Empty)
    }

    fn selects(&self, target: &Target) -> bool {
        let (component, route) = (target.endpoint.component, &target.route.name);
        (self.components.is_empty() || self.components.contains(&component))
            && (self.routes.is_empty() || self.routes.contains(route))
            && (self.endpoints.is_empty() || self.endpoints.iter().any(|name| is_named(target, name)))
    }

    fn check_components(&self, plan: &Plan) -> Result<(), SelectionError> {
        let known = || plan.components.iter().map(|known| known.spec.component).filter(|of| !of.is_control());
        match self.components.iter().find(|component| !known().any(|known| known == **component)) {
            None => Ok(()),
            Some(name) => Err(SelectionError::Component {
                name: *name,
                known: known().map(Component::as_str).collect(),
            }),
        }
    }

    fn check_routes(&self, plan: &Plan) -> Result<(), SelectionError> {
        let known: Vec<_> = plan.routes.iter().map(|route| route.name.clone()).collect();
        match self.routes.iter().find(|route| !known.contains(route)) {
            None => Ok(()),
            Some(name) => Err(SelectionError::Route {
                name: name.clone(),
                nearest: nearest(name, known.iter().map(String::as_str)),
                known,
            }),
        }
    }

    fn check_endpoints(&self, plan: &Plan) -> Result<(), SelectionError> {
        let is_probed = |name: &str| plan.defender().any(|target| is_named(target, name));
        match self.endpoints.iter().find(|name| !is_probed(name)) {
            None => Ok(()),
            Some(name) => {
                let mut catalog =
                    embedded().endpoints.iter().filter(|endpoint| !endpoint.component.is_control());
                let is_listed =
                    catalog.any(|endpoint| endpoint.url.as_str() == name || endpoint.url.host() == name);
                Err(SelectionError::Endpoint {
                    name: name.clone(),
                    why: if is_listed { NOT_SELECTED } else { "not probed" },
                    nearest: nearest(name, plan.defender().flat_map(names)),
                })
            }
        }
    }
}

/// The names of a target's endpoint.
fn names(target: &Target) -> [&str; 3] {
    let endpoint = &target.endpoint;
    [endpoint.url.as_str(), endpoint.url.host(), &endpoint.pattern]
}

/// Whether a name is the endpoint's URL, with or without its last slash, host or pattern.
fn is_named(target: &Target, name: &str) -> bool {
    let bare = |text: &str| text.trim_end_matches('/').to_owned();
    names(target).iter().any(|known| bare(known).eq_ignore_ascii_case(&bare(name)))
}

/// The known name with the smallest edit distance. `None` if more than a third of it differs.
fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    let name: String = name.chars().take(256).flat_map(char::to_lowercase).collect();
    let distances = known.map(|known| (strsim::damerau_levenshtein(&name, &known.to_lowercase()), known));
    let (distance, best) = distances.min_by_key(|(distance, _)| *distance)?;
    (distance <= (best.len() / 3).max(1)).then(|| best.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::simulation;

    fn of(components: &[Component], routes: &[&str], endpoints: &[&str]) -> Selection {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Selection { components: components.to_vec(), routes: owned(routes), endpoints: owned(endpoints) }
    }

    fn plan() -> Plan {
        simulation::fresh(&["direct", "proxy"]).plan.as_ref().clone()
    }

    #[test]
    fn a_selection_is_what_all_its_kinds_name() {
        let check = |selection: &Selection, targets: usize, routes: usize| {
            let plan = selection.apply(plan()).expect("known names");
            assert_eq!((plan.defender().count(), plan.routes.len()), (targets, routes), "{selection:?}");
            assert_eq!(plan.targets.len(), targets + routes, "{selection:?}: each route keeps its control");
        };
        let all = plan().defender().count();
        check(&of(&[], &[], &[]), all, 2);
        check(&of(&[], &["direct"], &[]), all / 2, 1);
        check(&of(&[], &[], &["wdcp.microsoft.com"]), 2, 2);
        check(&of(&[], &["proxy"], &["https://WDCP.microsoft.com", "*.wdcpalt.microsoft.com"]), 2, 1);
        let maps = of(&[Component::Maps], &["proxy"], &[]).apply(plan()).expect("known names");
        assert!(maps.defender().all(|target| target.endpoint.component == Component::Maps));
        assert_eq!(maps.components.len(), 2, "and the control");
    }

    #[test]
    fn unknown_names_are_refused_with_the_known_ones() {
        let check = |selection: &Selection, words: &[&str]| {
            let said = selection.apply(plan()).expect_err("unknown names").to_string();
            assert!(words.iter().all(|word| said.contains(word)), "{said}");
        };
        check(&of(&[Component::Mde], &[], &[]), &["--component mde: not probed", "maps, update, adl"]);
        check(&of(&[], &["prxy"], &[]), &["\"prxy\"", "did you mean proxy?", "direct, proxy"]);
        check(&of(&[], &["other"], &[]), &["no such route. The routes are: direct, proxy"]);
        check(&of(&[], &[], &["wdcp.microsft.com"]), &["not probed; did you mean wdcp.microsoft.com?"]);
        check(&of(&[], &[], &["india.cp.wd.microsoft.com"]), &["in the catalog, but not probed", "`geos`"]);
        check(&of(&[Component::Maps], &[], &["go.microsoft.com"]), &["no endpoint matches"]);
    }
}

//! One endpoint by one route: what the table shows of it. What a click shows is in `details.rs`.

use super::table::Common;
use super::{Details, Source, State, Waterfall, When};
use crate::advice;
use crate::catalog::Component;
use crate::observation::{HttpFacts, TlsFacts};
use crate::plan::{Target, TargetId};
use crate::report::{Why, why};
use crate::schedule;
use crate::state::TargetState;
use crate::trust::revocation::Status;

/// A row. Texts may be a server's.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Row {
    /// Stands for the same endpoint and route on every page.
    pub(crate) id: String,
    pub(crate) component: Component,
    pub(crate) state: State,
    pub(crate) url: String,
    /// None where there is one route alone.
    pub(crate) route: Option<String>,
    pub(crate) why: Option<WhyView>,
    /// What is odd about its addresses.
    pub(crate) notes: Vec<String>,
    /// How the routes do, where they don't all do alike.
    pub(crate) disagreement: Option<String>,
    /// None before the first probe.
    pub(crate) phases: Option<Waterfall>,
    pub(crate) status: Option<StatusView>,
    pub(crate) tls: Option<TlsView>,
    /// What was connected to, and how many more addresses DNS gave.
    pub(crate) addresses: Vec<String>,
    pub(crate) last_success: Option<When>,
    pub(crate) details: Details,
}

/// What keeps it from being good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WhyView {
    pub(crate) title: String,
    /// `stage.reason`.
    pub(crate) code: Option<String>,
    pub(crate) detail: String,
}

/// The answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StatusView {
    pub(crate) code: u16,
    /// Whether the genuine service answers with it.
    pub(crate) expected: bool,
}

/// The chain in brief.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TlsView {
    /// Who issued the leaf, by the common name.
    pub(crate) issuer: String,
    /// When the leaf ends.
    pub(crate) expires: Option<When>,
    /// What is wrong with the chain, in a word.
    pub(crate) fault: Option<&'static str>,
    /// Bad where it is revoked, degraded where that is unknown; none: not looked at.
    pub(crate) revocation: Option<State>,
}

impl Row {
    pub(super) fn of(common: &Common<'_>, id: TargetId, target: &Target, state: &TargetState) -> Self {
        let source = common.source;
        let facts = state.last.as_ref().map(|last| &last.facts);
        let why = why(target, state);
        Self {
            id: format!("{:016x}", schedule::name_hash(target)),
            component: target.endpoint.component,
            state: state.verdict(target).into(),
            url: target.endpoint.url.to_string(),
            route: source.route(&target.route.name).map(str::to_owned),
            notes: state.last.as_ref().map(|last| advice::notes(target, last)).unwrap_or_default(),
            disagreement: common.disagreements.get(&id).map(ToString::to_string),
            phases: facts.map(|facts| Waterfall::of(&facts.timings, common.scale)),
            status: facts.and_then(|facts| facts.http.as_ref()).map(|http| StatusView::of(target, http)),
            tls: facts.and_then(|facts| facts.tls.as_ref()).map(|tls| TlsView::of(source, tls, state)),
            addresses: addresses(state),
            last_success: state.last_success.map(|at| source.when(at)),
            details: Details::of(source, target, state, why.as_ref()),
            why: why.map(WhyView::of),
        }
    }
}

impl WhyView {
    fn of(why: Why) -> Self {
        Self { code: why.code(), title: why.title, detail: why.detail }
    }
}

impl StatusView {
    fn of(target: &Target, http: &HttpFacts) -> Self {
        Self { code: http.status, expected: target.endpoint.expect.allows(http.status) }
    }
}

impl TlsView {
    fn of(source: Source<'_>, tls: &TlsFacts, state: &TargetState) -> Self {
        let leaf = tls.chain.first();
        let fault = match (tls.verified, tls.intercepted) {
            (_, true) => Some("inspected"),
            (false, _) => Some("not trusted"),
            (true, false) => None,
        };
        let revocation = state.revocation.as_ref().map(|report| match report.status {
            Status::Good => State::Good,
            Status::Revoked => State::Bad,
            Status::Unknown => State::Degraded,
        });
        Self {
            issuer: leaf.map_or_else(String::new, |leaf| common_name(&leaf.issuer).to_owned()),
            expires: leaf.map(|leaf| source.when(leaf.not_after)),
            fault,
            revocation,
        }
    }
}

/// The address that was connected to first, then those that DNS gave besides.
fn addresses(state: &TargetState) -> Vec<String> {
    let Some(facts) = state.last.as_ref().map(|last| &last.facts) else { return Vec::new() };
    let peer = facts.peer.map(|peer| peer.ip());
    let others = facts.addresses.iter().copied().filter(|address| Some(*address) != peer);
    peer.into_iter().chain(others).map(|address| address.to_string()).collect()
}

/// The common name of a distinguished name, for a table; all of it where it has none. The name is a stranger's text: what
/// looks like one may be part of another value, and the whole is shown on a click.
fn common_name(name: &str) -> &str {
    let start = name.rfind("CN=").filter(|at| *at == 0 || name[..*at].ends_with(", "));
    start.map_or(name, |at| name[at + 3..].split(", ").next().unwrap_or(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_names() {
        let check = |name: &str, expected: &str| assert_eq!(common_name(name), expected, "{name}");
        check("C=US, O=Microsoft Corporation, CN=Microsoft RSA TLS CA 02", "Microsoft RSA TLS CA 02");
        check("CN=Squid, O=Example", "Squid");
        check("CN=", "");
        check("C=US, O=No Name", "C=US, O=No Name");
        check("O=FCN=x", "O=FCN=x");
        check("", "");
        check("CN=프록시 \"CA\" <b>", "프록시 \"CA\" <b>");
    }
}

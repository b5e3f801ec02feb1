//! A row of the table: one endpoint on one route. `details.rs` has the details that a click opens.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Details, DisplayState, ViewInput, Waterfall, When};
use crate::catalog::Component;
use crate::observation::{Facts, HttpFacts, TlsFacts};
use crate::plan::{Target, TargetId, schedule};
use crate::report::{self, Disagreement, Why};
use crate::revocation::RevocationStatus;
use crate::state::TargetState;

/// Data common to all rows.
pub(super) struct RowContext<'a> {
    pub(super) input: ViewInput<'a>,
    pub(super) scale: Duration,
    pub(super) disagreements: BTreeMap<TargetId, Disagreement>,
}

/// A row. Its strings may contain text from servers.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct EndpointRow {
    /// Identifies the endpoint and route, and is the same on every page.
    pub(crate) id: String,
    pub(crate) component: Component,
    pub(crate) state: DisplayState,
    pub(crate) url: String,
    /// `None` with a single route.
    pub(crate) route: Option<String>,
    pub(crate) why: Option<WhyView>,
    /// Notes on the endpoint, which do not affect its state.
    pub(crate) notes: Vec<String>,
    /// The results per route, if they differ.
    pub(crate) disagreement: Option<String>,
    /// `None` before the first probe.
    pub(crate) phases: Option<Waterfall>,
    pub(crate) status: Option<StatusView>,
    pub(crate) tls: Option<TlsView>,
    /// The connected address, then the other addresses from DNS.
    pub(crate) addresses: Vec<String>,
    pub(crate) last_success: Option<When>,
    pub(crate) details: Details,
}

impl EndpointRow {
    /// The order of rows: the worst first, then those that fail for the same reason on the same route.
    pub(super) fn by_failure(&self) -> (DisplayState, Option<[Option<&str>; 3]>) {
        let why = self.why.as_ref();
        (self.state, why.map(|why| [Some(why.title.as_str()), self.route.as_deref(), why.code.as_deref()]))
    }
}

/// Why the endpoint isn't good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WhyView {
    pub(crate) title: String,
    /// `phase.reason`.
    pub(crate) code: Option<String>,
    pub(crate) detail: String,
}

/// The status of the response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StatusView {
    pub(crate) code: u16,
    /// Whether the genuine service is known to respond with it.
    pub(crate) expected: bool,
}

/// A summary of the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TlsView {
    /// The common name of the leaf's issuer.
    pub(crate) issuer: String,
    /// When the leaf expires.
    pub(crate) expires: Option<When>,
    /// The problem with the chain, in a few words.
    pub(crate) fault: Option<&'static str>,
    /// Bad if revoked, degraded if unknown. `None` if not checked.
    pub(crate) revocation: Option<DisplayState>,
}

impl EndpointRow {
    pub(super) fn new(context: &RowContext<'_>, id: TargetId, target: &Target, state: &TargetState) -> Self {
        let input = context.input;
        let facts = state.last.as_ref().map(|last| &last.facts);
        let why = state.concern().map(Why::from);
        Self {
            id: format!("{:016x}", schedule::name_hash(target)),
            component: target.endpoint.component,
            state: state.verdict().into(),
            url: target.endpoint.url.to_string(),
            route: input.route(&target.route.name).map(str::to_owned),
            notes: report::notes(target, state),
            disagreement: context.disagreements.get(&id).map(ToString::to_string),
            phases: facts.map(|facts| Waterfall::new(&facts.timings, context.scale)),
            status: facts.and_then(|facts| facts.http.as_ref()).map(|http| StatusView::new(target, http)),
            tls: facts.and_then(|facts| Some(TlsView::new(input, facts, facts.tls.as_ref()?, state))),
            addresses: addresses(state),
            last_success: state.last_success.map(|at| input.when(at)),
            details: Details::new(input, target, state, why.as_ref()),
            why: why.map(WhyView::new),
        }
    }
}

impl WhyView {
    fn new(why: Why) -> Self {
        Self { code: why.code(), title: why.title, detail: why.detail }
    }
}

impl StatusView {
    fn new(target: &Target, http: &HttpFacts) -> Self {
        Self { code: http.status, expected: target.endpoint.expect.allows(http.status) }
    }
}

impl TlsView {
    /// `tls` and `facts` must be of the same hop.
    fn new(input: ViewInput<'_>, facts: &Facts, tls: &TlsFacts, state: &TargetState) -> Self {
        let leaf = tls.chain.first();
        let fault = match (tls.verified, tls.intercepted) {
            (_, true) => Some("inspected"),
            (false, _) => Some("not trusted"),
            (true, false) if tls.unexpected_root => Some("unexpected root"),
            (true, false) => {
                (facts.unexpected_root() == Some(true)).then_some("unexpected root after a redirect")
            }
        };
        let revocation = state.revocation.as_ref().map(|report| match report.status {
            RevocationStatus::Good => DisplayState::Good,
            RevocationStatus::Revoked => DisplayState::Bad,
            RevocationStatus::Unknown => DisplayState::Degraded,
        });
        Self {
            issuer: leaf.map_or_else(String::new, |leaf| common_name(&leaf.issuer).to_owned()),
            expires: leaf.map(|leaf| input.when(leaf.not_after)),
            fault,
            revocation,
        }
    }
}

/// The connected address first, then the others from DNS.
fn addresses(state: &TargetState) -> Vec<String> {
    let Some(facts) = state.last.as_ref().map(|last| &last.facts) else { return Vec::new() };
    let peer = facts.peer.map(|peer| peer.ip());
    let others = facts.addresses.iter().copied().filter(|address| Some(*address) != peer);
    peer.into_iter().chain(others).map(|address| address.to_string()).collect()
}

/// The common name of a distinguished name. Returns the whole name if it has none. The name is untrusted: `CN=` may be
/// part of another value. The details show the whole name.
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

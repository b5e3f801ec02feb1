//! Security intelligence: when it turns stale, the available sources, and the version feed.

use std::time::SystemTime;

use super::{DisplayState, ViewInput, When};
use crate::advice;
use crate::catalog::UpdateSource;
use crate::report::freshness;
use crate::state::{FeedState, SourceState};

/// Security intelligence updates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UpdatesView {
    /// When signatures turn stale; `None` if unknown.
    pub(crate) stale: Option<StaleView>,
    /// The update sources that are probed.
    pub(crate) sources: Vec<SourceView>,
    /// The version feed, per route.
    pub(crate) feeds: Vec<FeedView>,
}

/// When signatures turn stale.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StaleView {
    /// How close that time is, with the thresholds of the alerts.
    pub(crate) state: DisplayState,
    /// When the signatures turn stale.
    pub(crate) at: When,
    /// Whether that is known: this machine's signatures, or a source that was reached. Otherwise it is counted from the
    /// exporter's start.
    pub(crate) is_known: bool,
    /// Whether the signatures are this machine's. Otherwise they are those of a client that updated when a source was
    /// last available.
    pub(crate) installed_here: bool,
}

/// An update source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SourceView {
    pub(crate) name: &'static str,
    /// The state on the best route.
    pub(crate) state: DisplayState,
    /// The state on each route.
    pub(crate) routes: Vec<SourceRoute>,
}

/// An update source on one route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SourceRoute {
    /// `None` with a single route.
    pub(crate) route: Option<String>,
    /// Whether the source is available.
    pub(crate) state: DisplayState,
    /// When the source was last available.
    pub(crate) last: Option<When>,
}

/// The version feed on one route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FeedView {
    /// `None` with a single route.
    pub(crate) route: Option<String>,
    /// Bad if it can't be fetched, degraded if its content is outdated.
    pub(crate) state: DisplayState,
    /// The result of the last fetch, and the findings.
    pub(crate) words: Vec<String>,
    /// The details of a failure. May contain text from the server.
    pub(crate) detail: String,
    /// The published versions: of the signatures, the engine and the platform.
    pub(crate) versions: Vec<(&'static str, String)>,
    /// When these versions were published.
    pub(crate) published: Option<When>,
}

impl UpdatesView {
    pub(super) fn new(input: ViewInput<'_>) -> Self {
        let known = &input.snapshot.signatures;
        let specs = &input.snapshot.plan.signatures.sources;
        let stale_after = known.stale_after(&input.snapshot.plan);
        let installed_here = known.installed.is_some();
        let is_known = installed_here
            || known.sources.iter().any(|of| of.source.suffices() && of.last_available.is_some());
        let stale = |at: SystemTime| {
            let state = DisplayState::from(Some(freshness(at, input.now)));
            let state = if state == DisplayState::Good && !is_known { DisplayState::Unknown } else { state };
            StaleView { state, at: input.when(at), is_known, installed_here }
        };
        Self {
            stale: stale_after.map(stale),
            sources: specs.iter().filter_map(|spec| SourceView::new(input, spec.source)).collect(),
            feeds: known.feeds.iter().map(|feed| FeedView::new(input, feed)).collect(),
        }
    }
}

impl SourceView {
    fn new(input: ViewInput<'_>, of: UpdateSource) -> Option<Self> {
        let own = input.snapshot.signatures.sources.iter().filter(|known| known.source == of);
        let routes: Vec<_> = own.map(|known| SourceRoute::new(input, known)).collect();
        let known = routes.iter().map(|by| by.state).filter(|state| *state != DisplayState::Unknown);
        let state = known.max().unwrap_or(DisplayState::Unknown);
        (!routes.is_empty()).then_some(Self { name: of.component().title(), state, routes })
    }
}

impl SourceRoute {
    fn new(input: ViewInput<'_>, known: &SourceState) -> Self {
        let state = match known.available {
            Some(true) => DisplayState::Good,
            Some(false) => DisplayState::Bad,
            None => DisplayState::Unknown,
        };
        Self {
            route: input.route(&known.route).map(str::to_owned),
            state,
            last: known.last_available.map(|at| input.when(at)),
        }
    }

    /// The state in a word.
    pub(crate) const fn word(&self) -> &'static str {
        available(self.state)
    }
}

/// A source's state in a word.
pub(crate) const fn available(state: DisplayState) -> &'static str {
    match state {
        DisplayState::Good | DisplayState::Degraded => "available",
        DisplayState::Bad => "not available",
        DisplayState::Unknown => "unknown",
    }
}

impl FeedView {
    fn new(input: ViewInput<'_>, feed: &FeedState) -> Self {
        let (state, words, detail) = match &feed.fetch {
            None => (DisplayState::Unknown, vec!["not queried yet".to_owned()], String::new()),
            Some(Ok(())) if feed.findings.is_empty() => {
                (DisplayState::Good, vec!["up to date".to_owned()], String::new())
            }
            Some(Ok(())) => {
                let found = feed.findings.iter().map(|finding| finding.meaning().to_owned());
                (DisplayState::Degraded, found.collect(), String::new())
            }
            Some(Err(failure)) => {
                let title = advice::for_failure(failure.phase, failure.reason).title;
                (
                    DisplayState::Bad,
                    vec![title],
                    format!("{}.{}: {}", failure.phase, failure.reason, failure.detail),
                )
            }
        };
        let published = feed.history.as_ref().map(|history| &history.published);
        let versions = published.map_or_else(Vec::new, |published| {
            let of = [
                ("signatures", published.signatures),
                ("engine", published.engine),
                ("platform", published.platform),
            ];
            of.into_iter().map(|(name, version)| (name, version.to_string())).collect()
        });
        Self {
            route: input.route(&feed.route).map(str::to_owned),
            state,
            words,
            detail,
            versions,
            published: published.map(|published| input.when(published.published_at)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Filter, Page};
    use super::*;
    use crate::catalog::Component;
    use crate::event::Event;
    use crate::observation::{Failure, FailureReason, Phase};
    use crate::report::simulation::{self, at};
    use crate::signatures::{FeedAnswer, FeedContent, Published, Version};
    use crate::state::Snapshot;

    const DAY: u64 = 86_400;

    fn updates(snapshot: &Snapshot, second: u64) -> UpdatesView {
        Page::new(snapshot, at(second), Filter::default()).updates
    }

    /// Makes every endpoint of a component fail on this route.
    fn lose(snapshot: &mut Snapshot, component: Component, route: &str) {
        let own = snapshot
            .iter()
            .filter(|(_, target, _)| target.endpoint.component == component && target.route.name == route);
        for id in own.map(|(id, ..)| id).collect::<Vec<_>>() {
            simulation::fail(snapshot, id, 70, (Phase::Connect, FailureReason::Refused), "");
        }
    }

    #[test]
    fn signatures_turn_stale_a_week_after_the_last_chance() {
        let mut snapshot = simulation::healthy(&["direct"]);
        lose(&mut snapshot, Component::Update, "direct");
        lose(&mut snapshot, Component::Adl, "direct");
        let stale = |day: u64| updates(&snapshot, day * DAY).stale.expect("known");
        assert_eq!((stale(0).state, stale(0).at.relative.as_str()), (DisplayState::Good, "in 7 days"));
        assert_eq!((stale(4).state, stale(4).at.past), (DisplayState::Degraded, false));
        assert_eq!(
            (stale(8).state, stale(8).at.past, stale(8).installed_here),
            (DisplayState::Bad, true, false)
        );
    }

    /// Until a source was reached, nobody knows how old signatures are; a week without one is bad all the same.
    #[test]
    fn freshness_is_unknown_until_a_source_was_reached() {
        let mut snapshot = simulation::fresh(&["direct"]);
        lose(&mut snapshot, Component::Update, "direct");
        lose(&mut snapshot, Component::Adl, "direct");
        let stale = |day: u64| updates(&snapshot, day * DAY).stale.expect("counted from the start");
        assert_eq!((stale(1).state, stale(1).is_known), (DisplayState::Unknown, false));
        assert_eq!((stale(4).state, stale(8).state), (DisplayState::Degraded, DisplayState::Bad));
    }

    #[test]
    fn a_source_does_as_well_as_its_best_route() {
        let mut snapshot = simulation::fresh(&["direct", "proxy"]);
        assert!(updates(&snapshot, 0).sources.iter().all(|of| of.state == DisplayState::Unknown));
        snapshot = simulation::healthy(&["direct", "proxy"]);
        lose(&mut snapshot, Component::Adl, "direct");
        let found = updates(&snapshot, 200).sources;
        let states: Vec<_> = found.iter().map(|of| (of.name, of.state)).collect();
        assert_eq!(
            states,
            [("Microsoft Update", DisplayState::Good), ("Alternate download location", DisplayState::Good)]
        );
        let by: Vec<_> = found[1].routes.iter().map(|by| (by.route.as_deref(), by.word())).collect();
        assert_eq!(by, [(Some("direct"), "not available"), (Some("proxy"), "available")]);
        assert!(found[1].routes[0].last.as_ref().is_some_and(|at| at.relative == "3 minutes ago"));
    }

    #[test]
    fn feed_states() {
        let mut snapshot = simulation::healthy(&["direct"]);
        let check = |snapshot: &mut Snapshot, result, state, words: &str| {
            let route = "direct".to_owned();
            let answer = FeedAnswer { route, at: at(100), result };
            snapshot.apply(Event::Feed(Box::new(answer)));
            let [feed] = &updates(snapshot, 200).feeds[..] else { panic!("one route") };
            assert_eq!((feed.state, feed.words.join("; ").as_str()), (state, words));
            feed.versions.first().map(|(_, version)| version.clone())
        };
        let published = |build, second| Published {
            signatures: Version([1, 441, build, 0]),
            engine: Version([1, 1, 26010, 1]),
            platform: Version([4, 18, 26010, 5]),
            published_at: at(second),
        };
        assert_eq!(updates(&snapshot, 200).feeds[0].words, ["not queried yet"]);
        let content = |build| {
            Ok(FeedContent { url: "https://feed.example/".to_owned(), published: published(build, 0) })
        };
        let found = check(&mut snapshot, content(99), DisplayState::Good, "up to date");
        assert_eq!(found.as_deref(), Some("1.441.99.0"));
        check(&mut snapshot, content(98), DisplayState::Degraded, "names older signatures than before");
        let failure = Err(Failure::new(Phase::Connect, FailureReason::Refused, "by the test"));
        let found = check(&mut snapshot, failure, DisplayState::Bad, "The connection was refused");
        assert_eq!(found.as_deref(), Some("1.441.98.0"), "the last published version stays");
    }
}

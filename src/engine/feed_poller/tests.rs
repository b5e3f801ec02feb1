//! When the feed is polled, over which route, and what the answers become. The clock is paused and no socket is opened.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use bytes::Bytes;
use futures_util::future::join_all;

use super::*;
use crate::config::{Config, RouteConfig};
use crate::net::fetch::{ContentHeaders, Validators};
use crate::plan::routes;
use crate::signatures::Version;

const HOUR: Duration = Duration::from_secs(60 * 60);
const CURRENT: &str = "https://current.example/";
const OLDER: &str = "https://older.example/";

/// The response of a URL: the n-th release, a page, 304 or a failure.
#[derive(Clone, Copy)]
enum Response {
    Release(u32),
    Page,
    NotModified,
    Fails(FailureReason),
}

/// The simulated network: responses by URL, and a record of each request.
struct Net {
    start: Instant,
    responses: BTreeMap<&'static str, Response>,
    requests: Mutex<Vec<(Duration, String)>>,
}

impl Fetch for Net {
    async fn fetch(&self, wanted: FetchRequest<'_>) -> Result<Fetched, Failure> {
        assert_eq!((wanted.limit, wanted.timeout), (65_536, Duration::from_secs(10)));
        assert!(wanted.secure, "feeds are at https");
        self.requests.lock().unwrap().push((self.start.elapsed(), wanted.url.as_str().to_owned()));
        let body = |text: String| Fetched::Body {
            bytes: Bytes::from(text),
            validators: Validators::default(),
            content: ContentHeaders::default(),
        };
        match self.responses[wanted.url.as_str()] {
            Response::Release(n) => Ok(body(format!(
                "<versions><engine>1.1.1.1</engine><platform>4.18.1.1</platform>\
                 <signatures date='2026-11-24 00:00:00Z'>1.441.{n}.0</signatures></versions>"
            ))),
            Response::Page => Ok(body("<html/>".to_owned())),
            Response::NotModified => Ok(Fetched::NotModified),
            Response::Fails(reason) => Err(Failure::new(Phase::Connect, reason, "")),
        }
    }
}

fn at() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_478_400)
}

fn plan(names: &[&str], feeds: &[&str]) -> SignaturePlan {
    let route = |name: &&str| RouteConfig { name: (*name).to_owned(), ..RouteConfig::direct() };
    let config = Config { routes: names.iter().map(route).collect(), ..Config::default() };
    SignaturePlan {
        feeds: feeds.iter().map(|url| ProbeUrl::parse(url).unwrap()).collect(),
        routes: routes(&config),
        interval: HOUR,
        timeout: config.timeout,
        ..SignaturePlan::default()
    }
}

/// Runs the pollers for `time`. Returns the requests and the answers.
async fn run_pollers(
    plan: SignaturePlan,
    responses: &[(&'static str, Response)],
    time: Duration,
) -> (Vec<(Duration, String)>, Vec<FeedAnswer>) {
    let net = Arc::new(Net {
        start: Instant::now(),
        responses: responses.iter().copied().collect(),
        requests: Mutex::default(),
    });
    let (events, mut inbox) = mpsc::channel(1000);
    let fetchers = vec![Arc::clone(&net); plan.routes.len()];
    let pollers = join_all(pollers(&plan, fetchers, Clock::Fixed(at()), &events));
    drop(events);
    assert_eq!(tokio::time::timeout(time, pollers).await.is_ok(), plan.feeds.is_empty());
    let mut answers = Vec::new();
    while let Some(event) = inbox.recv().await {
        let Event::Feed(answer) = event else { panic!("{event:?}") };
        answers.push(*answer);
    }
    let requests = net.requests.lock().unwrap().clone();
    (requests, answers)
}

/// Checks the URLs that are requested and the resulting version or failure.
async fn check(
    responses: &[(&'static str, Response)],
    requests: &[&str],
    expected: Result<(&str, u32), FailureReason>,
) {
    let (found, mut answers) = run_pollers(plan(&["direct"], &[CURRENT, OLDER]), responses, HOUR / 4).await;
    assert_eq!(found.iter().map(|(_, url)| url.as_str()).collect::<Vec<_>>(), requests);
    let answer = answers.pop().unwrap();
    assert_eq!((answer.route.as_str(), answer.at, answers.len()), ("direct", at(), 0));
    let result = answer.result.map(|content| (content.url, content.published.signatures));
    let expected = expected.map(|(url, n)| (url.to_owned(), Version([1, 441, n, 0])));
    assert_eq!(result.map_err(|failure| failure.reason), expected);
}

#[tokio::test(start_paused = true)]
async fn the_older_feed_is_polled_if_the_current_one_fails() {
    use FailureReason::{Protocol, Refused, Timeout, WrongContent};
    use Response::{Fails, NotModified, Page, Release};
    let both = [CURRENT, OLDER];
    check(&[(CURRENT, Release(2)), (OLDER, Release(1))], &[CURRENT], Ok((CURRENT, 2))).await;
    check(&[(CURRENT, Fails(Refused)), (OLDER, Release(1))], &both, Ok((OLDER, 1))).await;
    check(&[(CURRENT, Page), (OLDER, Release(1))], &both, Ok((OLDER, 1))).await;
    check(&[(CURRENT, Fails(Timeout)), (OLDER, Page)], &both, Err(Timeout)).await;
    check(&[(CURRENT, Page), (OLDER, Fails(Refused))], &both, Err(WrongContent)).await;
    check(&[(CURRENT, NotModified), (OLDER, Fails(Refused))], &both, Err(Protocol)).await;
}

#[tokio::test(start_paused = true)]
async fn each_route_polls_at_its_own_offset() {
    let responses = [(CURRENT, Response::Release(1))];
    let names = ["direct", "machine-proxy", "branch"];
    let (requests, answers) = run_pollers(plan(&names, &[CURRENT]), &responses, 48 * HOUR).await;
    for name in names {
        let own = answers.iter().filter(|answer| answer.route == name).count();
        assert!((48..=49).contains(&own), "{name}: {own}");
    }
    let times: Vec<Duration> = requests.into_iter().map(|(time, _)| time).collect();
    assert!(times[..3].iter().all(|time| *time <= FIRST_SPREAD), "{:?}", &times[..3]);
    assert!(times[3] >= HOUR / 2, "{:?}", times[3]);
    // The routes poll at different times, and each at the same minute of every hour.
    let offsets: std::collections::BTreeSet<u128> =
        times[3..].iter().map(|time| time.as_millis() % HOUR.as_millis()).collect();
    assert_eq!(offsets.len(), 3, "{offsets:?}");
    let again = run_pollers(plan(&names, &[CURRENT]), &responses, 48 * HOUR).await.0;
    assert_eq!(again.into_iter().map(|(time, _)| time).collect::<Vec<_>>(), times);
}

#[tokio::test(start_paused = true)]
async fn regular_polls_follow_the_first_after_0_5_to_1_5_intervals() {
    let responses = [(CURRENT, Response::Release(1))];
    let mut firsts = std::collections::BTreeSet::new();
    for name in ["direct", "machine-proxy", "branch"] {
        let requests = run_pollers(plan(&[name], &[CURRENT]), &responses, 6 * HOUR).await.0;
        let times: Vec<Duration> = requests.into_iter().map(|(time, _)| time).collect();
        assert!(times[1] + FIRST_SPREAD > times[0] + HOUR / 2, "{name}: {times:?}");
        assert!(times[1] < times[0] + HOUR * 3 / 2, "{name}: {times:?}");
        assert!(times[1..].windows(2).all(|pair| pair[1] == pair[0] + HOUR), "{name}: {times:?}");
        firsts.insert(times[0]);
    }
    assert_eq!(firsts.len(), 3, "not all at once: {firsts:?}");
}

#[tokio::test(start_paused = true)]
async fn without_feeds_nothing_is_polled() {
    let (requests, answers) = run_pollers(plan(&["direct"], &[]), &[], HOUR).await;
    assert!(requests.is_empty() && answers.is_empty());
}

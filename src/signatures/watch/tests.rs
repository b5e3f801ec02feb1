//! When the feed is asked for, by whom, and what becomes of the answers. The clock is paused and no socket opened.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use bytes::Bytes;

use super::*;
use crate::config::{Config, RouteConfig};
use crate::fetch::Validators;
use crate::plan::routes;
use crate::signatures::Version;

const HOUR: Duration = Duration::from_secs(60 * 60);
const CURRENT: &str = "https://current.example/";
const OLDER: &str = "https://older.example/";

/// What a URL answers: the n-th release, something else, or nothing.
#[derive(Clone, Copy)]
enum Says {
    Release(u32),
    Page,
    NotModified,
    Fails(FailureReason),
}

/// What answers, and when it was asked for what.
struct Net {
    start: Instant,
    says: BTreeMap<&'static str, Says>,
    asked: Mutex<Vec<(Duration, String)>>,
}

impl Fetch for Net {
    async fn fetch(&self, wanted: Wanted<'_>) -> Result<Fetched, Failure> {
        assert_eq!((wanted.limit, wanted.timeout), (65_536, Duration::from_secs(10)));
        assert!(wanted.secure, "feeds are at https");
        self.asked.lock().unwrap().push((self.start.elapsed(), wanted.url.as_str().to_owned()));
        let body =
            |text: String| Fetched::Body { bytes: Bytes::from(text), validators: Validators::default() };
        match self.says[wanted.url.as_str()] {
            Says::Release(n) => Ok(body(format!(
                "<versions><engine>1.1.1.1</engine><platform>4.18.1.1</platform>\
                 <signatures date='2026-11-24 00:00:00Z'>1.441.{n}.0</signatures></versions>"
            ))),
            Says::Page => Ok(body("<html/>".to_owned())),
            Says::NotModified => Ok(Fetched::NotModified),
            Says::Fails(reason) => Err(Failure::new(Stage::Connect, reason, "")),
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

/// What was asked and answered within some time.
async fn watch(
    plan: SignaturePlan,
    says: &[(&'static str, Says)],
    time: Duration,
) -> (Vec<(Duration, String)>, Vec<Answer>) {
    let net = Arc::new(Net {
        start: Instant::now(),
        says: says.iter().copied().collect(),
        asked: Mutex::default(),
    });
    let (events, mut inbox) = mpsc::channel(1000);
    let fetchers = vec![Arc::clone(&net); plan.routes.len()];
    let run = run(&plan, fetchers, Clock::Fixed(at()), events);
    assert_eq!(tokio::time::timeout(time, run).await.is_ok(), plan.feeds.is_empty());
    let mut answers = Vec::new();
    while let Some(event) = inbox.recv().await {
        let Event::Feed(answer) = event else { panic!("{event:?}") };
        answers.push(*answer);
    }
    let asked = net.asked.lock().unwrap().clone();
    (asked, answers)
}

/// What is asked for, and the version or the failure that comes of it.
async fn check(says: &[(&'static str, Says)], asked: &[&str], expected: Result<(&str, u32), FailureReason>) {
    let (found, mut answers) = watch(plan(&["direct"], &[CURRENT, OLDER]), says, HOUR / 4).await;
    assert_eq!(found.iter().map(|(_, url)| url.as_str()).collect::<Vec<_>>(), asked);
    let answer = answers.pop().unwrap();
    assert_eq!((answer.route.as_str(), answer.at, answers.len()), ("direct", at(), 0));
    let result = answer.result.map(|(url, published)| (url, published.signatures));
    let expected = expected.map(|(url, n)| (url.to_owned(), Version([1, 441, n, 0])));
    assert_eq!(result.map_err(|failure| failure.reason), expected);
}

#[tokio::test(start_paused = true)]
async fn the_older_feed_is_asked_when_the_current_one_is_no_use() {
    use FailureReason::{Protocol, Refused, Timeout, WrongContent};
    use Says::{Fails, NotModified, Page, Release};
    let both = [CURRENT, OLDER];
    check(&[(CURRENT, Release(2)), (OLDER, Release(1))], &[CURRENT], Ok((CURRENT, 2))).await;
    check(&[(CURRENT, Fails(Refused)), (OLDER, Release(1))], &both, Ok((OLDER, 1))).await;
    check(&[(CURRENT, Page), (OLDER, Release(1))], &both, Ok((OLDER, 1))).await;
    check(&[(CURRENT, Fails(Timeout)), (OLDER, Page)], &both, Err(Timeout)).await;
    check(&[(CURRENT, Page), (OLDER, Fails(Refused))], &both, Err(WrongContent)).await;
    check(&[(CURRENT, NotModified), (OLDER, Fails(Refused))], &both, Err(Protocol)).await;
}

#[tokio::test(start_paused = true)]
async fn each_route_asks_soon_and_then_at_its_own_place_in_the_interval() {
    let says = [(CURRENT, Says::Release(1))];
    let names = ["direct", "machine-proxy", "branch"];
    let (asked, answers) = watch(plan(&names, &[CURRENT]), &says, 48 * HOUR).await;
    for name in names {
        let own = answers.iter().filter(|answer| answer.route == name).count();
        assert!((48..=49).contains(&own), "{name}: {own}");
    }
    let times: Vec<Duration> = asked.into_iter().map(|(time, _)| time).collect();
    assert!(times[..3].iter().all(|time| *time <= FIRST), "{:?}", &times[..3]);
    assert!(times[3] >= HOUR / 2, "{:?}", times[3]);
    // Not all at once, and each at the same minute of every hour.
    let places: std::collections::BTreeSet<u128> =
        times[3..].iter().map(|time| time.as_millis() % HOUR.as_millis()).collect();
    assert_eq!(places.len(), 3, "{places:?}");
    let again = watch(plan(&names, &[CURRENT]), &says, 48 * HOUR).await.0;
    assert_eq!(again.into_iter().map(|(time, _)| time).collect::<Vec<_>>(), times);
}

#[tokio::test(start_paused = true)]
async fn the_regular_questions_follow_the_first_by_half_an_interval_and_less_than_three_halves() {
    let says = [(CURRENT, Says::Release(1))];
    let mut firsts = std::collections::BTreeSet::new();
    for name in ["direct", "machine-proxy", "branch"] {
        let asked = watch(plan(&[name], &[CURRENT]), &says, 6 * HOUR).await.0;
        let times: Vec<Duration> = asked.into_iter().map(|(time, _)| time).collect();
        assert!(times[1] + FIRST > times[0] + HOUR / 2, "{name}: {times:?}");
        assert!(times[1] < times[0] + HOUR * 3 / 2, "{name}: {times:?}");
        assert!(times[1..].windows(2).all(|pair| pair[1] == pair[0] + HOUR), "{name}: {times:?}");
        firsts.insert(times[0]);
    }
    assert_eq!(firsts.len(), 3, "not all at once: {firsts:?}");
}

#[tokio::test(start_paused = true)]
async fn without_feeds_nothing_is_asked() {
    let (asked, answers) = watch(plan(&["direct"], &[]), &[], HOUR).await;
    assert!(asked.is_empty() && answers.is_empty());
}

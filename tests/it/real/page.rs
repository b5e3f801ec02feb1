//! The status page in a real browser: contents, filter, refresh without losing the position, hostile texts, narrow
//! windows. `DEFENDER_SCREENSHOTS=folder` stores screenshots.

use std::path::PathBuf;
use std::sync::Arc;

use defender_exporter_needs::needs;
use rcgen::{CertificateParams, DnType, KeyPair};
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;
use serde_json::{Value, json};

use super::chromium::Browser;
use super::tools;
use crate::exporter::{Exporter, internet, samples, successes};
use crate::lab::pki::pointers::CRL_HOST;
use crate::lab::reply::Response;
use crate::lab::{Lab, faults};
use crate::load::BRISK;

const VICTIM: &str = "wdcp.microsoft.com";
const WIDE: (u32, u32) = (1280, 900);
/// Of a phone.
const NARROW: (u32, u32) = (390, 844);

/// An exporter in its lab, and a browser.
struct World {
    lab: Lab,
    exporter: Exporter,
    browser: Browser,
    all: usize,
}

impl World {
    /// All endpoints work, with or without reachable CRLs of MAPS.
    async fn start(lists: bool) -> Self {
        let chromium = tools::find("chromium");
        let (lab, file, all) = internet(BRISK).await;
        if !lists {
            lab.forwarder(CRL_HOST).block().await;
        }
        let exporter = Exporter::start(&file);
        let known = |metrics: &str| {
            let connected = samples(metrics, "defender_maps_connected");
            successes(metrics) == all
                && connected.len() == 4
                && connected.iter().all(|(_, c)| !lists || *c > 0.5)
        };
        exporter.until("everything answers, and revocation is looked up", known).await;
        let mut browser = Browser::start(&chromium);
        browser.look(WIDE, "light");
        browser.open(&exporter.page());
        Self { lab, exporter, browser, all: all - 1 } // without the control
    }

    /// The page is fetched until something holds, as it is by itself every ten seconds.
    fn refresh_until(&mut self, holds: &str) {
        self.browser.until(&format!(
            "({holds}) || void document.dispatchEvent(new Event('visibilitychange')) || new Promise(done => setTimeout(done, 300))"
        ));
    }

    /// Stores screenshots, if requested.
    fn pictures(&mut self, state: &str) {
        let Some(folder) = std::env::var_os("DEFENDER_SCREENSHOTS").map(PathBuf::from) else { return };
        for (name, size) in
            [("wide", WIDE), ("narrow", NARROW), ("whole", (WIDE.0, 3000)), ("long", (NARROW.0, 4000))]
        {
            for scheme in ["light", "dark"] {
                self.browser.look(size, scheme);
                let file = folder.join(format!("{state}-{name}-{scheme}.png"));
                std::fs::write(file, self.browser.picture()).unwrap();
            }
        }
    }

    /// Waits until the table shows so many endpoints.
    fn rows(&mut self, expected: usize) {
        self.browser.until(&format!("document.querySelectorAll('#table tr.row').length == {expected}"));
    }
}

/// The row of the endpoint whose URL begins so.
fn row(url: &str) -> String {
    let url = json!(url);
    format!(
        "[...document.querySelectorAll('tr.row')].find(row => row.querySelector('.url').textContent.startsWith({url}))"
    )
}

#[needs("chromium")]
#[tokio::test(flavor = "multi_thread")]
async fn the_page_shows_what_is_known_and_asks_nobody_else() {
    let mut world = World::start(true).await;
    let all = world.all;
    world.rows(all);
    let browser = &mut world.browser;
    assert_eq!(browser.eval("document.querySelector('h1').textContent"), "Everything works");
    assert_eq!(browser.eval("document.title"), "good: Everything works · defender-exporter");
    let summary = browser.eval("document.querySelector('.maps-summary').textContent");
    assert!(summary.as_str().unwrap().starts_with("MAPS is connected"), "{summary}");
    assert_eq!(browser.eval("document.querySelectorAll('.components li').length"), 6);
    let maps = row("https://wdcp.microsoft.com/");
    for words in ["good", "503", "not revoked", "Lab Microsoft Secure Server CA", "127.0.0.1"] {
        let found = browser.eval(&format!("{maps}.innerText"));
        assert!(found.as_str().unwrap().contains(words), "{words}: {found}");
    }
    // The style is in force, and so is the script.
    assert_eq!(
        browser.eval(&format!("getComputedStyle({maps}.querySelector('.badge')).borderRadius != '0px'")),
        true
    );
    assert_eq!(browser.eval("document.getElementById('pause').hidden"), false);
    let (asked, complaints) = browser.heard();
    assert_eq!(complaints, Vec::<String>::new());
    let page = world.exporter.page();
    assert!(asked.len() >= 3 && asked.iter().all(|url| url.starts_with(&page)), "{asked:?}");
    world.pictures("healthy");
}

#[needs("chromium")]
#[tokio::test(flavor = "multi_thread")]
async fn it_filters_with_the_script_and_without() {
    let mut world = World::start(true).await;
    let (all, page) = (world.all, world.exporter.page());
    world.rows(all);
    world.browser.eval("document.querySelector('[name=q]').focus()");
    for letter in "wdcp microsoft".chars() {
        world.browser.tell("Input.insertText", &json!({ "text": letter.to_string() }));
    }
    world.rows(5);
    assert_eq!(world.browser.eval("location.search"), "?q=wdcp+microsoft");
    assert_eq!(world.browser.eval("document.activeElement.name"), "q");
    world.browser.eval("document.querySelector('[name=state][value=bad]').click()");
    world.rows(0);
    let said = world.browser.eval("document.getElementById('table').innerText");
    assert!(said.as_str().unwrap().contains("No endpoint matches"), "{said}");
    world.browser.eval("document.querySelector('[name=state][value=good]').click()");
    world.rows(5);

    // The URL alone gives the same page, and the form works without the script.
    world.browser.tell("Emulation.setScriptExecutionDisabled", &json!({ "value": true }));
    world.browser.open(&format!("{page}?state=good&q=wdcp+microsoft"));
    world.rows(5);
    assert_eq!(world.browser.eval("document.querySelector('[name=q]').value"), "wdcp microsoft");
    world.browser.eval("document.querySelector('[name=q]').value = 'crl'");
    world.browser.eval("document.querySelector('[name=component]').value = 'crl'");
    world.browser.eval("document.getElementById('apply').click()");
    world
        .browser
        .until("location.search == '?state=good&component=crl&q=crl' && document.readyState == 'complete'");
    world.rows(4);
    let (_, complaints) = world.browser.heard();
    assert_eq!(complaints, Vec::<String>::new());
}

#[needs("chromium")]
#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_keeps_what_is_open_focused_and_scrolled_to() {
    let mut world = World::start(true).await;
    let all = world.all;
    world.rows(all);
    let victim = row("https://wdcp.microsoft.com/");
    // By keyboard: the handle takes the focus, and Enter opens it.
    let browser = &mut world.browser;
    browser.eval(&format!(
        "window.handle = {victim}.nextElementSibling.querySelector('summary'); handle.focus()"
    ));
    browser.press("Enter", 13);
    browser.until("handle.parentElement.open");
    browser.eval("handle.scrollIntoView({ block: 'center' }); getSelection().selectAllChildren(handle)");
    let before = browser.eval("handle.getBoundingClientRect().top");

    world.lab.tls.break_host(VICTIM, faults::silent());
    world.refresh_until(&format!("{victim}.querySelector('.badge').textContent == 'bad'"));
    let browser = &mut world.browser;
    assert_eq!(browser.eval("handle.isConnected && handle.parentElement.open"), true);
    assert_eq!(browser.eval("document.activeElement == handle"), true);
    assert_eq!(browser.eval("getSelection().toString().startsWith('Details')"), true);
    let moved =
        browser.eval("handle.getBoundingClientRect().top").as_f64().unwrap() - before.as_f64().unwrap();
    assert!(moved.abs() < 2.0, "what is read stays where it is: {moved}");
    let panel = browser.eval("handle.parentElement.querySelector('.panel').innerText");
    for words in ["The server did not answer the request in time", "request.timeout", "What to change:"] {
        assert!(panel.as_str().unwrap().contains(words), "{words}: {panel}");
    }
    assert_eq!(
        browser.eval("document.querySelector('h1').textContent"),
        "Every service works, but not every endpoint"
    );
    assert_eq!(
        browser.eval(&format!(
            "document.getElementById('summary').textContent == 'Of {all} endpoints: 1 bad, {} good.'",
            all - 1
        )),
        true
    );

    // A filter that hides it doesn't close it; once it has recovered, the failure is kept beside the success.
    world.browser.eval("document.querySelector('[name=state][value=good]').click()");
    world.rows(all - 1);
    world.browser.eval("document.querySelector('[name=state][value=\"\"]').click()");
    world.rows(all);
    assert_eq!(
        world.browser.eval(&format!("{victim}.nextElementSibling.querySelector('details').open")),
        true
    );
    world.lab.tls.heal();
    world.refresh_until(&format!("{victim}.querySelector('.badge').textContent == 'good'"));
    let panel = world.browser.eval(&format!("{victim}.nextElementSibling.innerText"));
    assert!(panel.as_str().unwrap().contains("Last failure"), "{panel}");
}

#[needs("chromium")]
#[tokio::test(flavor = "multi_thread")]
async fn it_says_when_the_exporter_is_gone_and_stops_when_told() {
    let mut world = World::start(true).await;
    world.browser.eval("document.getElementById('pause').click()");
    assert_eq!(world.browser.eval("document.getElementById('pause').getAttribute('aria-pressed')"), "true");
    world.browser.eval("document.getElementById('pause').click()");
    let World { lab: _lab, exporter, mut browser, .. } = world;
    drop(exporter);
    browser.eval("document.dispatchEvent(new Event('visibilitychange'))");
    browser.until("document.getElementById('stale').textContent.includes('the exporter does not answer')");
}

/// What would run if it were markup, and turn the text around it if it were not kept apart.
const HOSTILE: &str =
    "</bdi><script>window.hacked=1</script><img src=x onerror=window.hacked=1>\" onclick=window.hacked=1 x='";

/// A chain for the victim whose subject and issuer are hostile.
fn identity() -> Arc<CertifiedKey> {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec![VICTIM.to_owned()]).unwrap();
    params.distinguished_name.push(DnType::CommonName, HOSTILE);
    let certificate = params.self_signed(&key).unwrap();
    let private = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    Arc::new(CertifiedKey::new(vec![certificate.der().clone()], any_supported_type(&private).unwrap()))
}

#[needs("chromium")]
#[tokio::test(flavor = "multi_thread")]
async fn what_hostile_servers_say_is_text() {
    let mut world = World::start(true).await;
    world.lab.tls.present(VICTIM, identity());
    let hostile = Response::new(403).header("Server", HOSTILE).header("Location", HOSTILE);
    world.lab.tls.break_host("wdcpalt.microsoft.com", crate::lab::reply::Reply::from(hostile));
    let [chain, header] = ["https://wdcp.microsoft.com/", "https://wdcpalt.microsoft.com/"].map(row);
    // The status of wdcpalt is no more than a note: it is known from older captures.
    world.refresh_until(&format!(
        "{chain}.querySelector('.badge').textContent != 'good' && {header}.nextElementSibling.textContent.includes('403')"
    ));
    let page = world.exporter.page();
    // As the script took it over, and as the browser parses it.
    for _ in 0..2 {
        for row in [&chain, &header] {
            let text = world.browser.eval(&format!("{row}.nextElementSibling.textContent"));
            assert!(text.as_str().unwrap().contains(HOSTILE), "{text}");
        }
        let strange =
            "document.querySelectorAll('main script, main img, main [onclick], main [onerror]').length";
        assert_eq!(world.browser.eval(strange), 0);
        assert_eq!(world.browser.eval("typeof window.hacked"), "undefined");
        world.browser.open(&page);
    }
    assert_eq!(world.browser.heard().1, Vec::<String>::new());
}

/// The number of nodes by role in the accessibility tree.
fn roles(browser: &mut Browser) -> Vec<usize> {
    let tree = browser.tell("Accessibility.getFullAXTree", &json!({}));
    let nodes = tree["nodes"].as_array().unwrap();
    let count = |role: &str| {
        let is = |node: &&Value| node["ignored"] != true && node["role"]["value"] == role;
        nodes.iter().filter(is).count()
    };
    ["table", "row", "rowheader", "columnheader"].map(count).into()
}

#[needs("chromium")]
#[tokio::test(flavor = "multi_thread")]
async fn it_fits_every_window_and_stays_a_table() {
    let mut world = World::start(false).await;
    world.lab.tls.break_host("fe2.update.microsoft.com", faults::silent());
    world.lab.tls.break_host("definitionupdates.microsoft.com", faults::proxy_authentication());
    world.refresh_until("document.querySelectorAll('.causes li').length >= 3");
    world.pictures("broken");
    // A refresh between two windows would compare two states of the network.
    world.browser.eval("document.getElementById('pause').click()");
    world
        .browser
        .eval("document.querySelectorAll('tr.more details').forEach((details, n) => details.open = n < 3)");
    let fits = "document.documentElement.scrollWidth <= innerWidth";
    let mut seen = Vec::new();
    for size in [(1920, 1080), WIDE, (1130, 800), (768, 1024), NARROW, (320, 640)] {
        world.browser.look(size, "light");
        let beyond = "[...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > innerWidth)";
        let culprits = world
            .browser
            .eval(&format!("{beyond}.map(e => e.tagName + '.' + e.className).slice(0, 5).join()"));
        assert_eq!(world.browser.eval(fits), true, "{size:?}: {culprits}");
        seen.push(roles(&mut world.browser));
    }
    assert!(seen.iter().all(|roles| *roles == seen[0]), "{seen:?}");
    assert!(seen[0][1] > world.all, "{seen:?}");
}

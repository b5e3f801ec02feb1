//! Proxy passwords are used, and appear in no output at any log level.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::proxies::names;
use super::{PROGRAM, endpoints};
use crate::lab::Lab;
use crate::lab::pki::{Authority, Flaw};
use crate::lab::proxy::{Kind, Order, Proxy};
use crate::load::TEST_TIMEOUT;
use crate::record::document;

const USER: &str = "ann";
/// It needs escapes wherever something has them.
const PASSWORD: &str = "h0rse+b@ttery/st\"aple: 9%";

/// How the password may show: as it is, as Basic has it, in a URL, in JSON, as bytes.
fn shapes() -> Vec<(&'static str, String)> {
    let json = serde_json::to_string(PASSWORD).unwrap();
    let mut url = url::Url::parse("http://proxy.example").unwrap();
    url.set_password(Some(PASSWORD)).unwrap();
    let bytes = format!("{:?}", PASSWORD.as_bytes());
    let characters = url::form_urlencoded::byte_serialize(PASSWORD.as_bytes()).collect();
    vec![
        ("as it is", PASSWORD.to_owned()),
        ("with its user, in Base64", BASE64_STANDARD.encode(format!("{USER}:{PASSWORD}"))),
        ("in Base64", BASE64_STANDARD.encode(PASSWORD)),
        ("in a URL", url.password().unwrap().to_owned()),
        ("in a form", characters),
        ("in JSON", json.trim_matches('"').to_owned()),
        ("as bytes", bytes.trim_matches(['[', ']']).to_owned()),
    ]
}

fn holds_no_password(what: &str, said: &[u8]) {
    let said = String::from_utf8_lossy(said);
    for (shape, text) in shapes() {
        let found = said.find(&text).map(|at| said[..at].lines().count());
        assert!(
            found.is_none(),
            "{what} has the password {shape}: {:?}",
            said.lines().nth(found.unwrap() - 1)
        );
    }
}

/// The lab's Internet behind proxies of every kind that demand a login, and a configuration with a route by each of them.
struct World {
    _lab: Lab,
    proxies: Vec<Proxy>,
    file: PathBuf,
}

async fn world(password: &'static str) -> World {
    let lab = Lab::start_at(SystemTime::now()).await;
    let urls = lab.serve_all(endpoints());
    let identity = lab.pki.identity("127.0.0.1", Authority::DigicertG2, Flaw::None);
    let proxies: Vec<_> = [Kind::Http, Kind::Https(identity), Kind::Socks]
        .map(|kind| Proxy::start(kind, names(&lab, &urls)))
        .into();
    for proxy in &proxies {
        proxy.order(Order::Demand(USER, password));
    }
    let script = format!("function FindProxyForURL() {{ return 'PROXY {}'; }}", proxies[0].addr());
    std::fs::write(lab.files().join("proxy.pac"), script).unwrap();
    std::fs::write(lab.files().join("proxy.pass"), format!("{PASSWORD}\n")).unwrap();
    let settings = ["http", "https", "socks5"]
        .iter()
        .zip(&proxies)
        .map(|(scheme, proxy)| format!("name: {scheme}, proxy: \"{scheme}://{}\"", proxy.addr()));
    let settings = settings.chain(["name: script, pac: proxy.pac".to_owned()]);
    let login = format!("username: {USER}, password_file: proxy.pass, components: [maps, crl]");
    let routes: Vec<_> = settings.map(|setting| format!("  - {{ {setting}, {login} }}\n")).collect();
    let file = lab.files().join("exporter.yaml");
    let text = format!("interval: 20s\ntimeout: 15s\nroutes:\n{}{}", routes.concat(), lab.config_yaml(&urls));
    std::fs::write(&file, text).unwrap();
    World { _lab: lab, proxies, file }
}

/// The program with everything that can be logged.
fn program(file: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command.args(args).args(["--log.level", "trace", "--config.file"]).arg(file);
    command
}

/// All output of a command, and its exit code.
fn said(file: &Path, args: &[&str]) -> (Vec<u8>, Option<i32>) {
    let output = program(file, args).output().unwrap();
    ([output.stdout, output.stderr].concat(), output.status.code())
}

struct Serving {
    child: Child,
    log: PathBuf,
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill(); // it may have ended by itself
        let _ = self.child.wait();
    }
}

impl Serving {
    fn start(file: &Path, format: &str) -> Self {
        let log = file.with_extension(format);
        let child = program(file, &["--web.listen-address", "127.0.0.1:0", "--log.format", format])
            .stdout(Stdio::null())
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap();
        Self { child, log }
    }

    fn log(&self) -> Vec<u8> {
        std::fs::read(&self.log).unwrap()
    }

    async fn address(&self) -> String {
        let deadline = Instant::now() + TEST_TIMEOUT;
        loop {
            let log = String::from_utf8_lossy(&self.log()).into_owned();
            if let Some((_, rest)) =
                log.split_once("listening").and_then(|(_, rest)| rest.split_once("http://"))
            {
                return rest.split("/metrics").next().unwrap().to_owned();
            }
            assert!(Instant::now() < deadline, "it never served: {log}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

async fn get(url: &str) -> Vec<u8> {
    let answer = crate::lab::client().get(url).send().await.unwrap();
    let head = format!("{:?}", answer.headers());
    [head.as_bytes(), &answer.bytes().await.unwrap()].concat()
}

/// Serves for a while, until each route knows its end, and searches all that comes of it.
async fn check_serving(file: &Path, format: &str, success: &str) {
    let serving = Serving::start(file, format);
    let address = serving.address().await;
    let deadline = Instant::now() + TEST_TIMEOUT;
    loop {
        let metrics = get(&format!("http://{address}/metrics")).await;
        holds_no_password("/metrics", &metrics);
        let text = String::from_utf8_lossy(&metrics);
        let ends = text.lines().filter(|line| line.starts_with("defender_probe_success{"));
        let ends: Vec<_> = ends.collect();
        let lists = text.lines().any(|line| line.starts_with("defender_crl_fetch_success{"));
        if !ends.is_empty() && ends.iter().all(|line| line.ends_with(success)) && (success == " 0" || lists) {
            break;
        }
        assert!(Instant::now() < deadline, "never all{success}: {text}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    for path in ["/", "/api/v1/status", "/-/healthy", "/-/ready", "/nowhere"] {
        holds_no_password(path, &get(&format!("http://{address}{path}")).await);
    }
    let log = serving.log();
    assert!(
        String::from_utf8_lossy(&log).to_lowercase().contains("debug"),
        "the log isn't as talkative as it can be"
    );
    holds_no_password("the log", &log);
}

#[tokio::test(flavor = "multi_thread")]
async fn proxy_passwords_are_used_and_never_printed() {
    let world = world(PASSWORD).await;
    check_serving(&world.file, "text", " 1").await;
    let basic = BASE64_STANDARD.encode(format!("{USER}:{PASSWORD}"));
    for proxy in &world.proxies[..2] {
        assert!(proxy.heads().iter().any(|head| head.contains(&basic)), "the password was never sent");
    }
    assert!(world.proxies.iter().all(|proxy| !proxy.asked().is_empty()));
    let commands: [(&[&str], i32); 6] = [
        (&["check"], 0),
        (&["check", "--format", "json"], 0),
        (&["check", "--log.format", "json"], 0),
        (&["catalog"], 0),
        (&["catalog", "--format", "json"], 0),
        (&["--config.check"], 0),
    ];
    for (args, code) in commands {
        let (said, found) = said(&world.file, args);
        assert_eq!(found, Some(code), "{args:?}: {}", String::from_utf8_lossy(&said));
        holds_no_password(&args.join(" "), &said);
    }
    let file = world.file.with_extension("record");
    let (said, code) = said(&world.file, &["check", "--keep-names", "--record", file.to_str().unwrap()]);
    assert_eq!(code, Some(0), "{}", String::from_utf8_lossy(&said));
    holds_no_password("the record", &document(&file));
}

#[tokio::test(flavor = "multi_thread")]
async fn nor_where_they_are_wrong_or_cannot_be_used() {
    let world = world("another").await;
    check_serving(&world.file, "json", " 0").await;
    let (words, code) = said(&world.file, &["check"]);
    assert_eq!(code, Some(2), "{}", String::from_utf8_lossy(&words));
    assert!(String::from_utf8_lossy(&words).contains("rejected the configured user name and password"));
    holds_no_password("check", &words);
    // A configuration that is refused as a whole, after the password was read.
    let text = std::fs::read_to_string(&world.file).unwrap();
    for (from, to) in
        [("interval: 20s", "interval: 0s"), ("username: ann, ", ""), ("name: https", "name: http")]
    {
        std::fs::write(&world.file, text.replace(from, to)).unwrap();
        for args in [&["--config.check"][..], &["check"], &[]] {
            let (said, code) = said(&world.file, args);
            assert_eq!(code, Some(3), "{}", String::from_utf8_lossy(&said));
            holds_no_password(from, &said);
        }
    }
}

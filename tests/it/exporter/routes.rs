//! Routes as a user configures them: counted, not repeated in the catalog, their passwords in no output.

use std::process::{Command, Output};

use super::PROGRAM;

const CONFIG: &str = "
groups: [pki-extended]
routes:
  - { name: direct }
  - { name: proxy, proxy: 'http://127.0.0.1:9', username: ann, password_file: proxy.pass }
  - { name: environment, from_environment: true, components: [pki-extended] }
";

/// What the program says, log included, with proxies in its environment.
fn run(args: &[&str], variable: &str) -> (Output, String) {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("routes.yaml");
    std::fs::write(&config, CONFIG).unwrap();
    std::fs::write(folder.path().join("proxy.pass"), "hunter2\n").unwrap();
    let mut command = Command::new(PROGRAM);
    for name in ["http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"]
    {
        command.env_remove(name);
    }
    command.args(args).args(["--log.level", "trace", "--config.file"]).arg(config);
    let output = command.env("HTTPS_PROXY", variable).output().unwrap();
    let said = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    (output, said)
}

#[test]
fn routes_multiply_the_targets_but_not_the_catalog() {
    let (output, said) = run(&["--config.check"], "bob:hunter2@127.0.0.1:9");
    assert_eq!(output.status.code(), Some(0), "{said}");
    let number = |word: &str| -> usize { word.parse().unwrap() };
    let summary = String::from_utf8(output.stdout).unwrap();
    let words: Vec<_> = summary.trim_end().split(' ').collect();
    let ["the", "configuration", "is", "good:", targets, "targets", "by", "3", "routes"] = words[..] else {
        panic!("{said}");
    };
    let (output, csv) = run(&["catalog", "--format", "csv"], "127.0.0.1:9");
    assert_eq!(output.status.code(), Some(0), "{csv}");
    let rows =
        String::from_utf8(output.stdout).unwrap().lines().skip(1).map(str::to_owned).collect::<Vec<_>>();
    let extended = rows.iter().filter(|row| row.starts_with("pki-extended,")).count();
    assert!(extended > 0 && extended < rows.len());
    assert_eq!(number(targets), 2 * rows.len() + extended);
    let distinct: std::collections::BTreeSet<_> = rows.iter().collect();
    assert_eq!(distinct.len(), rows.len());
}

#[test]
fn a_password_is_in_no_output() {
    for (args, variable, code) in [
        (&["--config.check"][..], "http://bob:hunter2@127.0.0.1:9", 0),
        (&["--config.check"], "http://bob:hunter2@127.0.0.1", 3),
        (&["--config.check"], "ftp://bob:hunter2@127.0.0.1:9", 3),
        (&["--config.check"], "bob:hunter2", 3),
        (&["catalog"], "http://bob:hunter2@127.0.0.1:9", 0),
    ] {
        let (output, said) = run(args, variable);
        assert_eq!(output.status.code(), Some(code), "{args:?} {variable}: {said}");
        assert!(!said.contains("hunter2"), "{args:?} {variable}: {said}");
        assert_eq!(code == 3, said.contains("routes[2].from_environment: HTTPS_PROXY: the URL "), "{said}");
    }
}

/// What a program that served for a moment said, and what its pages said.
async fn serve(config: &std::path::Path) -> String {
    let mut child = Command::new(PROGRAM)
        .args(["--web.listen-address", "127.0.0.1:0", "--log.level", "trace", "--config.file"])
        .arg(config)
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let log = std::io::BufReader::new(child.stderr.take().unwrap());
    let (send, lines) = std::sync::mpsc::channel();
    let reader = std::thread::spawn(move || {
        std::io::BufRead::lines(log).map_while(Result::ok).for_each(|line| drop(send.send(line)));
    });
    let mut said = String::new();
    let address = loop {
        let line = lines.recv().unwrap();
        said += &line;
        if let Some((_, address)) = line.split_once("serving http://") {
            break address.trim_end_matches("/metrics").to_owned();
        }
    };
    tokio::time::sleep(std::time::Duration::from_secs(4)).await; // the first round, and what follows it
    for path in ["/metrics", "/", "/-/ready"] {
        let answer = crate::lab::client().get(format!("http://{address}{path}")).send().await.unwrap();
        said += &answer.text().await.unwrap();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    reader.join().unwrap();
    said + &lines.iter().collect::<String>()
}

/// A proxy takes the password, or wants another one; nothing that the program says, at any level, has it.
#[tokio::test(flavor = "multi_thread")]
async fn a_password_in_use_is_in_no_log_metric_or_page() {
    use base64::Engine as _;

    use crate::lab::proxy::{Kind, Order, Proxy};
    let (lab, file, _) = super::internet("interval: 2s\ntimeout: 1s\ngeos: [us]\n").await;
    let names = super::endpoints().into_iter().map(|endpoint| {
        let url = &endpoint.url;
        (format!("{}:{}", url.host(), url.port()), lab.origin(url).addr())
    });
    let http = Proxy::start(Kind::Http, names.clone());
    let socks = Proxy::start(Kind::Socks, names);
    http.order(Order::Demand("ann", "hunter2 and more"));
    socks.order(Order::Demand("ann", "another"));
    std::fs::write(lab.files().join("proxy.pass"), "hunter2 and more\n").unwrap();
    let who = "username: ann, password_file: proxy.pass";
    let routes = format!(
        "routes:\n  - {{ name: http, proxy: 'http://{}', {who} }}\n  - {{ name: socks, proxy: 'socks5://{}', {who} }}\n",
        http.addr(),
        socks.addr()
    );
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text + &routes).unwrap();
    let mut said = serve(&file).await;
    for format in ["table", "json"] {
        let path = file.to_str().unwrap();
        let output =
            super::run(&["--config.file", path, "--log.level", "trace", "check", "--format", format]);
        said += &String::from_utf8_lossy(&[output.stdout, output.stderr].concat());
    }
    assert!(
        http.heads()
            .iter()
            .any(|head| head.contains("Proxy-Authorization") || head.contains("proxy-authorization"))
    );
    assert!(said.contains("auth_required") && said.contains("defender_probe_success"), "{said}");
    let basic = base64::prelude::BASE64_STANDARD.encode("ann:hunter2 and more");
    for secret in ["hunter2", &basic, basic.trim_end_matches('=')] {
        let place = said.find(secret).map(|at| &said[at.saturating_sub(200)..at + 40]);
        assert_eq!(place, None, "{secret}");
    }
}

//! Headless Chromium, controlled with the DevTools protocol over a pipe (`--remote-debugging-pipe`: file descriptor
//! 3 in, 4 out, messages end with a zero byte), so that no port is needed.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::load::TEST_TIMEOUT;

const PAUSE: Duration = Duration::from_millis(50);

/// As a test wants it: no sandbox, since CI is root in a container, and no word to anybody.
const FLAGS: [&str; 12] = [
    "--headless",
    "--remote-debugging-pipe",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--no-proxy-server",
    "--hide-scrollbars",
];

/// A browser with one tab. It ends on drop.
pub struct Browser {
    child: Child,
    orders: ChildStdin,
    answers: Receiver<Value>,
    last: u64,
    session: Option<String>,
    /// The requests of the tab.
    asked: Vec<String>,
    /// What the console has against the page: errors, and violations of its policy.
    complaints: Vec<String>,
    _profile: TempDir,
}

impl Browser {
    /// Starts it.
    pub fn start(chromium: &Path) -> Self {
        let profile = TempDir::new().unwrap();
        let mut child = Command::new("sh")
            .args(["-c", r#"exec "$0" "$@" 3<&0 4>&1 </dev/null >/dev/null"#])
            .arg(chromium)
            .args(FLAGS)
            .env_remove("LD_PRELOAD") // .ci/dates: it crashes under another clock, and the page reads none
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let orders = child.stdin.take().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (tell, answers) = channel();
        std::thread::spawn(move || {
            let messages = output.split(0).map_while(Result::ok);
            messages
                .filter_map(|text| serde_json::from_slice(&text).ok())
                .try_for_each(|message| tell.send(message))
        });
        let (asked, complaints) = (Vec::new(), Vec::new());
        let mut browser =
            Self { child, orders, answers, last: 0, session: None, asked, complaints, _profile: profile };
        browser.open_tab();
        browser
    }

    fn open_tab(&mut self) {
        let target = self.tell("Target.createTarget", &json!({ "url": "about:blank" }));
        let attached =
            self.tell("Target.attachToTarget", &json!({ "targetId": target["targetId"], "flatten": true }));
        self.session = Some(attached["sessionId"].as_str().unwrap().to_owned());
        for domain in ["Page", "Runtime", "Log", "Network"] {
            self.tell(&format!("{domain}.enable"), &json!({}));
        }
    }

    /// Gives an order, and waits for its answer.
    pub fn tell(&mut self, method: &str, params: &Value) -> Value {
        self.last += 1;
        let mut order = json!({ "id": self.last, "method": method, "params": params });
        if let Some(session) = &self.session {
            order["sessionId"] = json!(session);
        }
        self.orders.write_all(format!("{order}\0").as_bytes()).unwrap();
        loop {
            let mut message =
                self.answers.recv_timeout(TEST_TIMEOUT).unwrap_or_else(|_| panic!("no answer to {method}"));
            if message["id"] == self.last {
                assert!(message["error"].is_null(), "{method}: {}", message["error"]);
                return message["result"].take();
            }
            self.hear(&message);
        }
    }

    fn hear(&mut self, event: &Value) {
        let params = &event["params"];
        match event["method"].as_str() {
            Some("Network.requestWillBeSent") => {
                self.asked.extend(params["request"]["url"].as_str().map(str::to_owned));
            }
            Some("Log.entryAdded") if params["entry"]["level"] == "error" => {
                self.complaints.push(params["entry"]["text"].to_string());
            }
            Some("Runtime.exceptionThrown") => self.complaints.push(params["exceptionDetails"].to_string()),
            _ => {}
        }
    }

    /// Goes to an address, and waits until all is loaded.
    pub fn open(&mut self, url: &str) {
        self.tell("Page.navigate", &json!({ "url": url }));
        self.until(&format!("document.readyState == 'complete' && location.href == {}", json!(url)));
    }

    /// The value of an expression in the page.
    pub fn eval(&mut self, expression: &str) -> Value {
        let params = json!({ "expression": expression, "awaitPromise": true, "returnByValue": true });
        let mut found = self.tell("Runtime.evaluate", &params);
        assert!(found["exceptionDetails"].is_null(), "{expression}: {}", found["exceptionDetails"]);
        found["result"]["value"].take()
    }

    /// Waits until an expression holds in the page.
    pub fn until(&mut self, expression: &str) {
        let deadline = Instant::now() + TEST_TIMEOUT;
        while self.eval(expression) != true {
            assert!(
                Instant::now() < deadline,
                "{expression} never held: {}",
                self.eval("document.body.innerText")
            );
            std::thread::sleep(PAUSE);
        }
    }

    /// Presses a key that writes nothing, such as Tab or Enter.
    pub fn press(&mut self, key: &str, code: u8) {
        for kind in ["rawKeyDown", "char", "keyUp"] {
            let text = if key == "Enter" && kind == "char" { "\r" } else { "" };
            let params =
                json!({ "type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code, "text": text });
            self.tell("Input.dispatchKeyEvent", &params);
        }
    }

    /// The size of its window, in CSS pixels, and the colours that its user prefers: `light` or `dark`.
    pub fn look(&mut self, (width, height): (u32, u32), scheme: &str) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.tell("Emulation.setDeviceMetricsOverride", &size);
        let scheme = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.tell("Emulation.setEmulatedMedia", &scheme);
    }

    /// A picture of what the window shows, as PNG.
    pub fn picture(&mut self) -> Vec<u8> {
        let picture = self.tell("Page.captureScreenshot", &json!({ "format": "png" }));
        BASE64_STANDARD.decode(picture["data"].as_str().unwrap()).unwrap()
    }

    /// The requests so far, and the errors on the console.
    pub fn heard(&mut self) -> (Vec<String>, Vec<String>) {
        self.eval("0"); // all earlier events arrive before this response
        (self.asked.clone(), self.complaints.clone())
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.child.kill(); // it may have ended by itself
        let _ = self.child.wait();
    }
}

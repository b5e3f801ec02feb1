//! Any bytes as the file of `password_file`: an accepted password can be sent, and an error contains nothing of the
//! file, only the kind of problem.

use std::path::Path;
use std::sync::LazyLock;

use defender_exporter::config::{Config, Environment, RouteProxy, parse};

use super::text::file;

/// The message of each problem.
static MESSAGES: LazyLock<Vec<String>> = LazyLock::new(|| {
    let faults = [&b"\xff"[..], b"", b"\x07", &[b'a'; 2000]];
    faults.iter().map(|bytes| read(bytes).unwrap_err()).collect()
});

pub fn run(bytes: &[u8]) {
    let config = match read(bytes) {
        Ok(config) => config,
        Err(message) => return assert!(MESSAGES.contains(&message), "the password is leaked: {message}"),
    };
    let RouteProxy::Proxies(proxies) = &config.routes[0].via else { panic!("{config:?}") };
    let credentials = proxies.http.as_ref().unwrap().credentials.as_ref().unwrap();
    let password = credentials.password.reveal();
    assert!(bytes.len() <= 1024 && !password.trim().is_empty());
    assert!(password.chars().all(|c| !c.is_control()), "it breaks a header");
    let harmless = read(b"x").unwrap();
    assert_eq!(format!("{config:?}"), format!("{harmless:?}"), "it can be printed");
}

/// The configuration, or what is wrong with it, whatever the file is called.
fn read(bytes: &[u8]) -> Result<Config, String> {
    let file = file(bytes);
    let path = file.path().display().to_string();
    let config = format!(
        "routes: [{{ name: r, proxy: \"http://proxy.example:8080\", username: u, password_file: \"{path}\" }}]"
    );
    let read = parse("fuzz.yaml", &config, Path::new(""), &Environment::default());
    read.map_err(|problems| problems.to_string().replace(&path, "FILE"))
}

//! Any bytes as the file that `password_file` names: nothing of it is told, and what is taken can be sent.

use std::path::Path;

use defender_exporter::config::{Environment, Via, parse};

use super::text::file;

pub fn run(bytes: &[u8]) {
    let file = file(bytes);
    let config = format!(
        "routes: [{{ name: r, proxy: \"http://proxy.example:8080\", username: u, password_file: \"{}\" }}]",
        file.path().display()
    );
    match parse("fuzz.yaml", &config, Path::new(""), &Environment::default()) {
        Ok(config) => {
            let Via::Proxies(proxies) = &config.routes[0].via else { panic!("{config:?}") };
            let credentials = proxies.http.as_ref().unwrap().credentials.as_ref().unwrap();
            let password = credentials.password.reveal();
            assert!(bytes.len() <= 1024 && !password.trim().is_empty());
            assert!(password.chars().all(|c| !c.is_control()), "it breaks a header");
            assert!(password.len() < 20 || !format!("{config:?}").contains(password), "it can be printed");
        }
        Err(problems) => {
            let said = problems.to_string();
            let text = String::from_utf8_lossy(bytes);
            let words = text
                .split_whitespace()
                .filter(|word| word.len() > 12 && word.chars().any(|c| c.is_ascii_digit()));
            assert!(!words.into_iter().any(|word| said.contains(word)), "the password is told: {said}");
        }
    }
}

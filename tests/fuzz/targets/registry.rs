//! Any bytes as every registry value: the WinHTTP setting and times as binaries, settings as numbers and texts, the others as text.

use defender_exporter::host::registry::{Registry, RegistryFacts, RegistryResult};
use defender_exporter::host::version::newest_platform;
use defender_exporter::host::winhttp::WinHttpSetting;

/// Answers every question with the same bytes.
struct Same<'a>(&'a [u8]);

impl Registry for Same<'_> {
    fn dword(&self, _: &str, _: &str) -> RegistryResult<u32> {
        Ok(self.0.first_chunk().map(|bytes| u32::from_le_bytes(*bytes)))
    }

    fn sz(&self, _: &str, _: &str) -> RegistryResult<String> {
        Ok(Some(String::from_utf8_lossy(self.0).into_owned()))
    }

    fn multi_sz(&self, _: &str, _: &str) -> RegistryResult<Vec<String>> {
        Ok(Some(String::from_utf8_lossy(self.0).lines().map(str::to_owned).collect()))
    }

    fn binary(&self, _: &str, _: &str) -> RegistryResult<Vec<u8>> {
        Ok(Some(self.0.to_vec()))
    }
}

pub fn run(bytes: &[u8]) {
    let (facts, problems) = RegistryFacts::read(&Same(bytes));
    let decoded = WinHttpSetting::decode(bytes);
    assert_eq!(facts.winhttp, decoded.as_ref().ok().cloned(), "what can't be decoded is not there");
    assert!(decoded.is_ok() || !problems.is_empty(), "and a problem says so");
    for found in &facts.settings.set {
        let value = found.value.to_string();
        assert!(
            value.len() < 60 && value.chars().all(|c| matches!(c, 'a'..='z' | '0'..='9' | '_' | ',')),
            "{value}"
        );
        // Each place answers with the same bytes, but some names say the opposite.
        assert!(found.overruled.iter().all(|of| of.origin != found.origin), "a place overrules another");
        assert!(!facts.settings.unreadable.contains(&found.setting), "what counts could be read");
    }
    if let Ok(setting) = decoded {
        let proxies = setting.proxies();
        assert_eq!(setting.has_proxy(), proxies.http.is_some() || proxies.https.is_some());
    }
    let text = String::from_utf8_lossy(bytes);
    let _ = newest_platform(text.lines());
}

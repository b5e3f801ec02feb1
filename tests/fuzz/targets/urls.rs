//! Any text as a URL to probe, and as a `Location` resolved against it: the input's first and second line.

use defender_exporter::catalog::ProbeUrl;
use defender_exporter::net::proxy::pac::wpad_candidates;

pub fn run(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (first, second) = text.split_once('\n').unwrap_or((&text, ""));
    assert!(wpad_candidates(first).len() <= 16, "too many places");
    let Ok(url) = ProbeUrl::parse(first) else { return };
    check(&url);
    if let Ok(next) = url.join(second) {
        check(&next);
        assert_eq!(ProbeUrl::parse(next.as_str()).as_ref(), Ok(&next), "it isn't read back");
    }
}

fn check(url: &ProbeUrl) {
    assert!(url.as_str().len() <= ProbeUrl::MAX_LEN && !url.host().is_empty());
    let sent = [url.host(), url.path_and_query(), &url.authority()].concat();
    assert!(sent.bytes().all(|byte| byte.is_ascii_graphic()), "it breaks a request: {sent:?}");
    assert!(url.path_and_query().starts_with('/'));
}

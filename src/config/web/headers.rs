//! `http_server_config.headers`: the five that exporter-toolkit allows. A blank value omits the header, as there.

use hyper::header::{
    CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS, X_XSS_PROTECTION,
};

use crate::config::reader::{Mapping, Node};

/// The headers with their allowed values; empty for any.
const HEADERS: [(&str, HeaderName, &[&str]); 5] = [
    ("Content-Security-Policy", CONTENT_SECURITY_POLICY, &[]),
    ("Strict-Transport-Security", STRICT_TRANSPORT_SECURITY, &[]),
    ("X-Content-Type-Options", X_CONTENT_TYPE_OPTIONS, &["nosniff"]),
    ("X-Frame-Options", X_FRAME_OPTIONS, &["deny", "sameorigin"]),
    ("X-XSS-Protection", X_XSS_PROTECTION, &[]),
];

pub(super) fn read(mut mapping: Mapping<'_>) -> Vec<(HeaderName, HeaderValue)> {
    let mut headers = Vec::new();
    for (key, name, accepted) in HEADERS {
        let value = mapping.take(key).and_then(|node| value(&node, accepted));
        headers.extend(value.map(|value| (name, value)));
    }
    mapping.finish();
    headers
}

fn value(node: &Node<'_>, accepted: &[&str]) -> Option<HeaderValue> {
    if node.value().as_str().is_some_and(str::is_empty) {
        return None;
    }
    node.parsed(|text| {
        if !accepted.is_empty() && !accepted.contains(&text) {
            return Err(format!("is not one of {}", accepted.join(", ")));
        }
        let visible = text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        let value = HeaderValue::from_str(text).ok().filter(|_| visible);
        value.ok_or_else(|| "is not a header value: only visible ASCII and spaces".to_owned())
    })
}

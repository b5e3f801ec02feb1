//! `http_server_config.headers`: the five that exporter-toolkit allows. A blank value omits the header, as there.

use hyper::header::{
    CONTENT_SECURITY_POLICY, HeaderName, HeaderValue, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS, X_XSS_PROTECTION,
};

use serde_json::Value;

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
        let value = mapping.take_set(key).and_then(|node| value(&node, accepted));
        headers.extend(value.map(|value| (name, value)));
    }
    mapping.finish();
    headers
}

fn value(node: &Node<'_>, accepted: &[&str]) -> Option<HeaderValue> {
    // As exporter-toolkit reads it, `X-XSS-Protection: 1` is a text.
    let scalar = match node.value() {
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::String(text) if text.is_empty() => return None,
        _ => None,
    };
    if let Some(text) = scalar.filter(|_| accepted.is_empty()) {
        return HeaderValue::from_str(&text).ok();
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

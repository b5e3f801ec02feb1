//! What exporter-toolkit's published test files (github.com/prometheus/exporter-toolkit, web/testdata, July 2026) say, and its
//! verdict on each, as a table of facts: its good files are good here and its bad ones bad, but for those that are named.

use super::*;

/// A file of exporter-toolkit, in other words.
struct Case {
    /// Its name there.
    name: &'static str,
    /// What it says. `SERVER` stands for a certificate and its key.
    text: &'static str,
    /// Whether exporter-toolkit accepts it.
    accepted_there: bool,
    /// Part of the problem, if it isn't accepted here.
    problem: Option<&'static str>,
}

const fn good(name: &'static str, text: &'static str) -> Case {
    Case { name, text, accepted_there: true, problem: None }
}

const fn bad(name: &'static str, text: &'static str, problem: &'static str) -> Case {
    Case { name, text, accepted_there: false, problem: Some(problem) }
}

/// Refused on purpose, for this reason.
const fn refused(name: &'static str, text: &'static str, problem: &'static str) -> Case {
    Case { name, text, accepted_there: true, problem: Some(problem) }
}

const IF_GIVEN: &str = "client_auth_type: VerifyClientCertIfGiven";

const CASES: &[Case] = &[
    good("web_config_empty.yml", ""),
    bad("web_config_junk.yml", "words\nwithout any\nmeaning", "is not a mapping"),
    bad(
        "web_config_junk_key.yml",
        "tls_server_config: { cert_filse: rsa.pem }",
        "did you mean \"cert_file\"",
    ),
    bad(
        "web_config_noAuth_certPath_empty.bad.yml",
        "tls_server_config: { cert_file: \"\", key_file: rsa.key }",
        "the value is empty",
    ),
    bad(
        "web_config_noAuth_cert_empty.bad.yml",
        "tls_server_config: { cert: \"\", key_file: rsa.key }",
        "the value is empty",
    ),
    bad(
        "web_config_noAuth_keyPath_empty.bad.yml",
        "tls_server_config: { cert_file: rsa.pem, key_file: \"\" }",
        "the value is empty",
    ),
    bad(
        "web_config_noAuth_key_empty.bad.yml",
        "tls_server_config: { cert_file: rsa.pem, key: \"\" }",
        "the value is empty",
    ),
    bad(
        "web_config_noAuth_certPath_keyPath_empty.bad.yml",
        "tls_server_config: { cert_file: \"\", key_file: \"\", client_auth_type: x }",
        "the value is empty",
    ),
    bad(
        "web_config_noAuth_certPath_invalid.bad.yml",
        "tls_server_config: { cert_file: nowhere, key_file: rsa.key }",
        "no such file",
    ),
    bad(
        "web_config_noAuth_keyPath_invalid.bad.yml",
        "tls_server_config: { cert_file: rsa.pem, key_file: nowhere }",
        "no such file",
    ),
    bad(
        "web_config_noAuth_certPath_keyPath_invalid.bad.yml",
        "tls_server_config: { cert_file: nowhere, key_file: nowhere }",
        "no such file",
    ),
    bad(
        "web_config_noAuth.bad.yml",
        "tls_server_config: { SERVER, client_ca_file: /dev/null }",
        "requests no client certificate although client CAs are set",
    ),
    bad(
        "web_config_auth_clientCAs_invalid.bad.yml",
        "tls_server_config: { SERVER, client_ca_file: nowhere }",
        "no such file",
    ),
    bad(
        "web_config_auth_clientCAs_missing.bad.yml",
        "tls_server_config: { SERVER, client_auth_type: RequireAndVerifyClientCert }",
        "a certificate of any public CA would give access",
    ),
    bad(
        "web_config_auth_user_list_invalid.bad.yml",
        "{ tls_server_config: { SERVER }, basic_auth_users: { john: doe } }",
        "is not a bcrypt hash",
    ),
    bad(
        "web_config_noAuth_inventedCiphers.bad.yml",
        "tls_server_config: { SERVER, IF_GIVEN, cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA2048] }",
        "is not a supported cipher suite",
    ),
    bad(
        "web_config_noAuth_inventedCurves.bad.yml",
        "tls_server_config: { SERVER, IF_GIVEN, curve_preferences: [CurveP257] }",
        "is not one of CurveP256, CurveP384, X25519",
    ),
    bad(
        "web_config_noAuth_wrongTLSVersion.bad.yml",
        "tls_server_config: { SERVER, IF_GIVEN, min_version: TLS111 }",
        "is not one of TLS12, TLS13",
    ),
    good("web_config_noAuth.good.yml", "tls_server_config: { SERVER, IF_GIVEN }"),
    good("web_config_noAuth_tlsInline.good.yml", "tls_server_config: { INLINE, IF_GIVEN }"),
    refused(
        "web_config_noAuth_allCiphers.good.yml",
        "tls_server_config: { SERVER, IF_GIVEN, cipher_suites: [TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, \
         TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, TLS_AES_128_GCM_SHA256, TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA] }",
        "is a suite of CBC, which the exporter's TLS library doesn't implement",
    ),
    good(
        "web_config_noAuth_someCiphers.good.yml",
        "tls_server_config: { SERVER, IF_GIVEN, min_version: TLS12, max_version: TLS12, cipher_suites: \
         [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384] }",
    ),
    good(
        "web_config_noAuth_someCiphers_noOrder.good.yml",
        "tls_server_config: { SERVER, IF_GIVEN, min_version: TLS12, max_version: TLS12, cipher_suites: \
         [TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256], \
         prefer_server_cipher_suites: false }",
    ),
    refused(
        "web_config_noAuth_allCurves.good.yml",
        "tls_server_config: { SERVER, IF_GIVEN, curve_preferences: [CurveP256, CurveP384, CurveP521, X25519] }",
        "\"CurveP521\" is not implemented by the exporter's TLS library",
    ),
    refused(
        "web_config_noAuth_someCurves.good.yml",
        "tls_server_config: { SERVER, IF_GIVEN, min_version: TLS13, curve_preferences: [CurveP521] }",
        "\"CurveP521\" is not implemented by the exporter's TLS library",
    ),
    good(
        "web_config_noAuth_noHTTP2.good.yml",
        "{ tls_server_config: { SERVER, IF_GIVEN, cipher_suites: [TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384], \
         max_version: TLS12 }, http_server_config: { http2: false } }",
    ),
    bad(
        "web_config_noAuth_noHTTP2Cipher.bad.yml",
        "tls_server_config: { SERVER, IF_GIVEN, cipher_suites: [TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384], \
         max_version: TLS12 }",
        "which HTTP/2 over TLS12 requires",
    ),
    good(
        "web_config_headers.good.yml",
        "http_server_config: { headers: { X-Frame-Options: deny, Strict-Transport-Security: max-age=1, \
         X-Content-Type-Options: nosniff, X-XSS-Protection: 1, Content-Security-Policy: default-src } }",
    ),
    bad(
        "web_config_headers_content_type_options.bad.yml",
        "http_server_config: { headers: { X-Content-Type-Options: sniff } }",
        "is not one of nosniff",
    ),
    bad(
        "web_config_headers_frame_options.bad.yml",
        "http_server_config: { headers: { X-Frame-Options: foo } }",
        "is not one of deny, sameorigin",
    ),
    bad(
        "web_config_headers_extra_header.bad.yml",
        "http_server_config: { headers: { Content-Type: foo } }",
        "unknown key",
    ),
    refused(
        "tls_config_noAuth.requireanyclientcert.good.yml",
        "tls_server_config: { SERVER, client_auth_type: RequireAnyClientCert }",
        "would accept any client with a self-made certificate",
    ),
    refused(
        "tls_config_noAuth.requireanyclientcertkeyinline.good.yml",
        "tls_server_config: { INLINE, client_auth_type: RequireAnyClientCert }",
        "would accept any client with a self-made certificate",
    ),
    good(
        "tls_config_noAuth.requireandverifyclientcert.good.yml",
        "tls_server_config: { SERVER, client_auth_type: RequireAndVerifyClientCert, client_ca_file: clients.pem }",
    ),
    // The same file as web_config_auth_clientCAs_missing.bad.yml, and refused for the same reason.
    refused(
        "web_config_noAuth.good.blocking.yml",
        "tls_server_config: { SERVER, client_auth_type: RequireAndVerifyClientCert }",
        "a certificate of any public CA would give access",
    ),
    good(
        "web_config_auth_client_san.good.yaml",
        "tls_server_config: { SERVER, client_auth_type: RequireAndVerifyClientCert, client_ca_file: clients.pem, \
         client_allowed_sans: [one, test3, two] }",
    ),
    // Bad for the client of its test alone, whose certificate has another name.
    good(
        "web_config_auth_client_san.bad.yaml",
        "tls_server_config: { SERVER, client_auth_type: RequireAndVerifyClientCert, client_ca_file: clients.pem, \
         client_allowed_sans: [bad] }",
    ),
    good("web_config_rate_limiter_nonblocking.yaml", "rate_limit: { interval: 0, burst: 0 }"),
    refused(
        "web_config_rate_limiter_one_second.yaml", // there each request is answered with 429
        "rate_limit: { interval: 1s, burst: 0 }",
        "at least 1",
    ),
    good("web_config_users_noTLS.good.yml", "basic_auth_users: { alice: HASH10, bob: HASH18 }"),
    good(
        "web_config_users.good.yml",
        "{ tls_server_config: { SERVER }, basic_auth_users: { alice: HASH10 } }",
    ),
    // What its code accepts beyond its test files: go-yaml reads YAML 1.1, and null as an absent value.
    good("(empty sections)", "tls_server_config:\nhttp_server_config:\nbasic_auth_users:\nrate_limit:\n"),
    good(
        "(empty mappings)",
        "{ tls_server_config: {}, http_server_config: { headers: {} }, rate_limit: {} }",
    ),
    good(
        "(empty values)",
        "tls_server_config: { SERVER, client_auth_type: , cipher_suites: , min_version: }",
    ),
    good(
        "(YAML 1.1)",
        "{ http_server_config: { http2: yes }, tls_server_config: { SERVER, prefer_server_cipher_suites: off } }",
    ),
];

/// Salt and digest of some password.
const HASH: &str = "$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi";

#[test]
fn verdicts_are_those_of_exporter_toolkit() {
    let folder = data().join("web/pem");
    let pem =
        |name: &str| serde_json::to_string(&std::fs::read_to_string(folder.join(name)).unwrap()).unwrap();
    let inline = format!("cert: {}, key: {}", pem("rsa.pem"), pem("rsa.key"));
    for Case { name, text, accepted_there, problem } in CASES {
        let text = text
            .replace("SERVER", "cert_file: rsa.pem, key_file: rsa.key")
            .replace("INLINE", &inline)
            .replace("IF_GIVEN", IF_GIVEN)
            .replace("HASH10", &format!("$2y$10{HASH}"))
            .replace("HASH18", &format!("$2y$18{HASH}"));
        let found = parse(name, &text, &folder);
        match (&found, problem) {
            (Ok(_), None) => assert!(accepted_there, "{name}"),
            (Err(found), Some(problem)) => assert!(found.to_string().contains(problem), "{name}: {found}"),
            _ => panic!("{name}: {found:?}"),
        }
    }
}

#[test]
fn booleans_are_those_of_yaml_1_1() {
    for (word, expected) in
        [("yes", true), ("on", true), ("True", true), ("no", false), ("off", false), ("false", false)]
    {
        let config = parse("f", &format!("http_server_config: {{ http2: {word} }}"), Path::new("")).unwrap();
        assert_eq!(config.http2, expected, "{word}");
    }
}

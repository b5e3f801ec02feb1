//! Parsers for return values, WPAD candidates and addresses: tables and property tests.

use super::*;

#[test]
fn answers_are_read_leniently_but_never_guessed() {
    let cases = [
        ("DIRECT", "DIRECT", ""),
        (" direct ", "DIRECT", ""),
        ("", "DIRECT", ""),
        (";;", "DIRECT", ""),
        (
            "PROXY a:8080; HTTPS b:443; SOCKS5 c:1080; DIRECT",
            "PROXY a:8080, HTTPS b:443, SOCKS5 c:1080, DIRECT",
            "",
        ),
        ("proxy  A.Example:8080 ;HTTP b", "PROXY a.example:8080, PROXY b:80", ""),
        ("HTTPS a; SOCKS b; SOCKS4 c:1", "HTTPS a:443, SOCKS b:1080, SOCKS4 c:1", ""),
        (
            "PROXY 10.0.0.1:3128; PROXY [2001:db8::1]:3128; PROXY [::1]",
            "PROXY 10.0.0.1:3128, PROXY [2001:db8::1]:3128, PROXY [::1]:80",
            "",
        ),
        ("QUIC a:443; DIRECT", "DIRECT", "QUIC a:443"),
        (
            "PROXY a:0; PROXY a:65536; PROXY a:+1; PROXY a:; PROXY; DIRECT x; DIRECT",
            "DIRECT",
            "PROXY a:0, PROXY a:65536, PROXY a:+1, PROXY a:, PROXY, DIRECT x",
        ),
        (
            "PROXY ::1:80; PROXY a b; PROXY a/b:1; PROXY http://a:1; DIRECT",
            "DIRECT",
            "PROXY ::1:80, PROXY a b, PROXY a/b:1, PROXY http://a:1",
        ),
        ("PROXY a,PROXY b", "bad_answer", ""),
        ("undefined", "bad_answer", ""),
        ("PROXY a@b:80", "bad_answer", ""),
    ];
    for (text, expected, skipped) in cases {
        let found = PacAnswer::parse(text).map_or_else(
            |error| (error.reason().to_string(), String::new()),
            |answer| {
                let choices: Vec<_> = answer.directives.iter().map(ToString::to_string).collect();
                (choices.join(", "), answer.skipped.join(", "))
            },
        );
        assert_eq!(found, (expected.to_owned(), skipped.to_owned()), "{text}");
    }
    let many = PacAnswer::parse(&"PROXY a:1; nonsense;".repeat(100)).unwrap();
    assert_eq!(
        (many.directives.len(), many.skipped.len()),
        (PacAnswer::MAX_DIRECTIVES, PacAnswer::MAX_DIRECTIVES)
    );
}

#[test]
fn wpad_stops_at_domains_that_an_organisation_owns() {
    let cases = [
        ("", ""),
        ("contoso", ""),
        ("contoso.com", "contoso.com"),
        ("Corp.EMEA.contoso.com.", "corp.emea.contoso.com, emea.contoso.com, contoso.com"),
        ("corp.contoso.co.uk", "corp.contoso.co.uk, contoso.co.uk"),
        ("corp.contoso.com.au", "corp.contoso.com.au, contoso.com.au"),
        ("corp.contoso.de", "corp.contoso.de, contoso.de"),
        ("hp.de", "hp.de"),
        ("corp.hp.de", "corp.hp.de"),
        ("a/../b.com", ""),
        ("a b.com", ""),
        ("a..com", ""),
        (
            "1.2.3.4.5.6.7.8.9.10.contoso.com",
            "1.2.3.4.5.6.7.8.9.10.contoso.com, 2.3.4.5.6.7.8.9.10.contoso.com, \
          3.4.5.6.7.8.9.10.contoso.com, 4.5.6.7.8.9.10.contoso.com, 5.6.7.8.9.10.contoso.com, \
          6.7.8.9.10.contoso.com, 7.8.9.10.contoso.com, 8.9.10.contoso.com, 9.10.contoso.com",
        ),
    ];
    for (domain, expected) in cases {
        let found = wpad_candidates(domain);
        let domains: Vec<_> = expected.split(", ").filter(|domain| !domain.is_empty()).collect();
        let hosts =
            std::iter::once("wpad".to_owned()).chain(domains.iter().map(|domain| format!("wpad.{domain}")));
        let expected: Vec<_> = hosts.map(|host| format!("http://{host}/wpad.dat")).collect();
        assert_eq!(found.iter().map(ProbeUrl::as_str).collect::<Vec<_>>(), expected, "{domain}");
    }
}

proptest! {
    #[test]
    fn no_answer_panics(text in ".*") {
        if let Ok(answer) = PacAnswer::parse(&text) {
            prop_assert!((1..=PacAnswer::MAX_DIRECTIVES).contains(&answer.directives.len()));
        }
    }

    #[test]
    fn answers_are_read_as_they_are_written(parts in prop::collection::vec("(PROXY|Proxy|HTTPS|https|SOCKS|SOCKS4|socks5) [a-z]{1,9}(:[1-9][0-9]{0,3})?|DIRECT", 1..8)) {
        let answer = PacAnswer::parse(&parts.join(";")).unwrap();
        prop_assert_eq!(answer.directives.len(), parts.len());
        let written: Vec<_> = answer.directives.iter().map(ToString::to_string).collect();
        prop_assert_eq!(PacAnswer::parse(&written.join("; ")).unwrap(), answer);
    }

    #[test]
    fn no_address_panics(a in ".{0,40}", b in "[0-9a-f:./%]{0,40}", c in "[0-9.]{0,16}") {
        for (a, b) in [(&a, &b), (&b, &a), (&c, &b)] {
            addresses::in_net(a, &c, b);
            addresses::in_prefix(a, b);
            addresses::number(a);
            addresses::sorted(&format!("{a};{b};{c}"));
        }
    }

    #[test]
    fn no_domain_panics(domain in ".{0,300}|([a-z]{0,64}\\.){0,9}") {
        for url in wpad_candidates(&domain) {
            prop_assert!(url.host().starts_with("wpad"));
        }
    }
}

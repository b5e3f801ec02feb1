//! Examples of the value: Microsoft's own for direct access, the others made by the layout.

use proptest::prelude::*;

use super::*;
use crate::catalog::ProbeUrl;

/// Microsoft's page "Use Group Policy to apply WinHTTP proxy settings".
const DIRECT_ACCESS: &str = "1800000000000000010000000000000000000000";

fn decode(hexadecimal: &str) -> Result<WinHttpSetting, WinHttpError> {
    WinHttpSetting::decode(&hex::decode(hexadecimal).unwrap())
}

/// A value in the documented layout.
fn value(flags: u32, proxies: &[u8], bypass: &[u8]) -> Vec<u8> {
    let mut value = Vec::new();
    for number in [VERSION, 7, flags] {
        value.extend(number.to_le_bytes());
    }
    for text in [proxies, bypass] {
        value.extend(u32::try_from(text.len()).unwrap().to_le_bytes());
        value.extend(text);
    }
    value
}

#[allow(clippy::unnecessary_wraps, reason = "what is compared is optional")]
fn at(host: &str, port: u16) -> Option<HostPort> {
    Some(HostPort { host: host.to_owned(), port })
}

#[test]
fn direct_access_is_read() {
    assert_eq!(decode(DIRECT_ACCESS), Ok(WinHttpSetting::Direct));
    // A proxy that was configured and is disabled.
    assert_eq!(WinHttpSetting::decode(&value(1, b"old:8080", b"<local>")), Ok(WinHttpSetting::Direct));
}

#[test]
fn proxies_are_read_byte_by_byte() {
    let one = "180000000000000003000000\
               12000000 70726f78792e6578616d706c653a38303830 00000000"
        .replace(' ', "");
    let proxies =
        WinHttpProxies { http: at("proxy.example", 8080), https: at("proxy.example", 8080), bypass: vec![] };
    assert_eq!(decode(&one), Ok(WinHttpSetting::Proxy(proxies)));
}

#[test]
fn the_grammar_of_the_lists() {
    for (list, http, https) in [
        ("proxy.example:8080", at("proxy.example", 8080), at("proxy.example", 8080)),
        ("PROXY", at("proxy", 80), at("proxy", 80)),
        ("http=a:1;https=b:2", at("a", 1), at("b", 2)),
        ("https=b:2 http=a:1", at("a", 1), at("b", 2)),
        ("http=a:1", at("a", 1), None),
        ("https=http://b:2/", None, at("b", 2)),
        ("http://a:1;HTTPS=b:2", at("a", 1), at("b", 2)),
        ("a:1;b:2;https=c:3;https=d:4;", at("a", 1), at("c", 3)),
        ("socks=s:1080;ftp=f:21;http=a:1", at("a", 1), None),
        ("[2001:db8::1]:8080", at("[2001:db8::1]", 8080), at("[2001:db8::1]", 8080)),
        ("[2001:db8::1]", at("[2001:db8::1]", 80), at("[2001:db8::1]", 80)),
        ("10.0.0.8:3128", at("10.0.0.8", 3128), at("10.0.0.8", 3128)),
    ] {
        for flags in [2, 3] {
            let decoded = WinHttpSetting::decode(&value(flags, list.as_bytes(), b"<local>;*.example 10.*"));
            let bypass = ["<local>", "*.example", "10.*"].map(str::to_owned).to_vec();
            let proxies = WinHttpProxies { http: http.clone(), https: https.clone(), bypass };
            assert_eq!(decoded, Ok(WinHttpSetting::Proxy(proxies)), "{list}");
        }
    }
}

#[test]
fn invalid_binaries_are_rejected() {
    let good = value(3, b"proxy:80", b"<local>");
    for (cut, part) in [
        (0, SettingsPart::Version),
        (3, SettingsPart::Version),
        (7, SettingsPart::Counter),
        (11, SettingsPart::Flags),
        (15, SettingsPart::ProxyList),
        (16, SettingsPart::ProxyList),
        (23, SettingsPart::ProxyList),
        (27, SettingsPart::BypassList),
        (34, SettingsPart::BypassList),
    ] {
        assert_eq!(WinHttpSetting::decode(&good[..cut]), Err(WinHttpError::Truncated(part)), "{cut}");
    }
    let changed = |at: usize, byte: u8| {
        let mut bad = good.clone();
        bad[at] = byte;
        WinHttpSetting::decode(&bad)
    };
    assert_eq!(changed(0, 0x46), Err(WinHttpError::Version(0x46)));
    for flags in [0, 4, 5, 9, 0x80] {
        assert_eq!(changed(8, flags), Err(WinHttpError::Flags(flags.into())));
    }
    assert_eq!(changed(12, 0xff), Err(WinHttpError::Truncated(SettingsPart::ProxyList)));
    assert_eq!(changed(15, 0xff), Err(WinHttpError::Truncated(SettingsPart::ProxyList)));
    assert_eq!(changed(16, 0), Err(WinHttpError::NotAscii(SettingsPart::ProxyList)));
    assert_eq!(changed(16, 0xe9), Err(WinHttpError::NotAscii(SettingsPart::ProxyList)));
    assert_eq!(changed(28, b'\n'), Err(WinHttpError::NotAscii(SettingsPart::BypassList)));
    let longer = [good.as_slice(), b"xyz"].concat();
    assert_eq!(WinHttpSetting::decode(&longer), Err(WinHttpError::TooLong(3)));
    assert_eq!(WinHttpSetting::decode(&vec![0; MAX_BYTES + 5]), Err(WinHttpError::TooLong(5)));
    for list in ["", " ; ", "socks=a:1", "a:b", "a:0", "a:99999", "a b:", "http=", ":8080", "a<b:1"] {
        assert_eq!(
            WinHttpSetting::decode(&value(3, list.as_bytes(), b"")),
            Err(WinHttpError::NoProxy),
            "{list}"
        );
    }
}

#[test]
fn a_route_follows_the_setting() {
    let setting = WinHttpSetting::decode(&value(3, b"http=a:1;https=b:2", b"<local>;*.example")).unwrap();
    let proxies = setting.proxies();
    let by = |url: &str| proxies.for_url(&ProbeUrl::parse(url).unwrap()).map(|proxy| proxy.at.to_string());
    assert_eq!(by("http://wdcp.microsoft.com/").as_deref(), Some("a:1"));
    assert_eq!(by("https://wdcp.microsoft.com/").as_deref(), Some("b:2"));
    for direct in ["https://intranet/", "http://wsus.example:8530/"] {
        assert_eq!(by(direct), None, "{direct}");
    }
    assert_eq!(WinHttpSetting::Direct.proxies(), Proxies::default());
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
        let _ = WinHttpSetting::decode(&bytes);
    }

    #[test]
    fn no_list_makes_it_panic(flags in 0..4_u32, proxies in "[ -~]{0,40}", bypass in "[ -~]{0,40}") {
        if let Ok(setting) = WinHttpSetting::decode(&value(flags, proxies.as_bytes(), bypass.as_bytes())) {
            let _ = setting.proxies().for_url(&ProbeUrl::parse("https://a.example/").unwrap());
        }
    }

    #[test]
    fn what_is_written_by_the_layout_is_read(host in "[a-z]{1,20}", port in 1..=u16::MAX, rules in proptest::collection::vec("[a-z*.]{1,9}", 0..5)) {
        let decoded = WinHttpSetting::decode(&value(3, format!("{host}:{port}").as_bytes(), rules.join(";").as_bytes()));
        let proxies = WinHttpProxies { http: at(&host, port), https: at(&host, port), bypass: rules };
        prop_assert_eq!(decoded, Ok(WinHttpSetting::Proxy(proxies)));
    }
}

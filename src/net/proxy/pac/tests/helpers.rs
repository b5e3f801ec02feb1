//! Each helper function of the PAC standard by a table: the documents' examples, and the cases they leave open.

use super::*;

/// The value of an expression inside a script, as JSON.
async fn value(expression: &str, machine: ScriptMachine) -> Result<String, PacError> {
    let text = format!("function FindProxyForURL(url, host) {{ return JSON.stringify({expression}); }}");
    let limits = PacLimits { time: Duration::from_secs(20), ..PacLimits::default() };
    let arguments = ("http://www.contoso.example/a?b".to_owned(), "www.contoso.example".to_owned());
    let job = Script { text: text.into(), limiter: Arc::default() }.job(Some(arguments), machine, limits);
    run::run(job, Some(&names()), later(), &Arc::default()).await.0
}

pub(super) async fn check_at(machine: &ScriptMachine, cases: &[(&str, &str)]) {
    for (expression, expected) in cases {
        let found = value(expression, machine.clone()).await;
        assert_eq!(found.as_deref(), Ok(*expected), "{expression} at {machine:?}");
    }
}

async fn check(cases: &[(&str, &str)]) {
    check_at(&machine("2026-03-04 12:00:00", 0), cases).await;
}

#[tokio::test]
async fn hosts_are_compared() {
    check(&[
        (r#"isPlainHostName("www.mozilla.org")"#, "false"),
        (r#"isPlainHostName("www")"#, "true"),
        (r#"isPlainHostName("2001:db8::1")"#, "false"),
        (r#"dnsDomainIs("www.mozilla.org", ".mozilla.org")"#, "true"),
        (r#"dnsDomainIs("www", ".mozilla.org")"#, "false"),
        (r#"dnsDomainIs("mozilla.org", ".mozilla.org")"#, "false"),
        (r#"dnsDomainIs("evilmozilla.org", "mozilla.org")"#, "true"), // the end of the text, as everywhere
        (r#"localHostOrDomainIs("www.mozilla.org", "www.mozilla.org")"#, "true"),
        (r#"localHostOrDomainIs("www", "www.mozilla.org")"#, "true"),
        (r#"localHostOrDomainIs("www.google.com", "www.mozilla.org")"#, "false"),
        (r#"localHostOrDomainIs("home.mozilla.org", "www.mozilla.org")"#, "false"),
        (r#"dnsDomainLevels("www")"#, "0"),
        (r#"dnsDomainLevels("mozilla.org")"#, "1"),
        (r#"dnsDomainLevels("www.mozilla.org")"#, "2"),
    ])
    .await;
}

#[tokio::test]
async fn names_are_resolved() {
    check(&[
        ("dnsResolve(host)", r#""198.51.100.7""#),
        (r#"dnsResolve("WWW.Contoso.Example.")"#, r#""198.51.100.7""#),
        (r#"dnsResolve("inside.contoso.example")"#, r#""10.1.2.3""#),
        (r#"dnsResolve("six.contoso.example")"#, "null"),
        (r#"dnsResolve("missing.contoso.example")"#, "null"),
        (r#"dnsResolve("not a name")"#, "null"),
        ("dnsResolve()", "null"),
        (r#"dnsResolve("104.16.41.2")"#, r#""104.16.41.2""#),
        (r#"dnsResolve("2001:db8::1")"#, "null"),
        ("isResolvable(host)", "true"),
        (r#"isResolvable("six.contoso.example")"#, "false"),
        (r#"isResolvable("missing.contoso.example")"#, "false"),
        ("isResolvableEx(host)", "true"),
        (r#"isResolvableEx("six.contoso.example")"#, "true"),
        (r#"isResolvableEx("missing.contoso.example")"#, "false"),
        (r#"dnsResolveEx("both.contoso.example")"#, r#""2001:db8::1;192.0.2.1;192.0.2.2""#),
        (r#"dnsResolveEx("missing.contoso.example")"#, r#""""#),
        ("myIpAddress()", r#""10.9.8.7""#),
        ("myIpAddressEx()", r#""fd00::1;10.9.8.7;10.9.8.8""#),
        ("getClientVersion()", r#""1.0""#),
    ])
    .await;
}

#[tokio::test]
async fn networks_hold_addresses() {
    check(&[
        (r#"isInNet("63.245.213.24", "63.245.213.24", "255.255.255.255")"#, "true"),
        (r#"isInNet("198.95.249.79", "198.95.0.0", "255.255.0.0")"#, "true"),
        (r#"isInNet("198.96.249.79", "198.95.0.0", "255.255.0.0")"#, "false"),
        (r#"isInNet("198.96.249.79", "198.95.0.0", "0.0.0.0")"#, "true"),
        (r#"isInNet("inside.contoso.example", "10.0.0.0", "255.0.0.0")"#, "true"),
        (r#"isInNet("010.001.002.003", "10.0.0.0", "255.0.0.0")"#, "true"),
        (r#"isInNet("missing.contoso.example", "0.0.0.0", "0.0.0.0")"#, "false"),
        (r#"isInNet(host, "198.51.100.0/24", "255.255.255.0")"#, "false"),
        (r#"isInNet(host, "198.51.100.0")"#, "false"),
        (r#"isInNetEx("198.95.249.79", "198.95.249.79/32")"#, "true"),
        (r#"isInNetEx("198.95.1.2", "198.95.0.0/16")"#, "true"),
        (r#"isInNetEx("3ffe:8311:ffff:1::2", "3ffe:8311:ffff::/48")"#, "true"),
        (r#"isInNetEx("3ffe:8311:fffe:1::2", "3ffe:8311:ffff::/48")"#, "false"),
        (r#"isInNetEx("3ffe:8311:ffff:1::2", "3ffe:8311:ffff/48")"#, "false"),
        (r#"isInNetEx("::1", "0.0.0.0/0")"#, "false"),
        (r#"isInNetEx("::1", "::/0")"#, "true"),
        (r#"isInNetEx("10.0.0.1", "10.0.0.0/33")"#, "false"),
        (r#"isInNetEx("10.0.0.1", "10.0.0.0")"#, "false"),
        (r#"isInNetEx(myIpAddressEx(), "10.0.0.0/8")"#, "true"),
        (r#"isInNetEx("inside.contoso.example", "fd00::/8")"#, "true"),
        (r#"isInNetEx("fe80::380c:2e71:f5b9:a3b5%15", "fe80::/10")"#, "true"),
        (r#"convert_addr("104.16.41.2")"#, "1745889538"),
        (r#"convert_addr("255.255.255.0") & convert_addr("10.1.2.3")"#, "167838208"),
        (r#"(convert_addr("192.168.7.7") & convert_addr("255.255.0.0")) == convert_addr("192.168.0.0")"#, "true"),
        ("convert_addr(null)", "0"),
        (
            r#"sortIpAddressList("2001:4898:28:3:201:2ff:feea:fc14; 157.59.139.22; fe80::5efe:157.59.139.22")"#,
            r#""fe80::5efe:157.59.139.22;2001:4898:28:3:201:2ff:feea:fc14;157.59.139.22""#,
        ),
        (r#"sortIpAddressList("10.0.0.2;10.0.0.1")"#, r#""10.0.0.1;10.0.0.2""#),
        (r#"sortIpAddressList("10.0.0.2;nonsense")"#, r#""""#),
        (r#"sortIpAddressList("")"#, r#""""#),
    ])
    .await;
}

#[tokio::test]
async fn shell_expressions_match() {
    check(&[
        (r#"shExpMatch("http://home.netscape.com/people/ari/index.html", "*/ari/*")"#, "true"),
        (r#"shExpMatch("http://home.netscape.com/people/montulli/index.html", "*/ari/*")"#, "false"),
        (r#"shExpMatch("www.contoso.com", "*.contoso.com")"#, "true"),
        (r#"shExpMatch("wwwxcontoso.com", "*.contoso.com")"#, "false"),
        (r#"shExpMatch("contoso.com", "contoso")"#, "false"),
        (r#"shExpMatch("host7", "host?")"#, "true"),
        (r#"shExpMatch("host", "host?")"#, "false"),
        (r#"shExpMatch("host7", "host[0-9]")"#, "true"),
        (r#"shExpMatch("hostx", "host[^0-9]")"#, "true"),
        (r#"shExpMatch("b.com", "(*.a.com|b.com)")"#, "true"),
        (r#"shExpMatch("b.com.evil", "a.com|b.com")"#, "false"),
        (r#"shExpMatch("a+b$c{1}\\", "a+b$c{1}\\")"#, "true"),
        (r#"shExpMatch("odd(", "odd(")"#, "true"),
        (r#"shExpMatch("odd[", "*d[")"#, "true"),
        (r#"shExpMatch("two\nlines", "two*")"#, "true"),
        (r#"shExpMatch("", "*")"#, "true"),
    ])
    .await;
}

/// Wednesday, 4 March 2026, 12:34:56 UTC; local time is ten hours ahead, half past ten in the evening.
#[tokio::test]
async fn time_ranges_go_by_local_time_or_gmt() {
    let machine = machine("2026-03-04 12:34:56", 600);
    check_at(
        &machine,
        &[
            (r#"weekdayRange("WED")"#, "true"),
            (r#"weekdayRange("wed", "gmt")"#, "true"),
            (r#"weekdayRange("MON", "FRI")"#, "true"),
            (r#"weekdayRange("THU", "SAT", "GMT")"#, "false"),
            (r#"weekdayRange("SAT", "TUE")"#, "false"),
            (r#"weekdayRange("SAT", "WED")"#, "true"),
            (r#"weekdayRange("TUE", "MON")"#, "true"),
            (r#"weekdayRange("XYZ")"#, "false"),
            ("weekdayRange()", "false"),
            ("timeRange(22)", "true"),
            (r#"timeRange(12, "GMT")"#, "true"),
            ("timeRange(12)", "false"),
            ("timeRange(21, 22)", "true"),
            ("timeRange(9, 17)", "false"),
            (r#"timeRange(9, 17, "GMT")"#, "true"),
            ("timeRange(20, 6)", "true"),
            ("timeRange(23, 21)", "false"),
            ("timeRange(22, 30, 22, 34)", "true"),
            ("timeRange(22, 35, 23, 0)", "false"),
            ("timeRange(22, 34, 50, 22, 34, 56)", "true"),
            ("timeRange(22, 34, 57, 22, 35, 0)", "false"),
            (r#"timeRange("21", "22")"#, "true"),
            ("timeRange(21, 22, 23)", "false"),
            (r#"timeRange("noon")"#, "false"),
            ("timeRange()", "false"),
        ],
    )
    .await;
    let midnight = ScriptMachine { now: time("2026-03-04 14:00:20"), ..machine };
    let cases = [
        ("timeRange(0, 0, 0, 0, 0, 30)", "true"),
        (r#"weekdayRange("THU")"#, "true"),
        (r#"weekdayRange("WED", "GMT")"#, "true"),
    ];
    check_at(&midnight, &cases).await;
}

#[tokio::test]
async fn without_an_offset_local_time_is_the_system_s() {
    let machine = ScriptMachine { utc_offset: None, ..machine("2026-03-04 12:34:56", 0) };
    let then = "new Date(Date.UTC(2026, 2, 4, 12, 34, 56))";
    let expression =
        format!("timeRange({then}.getHours(), {then}.getMinutes(), {then}.getHours(), {then}.getMinutes())");
    check_at(&machine, &[(&expression, "true")]).await;
}

#[tokio::test]
async fn dates_are_in_ranges() {
    let cases = [
        ("1995-06-01", "dateRange(1)", "true"),
        ("1995-06-02", "dateRange(1)", "false"),
        ("1995-06-15", "dateRange(1, 15)", "true"),
        ("1995-06-16", "dateRange(1, 15)", "false"),
        ("1995-06-02", "dateRange(28, 3)", "true"),
        ("1995-12-24", r#"dateRange(24, "DEC")"#, "true"),
        ("1996-12-24", r#"dateRange(24, "DEC", 1995)"#, "false"),
        ("1995-03-31", r#"dateRange("JAN", "MAR")"#, "true"),
        ("1995-04-01", r#"dateRange("JAN", "MAR")"#, "false"),
        ("1995-01-31", r#"dateRange("NOV", "FEB")"#, "true"),
        ("1995-06-01", r#"dateRange(1, "JUN", 15, "AUG")"#, "true"),
        ("1995-08-15", r#"dateRange(1, "JUN", 15, "AUG")"#, "true"),
        ("1995-08-16", r#"dateRange(1, "JUN", 15, "AUG")"#, "false"),
        ("1995-01-02", r#"dateRange(20, "DEC", 6, "JAN")"#, "true"),
        ("1995-07-20", r#"dateRange(1, "JUN", 1995, 15, "AUG", 1995)"#, "true"),
        ("1996-07-20", r#"dateRange(1, "JUN", 1995, 15, "AUG", 1995)"#, "false"),
        ("1996-01-05", r#"dateRange(20, "DEC", 1995, 6, "JAN", 1996)"#, "true"),
        ("1996-01-05", r#"dateRange(6, "JAN", 1996, 20, "DEC", 1995)"#, "false"),
        ("1995-10-01", r#"dateRange("OCT", 1995, "MAR", 1996)"#, "true"),
        ("1996-03-31", r#"dateRange("OCT", 1995, "MAR", 1996)"#, "true"),
        ("1996-04-01", r#"dateRange("OCT", 1995, "MAR", 1996)"#, "false"),
        ("1995-12-31", "dateRange(1995)", "true"),
        ("1997-12-31", "dateRange(1995, 1997)", "true"),
        ("1998-01-01", "dateRange(1995, 1997)", "false"),
        ("1995-06-30", r#"dateRange(1, "GMT")"#, "false"),
        ("1995-06-30", "dateRange(1)", "true"), // 23:30 UTC is the next day an hour ahead
        ("1995-06-30", r#"dateRange("JUNE")"#, "false"),
        ("1995-06-30", r#"dateRange("JUN", "JUN", "JUN")"#, "false"),
        ("1995-06-30", r#"dateRange("JUN", 1995, 3, 4)"#, "false"),
        ("1995-06-30", "dateRange()", "false"),
    ];
    for (day, expression, expected) in cases {
        let hour = if day == "1995-06-30" { "23:30:00" } else { "12:00:00" };
        check_at(&machine(&format!("{day} {hour}"), 60), &[(expression, expected)]).await;
    }
}

//! Names in scripts: the runs that they cost, their share of the time, and what messages say of them.

use tokio::net::UdpSocket;

use super::*;

/// A resolver whose server takes names in and never answers.
async fn silence() -> (UdpSocket, Resolver) {
    let server = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let resolver =
        ResolverConfig { servers: vec![server.local_addr().unwrap()], ..ResolverConfig::default() };
    (server, Resolver::new(&resolver, &BTreeMap::new()))
}

/// Evaluates a function's body within `time`, and says why names have no address.
async fn evaluate(body: &str, names: &Resolver, time: Duration) -> (String, String) {
    let limits = PacLimits { time: Duration::from_secs(20), ..PacLimits::default() };
    let text = format!("function FindProxyForURL(url, host) {{ {body} }}");
    let script = Script::parse(&text, limits).await.unwrap();
    let url = ProbeUrl::parse("http://a.example/").unwrap();
    let evaluation = script.find(&url, ScriptMachine::empty(), names, limits, Instant::now() + time).await;
    let answer = match evaluation.answer {
        Ok(answer) => answer.directives[0].to_string(),
        Err(error) => error.to_string(),
    };
    (answer, evaluation.unresolved.to_string())
}

#[tokio::test]
async fn a_script_goes_on_without_the_names_that_dns_does_not_answer() {
    let (server, names) = silence().await;
    // Without the time, which nobody knows.
    let silent =
        |name: &str| format!("DNS server {} did not answer for {name}", server.local_addr().unwrap());
    // The script, its answer, the names in words, and the number of further ones.
    let cases: [(&str, &str, &[&str], usize); 7] = [
        ("return isResolvable('a.lab') ? 'DIRECT' : 'PROXY p:1'", "PROXY p:1", &["a.lab"], 0),
        ("return 'PROXY ' + dnsResolve('A.lab.') + ':1'", "PROXY null:1", &["a.lab"], 0),
        (
            "dnsResolve('a.lab'); dnsResolve('a.lab'); return dnsResolveEx('b.lab')",
            "DIRECT",
            &["a.lab", "b.lab"],
            0,
        ),
        (
            "try { dnsResolve('a.lab') } catch (e) { return 'PROXY caught:1' } return 'DIRECT'",
            "DIRECT",
            &["a.lab"],
            0,
        ),
        ("for (let i = 0; i < 5; i++) dnsResolve(i + '.lab'); return ''", "DIRECT", &["0.lab", "1.lab"], 3),
        ("return 'PROXY ' + dnsResolve('10.0.0.1') + ':1'", "PROXY 10.0.0.1:1", &[], 0),
        ("return isResolvable('not a name') ? '' : 'PROXY p:1'", "PROXY p:1", &[], 0),
    ];
    for (body, expected, held_up, more) in cases {
        let (answer, words) = evaluate(body, &names, Duration::from_secs(4)).await;
        let mut words: Vec<_> = words.split("; ").filter(|word| !word.is_empty()).collect();
        let rest = if more > 0 { words.pop() } else { None };
        assert_eq!(
            rest.is_some_and(|rest| rest.starts_with(&format!("and {more} more"))),
            more > 0,
            "{body}"
        );
        let words: Vec<_> = words.iter().map(|word| word.split(" within ").next().unwrap()).collect();
        let held_up: Vec<_> = held_up.iter().map(|name| silent(name)).collect();
        assert_eq!((answer.as_str(), words.join("; ")), (expected, held_up.join("; ")), "{body}");
    }
}

/// Names that the configuration knows resolve although the share of DNS is used up.
#[tokio::test]
async fn names_together_have_half_of_the_time() {
    let (server, _) = silence().await;
    let known = BTreeMap::from([("known.lab".to_owned(), vec!["10.0.0.1".parse().unwrap()])]);
    let servers = vec![server.local_addr().unwrap()];
    let resolver = ResolverConfig { servers, overrides: known, ..ResolverConfig::default() };
    let names = Resolver::new(&resolver, &BTreeMap::new());
    let body = "for (let i = 0; i < 31; i++) isResolvable(i + '.lab');
        return 'PROXY ' + dnsResolve('known.lab') + ':1'";
    let start = Instant::now();
    let (answer, _) = evaluate(body, &names, Duration::from_secs(16)).await;
    assert_eq!(answer, "PROXY 10.0.0.1:1");
    assert!(start.elapsed() >= Duration::from_secs(7), "{:?}", start.elapsed());
}

/// A server that rejects queries doesn't hold up a script.
#[tokio::test]
async fn a_name_that_does_not_exist_is_not_held_up() {
    let (answer, words) =
        evaluate("return isResolvable('missing.lab') ? '' : 'PROXY p:1'", &names(), Duration::from_secs(60))
            .await;
    assert_eq!(answer, "PROXY p:1");
    assert!(words.starts_with("missing.lab does not exist (NXDOMAIN from DNS server "), "{words}");
}

#[test]
fn a_timeout_says_where_the_time_went() {
    let time = Duration::from_millis;
    let cases = [
        (1000, 0, 0, 0, "it ran for 1s of at most 1s"),
        (300, 2500, 0, 0, "it ran for 300ms of at most 1s, waited 2.5s for DNS"),
        (0, 0, 9000, 0, "it ran for 0ms of at most 1s, waited 9s for other PAC scripts"),
        (7, 20, 30, 0, "it ran for 7ms of at most 1s, waited 20ms for DNS and 30ms for other PAC scripts"),
        (7, 0, 0, 4000, "it ran for 7ms of at most 1s, waited 4s for a CPU"),
    ];
    for (ran, dns, queued, cpu, expected) in cases {
        let (ran, limit, dns, queued, cpu) = (time(ran), time(1000), time(dns), time(queued), time(cpu));
        let spent = TimeSpent { ran, limit, dns, queued, cpu };
        let error = PacError::Timeout(spent);
        assert_eq!(error.to_string(), format!("the script timed out: {expected}"));
        // A machine without a CPU for the script says nothing about the network.
        let starved = cpu > time(1000);
        assert_eq!(error.reason(), if starved { PacReason::Internal } else { PacReason::Timeout });
    }
}

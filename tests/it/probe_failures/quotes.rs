//! What a peer sent in place of TLS or HTTP is quoted: it names the portal or filter that answers.

use std::time::Duration;

use defender_exporter::observation::{FailureReason as R, Phase as S};

use crate::lab::Lab;
use crate::lab::faults::{Fault, Handshake};
use crate::lab::reply::{End, Reply, Step};
use crate::scenario::Scenario;

#[tokio::test]
async fn what_came_in_place_of_the_protocol_is_quoted() {
    let lab = Lab::start().await;
    let hello = |bytes: &[u8]| Fault::from(Handshake::Raw(bytes.to_vec()));
    let head =
        |bytes: &[u8]| Fault::from(Reply::Script(vec![Step::Send(bytes.to_vec()), Step::End(End::Close)]));
    let (not_tls, protocol) = ((S::Tls, R::NotTls), (S::Request, R::Protocol));
    let cases = [
        (
            hello(b"HTTP/1.1 302 Found\r\nServer: x\r\nLocation: http://portal.example/login\r\n\r\n"),
            not_tls,
            "the peer does not speak TLS: it answered with HTTP (\"HTTP/1.1 302 to http://portal.example/login\")",
        ),
        (
            hello(b"SSH-2.0-Lab\r\n"),
            not_tls,
            "the peer does not speak TLS: it answered with an SSH banner (\"SSH-2.0-Lab\")",
        ),
        (
            hello(b"<html>Blocked by policy</html>"),
            not_tls,
            "the peer does not speak TLS: it sent \"<html>Blocked by policy</html>\"",
        ),
        (
            hello(b"\x01\x02\x03\x04\x05"),
            not_tls,
            "the peer does not speak TLS: it sent bytes 01 02 03 04 05",
        ),
        (
            head(b"220 mail.lab ESMTP\r\n\r\n"),
            protocol,
            "the peer does not speak HTTP/1.1: it answered with a mail or FTP greeting (\"220 mail.lab ESMTP\")",
        ),
        (
            head(b"<html>Blocked by policy</html>\r\n\r\n"),
            protocol,
            "the response is not valid HTTP/1.1: it begins with \"<html>Blocked by policy</html>\"",
        ),
        (
            head(b"HTTP/1.1 0200 OK\r\n\r\n"),
            protocol,
            "the status line of the response can't be read: it begins with \"HTTP/1.1 0200 OK\"",
        ),
    ];
    for (n, (fault, pair, detail)) in cases.into_iter().enumerate() {
        let host = format!("quote{n}.genuine.example");
        lab.tls.break_host(&host, fault);
        let mut scenario = Scenario::new(&lab, &format!("https://{host}/"));
        scenario.target.timeout = Duration::from_secs(60);
        let failure = scenario.probe().await.failure.unwrap();
        assert_eq!((failure.phase, failure.reason), pair, "{failure:?}");
        assert_eq!(failure.detail, detail);
    }
}

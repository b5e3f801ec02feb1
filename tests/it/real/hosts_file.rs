//! Addresses of this machine: by its hosts file a company's server may be here, as Debian maps a machine's own name to 127.0.1.1. A DNS
//! filter's answer, and an entry that blocks one of Microsoft's names, are faults.

use std::net::IpAddr;

use defender_exporter::catalog::{Component, ListedSource, ProbeUrl, UpdateSource};
use defender_exporter::config::Config;
use defender_exporter::observation::{FailureReason as R, Phase as S};
use defender_exporter_needs::needs;

use super::getent::{own_etc, write};
use super::netns::{Network, alone};
use crate::lab::Lab;
use crate::lab::dns::{Answer, Dns};
use crate::on_premises_sources::{End, answer_as_wsus, probe};

const SINKHOLE: End = Some((S::Resolve, R::Sinkhole));
const UNKNOWN: End = Some((S::Resolve, R::Nxdomain));

/// What hosts file and DNS say, and how the probes of the server, and of MAPS' first host, end.
struct Case {
    hosts: &'static str,
    dns: Option<&'static str>,
    server: End,
    maps: End,
}

const CASES: [Case; 5] = [
    Case { hosts: "127.0.0.1 wsus.corp.example wsus", dns: None, server: None, maps: UNKNOWN },
    Case { hosts: "0.0.0.0 wsus.corp.example", dns: None, server: SINKHOLE, maps: UNKNOWN },
    Case { hosts: "", dns: Some("127.0.0.1"), server: SINKHOLE, maps: SINKHOLE },
    Case { hosts: "127.0.0.1 wdcp.microsoft.com", dns: None, server: UNKNOWN, maps: SINKHOLE },
    Case { hosts: "0.0.0.0 wdcp.microsoft.com", dns: None, server: UNKNOWN, maps: SINKHOLE },
];

#[needs("namespaces")]
#[test]
fn a_companys_server_may_be_here_and_microsofts_may_not() {
    const TEST: &str = concat!(module_path!(), "::a_companys_server_may_be_here_and_microsofts_may_not");
    alone(TEST, async |_network: Network| {
        let etc = own_etc();
        write(&etc.join("resolv.conf"), Some(b"nameserver 127.0.0.53\noptions timeout:1 attempts:1\n"));
        write(&etc.join("nsswitch.conf"), Some(b"hosts: files dns\n"));
        let dns = Dns::start_at("127.0.0.53:53".parse().unwrap()).await;
        let lab = Lab::start().await;
        answer_as_wsus(&lab, "wsus.corp.example");
        let address = format!("http://wsus.corp.example:{}", lab.plain.addr().port());
        let address = Some(ProbeUrl::parse(&address).unwrap());
        let listed = ListedSource { source: UpdateSource::InternalServer, address };
        for Case { hosts, dns: said, server, maps } in CASES {
            write(&etc.join("hosts"), Some(format!("127.0.0.1 localhost\n{hosts}\n").as_bytes()));
            dns.reset(
                said.map_or(Answer::Nxdomain, |address| Answer::address(address.parse::<IpAddr>().unwrap())),
            );
            let config = Config { update_sources: vec![listed.clone()], ..Config::default() };
            let (ends, _) = probe(&lab, &config, Component::Wsus).await;
            assert_eq!(ends, [server; 2], "{hosts:?} {said:?}");
            let (ends, _) = probe(&lab, &config, Component::Maps).await;
            assert_eq!(ends[0], maps, "{hosts:?} {said:?}");
        }
    });
}

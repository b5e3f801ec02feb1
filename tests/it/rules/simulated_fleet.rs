//! A fleet of sites as Prometheus sees it, with faults as data: the series that the rules for many sites read.

/// Microsoft's own authority, and that of an inspecting device.
const MICROSOFT: &str = "C=US, O=Microsoft Corporation, CN=Microsoft ECC Update Secure Server CA 2.1";
const INSPECTOR: &str = "O=Example, CN=Filter CA";

const UPDATE: &str = "https://fe2.update.microsoft.com/";

/// Why an endpoint fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    phase: &'static str,
    reason: &'static str,
    /// Of the certificate that was presented, if one was.
    issuer: Option<&'static str>,
}

/// A certificate of Microsoft's that the catalog doesn't know yet.
pub const ROTATED: Fault = Fault { phase: "tls", reason: "unknown_issuer", issuer: Some(MICROSOFT) };
/// A firewall that drops.
pub const DROPPED: Fault = Fault { phase: "connect", reason: "timeout", issuer: None };
/// An inspecting device that this machine doesn't trust.
pub const INSPECTED: Fault = Fault { phase: "tls", reason: "unknown_issuer", issuer: Some(INSPECTOR) };

/// What a site probes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Probed {
    /// MAPS of its region.
    Maps,
    /// An update source.
    Update,
}

impl Probed {
    const ALL: [Self; 2] = [Self::Maps, Self::Update];

    const fn component(self) -> &'static str {
        match self {
            Self::Maps => "maps",
            Self::Update => "update",
        }
    }

    /// Three sites of ten are in Europe.
    fn url(self, site: usize) -> &'static str {
        match self {
            Self::Maps if is_european(site) => {
                "https://eu.cp.wd.microsoft.com/wdcp.svc/bond/submitReport/test"
            }
            Self::Maps => "https://us.cp.wd.microsoft.com/wdcp.svc/bond/submitReport/test",
            Self::Update => UPDATE,
        }
    }
}

/// Whether the site is one of the three of ten in Europe.
pub const fn is_european(site: usize) -> bool {
    site % 10 < 3
}

/// A place of its own for each exporter.
pub fn own_site(site: usize) -> String {
    format!("site=\"site-{site:04}\"")
}

/// The series of a site at one moment, with what fails; the way promtool and Prometheus' text format both have it.
pub fn sample(site: usize, place: &str, fails: impl Fn(Probed) -> Option<Fault>) -> Vec<(String, u8)> {
    let own = format!("job=\"defender\",instance=\"probe-{site:04}:10207\",{place}");
    let mut all = Vec::new();
    let mut add = |metric: &str, labels: &str, value: bool| {
        all.push((format!("{metric}{{{own},route=\"direct\",{labels}}}"), u8::from(value)));
    };
    for probed in Probed::ALL {
        let (component, fault) = (format!("component=\"{}\"", probed.component()), fails(probed));
        let probe = format!("{component},endpoint=\"{}\"", probed.url(site));
        add("defender_probes_total", &probe, true);
        add("defender_probe_success", &probe, fault.is_none());
        add("defender_endpoint_state", &format!("{probe},state=\"good\""), fault.is_none());
        add("defender_endpoint_state", &format!("{probe},state=\"bad\""), fault.is_some());
        add("defender_component_available", &component, fault.is_none());
        if let Some(Fault { phase, reason, issuer }) = fault {
            let why = format!("{probe},phase=\"{phase}\",reason=\"{reason}\"");
            add("defender_probe_failure_reason", &why, true);
            if let Some(issuer) = issuer {
                let tls = format!("{probe},version=\"TLSv1.3\",cipher=\"A\",issuer=\"{issuer}\",root=\"\"");
                add("defender_tls_info", &tls, true);
            }
        }
    }
    // So that no fault of the other two is one of everything.
    add("defender_component_available", "component=\"adl\"", true);
    add("defender_maps_connected", "ssl_options=\"3\"", fails(Probed::Maps).is_none());
    all
}

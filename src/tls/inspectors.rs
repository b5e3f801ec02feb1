//! Products that inspect TLS, by the names in the certificates that they issue. Only messages use them: names prove
//! nothing. Pure.

/// Words in distinguished names, in lower case, and whose they are. Community knowledge: the products' default
/// certificates, and their manuals on deploying them.
const INSPECTORS: &[(&str, &str)] = &[
    ("avast", "Avast"),
    ("avg technologies", "AVG"),
    ("barracuda", "Barracuda"),
    ("bitdefender", "Bitdefender"),
    ("blue coat", "Symantec (Blue Coat)"),
    ("bluecoat", "Symantec (Blue Coat)"),
    ("cato networks", "Cato Networks"),
    ("check point", "Check Point"),
    ("checkpoint", "Check Point"),
    ("cisco umbrella", "Cisco Umbrella"),
    ("cloudflare gateway", "Cloudflare Gateway"),
    ("gateway ca - cloudflare", "Cloudflare Gateway"),
    ("contentkeeper", "ContentKeeper"),
    ("do_not_trust_fiddlerroot", "Fiddler"),
    ("eset ssl filter", "ESET"),
    ("forcepoint", "Forcepoint"),
    ("websense", "Forcepoint"),
    ("fortigate", "Fortinet"),
    ("fortinet", "Fortinet"),
    ("goskope", "Netskope"),
    ("netskope", "Netskope"),
    ("iboss", "iboss"),
    ("kaspersky", "Kaspersky"),
    ("lightspeed systems", "Lightspeed Systems"),
    ("mcafee web gateway", "Skyhigh (McAfee)"),
    ("skyhigh", "Skyhigh (McAfee)"),
    ("menlo security", "Menlo Security"),
    ("mitmproxy", "mitmproxy"),
    ("palo alto networks", "Palo Alto Networks"),
    ("portswigger", "Burp Suite"),
    ("securly", "Securly"),
    ("smoothwall", "Smoothwall"),
    ("sonicwall", "SonicWall"),
    ("sophos", "Sophos"),
    ("squid proxy", "Squid"),
    ("trend micro", "Trend Micro"),
    ("untangle", "Untangle"),
    ("watchguard", "WatchGuard"),
    ("zscaler", "Zscaler"),
];

/// The inspecting product that one of these distinguished names is known of.
pub(crate) fn inspector<'a>(names: impl IntoIterator<Item = &'a str>) -> Option<&'static str> {
    names.into_iter().find_map(|name| {
        let name = name.to_lowercase();
        INSPECTORS.iter().find(|(word, _)| name.contains(word)).map(|(_, product)| *product)
    })
}

#[cfg(test)]
mod tests {
    use x509_parser::prelude::{FromDer as _, X509Certificate};

    use super::*;
    use crate::tls::microsoft_roots;

    #[test]
    fn products_are_known_by_their_issuers() {
        for (name, expected) in [
            ("C=US, O=Zscaler Inc., CN=Zscaler Intermediate Root CA (zscalertwo.net)", Some("Zscaler")),
            ("CN=FG100D3G13812345, O=Fortinet", Some("Fortinet")),
            ("O=Cisco, CN=Cisco Umbrella Primary SubCA", Some("Cisco Umbrella")),
            ("CN=ca.eu.goskope.com, O=Example", Some("Netskope")),
            ("CN=mitmproxy, O=mitmproxy", Some("mitmproxy")),
            ("CN=DigiCert Global Root G2, O=DigiCert Inc", None),
            ("CN=Corp Inspection Root", None),
            ("", None),
        ] {
            assert_eq!(inspector([name]), expected, "{name}");
        }
        assert_eq!(inspector(["CN=Corp", "CN=SOPHOS SSL CA"]), Some("Sophos"));
        assert_eq!(inspector([]), None);
    }

    #[test]
    fn no_genuine_root_is_an_inspectors() {
        for root in microsoft_roots() {
            let subject = X509Certificate::from_der(root).unwrap().1.subject().to_string();
            assert_eq!(inspector([subject.as_str()]), None);
        }
    }
}

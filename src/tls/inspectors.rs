//! Products that inspect TLS, by the names in the certificates that they issue. Only messages use them: names prove
//! nothing. Pure.

/// A product by a word in its certificates' names.
struct Inspector {
    /// A word in the distinguished name, in lower case.
    word: &'static str,
    /// The product, or its vendor.
    product: &'static str,
    /// A name that was seen.
    #[cfg_attr(not(test), expect(dead_code, reason = "the evidence, which the tests read"))]
    name: &'static str,
    /// Where that name was seen.
    #[cfg_attr(not(test), expect(dead_code, reason = "the evidence, which the tests read"))]
    source: &'static str,
}

/// The names that Chromium recognises.
const CHROMIUM: &str =
    "Chromium, chrome/browser/resources/ssl/ssl_error_assistant/ssl_error_assistant.asciipb";

/// Certificates that users of the product printed in public reports, without a page of the vendor.
const REPORTS: &str = "public reports";

/// Products whose certificates were seen. Firewalls that let their administrator choose the name (Palo Alto Networks,
/// Check Point) aren't among them.
const INSPECTORS: &[Inspector] = &[
    known(
        "adguard personal ca",
        "AdGuard",
        "CN=AdGuard Personal CA",
        "AdGuard, KnowledgeBase, manual-certificate-installation.md",
    ),
    known("edge.arista.com", "Arista Edge (Untangle)", "CN=edge.arista.com, O=Arista", REPORTS),
    known("avast web/mail shield", "Avast", "CN=Avast Web/Mail Shield Root", CHROMIUM),
    known("avast! web/mail shield", "Avast", "CN=avast! Web/Mail Shield Root", CHROMIUM),
    known("avg web/mail shield", "AVG", "CN=AVG Web/Mail Shield Root", REPORTS),
    known("bitdefender", "Bitdefender", "CN=Bitdefender Personal CA.Net-Defender, O=Bitdefender", CHROMIUM),
    known(
        "portswigger",
        "Burp Suite",
        "CN=PortSwigger CA, O=PortSwigger",
        "https://github.com/FiloSottile/mkcert/discussions/684",
    ),
    known(
        "cato networks",
        "Cato Networks",
        "CN=Cato Networks Root CA, O=Cato Networks",
        "https://knowledge.catonetworks.com/how-to-verify-if-cato-or-custom-root-certificate-is-installed",
    ),
    known("charles proxy ca", "Charles", "CN=Charles Proxy CA (11 Jun 2020), O=XK72 Ltd", REPORTS),
    known("cisco secure access", "Cisco Secure Access", "CN=Cisco Secure Access Root CA, O=Cisco", REPORTS),
    known("cisco umbrella", "Cisco Umbrella", "CN=Cisco Umbrella Primary SubCA, O=Cisco", CHROMIUM),
    known(
        "cloudflare for teams",
        "Cloudflare Gateway",
        "CN=Cloudflare for Teams ECC Certificate Authority, O=Cloudflare\\, Inc",
        "https://github.com/cloudflare/cloudflare-docs/pull/8051",
    ),
    known("gateway ca - cloudflare", "Cloudflare Gateway", "CN=Gateway CA - Cloudflare Managed G1", REPORTS),
    known(
        "gateway intermediate ecc",
        "Cloudflare Gateway",
        "OU=Gateway Intermediate ECC Certificate Authority, O=Cloudflare\\, Inc.",
        REPORTS,
    ),
    known(
        "contentkeeper",
        "ContentKeeper",
        "CN=ContentKeeper Appliance CA (1), O=ContentKeeper Technologies",
        CHROMIUM,
    ),
    known("cyberoam", "Cyberoam", "O=Cyberoam Certificate Authority", CHROMIUM),
    known(
        "eset ssl filter",
        "ESET",
        "CN=ESET SSL Filter CA",
        "https://github.com/the-last-byte/ESET-NPM-Breakage-Fix",
    ),
    known(
        "do_not_trust_fiddlerroot",
        "Fiddler",
        "CN=DO_NOT_TRUST_FiddlerRoot, O=DO_NOT_TRUST",
        "https://gist.github.com/lennybacon/02457333fda4c942d1baae907e1e6e29",
    ),
    known(
        "fiddler root certificate authority",
        "Fiddler",
        "CN=Fiddler Root Certificate Authority, O=Progress Telerik Fiddler",
        REPORTS,
    ),
    known("forcepoint", "Forcepoint", "CN=Forcepoint Cloud CA, O=Forcepoint LLC", CHROMIUM),
    known("websense", "Forcepoint", "CN=Websense Public Primary Certificate Authority", REPORTS),
    known(
        "fortinet",
        "Fortinet",
        "CN=FortiGate CA, O=Fortinet",
        "https://community.fortinet.com/t5/FortiCache/How-to-Regenerate-the-Fortinet-CA-SSLProxy-CA-certificate-used/ta-p/198478",
    ),
    known(
        "http toolkit ca",
        "HTTP Toolkit",
        "CN=HTTP Toolkit CA",
        "https://github.com/httptoolkit/httptoolkit-server, src/index.ts",
    ),
    known("iboss network security", "iboss", "CN=iboss Network Security", REPORTS),
    known(
        "kaspersky",
        "Kaspersky",
        "CN=Kaspersky Anti-Virus Personal Root Certificate, O=AO Kaspersky Lab",
        CHROMIUM,
    ),
    known(
        "menlo security",
        "Menlo Security",
        "CN=Menlo Security Intermediate CA, O=Menlo Security Inc.",
        REPORTS,
    ),
    known(
        "mitmproxy",
        "mitmproxy",
        "CN=mitmproxy, O=mitmproxy",
        "https://github.com/mitmproxy/mitmproxy, mitmproxy/certs.py",
    ),
    known("netfree sign", "NetFree", "CN=NetFree Sign, 019", REPORTS),
    known("netskope", "Netskope", "CN=caadmin.netskope.com, O=netSkope Inc", REPORTS),
    known("goskope", "Netskope", "CN=*.dfw3.goskope.com, O=Example", REPORTS),
    known("netspark", "NetSpark", "CN=www.netspark.com, O=NetSpark", CHROMIUM),
    known(
        "norton web/mail shield",
        "Norton",
        "CN=Norton Web/Mail Shield Root",
        "https://github.com/matlab/matlab-mcp-server/issues/100",
    ),
    known("securly", "Securly", "CN=*.securly.com, O=Securly\\, Inc", REPORTS),
    known("mcafee web gateway", "Skyhigh (McAfee)", "CN=McAfee Web Gateway", CHROMIUM),
    known("smoothwall", "Smoothwall", "CN=Smoothwall-default-root-certificate-authority", CHROMIUM),
    known("sonicwall", "SonicWall", "CN=SonicWALL Firewall DPI-SSL, O=SonicWALL Inc.", CHROMIUM),
    known("eprism ssl", "Soosan INT ePrism", "CN=ePrism SSL, O=SOOSAN INT", REPORTS),
    known("sophos", "Sophos", "CN=Sophos SSL CA_C01001, O=Sophos", CHROMIUM),
    known(
        "squid proxy",
        "Squid",
        "CN=Squid Proxy CA",
        "https://oneuptime.com/blog/post/2026-03-20-squid-ssl-bump-https-ipv4/view",
    ),
    known("blue coat", "Symantec (Blue Coat)", "O=Blue Coat Systems", CHROMIUM),
    known(
        "trend micro",
        "Trend Micro",
        "CN=Trend Micro Web Security Cloud Root CA, O=Trend Micro",
        "https://success.trendmicro.com/ja-JP/solution/KA-0013237",
    ),
    known("iwss.trend", "Trend Micro", "CN=IWSS.TREND", CHROMIUM),
    known(
        "untangle",
        "Untangle",
        "CN=www.untangle.com, O=Untangle",
        "https://github.com/untangle/ngfw_src, test_ssl_inspector.py",
    ),
    known("watchguard", "WatchGuard", "CN=Fireware web CA, O=WatchGuard, OU=Fireware", REPORTS),
    known(
        "owasp zed attack proxy",
        "ZAP",
        "CN=OWASP Zed Attack Proxy Root CA, O=OWASP Root CA",
        "https://github.com/zaproxy/zap-extensions, CertificateUtils.java",
    ),
    known("zscaler", "Zscaler", "CN=Zscaler Root CA, O=Zscaler Inc.", CHROMIUM),
];

const fn known(
    word: &'static str,
    product: &'static str,
    name: &'static str,
    source: &'static str,
) -> Inspector {
    Inspector { word, product, name, source }
}

/// The inspecting product that one of these distinguished names is known of.
pub(crate) fn inspector<'a>(names: impl IntoIterator<Item = &'a str>) -> Option<&'static str> {
    names.into_iter().find_map(|name| {
        let name = name.to_lowercase();
        let found = INSPECTORS.iter().find(|inspector| name.contains(inspector.word));
        found.map(|inspector| inspector.product)
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

    /// The evidence of each row names its product.
    #[test]
    fn each_product_is_known_by_the_name_that_was_seen() {
        for Inspector { word, product, name, source } in INSPECTORS {
            assert_eq!(inspector([*name]), Some(*product), "{name}");
            assert!(*word == word.to_lowercase() && !source.is_empty(), "{name}");
        }
    }

    #[test]
    fn no_genuine_root_is_an_inspectors() {
        for root in microsoft_roots() {
            let subject = X509Certificate::from_der(root).unwrap().1.subject().to_string();
            assert_eq!(inspector([subject.as_str()]), None);
        }
    }
}

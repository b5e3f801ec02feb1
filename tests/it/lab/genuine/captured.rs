//! Responses of the genuine services from public captures: per URL the response, its confidence, and the CA of its
//! chain. Independent of the catalog, which is checked against it. Without a capture (confidence D), a plausible
//! response.

use defender_exporter::catalog::Confidence;

use super::super::pki::{Authority, Issuer};
use Authority::{DigicertG2, EccProduct2018, Microsoft2011, TlsG2};
use Body::{Cabinet, Certificate, CrlOf, CrossSign, Empty, Feed, Html, StorageError, Text};
use Confidence::{A, B, C, D};
use Says::{Answers, Download, Redirects};

/// One URL, or several of a kind.
#[derive(Clone, Copy)]
pub struct Captured {
    /// `{}` is replaced by each value of `each`.
    pub url: &'static str,
    /// The values of `{}`; empty if the URL has none.
    pub each: &'static [&'static str],
    /// How sure the answer is.
    pub confidence: Confidence,
    /// Whose chain comes with it; none over plain HTTP.
    pub by: Option<Authority>,
    /// The answer.
    pub says: Says,
}

/// An answer.
#[derive(Clone, Copy)]
pub enum Says {
    /// A status, headers and a body.
    Answers(u16, &'static [(&'static str, &'static str)], Body),
    /// A redirect: status, headers, and where to, absolute or not.
    Redirects(u16, &'static [(&'static str, &'static str)], &'static str),
    /// A large object: so many bytes to a GET, one to a GET of the first byte, none to a HEAD.
    Download(&'static str, usize),
}

/// A body.
#[derive(Clone, Copy)]
pub enum Body {
    Empty,
    Text(&'static str),
    Html,
    /// The response of Azure storage to a request without an object.
    StorageError,
    /// The version feed, in the shape that its readers agree on.
    Feed,
    Cabinet,
    CrlOf(Issuer),
    Certificate(Issuer),
    /// The cross-signed TLS G2 root.
    CrossSign,
}

const NONE: &[&str] = &[];
const NGINX: &[(&str, &str)] = &[("Server", "nginx"), ("Content-Type", "text/html")];
const KESTREL: &[(&str, &str)] = &[("Server", "Kestrel")];
const IIS: &[(&str, &str)] = &[("Server", "Microsoft-IIS/10.0")];
const STORAGE: &[(&str, &str)] = &[
    ("Server", "Microsoft-HTTPAPI/2.0"),
    ("x-ms-request-id", "5c1b8d6f-a01e-0042-7a3f-60e5b6000000"),
    ("Content-Type", "application/xml"),
];
const LATEST: &str = "https://definitionupdates.microsoft.com/packages?arch=x64";
const PACKAGE: &str = "/packages/content/mpam-fe.exe?packageType=Signatures&arch=amd64";

const fn https(url: &'static str, confidence: Confidence, by: Authority, says: Says) -> Captured {
    Captured { url, each: NONE, confidence, by: Some(by), says }
}

const fn http(url: &'static str, confidence: Confidence, says: Says) -> Captured {
    Captured { url, each: NONE, confidence, by: None, says }
}

const fn each(each: &'static [&'static str], captured: Captured) -> Captured {
    Captured { each, ..captured }
}

/// A status with nothing in it.
const fn status(status: u16) -> Says {
    Answers(status, &[], Empty)
}

const MAPS: &[Captured] = &[
    https("https://wdcp.microsoft.com/", C, Microsoft2011, Answers(503, KESTREL, Empty)),
    https("https://wdcpalt.microsoft.com/", C, Microsoft2011, Answers(503, KESTREL, Empty)),
    each(
        &["unitedstates", "europe", "unitedkingdom", "australia", "switzerland", "india"],
        https(
            "https://{}.cp.wd.microsoft.com/wdcp.svc/bond/submitReport/test",
            A,
            Microsoft2011,
            Answers(404, KESTREL, Empty),
        ),
    ),
    each(
        &["unitedstates", "europe", "unitedkingdom", "australia", "switzerland", "india"],
        https(
            "https://{}.x.cp.wd.microsoft.com/api/report",
            A,
            DigicertG2,
            Answers(200, KESTREL, Text("OK")),
        ),
    ),
    https("https://x.cp.wd.microsoft.com/api/report", A, DigicertG2, Answers(200, KESTREL, Text("OK"))),
    https("https://cdn.x.cp.wd.microsoft.com/ping", B, DigicertG2, Answers(200, &[], Text("OK"))),
];

const UPDATE: &[Captured] = &[
    https("https://fe2cr.update.microsoft.com/v6/", D, EccProduct2018, Answers(403, IIS, Html)),
    https("https://fe2.update.microsoft.com/", B, Microsoft2011, Answers(403, IIS, Html)),
    https("https://tas02.sls.update.microsoft.com/", D, EccProduct2018, Answers(404, IIS, Html)),
    https("https://slscr.update.microsoft.com/", D, EccProduct2018, Answers(404, IIS, Html)),
    https("https://sls.update.microsoft.com/", C, Microsoft2011, Answers(403, IIS, Html)),
    https("https://fe3.delivery.mp.microsoft.com/", C, Microsoft2011, Answers(403, IIS, Html)),
    https("https://fe3cr.delivery.mp.microsoft.com/", D, EccProduct2018, Answers(403, IIS, Html)),
    http("http://dl.delivery.mp.microsoft.com/", C, Answers(403, NGINX, Html)),
    http("http://tlu.dl.delivery.mp.microsoft.com/", C, Answers(403, NGINX, Html)),
    http(
        "http://download.windowsupdate.com/msdownload/update/v3/static/trustedr/en/authrootstl.cab",
        A,
        Answers(200, &[("Content-Type", "application/octet-stream")], Cabinet),
    ),
    http("http://au.download.windowsupdate.com/mscomtest/wuidt.gif", B, Download("image/gif", 969_710)),
    http(
        "http://ctldl.windowsupdate.com/msdownload/update/v3/static/trustedr/en/disallowedcertstl.cab",
        A,
        Answers(200, &[("Content-Type", "application/octet-stream")], Cabinet),
    ),
    http(
        "http://ctldl.windowsupdate.com/msdownload/update/v3/static/trustedr/en/authrootstl.cab",
        A,
        Answers(200, &[("Content-Type", "application/octet-stream")], Cabinet),
    ),
];

const ADL: &[Captured] = &[
    // 200 at the end for tools that follow; where its first hop leads was not captured.
    https(
        "https://download.microsoft.com/",
        C,
        TlsG2,
        Redirects(302, &[], "https://www.microsoft.com/en-us/download"),
    ),
    https(
        "https://go.microsoft.com/fwlink/?LinkID=121721&arch=x64",
        A,
        TlsG2,
        Redirects(302, KESTREL, LATEST),
    ),
    https(LATEST, A, TlsG2, Redirects(302, KESTREL, PACKAGE)),
    https(
        "https://definitionupdates.microsoft.com/packages/content/mpam-fe.exe?packageType=Signatures&arch=amd64",
        A,
        TlsG2,
        Download("application/octet-stream", 222_853_576),
    ),
    http(
        "http://go.microsoft.com/fwlink/?LinkID=121721&arch=x64",
        A,
        Redirects(302, KESTREL, "https://definitionupdates.microsoft.com/packages?arch=x64"),
    ),
    // HEAD ends at 200; on which path isn't captured.
    https(
        "https://go.microsoft.com/fwlink/?linkid=2120136",
        A,
        TlsG2,
        Redirects(302, KESTREL, "https://definitionupdates.microsoft.com/packages/content/lab-mac.zip"),
    ),
    https(
        "https://definitionupdates.microsoft.com/packages/content/lab-mac.zip",
        A,
        TlsG2,
        Download("application/zip", 180_000_000),
    ),
    // XML at the end; where its first hop leads is inferred from the one with a client's parameters.
    https(
        "https://www.microsoft.com/security/encyclopedia/adlpackages.aspx?action=info",
        B,
        TlsG2,
        Redirects(
            302,
            &[("R-Tag", "SecADL")],
            "https://definitionupdates.microsoft.com/packages?action=info",
        ),
    ),
    https(
        "https://definitionupdates.microsoft.com/packages?action=info",
        A,
        TlsG2,
        Answers(200, &[("Server", "Kestrel"), ("Content-Type", "application/xml")], Feed),
    ),
    https(
        "https://fe3cr.delivery.mp.microsoft.com/ClientWebService/client.asmx",
        D,
        EccProduct2018,
        Answers(403, IIS, Html),
    ),
];

const STORED: Says = Answers(400, STORAGE, StorageError);
const SUBMISSION: &[Captured] = &[
    each(
        &[
            "ussus1east",
            "ussus1west",
            "usseu1north",
            "usseu1west",
            "ussuk1south",
            "ussuk1west",
            "ussau1east",
            "ussau1southeast",
            "ussch1north",
            "ussch1west",
            "ussin1south",
            "ussin1central",
        ],
        https("https://{}prod.blob.core.windows.net/", A, DigicertG2, STORED),
    ),
    each(
        &[
            "ussus2east",
            "ussus3east",
            "ussus4east",
            "wsus1east",
            "wsus2east",
            "ussus2west",
            "ussus3west",
            "ussus4west",
            "wsus1west",
            "wsus2west",
            "wseu1north",
            "wseu1west",
            "wsuk1south",
            "wsuk1west",
        ],
        https("https://{}prod.blob.core.windows.net/", D, DigicertG2, STORED),
    ),
];

const CRL: &[(&str, &str)] = &[("Content-Type", "application/pkix-crl")];
const CRT: &[(&str, &str)] = &[("Content-Type", "application/x-x509-ca-cert")];
const OBJECTS: &[Captured] = &[
    http(
        "http://www.microsoft.com/pkiops/crl/Microsoft%20ECC%20Product%20Root%20Certificate%20Authority%202018.crl",
        A,
        Answers(200, CRL, CrlOf(Issuer::Root(EccProduct2018))),
    ),
    http(
        "http://www.microsoft.com/pkiops/certs/Microsoft%20TLS%20RSA%20Root%20G2.crt",
        A,
        Answers(200, CRT, Certificate(Issuer::Root(TlsG2))),
    ),
    http(
        "http://crl.microsoft.com/pki/crl/products/MicRooCerAut2011_2011_03_22.crl",
        A,
        Answers(200, CRL, CrlOf(Issuer::Root(Microsoft2011))),
    ),
    http(
        "http://www.microsoft.com/pki/certs/MicRooCerAut2011_2011_03_22.crt",
        A,
        Answers(200, CRT, Certificate(Issuer::Root(Microsoft2011))),
    ),
    http(
        "http://crl3.digicert.com/DigiCertGlobalRootG2.crl",
        A,
        Answers(200, CRL, CrlOf(Issuer::Root(DigicertG2))),
    ),
    http(
        "http://crl4.digicert.com/DigiCertGlobalRootG2.crl",
        B,
        Answers(200, CRL, CrlOf(Issuer::Root(DigicertG2))),
    ),
    http(
        "http://cacerts.digicert.com/DigiCertGlobalRootG2.crt",
        A,
        Answers(200, CRT, Certificate(Issuer::Root(DigicertG2))),
    ),
    http(
        "http://caissuers.microsoft.com/pkiops/certs/Microsoft%20TLS%20RSA%20Root%20G2%20-%20xsign.crt",
        A,
        Answers(200, CRT, CrossSign),
    ),
    http("http://oneocsp.microsoft.com/ocsp", A, status(400)),
    // Microsoft's web fronts send what they can't serve to a host of another name.
    http("http://crl2.microsoft.com/", D, Redirects(302, &[], "http://mscom.errorpage.failover.com/")),
    http("http://mscrl.microsoft.com/", D, status(404)),
    http("http://ocsp.digicert.com/", D, status(200)),
];

const DIAGNOSTICS: &[Captured] = &[
    https("https://vortex-win.data.microsoft.com/", C, Microsoft2011, status(404)),
    https("https://settings-win.data.microsoft.com/qos", C, Microsoft2011, status(200)),
];

const REGIONS: &[&str] = &["us", "eu", "uk", "au", "ch", "ina"];
const OPTIONAL: &[Captured] = &[
    each(
        REGIONS,
        https("https://mdav.{}.endpoint.security.microsoft.com/mdav/test", A, Microsoft2011, status(404)),
    ),
    each(
        REGIONS,
        https(
            "https://mdav.{}.endpoint.security.microsoft.com/xplat/api/report",
            A,
            Microsoft2011,
            Answers(200, &[], Text("OK")),
        ),
    ),
    each(
        REGIONS,
        https(
            "https://mdav.{}.endpoint.security.microsoft.com/packages/?ostype=mac",
            A,
            Microsoft2011,
            status(200),
        ),
    ),
    each(
        &[
            "us.endpoint.security.microsoft.com/storage/ussus1eastprod",
            "us.endpoint.security.microsoft.com/storage/ussus1westprod",
            "eu.endpoint.security.microsoft.com/storage/usseu1northprod",
            "eu.endpoint.security.microsoft.com/storage/usseu1westprod",
            "uk.endpoint.security.microsoft.com/storage/ussuk1southprod",
            "uk.endpoint.security.microsoft.com/storage/ussuk1westprod",
            "au.endpoint.security.microsoft.com/storage/ussau1eastprod",
            "au.endpoint.security.microsoft.com/storage/ussau1southeastprod",
            "ch.endpoint.security.microsoft.com/storage/ussch1northprod",
            "ch.endpoint.security.microsoft.com/storage/ussch1westprod",
            "ina.endpoint.security.microsoft.com/storage/ussin1southprod",
            "ina.endpoint.security.microsoft.com/storage/ussin1centralprod",
        ],
        https("https://mdav.{}/", A, Microsoft2011, STORED),
    ),
    each(
        &[
            "cus.us", "eus.us", "cus3.us", "eus3.us", "weu.eu", "neu.eu", "weu3.eu", "neu3.eu", "uks.uk",
            "ukw.uk", "aus.au", "aue.au",
        ],
        https(
            "https://edr-{}.endpoint.security.microsoft.com/edr/commands/test",
            A,
            Microsoft2011,
            status(200),
        ),
    ),
    each(
        &["cus", "eus", "cus3", "eus3", "weu", "neu", "weu3", "neu3", "ukw", "uks", "aus", "aue"],
        https("https://winatp-gw-{}.microsoft.com/commands/test", A, Microsoft2011, status(200)),
    ),
    each(
        &["us", "eu", "uk", "au"],
        https("https://{}-v20.events.data.microsoft.com/ping", D, Microsoft2011, status(200)),
    ),
    each(
        &["cus", "eus", "cus3", "eus3", "neu", "weu", "neu3", "weu3", "uks", "ukw", "aue", "aus"],
        https("https://automatedirstrprd{}.blob.core.windows.net/", B, DigicertG2, STORED),
    ),
    each(
        &["nav", "apprep", "unitedstates"],
        https("https://{}.smartscreen.microsoft.com/", D, TlsG2, status(404)),
    ),
    https("https://unitedstates.smartscreen-prod.microsoft.com/", D, Microsoft2011, status(404)),
    each(
        &["1", "2", "4"],
        https(
            "https://unitedstates{}.cp.wd.microsoft.us/wdcp.svc/bond/submitReport/test",
            D,
            Microsoft2011,
            status(404),
        ),
    ),
    each(
        &["1", "2", "4"],
        https(
            "https://unitedstates{}.x.cp.wd.microsoft.us/api/report",
            D,
            DigicertG2,
            Answers(200, &[], Text("OK")),
        ),
    ),
];

/// What Windows asks to learn whether there is an Internet.
const CONTROL: &[Captured] =
    &[http("http://www.msftconnecttest.com/connecttest.txt", A, Answers(200, &[], Text(CONNECT_TEST)))];
const CONNECT_TEST: &str = "Microsoft Connect Test";

/// Every answer.
pub fn all() -> impl Iterator<Item = &'static Captured> {
    [MAPS, UPDATE, ADL, SUBMISSION, OBJECTS, DIAGNOSTICS, OPTIONAL, CONTROL].into_iter().flatten()
}

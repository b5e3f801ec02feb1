//! The HRESULTs that Microsoft's pages define: the data of `codes/*.yaml`, each code with its page.

use std::sync::LazyLock;

use serde::Deserialize;

use crate::catalog::Basis;

/// A page of Microsoft with its codes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CodePage {
    /// The page's title.
    page: String,
    url: String,
    /// That Defender shows these codes. The page alone defines them.
    basis: Basis,
    codes: Vec<CodeEntry>,
}

/// A code in the project's words.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CodeEntry {
    pub(super) code: u32,
    pub(super) http: Option<u16>,
    pub(super) name: String,
    /// If it differs from that of the page.
    basis: Option<Basis>,
    pub(super) title: String,
    pub(super) cause: String,
    pub(super) remedies: Vec<String>,
    #[serde(default)]
    pub(super) more: Vec<String>,
}

/// A file of codes, with a heading for lists.
pub(super) struct CodeGroup {
    pub(super) heading: &'static str,
    pages: Vec<CodePage>,
}

/// A code and its page.
#[derive(Clone, Copy)]
pub(super) struct Hresult {
    pub(super) entry: &'static CodeEntry,
    page: &'static CodePage,
}

/// The files in the order of lists.
const FILES: [(&str, &str); 7] = [
    ("Connections to MAPS (MpCmdRun.exe -ValidateMapsConnection)", include_str!("codes/maps.yaml")),
    ("Microsoft Defender Antivirus", include_str!("codes/defender.yaml")),
    ("Windows Update", include_str!("codes/windows_update.yaml")),
    ("Downloads: Delivery Optimization, BITS, HTTP", include_str!("codes/transfer.yaml")),
    ("Connections of Windows: WinHTTP, WinINet", include_str!("codes/winhttp.yaml")),
    ("Certificates, TLS and trust", include_str!("codes/certificates.yaml")),
    ("Windows", include_str!("codes/windows.yaml")),
];

static GROUPS: LazyLock<Vec<CodeGroup>> = LazyLock::new(|| {
    let group = |(heading, text)| CodeGroup { heading, pages: pages(text) };
    FILES.map(group).into()
});

static UPDATES: LazyLock<Vec<CodePage>> = LazyLock::new(|| pages(include_str!("codes/updates.yaml")));

fn pages(text: &str) -> Vec<CodePage> {
    serde_saphyr::from_str(text).expect("held by the test every_code_has_a_page_and_words_of_its_own")
}

/// All codes by group.
pub(super) fn groups() -> &'static [CodeGroup] {
    &GROUPS
}

impl CodeGroup {
    /// The codes of the group.
    pub(super) fn hresults(&'static self) -> impl Iterator<Item = Hresult> {
        in_pages(&self.pages)
    }
}

/// All codes.
pub(super) fn hresults() -> impl Iterator<Item = Hresult> {
    groups().iter().flat_map(CodeGroup::hresults)
}

/// All codes that mean something else in an update.
pub(super) fn update_hresults() -> impl Iterator<Item = Hresult> {
    in_pages(&UPDATES)
}

fn in_pages(pages: &'static [CodePage]) -> impl Iterator<Item = Hresult> {
    pages.iter().flat_map(|page| page.codes.iter().map(move |entry| Hresult { entry, page }))
}

/// This code, whatever it occurs in.
pub(super) fn hresult(code: u32) -> Option<Hresult> {
    hresults().find(|known| known.entry.code == code)
}

/// This code in an update, if it means something else there.
pub(super) fn update_hresult(code: u32) -> Option<Hresult> {
    update_hresults().find(|known| known.entry.code == code)
}

impl Hresult {
    /// The code's name, its page, and how far it is known that Defender shows it.
    pub(super) fn source(self) -> String {
        let CodeEntry { code, http, name, basis, .. } = self.entry;
        let CodePage { page, url, basis: usual, .. } = self.page;
        let http = http.map_or_else(String::new, |http| format!(", with httpcode {http}"));
        let known = match basis.unwrap_or(*usual) {
            Basis::Document => "Source: Microsoft's page",
            Basis::Tool => "Source: a tool of Microsoft,",
            Basis::Community => {
                "Administrators report it of Defender; no document does. Its definition: Microsoft's page"
            }
            Basis::Inferred => "No document says that Defender shows it. Its definition: Microsoft's page",
        };
        format!("0x{code:08X} is {name}{http}. {known} \"{page}\": {url}")
    }

    /// The page's title and address.
    #[cfg(test)]
    pub(super) const fn page(self) -> (&'static str, &'static str) {
        (self.page.page.as_str(), self.page.url.as_str())
    }
}

//! What a scene of the lab is called, and where its record is.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use defender_exporter::catalog::Endpoint;
use defender_exporter::record::Record;

use super::world::World;
use super::{add_first, file, updates};

/// MAPS as it should be.
pub const HEALTHY: &str = "healthy-maps";

/// The same, with another status from one of its hosts.
pub const OTHER_STATUS: &str = "another-status-from-a-region";

/// One endpoint of each kind: by its scheme, whose roots and which evidence prove it, and how sure the catalog is.
const KINDS: [(&str, &str); 6] = [
    ("maps", "https://wdcp.microsoft.com/"),
    ("region", REGION),
    ("versions", "https://definitionupdates.microsoft.com/packages?action=info"),
    ("storage", "https://ussus1eastprod.blob.core.windows.net/"),
    ("crl", CRL),
    ("download", "http://dl.delivery.mp.microsoft.com/"),
];

/// A host of MAPS whose answer the catalog is sure of.
pub const REGION: &str = "https://europe.cp.wd.microsoft.com/wdcp.svc/bond/submitReport/test";

/// A list that proves itself.
pub const CRL: &str = "http://crl.microsoft.com/pki/crl/products/MicRooCerAut2011_2011_03_22.crl";

/// The kind that an endpoint is taken as an example of.
pub fn kind_of(endpoint: &Endpoint) -> Option<&'static str> {
    KINDS.iter().find(|(_, url)| *url == endpoint.url.as_str()).map(|(kind, _)| *kind)
}

/// Whether an endpoint is the example of a kind.
pub fn is_kind(kind: &str) -> impl Fn(&Endpoint) -> bool + use<'_> {
    move |endpoint| kind_of(endpoint) == Some(kind)
}

/// Names for scenes, each once.
#[derive(Default)]
pub struct Names(BTreeMap<String, usize>);

impl Names {
    /// A name for what the words say, with a number if it is another one of the same words.
    pub fn name(&mut self, words: &str) -> String {
        let parts = words.split(|c: char| !c.is_ascii_alphanumeric()).filter(|part| !part.is_empty());
        let name = parts.collect::<Vec<_>>().join("-").to_lowercase();
        let count = self.0.entry(name.clone()).or_default();
        *count += 1;
        if *count == 1 { name } else { format!("{name}-{count}") }
    }
}

/// Holds that the corpus has a record of this name, or adds it.
pub fn keep(name: &str, record: &Record) {
    static KEPT: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let is_new = KEPT.lock().unwrap().insert(name.to_owned());
    assert!(is_new, "two scenes are called {name}");
    let file = file(name);
    if !file.exists() {
        assert!(updates(), "the corpus has no {name}: UPDATE_RECORDS=1 adds it");
        std::fs::write(file, record.to_bytes().unwrap()).unwrap();
        add_first(name, record);
    }
}

/// Probes what is wanted in a world with something changed, and keeps the record.
pub async fn scene(name: &str, is_wanted: impl Fn(&Endpoint) -> bool, change: impl AsyncFnOnce(&mut World)) {
    let mut world = World::start().await;
    change(&mut world).await;
    keep(name, &world.round(is_wanted, None).await.judged_again());
}

//! The fuzz targets: one function per source of untrusted bytes. Each takes any bytes, panics if a property is
//! violated, and keeps no state between inputs. cargo-fuzz runs them one at a time; the test `corpus` runs the kept
//! inputs.

mod archive;
mod baseline;
mod catalog;
mod certificate;
mod config;
mod crl;
mod dns;
mod events;
mod explain;
mod feed;
mod fetch;
mod flags;
mod hosts_file;
mod issuance;
mod lab;
mod mdatp;
mod metrics;
mod mpcmdrun;
mod nsswitch;
mod ocsp;
mod pac_answer;
mod pac_script;
mod password;
mod peer;
mod probe;
mod proxies;
mod proxy;
mod record;
mod registry;
mod requests;
mod resolv_conf;
mod state;
mod text;
mod urls;
mod web_config;

/// What takes an input.
pub type Target = fn(&[u8]);

/// All of them by name: that of the program in Cargo.toml, and of the folders of seeds and corpus.
pub const TARGETS: &[(&str, Target)] = &[
    ("archive", archive::run),
    ("baseline", baseline::run),
    ("catalog", catalog::run),
    ("certificate", certificate::run),
    ("config", config::run),
    ("crl", crl::run),
    ("dns", dns::run),
    ("events", events::run),
    ("explain", explain::run),
    ("feed", feed::run),
    ("fetch", fetch::run),
    ("flags", flags::run),
    ("hosts_file", hosts_file::run),
    ("mdatp", mdatp::run),
    ("metrics", metrics::run),
    ("mpcmdrun", mpcmdrun::run),
    ("nsswitch", nsswitch::run),
    ("ocsp", ocsp::run),
    ("pac_answer", pac_answer::run),
    ("pac_script", pac_script::run),
    ("password", password::run),
    ("probe", probe::run),
    ("proxies", proxies::run),
    ("proxy", proxy::run),
    ("record", record::run),
    ("registry", registry::run),
    ("requests", requests::run),
    ("resolv_conf", resolv_conf::run),
    ("state", state::run),
    ("urls", urls::run),
    ("web_config", web_config::run),
];

/// The target of that name, known when the program is built, so that it has the code of this one alone.
///
/// # Panics
/// When there is none.
#[must_use]
pub const fn of(name: &str) -> Target {
    let mut n = 0;
    while n < TARGETS.len() {
        if same(TARGETS[n].0.as_bytes(), name.as_bytes()) {
            return TARGETS[n].1;
        }
        n += 1;
    }
    panic!("no target of that name")
}

const fn same(a: &[u8], b: &[u8]) -> bool {
    let mut n = 0;
    while n < a.len() && n < b.len() && a[n] == b[n] {
        n += 1;
    }
    n == a.len() && n == b.len()
}

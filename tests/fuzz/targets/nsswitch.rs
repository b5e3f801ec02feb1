//! Any bytes as nsswitch.conf.

use defender_exporter::net::resolver::nsswitch::{NssStatus, hosts_steps};

pub fn run(file: &[u8]) {
    let steps = hosts_steps(file);
    assert!((1..=file.len().max(2)).contains(&steps.len()), "{steps:?}");
    let comment = [b"# hosts: other\n", file].concat();
    assert_eq!(hosts_steps(&comment), steps, "a comment has no effect");
    let first = [b"hosts: dns [NOTFOUND=return]\n", file].concat();
    let first = hosts_steps(&first);
    assert!(first.len() == 1 && first[0].returns(NssStatus::NotFound), "the first line counts: {first:?}");
    let line = [b"hosts: files ", file].concat();
    assert!(!hosts_steps(&line).is_empty());
}

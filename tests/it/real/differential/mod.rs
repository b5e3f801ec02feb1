//! Random chains and revocation lists, judged by the exporter and by `openssl verify` side by side, and OCSP responses (`answers.rs`). Every
//! disagreement is one of [`EXPLAINED`]. The seed is fixed; `DEFENDER_DIFFERENTIAL_SEED` and `DEFENDER_DIFFERENTIAL_SAMPLES` choose another run.

mod answers;
mod fault;
mod generator;
mod judges;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use defender_exporter_needs::needs;

use self::fault::{Class, Fault};
use self::generator::{Keys, generate};
use self::judges::{Judgement, openssl, ours};
use super::tools;
use crate::lab;
use crate::lab::rng::Rng;

/// The samples of a run in CI: about half a minute.
const SAMPLES: usize = 3000;
const SEED: u64 = 20_261_129;

/// Faults that the judges judge differently, and why.
struct Explained {
    faults: &'static [Fault],
    /// Our judgement of a chain with these faults alone.
    ours: Judgement,
    /// OpenSSL's.
    openssl: Judgement,
    why: &'static str,
}

const EXPLAINED: &[Explained] = &[
    Explained {
        faults: &[Fault::CommonNameOnly],
        ours: Err(Class::Name),
        openssl: Ok(()),
        why: "RFC 9525 section 2: a common name is no host name. No public CA has left out the names since 2012 (Baseline \
              Requirements, section 7.1.4.2), so that no genuine host is concerned",
    },
    Explained {
        faults: &[Fault::PartialWildcard],
        ours: Err(Class::Name),
        openssl: Ok(()),
        why: "RFC 9525 section 6.3: a wildcard is a whole label",
    },
    Explained {
        faults: &[Fault::LeafIsAuthority],
        ours: Err(Class::Unsupported),
        openssl: Ok(()),
        why: "webpki takes no certificate of an authority as a server's; Windows does. The endpoint has no verdict (unsupported)",
    },
    Explained {
        faults: &[Fault::PartialWildcardBeside, Fault::PermittedName],
        ours: Err(Class::Name),
        openssl: Ok(()),
        why: "webpki compares every name of a certificate with the constraints of its issuers, and a partial wildcard is none",
    },
];

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |text| text.parse().expect(variable))
}

/// The faults of a sample: none to three.
fn faults(rng: &mut Rng) -> Vec<Fault> {
    let faults: BTreeSet<_> = (0..rng.below(4)).map(|_| *rng.pick(&Fault::ALL)).collect();
    faults.into_iter().collect()
}

#[needs("openssl")]
#[test]
fn chains_and_lists_are_judged_as_openssl_judges_them() {
    let program = tools::find("openssl");
    let seed = number("DEFENDER_DIFFERENTIAL_SEED", SEED);
    let samples = usize::try_from(number("DEFENDER_DIFFERENTIAL_SAMPLES", SAMPLES as u64)).unwrap();
    println!("seed {seed}, {samples} samples");
    let keys = Keys::new();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let results: Vec<Vec<Disagreement>> = std::thread::scope(|scope| {
        let run = |thread: usize| {
            let (keys, program) = (&keys, &program);
            let samples = (samples / threads).max(Fault::ALL.len() + EXPLAINED.len());
            scope.spawn(move || judge(program, keys, seed + thread as u64, samples))
        };
        let running: Vec<_> = (0..threads).map(run).collect();
        running.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let disagreements: Vec<_> = results.into_iter().flatten().collect();
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    for disagreement in disagreements.iter().filter(|found| !found.is_explained()) {
        *kinds.entry(format!("{disagreement:?}")).or_default() += 1;
    }
    for explained in EXPLAINED {
        let is_seen = disagreements.iter().any(|found| found.faults == explained.faults);
        assert!(is_seen, "{:?} are judged alike: {}", explained.faults, explained.why);
    }
    assert!(kinds.is_empty(), "{} kinds of unexplained disagreement: {kinds:#?}", kinds.len());
}

/// A sample that is judged differently.
#[derive(Debug)]
struct Disagreement {
    faults: Vec<Fault>,
    ours: Judgement,
    openssl: Judgement,
}

fn judge(program: &Path, keys: &Keys, seed: u64, samples: usize) -> Vec<Disagreement> {
    let (mut rng, folder) = (Rng::new(seed), tempfile::TempDir::new().unwrap());
    let mut found = Vec::new();
    for n in 0..samples {
        // Every fault stands alone at least once, and what is explained comes up.
        let faults = match (Fault::ALL.get(n), n.checked_sub(Fault::ALL.len()).and_then(|n| EXPLAINED.get(n)))
        {
            (Some(fault), _) => vec![*fault],
            (_, Some(explained)) => explained.faults.to_vec(),
            _ => faults(&mut rng),
        };
        let sample = generate(&mut rng, keys, lab::now(), faults);
        let (ours, openssl) = (ours(&sample), openssl(program, folder.path(), &sample));
        if !agree(&sample.faults, ours, openssl) {
            found.push(Disagreement { faults: sample.faults, ours, openssl });
        }
    }
    found
}

/// Whether both accept or both refuse; the latter for the expected reason where one fault stands alone.
fn agree(faults: &[Fault], ours: Judgement, openssl: Judgement) -> bool {
    match faults {
        [fault] => {
            let expected = fault.class().map_or(Ok(()), Err);
            ours == expected && openssl == expected
        }
        _ => ours.is_ok() == openssl.is_ok(),
    }
}

impl Disagreement {
    /// Whether a fault that is judged differently accounts for it.
    fn is_explained(&self) -> bool {
        EXPLAINED.iter().any(|explained| {
            explained.faults.iter().all(|fault| self.faults.contains(fault))
                && (self.faults.len() > explained.faults.len()
                    || (self.ours, self.openssl) == (explained.ours, explained.openssl))
        })
    }
}

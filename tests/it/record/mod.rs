//! Records: what `check --record` writes is judged again as it was judged. Every scenario of these tests is recorded and judged
//! again (`judged_again`); here are whole rounds of the program.

pub mod corpus;
mod files;
mod redaction;
mod report;
mod rounds;

use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use defender_exporter::event::Event;
use defender_exporter::observation::Observation;
use defender_exporter::plan::Plan;
use defender_exporter::record::{Record, Recorder, Round};
use defender_exporter::state::Snapshot;
use defender_exporter::tls::Roots;
use flate2::read::GzDecoder;

/// Holds that a probe that kept its evidence is judged again as it was judged, from the bytes of its record alone: the same facts,
/// failure and verdicts; and without names, the same verdicts. Returns the observation as it is without a record.
pub fn judged_again(plan: Plan, roots: &Arc<Roots>, observation: Observation) -> Observation {
    let (plan, at) = (Arc::new(plan), observation.at);
    let round = Round {
        plan: Arc::clone(&plan),
        roots: Arc::clone(roots),
        checks_revocation: false,
        selected: false,
    };
    let mut recorder = Recorder::new(round);
    recorder.add(&Event::Observed(Box::new(observation.clone())));
    let record = recorder.finish(at, at);
    let again = Record::from_bytes(&record.to_bytes().unwrap()).unwrap().judge();
    redaction::holds_no_name(&record);

    let observation = without_evidence(observation);
    let mut judged = Snapshot::new(plan, at);
    judged.apply(Event::Observed(Box::new(observation.clone())));
    assert_eq!(again.targets, judged.targets);
    assert_eq!((again.components, again.maps), (judged.components, judged.maps));
    observation
}

/// The document in the file of a record.
pub fn document(file: &Path) -> Vec<u8> {
    decompressed(&std::fs::read(file).unwrap())
}

/// The document in the bytes of a file.
fn decompressed(bytes: &[u8]) -> Vec<u8> {
    let mut document = Vec::new();
    GzDecoder::new(bytes).read_to_end(&mut document).unwrap();
    document
}

fn without_evidence(mut observation: Observation) -> Observation {
    observation.facts.evidence = None;
    observation.facts.hops.iter_mut().for_each(|hop| hop.evidence = None);
    observation
}

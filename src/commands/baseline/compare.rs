//! Compares answers with a baseline: those that differ, are new, or are missing. Pure.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::file::Baseline;
use super::{AnswerKey, answers, unproven};
use crate::report::{AnsweredHop, GenuineAnswer, ObjectKind};
use crate::state::Snapshot;
use crate::text::clean;

/// The differences between a round of probes and a baseline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comparison {
    /// When the baseline was made.
    pub taken_at: String,
    /// The number of unchanged answers.
    pub same: usize,
    /// Descriptions of the differences.
    pub changes: BTreeMap<AnswerKey, Vec<String>>,
}

/// Compares a round of probes with a baseline.
#[must_use]
pub fn compare(baseline: &Baseline, snapshot: &Snapshot) -> Comparison {
    let mut same = 0;
    let mut changes = BTreeMap::new();
    let now: BTreeMap<_, _> = answers(snapshot).collect();
    for (key, answer) in &now {
        match baseline.answers.get(key).map(|before| differences(before, answer)) {
            None => {
                changes.insert(key.clone(), vec!["is new: not in the baseline".to_owned()]);
            }
            Some(found) if found.is_empty() => same += 1,
            Some(found) => {
                changes.insert(key.clone(), found);
            }
        }
    }
    let states: BTreeMap<_, _> =
        snapshot.defender().map(|(_, target, state)| (AnswerKey::new(target), (target, state))).collect();
    for key in baseline.answers.keys().filter(|key| !now.contains_key(key)) {
        let why = match states.get(key) {
            Some((target, state)) => format!("no proven answer now: {}", unproven(target, state)),
            None => "is not probed with this configuration".to_owned(),
        };
        changes.insert(key.clone(), vec![why]);
    }
    Comparison { taken_at: baseline.taken_at.clone(), same, changes }
}

/// The differences between two answers of one endpoint on one route.
fn differences(before: &GenuineAnswer, now: &GenuineAnswer) -> Vec<String> {
    let mut found = Vec::new();
    let mut differ = |what: String, before: Option<&str>, now: Option<&str>| {
        if before != now {
            let shown = |text: Option<&str>| text.map_or_else(|| "none".to_owned(), clean);
            found.push(format!("{what}: {} -> {}", shown(before), shown(now)));
        }
    };
    differ("proof".to_owned(), Some(before.proof.as_str()), Some(now.proof.as_str()));
    let object = |answer: &GenuineAnswer| answer.object.map(ObjectKind::as_str);
    differ("object".to_owned(), object(before), object(now));
    let hosts = |answer: &GenuineAnswer| {
        let hosts: Vec<_> = answer.hops.iter().map(|hop| hop.host.as_str()).collect();
        hosts.join(", ")
    };
    differ("hosts".to_owned(), Some(&hosts(before)), Some(&hosts(now)));
    for (before, now) in before.hops.iter().zip(&now.hops).filter(|(before, now)| before.host == now.host) {
        let AnsweredHop { host, status, redirect, server, root, issuer } = before;
        let of = |what: &str| format!("{what} of {}", clean(host));
        differ(of("status"), Some(&status.to_string()), Some(&now.status.to_string()));
        differ(of("redirect"), redirect.as_deref(), now.redirect.as_deref());
        differ(of("server"), server.as_deref(), now.server.as_deref());
        differ(of("root"), root.as_deref(), now.root.as_deref());
        differ(of("issuer"), issuer.as_deref(), now.issuer.as_deref());
    }
    found
}

impl Comparison {
    /// 0: nothing changed; 1: something changed.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        u8::from(!self.changes.is_empty())
    }

    /// The differences as text.
    #[must_use]
    pub fn render(&self) -> String {
        let Self { taken_at, same, changes } = self;
        let all = same + changes.len();
        let taken_at = clean(taken_at);
        if changes.is_empty() {
            return format!("No change since {taken_at}: {all} answers are the same.\n");
        }
        let mut text = format!("Changed since {taken_at}: {} of {all} answers\n", changes.len());
        for (AnswerKey { component, endpoint, route }, words) in changes {
            let _ = writeln!(text, "\n{component} {endpoint} via {}", clean(route)); // a String never fails
            for words in words {
                let _ = writeln!(text, "  {words}");
            }
        }
        text
    }
}

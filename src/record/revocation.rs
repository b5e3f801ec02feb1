//! Revocation checks in the document: what they fetched, from which they are repeated, and what they concluded.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::RouteFetches;
use super::values::{Bytes, RecordedFailure, Text, Time};
use crate::catalog::ProbeUrl;
use crate::observation::Observation;
use crate::plan::TargetId;
use crate::revocation::{
    CertificateStatus, CrlState, FetchKey, PathReport, RecordedChecker, RecordedFetch, RevocationReport,
    RevocationStatus, UndeterminedCause,
};

/// A revocation check of a target's chains.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct RecordedCheck {
    pub(super) target: TargetId,
    /// The results by hop.
    pub(super) chains: Vec<CheckedHop>,
    pub(super) crls: Vec<CrlState>,
}

/// The result for the chain of one hop.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct CheckedHop {
    pub(super) hop: usize,
    pub(super) report: Arc<RevocationReport>,
}

impl CheckedHop {
    /// The result for the hop of an observation that has this chain.
    pub(super) fn new(observation: &Observation, checked: &PathReport) -> Option<Self> {
        let (hop, _) = observation.facts.chains().find(|(_, path)| **path == checked.path)?;
        Some(Self { hop, report: Arc::clone(&checked.report) })
    }
}

impl RecordedCheck {
    /// The results for the chains that an observation has now: checked again from what was fetched then, or as concluded where the
    /// record doesn't have that.
    pub(super) fn path_reports(
        &self,
        observation: &Observation,
        mut checker: Option<&mut RecordedChecker>,
    ) -> Vec<PathReport> {
        let mut reports = Vec::with_capacity(self.chains.len());
        for checked in &self.chains {
            let chain = observation.facts.chains().find(|(hop, _)| *hop == checked.hop);
            let Some((_, path)) = chain else { continue };
            let again = checker.as_mut().and_then(|checker| checker.check(path, observation.at));
            let report = again.unwrap_or_else(|| Arc::clone(&checked.report));
            reports.push(PathReport { path: Arc::clone(path), report });
        }
        reports
    }
}

/// A revocation check of a target's chains.
#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct CheckDocument {
    /// Its place in the plan's targets.
    target: usize,
    chains: Vec<CheckedHopDocument>,
    crls: Vec<CrlDocument>,
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct CheckedHopDocument {
    hop: usize,
    /// The status of each certificate, leaf first, as it was concluded.
    certificates: Vec<StatusDocument>,
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct StatusDocument {
    subject: Text,
    status: RevocationStatus,
    cause: Option<UndeterminedCause>,
    source: Option<Text>,
    detail: Text,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    failure: Option<RecordedFailure>,
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct CrlDocument {
    url: Text,
    /// Absent before the first fetch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fetch: Option<FetchDocument>,
    fetched: Option<Time>,
    this_update: Option<Time>,
    next_update: Option<Time>,
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
enum FetchDocument {
    Done,
    Failed(RecordedFailure),
}

/// What a revocation check fetched.
#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct FetchedDocument {
    /// The place of its route in `routes`.
    route: usize,
    url: String,
    /// SHA-256 of what was sent with POST, in hexadecimal. Absent for a GET.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    post: Option<String>,
    #[serde(flatten)]
    outcome: FetchedOutcome,
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
enum FetchedOutcome {
    Body(Bytes),
    Failure(RecordedFailure),
}

impl FetchedDocument {
    /// Everything that was fetched.
    pub(super) fn list(fetched: &[RouteFetches]) -> Vec<Self> {
        let each = fetched.iter().flat_map(|of| of.fetched.iter().map(|fetch| (of.route, fetch)));
        let document = |(route, fetch): (usize, &RecordedFetch)| Self {
            route,
            url: fetch.key.url.to_string(),
            post: fetch.key.body.map(hex::encode),
            outcome: match &fetch.outcome {
                Ok(body) => FetchedOutcome::Body(Bytes(body.to_vec())),
                Err(failure) => FetchedOutcome::Failure(RecordedFailure::from(failure)),
            },
        };
        each.map(document).collect()
    }

    /// What was fetched, by route, of this number of routes.
    ///
    /// # Errors
    /// If a URL, a digest or a route is none: in words.
    pub(super) fn into_fetches(documents: Vec<Self>, routes: usize) -> Result<Vec<RouteFetches>, String> {
        let mut all: BTreeMap<usize, Vec<RecordedFetch>> = BTreeMap::new();
        for document in documents {
            if document.route >= routes {
                return Err(format!("there is no route {}", document.route));
            }
            let url =
                ProbeUrl::parse(&document.url).map_err(|error| format!("{:?}: {error}", document.url))?;
            let digest = |text: String| {
                let mut digest = [0; 32];
                hex::decode_to_slice(&text, &mut digest).map_err(|error| format!("{text:?}: {error}"))?;
                Ok::<_, String>(digest)
            };
            let outcome = match document.outcome {
                FetchedOutcome::Body(Bytes(body)) => Ok(body.into()),
                FetchedOutcome::Failure(failure) => Err(failure.0),
            };
            let key = FetchKey { url, body: document.post.map(digest).transpose()? };
            all.entry(document.route).or_default().push(RecordedFetch { key, outcome });
        }
        Ok(all.into_iter().map(|(route, fetched)| RouteFetches { route, fetched }).collect())
    }
}

impl From<&RecordedCheck> for CheckDocument {
    fn from(check: &RecordedCheck) -> Self {
        let hop = |checked: &CheckedHop| CheckedHopDocument {
            hop: checked.hop,
            certificates: checked.report.certificates.iter().map(StatusDocument::from).collect(),
        };
        Self {
            target: check.target.0,
            chains: check.chains.iter().map(hop).collect(),
            crls: check.crls.iter().map(CrlDocument::from).collect(),
        }
    }
}

impl From<CheckDocument> for RecordedCheck {
    fn from(check: CheckDocument) -> Self {
        let hop = |checked: CheckedHopDocument| {
            let certificates = checked.certificates.into_iter().map(CertificateStatus::from).collect();
            CheckedHop { hop: checked.hop, report: Arc::new(RevocationReport::new(certificates)) }
        };
        Self {
            target: TargetId(check.target),
            chains: check.chains.into_iter().map(hop).collect(),
            crls: check.crls.into_iter().map(CrlState::from).collect(),
        }
    }
}

impl From<&CertificateStatus> for StatusDocument {
    fn from(of: &CertificateStatus) -> Self {
        Self {
            subject: Text::from(&of.subject),
            status: of.status,
            cause: of.cause,
            source: of.source.as_ref().map(Text::from),
            detail: Text::from(&of.detail),
            failure: of.failure.as_ref().map(RecordedFailure::from),
        }
    }
}

impl From<StatusDocument> for CertificateStatus {
    fn from(of: StatusDocument) -> Self {
        Self {
            subject: of.subject.into(),
            status: of.status,
            cause: of.cause,
            source: of.source.map(String::from),
            detail: of.detail.into(),
            failure: of.failure.map(|failure| failure.0),
        }
    }
}

impl From<&CrlState> for CrlDocument {
    fn from(list: &CrlState) -> Self {
        let fetch = |fetch: &Result<(), _>| match fetch {
            Ok(()) => FetchDocument::Done,
            Err(failure) => FetchDocument::Failed(RecordedFailure::from(failure)),
        };
        Self {
            url: Text::from(&list.url),
            fetch: list.fetch.as_ref().map(fetch),
            fetched: list.fetched.map(Time),
            this_update: list.this_update.map(Time),
            next_update: list.next_update.map(Time),
        }
    }
}

impl From<CrlDocument> for CrlState {
    fn from(list: CrlDocument) -> Self {
        let fetch = |fetch: FetchDocument| match fetch {
            FetchDocument::Done => Ok(()),
            FetchDocument::Failed(failure) => Err(failure.0),
        };
        Self {
            url: list.url.into(),
            fetch: list.fetch.map(fetch),
            fetched: list.fetched.map(|at| at.0),
            this_update: list.this_update.map(|at| at.0),
            next_update: list.next_update.map(|at| at.0),
        }
    }
}

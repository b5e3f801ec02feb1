//! The evidence of a hop in the document: what the network sent.

use bytes::Bytes as Body;
use serde::{Deserialize, Serialize};

use super::certificates::{CertificateReader, CertificateWriter};
use super::concluded::ConcludedDocument;
use super::values::{Bytes, RecordedFailure, Text, Time, known_cipher, known_version, short_list};
use crate::observation::{
    ChainEvidence, HeaderEvidence, HopEvidence, IssuerEvidence, ObservedFailure, Phase, ResponseEvidence,
};

/// The maximum number of certificates of a chain and of issuers.
const MAX_CHAIN: usize = 64;

/// What a hop's judgement rests on.
#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct EvidenceDocument {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    chain: Option<ChainDocument>,
    /// What was concluded of the chain, in its place where names are replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    concluded: Option<ConcludedDocument>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    response: Option<ResponseDocument>,
    /// The failure that ended the hop, if the network made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    failure: Option<ObservedDocument>,
    /// The failure of a chain that earlier checks had found revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    revoked: Option<RecordedFailure>,
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct ObservedDocument {
    during: Phase,
    failure: RecordedFailure,
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct ChainDocument {
    /// Places in `certificates`, leaf first.
    #[serde(deserialize_with = "short_list")]
    certificates: Vec<usize>,
    /// The number of certificates that the server presented.
    presented: usize,
    /// The stapled OCSP response.
    #[serde(default, skip_serializing_if = "Bytes::is_empty")]
    stapled: Bytes,
    #[serde(default, deserialize_with = "short_list", skip_serializing_if = "Vec::is_empty")]
    issuers: Vec<IssuerDocument>,
    verified_at: Time,
    version: Option<String>,
    cipher: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct IssuerDocument {
    url: Text,
    #[serde(flatten)]
    outcome: IssuerOutcome,
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
enum IssuerOutcome {
    Body(Bytes),
    Failure(Text),
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct ResponseDocument {
    status: u16,
    #[serde(deserialize_with = "short_list")]
    headers: Vec<HeaderDocument>,
    /// Whether the request carried proxy credentials. Absent if the response can't be a proxy's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    authenticated: Option<bool>,
    /// The first bytes of the body.
    #[serde(default, skip_serializing_if = "Bytes::is_empty")]
    body: Bytes,
    body_bytes: u64,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    unclean_close: bool,
    judged_at: Time,
    /// The judgement, if the first bytes of the body don't suffice for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    judgement: Option<JudgementDocument>,
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct HeaderDocument {
    name: String,
    /// Latin-1, as headers are.
    value: String,
}

#[derive(Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
enum JudgementDocument {
    Genuine(bool),
    Failure(RecordedFailure),
}

impl EvidenceDocument {
    pub(super) fn new(evidence: &HopEvidence, certificates: &mut CertificateWriter) -> Self {
        let observed = |observed: &ObservedFailure| ObservedDocument {
            during: observed.during,
            failure: RecordedFailure::from(&observed.failure),
        };
        Self {
            chain: evidence.chain.as_ref().map(|chain| ChainDocument::new(chain, certificates)),
            concluded: evidence.concluded.as_deref().map(ConcludedDocument::from),
            response: evidence.response.as_ref().map(ResponseDocument::new),
            failure: evidence.failure.as_ref().map(observed),
            revoked: evidence.revoked.as_ref().map(RecordedFailure::from),
        }
    }

    pub(super) fn into_evidence(
        self,
        certificates: &mut CertificateReader,
    ) -> Result<Box<HopEvidence>, String> {
        let observed = |observed: ObservedDocument| ObservedFailure {
            during: observed.during,
            failure: observed.failure.0,
        };
        Ok(Box::new(HopEvidence {
            chain: self.chain.map(|chain| chain.into_evidence(certificates)).transpose()?,
            concluded: self.concluded.map(ConcludedDocument::into_chain).transpose()?.map(Box::new),
            response: self.response.map(ResponseDocument::into_evidence).transpose()?,
            failure: self.failure.map(observed),
            revoked: self.revoked.map(|failure| failure.0),
        }))
    }
}

impl ChainDocument {
    fn new(chain: &ChainEvidence, certificates: &mut CertificateWriter) -> Self {
        let issuer = |issuer: &IssuerEvidence| IssuerDocument {
            url: Text::from(&issuer.url),
            outcome: match &issuer.outcome {
                Ok(body) => IssuerOutcome::Body(Bytes(body.to_vec())),
                Err(why) => IssuerOutcome::Failure(Text::from(why)),
            },
        };
        Self {
            certificates: chain.certificates.iter().map(|der| certificates.place(der)).collect(),
            presented: chain.presented,
            stapled: Bytes(chain.stapled.clone()),
            issuers: chain.issuers.iter().map(issuer).collect(),
            verified_at: Time(chain.verified_at),
            version: chain.version.map(str::to_owned),
            cipher: chain.cipher.map(str::to_owned),
        }
    }

    fn into_evidence(self, certificates: &mut CertificateReader) -> Result<ChainEvidence, String> {
        if self.certificates.len() > MAX_CHAIN || self.issuers.len() > MAX_CHAIN {
            return Err(format!("a chain of more than {MAX_CHAIN} certificates"));
        }
        let issuer = |issuer: IssuerDocument| IssuerEvidence {
            url: issuer.url.into(),
            outcome: match issuer.outcome {
                IssuerOutcome::Body(Bytes(body)) => Ok(Body::from(body)),
                IssuerOutcome::Failure(why) => Err(why.into()),
            },
        };
        Ok(ChainEvidence {
            certificates: certificates.at(&self.certificates)?,
            presented: self.presented,
            stapled: self.stapled.0,
            issuers: self.issuers.into_iter().map(issuer).collect(),
            verified_at: self.verified_at.0,
            version: self.version.map(|name| known_version(&name)).transpose()?,
            cipher: self.cipher.map(|name| known_cipher(&name)).transpose()?,
        })
    }
}

impl ResponseDocument {
    fn new(response: &ResponseEvidence) -> Self {
        let header = |header: &HeaderEvidence| HeaderDocument {
            name: header.name.clone(),
            value: header.value.iter().copied().map(char::from).collect(),
        };
        let judgement = |judged: &Result<bool, _>| match judged {
            Ok(genuine) => JudgementDocument::Genuine(*genuine),
            Err(failure) => JudgementDocument::Failure(RecordedFailure::from(failure)),
        };
        Self {
            status: response.status,
            headers: response.headers.iter().map(header).collect(),
            authenticated: response.authenticated,
            body: Bytes(response.body.clone()),
            body_bytes: response.body_bytes,
            unclean_close: response.unclean_close,
            judged_at: Time(response.judged_at),
            judgement: response.judgement.as_ref().map(judgement),
        }
    }

    fn into_evidence(self) -> Result<ResponseEvidence, String> {
        if !(100..1000).contains(&self.status) {
            return Err(format!("{} is no status of HTTP", self.status));
        }
        let header = |header: HeaderDocument| {
            let value = header.value.chars().map(u8::try_from).collect::<Result<_, _>>();
            let value = value.map_err(|_| format!("the header {:?} isn't Latin-1", header.name))?;
            Ok::<_, String>(HeaderEvidence { name: header.name, value })
        };
        let judgement = |judgement: JudgementDocument| match judgement {
            JudgementDocument::Genuine(genuine) => Ok(genuine),
            JudgementDocument::Failure(failure) => Err(failure.0),
        };
        Ok(ResponseEvidence {
            status: self.status,
            headers: self.headers.into_iter().map(header).collect::<Result<_, _>>()?,
            authenticated: self.authenticated,
            body: self.body.0,
            body_bytes: self.body_bytes,
            unclean_close: self.unclean_close,
            judged_at: self.judged_at.0,
            judgement: self.judgement.map(judgement),
        })
    }
}

//! Roots taken apart, for records, and put together again.

use std::sync::Arc;

use rustls::pki_types::{Der, TrustAnchor};

use super::{Root, RootKind, Roots};
use crate::text::clean;
use crate::tls::Validity;

/// A root, as far as verification needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RootParts {
    /// The contents of its Name, without the outer SEQUENCE.
    pub subject: Vec<u8>,
    /// The contents of its SubjectPublicKeyInfo, without the outer SEQUENCE.
    pub spki: Vec<u8>,
    /// The contents of its NameConstraints, if it has some.
    pub name_constraints: Option<Vec<u8>>,
    /// The identifier of its key, if it has one.
    pub key_id: Option<Vec<u8>>,
    /// Its distinguished name, for display.
    pub name: String,
    /// Its kind.
    pub kind: RootKind,
    /// Its validity.
    pub validity: Validity,
}

impl Roots {
    /// The parts of each root, in the order of the store.
    pub fn parts(&self) -> impl Iterator<Item = RootParts> {
        let each = self.anchors.iter().zip(&self.known).zip(&self.key_ids);
        each.map(|((anchor, root), key_id)| RootParts {
            subject: anchor.subject.to_vec(),
            spki: anchor.subject_public_key_info.to_vec(),
            name_constraints: anchor.name_constraints.as_ref().map(|constraints| constraints.to_vec()),
            key_id: key_id.clone(),
            name: root.name.clone(),
            kind: root.kind,
            validity: root.validity,
        })
    }

    /// Puts roots together.
    #[must_use]
    pub fn from_parts(parts: impl IntoIterator<Item = RootParts>) -> Arc<Self> {
        let mut roots = Self::default();
        for part in parts {
            roots.anchors.push(TrustAnchor {
                subject: Der::from(part.subject),
                subject_public_key_info: Der::from(part.spki),
                name_constraints: part.name_constraints.map(Der::from),
            });
            roots.known.push(Root { name: clean(&part.name), kind: part.kind, validity: part.validity });
            roots.key_ids.push(part.key_id);
        }
        Arc::new(roots)
    }
}

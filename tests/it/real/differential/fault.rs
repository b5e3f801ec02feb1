//! The faults of the random chains, and the one result that each alone must have.

/// What is wrong with a generated chain or its lists. Those marked harmless change nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    LeafExpired,
    LeafNotYetValid,
    IntermediateExpired,
    IntermediateNotYetValid,
    RootExpired,
    RootNotYetValid,
    OtherName,
    /// The host stands in the common name alone.
    CommonNameOnly,
    /// `*.example` for `a.b.example`.
    WildcardOfAnotherLevel,
    /// `a*.host.example`.
    PartialWildcard,
    NoBasicConstraints,
    NotAuthority,
    PathLengthExceeded,
    NoCertificateSigning,
    LeafForClientsOnly,
    IntermediateForClientsOnly,
    LeafCriticalExtension,
    IntermediateCriticalExtension,
    ExcludedName,
    OtherPermittedName,
    LeafSignatureDamaged,
    IntermediateSignatureDamaged,
    /// Signed by another key, under the issuer's name.
    SignedByAnotherKey,
    IntermediateMissing,
    /// The root isn't among the trusted ones.
    RootUnknown,
    /// The leaf has CA:TRUE.
    LeafIsAuthority,
    LeafRevoked,
    IntermediateRevoked,
    ListExpired,
    ListNotYetValid,
    ListMissing,
    ListSignatureDamaged,
    /// Signed by another key, under the issuer's name.
    ListSignedByAnotherKey,
    /// The certificate of the issuer of a list lacks cRLSign.
    NoListSigning,
    /// Harmless: a name that no host matches beside the host's.
    PartialWildcardBeside,
    /// Harmless: an expired certificate of the leaf's issuer, with the same key, is presented first.
    ExpiredTwinPresented,
    /// Harmless: a permitted subtree that contains the name.
    PermittedName,
    /// Harmless: the presented intermediates stand in reverse.
    ReverseOrder,
    /// Harmless: the root is presented.
    RootPresented,
    /// Harmless: a certificate that nothing needs.
    UnrelatedCertificate,
    /// Harmless: a wildcard that covers the host.
    Wildcard,
    /// Harmless: another certificate of the issuer is revoked.
    OtherRevoked,
}

/// Why a chain is refused, as far as both judges tell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    Expired,
    NotYetValid,
    Name,
    /// No path to a trusted root.
    Issuer,
    Signature,
    /// A certificate may not do what it does in this chain.
    Usage,
    CriticalExtension,
    Constraint,
    Revoked,
    /// No list that can be used.
    List,
    /// A limit of a judge.
    Unsupported,
}

use Fault as F;

impl Fault {
    pub const ALL: [Self; 42] = [
        F::LeafExpired,
        F::LeafNotYetValid,
        F::IntermediateExpired,
        F::IntermediateNotYetValid,
        F::RootExpired,
        F::RootNotYetValid,
        F::OtherName,
        F::CommonNameOnly,
        F::WildcardOfAnotherLevel,
        F::PartialWildcard,
        F::NoBasicConstraints,
        F::NotAuthority,
        F::PathLengthExceeded,
        F::NoCertificateSigning,
        F::LeafForClientsOnly,
        F::IntermediateForClientsOnly,
        F::LeafCriticalExtension,
        F::IntermediateCriticalExtension,
        F::ExcludedName,
        F::OtherPermittedName,
        F::LeafSignatureDamaged,
        F::IntermediateSignatureDamaged,
        F::SignedByAnotherKey,
        F::IntermediateMissing,
        F::RootUnknown,
        F::LeafIsAuthority,
        F::LeafRevoked,
        F::IntermediateRevoked,
        F::ListExpired,
        F::ListNotYetValid,
        F::ListMissing,
        F::ListSignatureDamaged,
        F::ListSignedByAnotherKey,
        F::NoListSigning,
        F::PartialWildcardBeside,
        F::ExpiredTwinPresented,
        F::PermittedName,
        F::ReverseOrder,
        F::RootPresented,
        F::UnrelatedCertificate,
        F::Wildcard,
        F::OtherRevoked,
    ];

    /// How a chain with this fault alone is refused; none for a harmless one.
    pub const fn class(self) -> Option<Class> {
        Some(match self {
            F::LeafExpired | F::IntermediateExpired | F::RootExpired => Class::Expired,
            F::LeafNotYetValid | F::IntermediateNotYetValid | F::RootNotYetValid => Class::NotYetValid,
            F::OtherName | F::CommonNameOnly | F::WildcardOfAnotherLevel | F::PartialWildcard => Class::Name,
            F::NoBasicConstraints
            | F::NotAuthority
            | F::PathLengthExceeded
            | F::NoCertificateSigning
            | F::LeafForClientsOnly
            | F::IntermediateForClientsOnly
            | F::LeafIsAuthority => Class::Usage,
            F::LeafCriticalExtension | F::IntermediateCriticalExtension => Class::CriticalExtension,
            F::ExcludedName | F::OtherPermittedName => Class::Constraint,
            F::LeafSignatureDamaged | F::IntermediateSignatureDamaged | F::SignedByAnotherKey => {
                Class::Signature
            }
            F::IntermediateMissing | F::RootUnknown => Class::Issuer,
            F::LeafRevoked | F::IntermediateRevoked => Class::Revoked,
            F::ListExpired
            | F::ListNotYetValid
            | F::ListMissing
            | F::ListSignatureDamaged
            | F::ListSignedByAnotherKey
            | F::NoListSigning => Class::List,
            F::PartialWildcardBeside
            | F::ExpiredTwinPresented
            | F::PermittedName
            | F::ReverseOrder
            | F::RootPresented
            | F::UnrelatedCertificate
            | F::Wildcard
            | F::OtherRevoked => return None,
        })
    }
}

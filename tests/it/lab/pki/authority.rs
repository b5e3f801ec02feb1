//! The CAs by role, and the two signers in each.

/// A root with its one intermediate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Authority {
    /// In the role of Microsoft Root Certificate Authority 2011: RSA.
    Microsoft2011,
    /// The same root with the intermediate that comes after that one: another name, another key.
    Microsoft2011Next,
    /// In the role of Microsoft ECC Product Root Certificate Authority 2018: ECDSA on P-384 as that one.
    EccProduct2018,
    /// In the role of DigiCert Global Root G2: RSA.
    DigicertG2,
    /// In the role of Microsoft TLS RSA Root G2: RSA. Its root is not among `Pki::roots`: its chains reach
    /// [`Self::DigicertG2`] by a cross-sign.
    TlsG2,
    /// A TLS inspector's own: not among `Pki::roots`, so its chains end at an unknown root. ECDSA on P-256.
    Inspector,
}

impl Authority {
    /// The CAs whose roots represent the genuine services.
    pub const GENUINE: [Self; 3] = [Self::Microsoft2011, Self::EccProduct2018, Self::DigicertG2];

    /// All.
    pub const ALL: [Self; 6] = [
        Self::Microsoft2011,
        Self::Microsoft2011Next,
        Self::EccProduct2018,
        Self::DigicertG2,
        Self::TlsG2,
        Self::Inspector,
    ];

    /// Common names of the root and of its intermediate.
    pub const fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Microsoft2011 => ("Lab Microsoft Root 2011", "Lab Microsoft Secure Server CA"),
            Self::Microsoft2011Next => ("Lab Microsoft Root 2011", "Lab Microsoft Secure Server CA 2"),
            Self::EccProduct2018 => ("Lab ECC Product Root 2018", "Lab ECC Update Secure Server CA"),
            Self::DigicertG2 => ("Lab DigiCert Global Root G2", "Lab Azure TLS Issuing CA"),
            Self::TlsG2 => ("Lab TLS RSA Root G2", "Lab TLS G2 RSA CA OCSP 02"),
            Self::Inspector => ("Lab Inspection Root", "Lab Inspection CA"),
        }
    }

    /// The word for it in URLs.
    pub const fn slug(self) -> &'static str {
        match self {
            Self::Microsoft2011 => "microsoft2011",
            Self::Microsoft2011Next => "microsoft2011-next",
            Self::EccProduct2018 => "ecc2018",
            Self::DigicertG2 => "digicert-g2",
            Self::TlsG2 => "tls-g2",
            Self::Inspector => "inspector",
        }
    }
}

/// A place in an authority that signs certificates, and the CRLs and OCSP answers about them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Issuer {
    /// The root: about its intermediates.
    Root(Authority),
    /// The intermediate: about leaves.
    Intermediate(Authority),
}

impl Issuer {
    /// All; the two authorities that share a root have it once.
    pub const ALL: [Self; 11] = [
        Self::Root(Authority::Microsoft2011),
        Self::Intermediate(Authority::Microsoft2011),
        Self::Intermediate(Authority::Microsoft2011Next),
        Self::Root(Authority::EccProduct2018),
        Self::Intermediate(Authority::EccProduct2018),
        Self::Root(Authority::DigicertG2),
        Self::Intermediate(Authority::DigicertG2),
        Self::Root(Authority::TlsG2),
        Self::Intermediate(Authority::TlsG2),
        Self::Root(Authority::Inspector),
        Self::Intermediate(Authority::Inspector),
    ];

    /// The root of an authority, the same for those that share it.
    pub const fn root_of(authority: Authority) -> Self {
        match authority {
            Authority::Microsoft2011Next => Self::Root(Authority::Microsoft2011),
            _ => Self::Root(authority),
        }
    }

    /// Its common name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Root(authority) => authority.names().0,
            Self::Intermediate(authority) => authority.names().1,
        }
    }

    /// The word for it in URLs.
    pub fn slug(self) -> String {
        match self {
            Self::Root(authority) => format!("{}-root", authority.slug()),
            Self::Intermediate(authority) => authority.slug().to_owned(),
        }
    }
}

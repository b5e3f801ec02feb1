//! Certificate verification: the trusted roots, the verification of a presented chain, and the completion of
//! incomplete chains. `net/failure/classify.rs` maps errors to a probe's reasons.

mod aia;
pub mod certificate_urls;

mod capturing_verifier;
mod chain;
mod chain_error;
pub(crate) mod digest;
#[cfg(test)]
pub(crate) mod fixture;
pub(crate) mod inspectors;
pub mod issuer_certificates;
pub(crate) mod links;
mod microsoft;
mod recorded;
pub(crate) mod refusal;
mod roots;
pub mod signature;
mod validity;
mod verdict_cache;

pub use aia::{AiaIssuers, FetchIssuer};
pub(crate) use capturing_verifier::certificate_facts;
pub use capturing_verifier::{CapturedChain, CapturingVerifier, ChainVerifier, IssuerSource};
pub use chain::{PresentedChain, TrustedChain};
pub use chain_error::ChainError;
pub use microsoft::{microsoft_intermediates, microsoft_roots};
pub(crate) use recorded::{VerifiedAgain, verify_again};
pub use roots::{Root, RootFit, RootKind, RootParts, Roots, RootsError};
pub use validity::Validity;

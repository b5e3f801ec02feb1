//! Which certificates are believed: the roots, and the verification of a presented chain against them.
//! What a failed verification means for a probe is said in `probe/classify.rs`.

mod recorder;
pub mod revocation;
mod roots;
pub mod signature;

pub use recorder::Recorder;
pub use roots::{Roots, RootsError, microsoft_roots};

//! Which certificates are believed: the roots and whose they are, the verification of a presented chain against them, what
//! completes a chain, and revocation. What a verdict means for a probe is said in `failure/classify.rs`.

mod chain;
mod issuers;
mod memory;
mod objects;
mod path;
mod recorder;
pub mod revocation;
mod roots;
pub mod signature;

pub use chain::{ChainError, Presented, Trusted};
pub use issuers::Issuers;
pub use objects::{ObjectError, Objects};
pub use path::{Anchor, VerifiedPath};
pub use recorder::{Judge, Recorded, Recorder};
pub use roots::{Root, RootKind, Roots, RootsError, microsoft_roots};

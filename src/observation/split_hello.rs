//! What a handshake in two segments shows of the path.

use std::time::SystemTime;

use super::Failure;

/// The result of comparing a handshake whose ClientHello comes in two segments with one whose ClientHello comes whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SplitHelloResult {
    /// The server answers it.
    Passes,
    /// It fails, twice, and the whole one between them works.
    Blocked(Failure),
    /// Neither works, so that nothing can be said.
    Unknown,
}

/// The comparison of one route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SplitHello {
    /// The URL of the endpoint.
    pub endpoint: String,
    /// The route.
    pub route: String,
    /// When it ended.
    pub at: SystemTime,
    /// The result.
    pub result: SplitHelloResult,
}

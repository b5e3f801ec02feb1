//! Which build is running. `build.rs` at the crate's root finds it out.

/// The labels of `defender_exporter_build_info`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BuildInfo {
    /// The crate's version.
    pub version: &'static str,
    /// The short commit hash, or `unknown`.
    pub revision: &'static str,
    /// What the compiler calls itself.
    pub rustc: &'static str,
}

impl BuildInfo {
    /// This build.
    #[must_use]
    pub const fn current() -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION"),
            revision: env!("DEFENDER_EXPORTER_REVISION"),
            rustc: env!("DEFENDER_EXPORTER_RUSTC"),
        }
    }
}

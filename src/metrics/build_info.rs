//! Information about the running build, determined by `build.rs` at the crate's root.

/// A build. Version, revision and compiler are the labels of `defender_exporter_build_info`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BuildInfo {
    /// The crate's version.
    pub version: &'static str,
    /// The short commit hash, or `unknown`.
    pub revision: &'static str,
    /// The output of `rustc --version`, or `unknown`.
    pub rustc: &'static str,
    /// The branch that was checked out, `HEAD` if it was detached, or `unknown`.
    pub branch: &'static str,
    /// `debug` or `release`.
    pub profile: &'static str,
    /// The target triple.
    pub target: &'static str,
}

impl BuildInfo {
    /// This build.
    #[must_use]
    pub const fn current() -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION"),
            revision: env!("DEFENDER_EXPORTER_REVISION"),
            rustc: env!("DEFENDER_EXPORTER_RUSTC"),
            branch: env!("DEFENDER_EXPORTER_BRANCH"),
            profile: env!("DEFENDER_EXPORTER_PROFILE"),
            target: env!("DEFENDER_EXPORTER_TARGET"),
        }
    }
}

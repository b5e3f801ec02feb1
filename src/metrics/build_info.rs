//! Which build is running. `build.rs` at the crate's root finds it out.

/// What is known of a build; version, revision and compiler are the labels of `defender_exporter_build_info`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BuildInfo {
    /// The crate's version.
    pub version: &'static str,
    /// The short commit hash, or `unknown`.
    pub revision: &'static str,
    /// What the compiler calls itself.
    pub rustc: &'static str,
    /// The branch that was checked out, or `unknown`; `HEAD`: none.
    pub branch: &'static str,
    /// `debug` or `release`.
    pub profile: &'static str,
    /// What it was built for, as the compiler calls it.
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

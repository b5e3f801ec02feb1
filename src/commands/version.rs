//! `--version`: which build this is, in the words of the Prometheus programs.

use crate::metrics::BuildInfo;

/// The name and the version in the first line, how it was built in the others.
#[must_use]
pub fn render(build: &BuildInfo) -> String {
    let BuildInfo { version, revision, rustc, branch, profile, target } = build;
    format!(
        "defender-exporter, version {version} (branch: {branch}, revision: {revision})\n  \
         build:            {profile}\n  \
         rust version:     {rustc}\n  \
         platform:         {target}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::fixture;

    #[test]
    fn all_that_is_known_of_a_build() {
        let expected = "\
defender-exporter, version 0.0.0-test (branch: main, revision: abcdef0)
  build:            debug
  rust version:     rustc 1.89.0 (test)
  platform:         x86_64-unknown-linux-gnu
";
        assert_eq!(render(&fixture::build()), expected);
    }
}

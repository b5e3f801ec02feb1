//! `--version`: build information in the format of Prometheus programs.

use crate::metrics::BuildInfo;

/// Name and version on the first line, build details on the others.
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
    fn version_lists_all_build_facts() {
        let expected = "\
defender-exporter, version 0.0.0-test (branch: main, revision: abcdef0)
  build:            debug
  rust version:     rustc 1.89.0 (test)
  platform:         x86_64-unknown-linux-gnu
";
        assert_eq!(render(&fixture::build()), expected);
    }
}

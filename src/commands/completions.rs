//! `completions`: shell completions of flags and commands.

use clap_complete::{Shell, generate};

/// The completion script for a shell.
#[must_use]
pub fn render(shell: Shell, mut command: clap::Command) -> String {
    let mut script = Vec::new();
    let name = command.get_name().to_owned();
    generate(shell, &mut command, name, &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

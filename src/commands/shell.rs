//! `completions`: what a shell must know to complete the flags and commands.

use clap_complete::{Shell, generate};

/// The completions of a command line for a shell, as that reads them.
#[must_use]
pub fn render(shell: Shell, mut command: clap::Command) -> String {
    let mut script = Vec::new();
    let name = command.get_name().to_owned();
    generate(shell, &mut command, name, &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

//! `man`: the manual page, made of the flags and commands, so that it can't disagree with them.

use std::io;

use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

/// What the flags don't say: heading, then terms with what they mean.
const MORE: [(&str, &[(&str, &str)]); 3] = [
    ("SIGNALS", &[("SIGINT, SIGTERM", "The program stops, within a second.")]),
    (
        "EXIT STATUS",
        &[
            ("0", "All is well."),
            ("1", "Something is degraded or lost (check), or the exporter isn't healthy (healthcheck)."),
            ("2", "MAPS is lost (check)."),
            ("3", "Bad usage, or a bad configuration."),
        ],
    ),
    (
        "ENVIRONMENT",
        &[
            (
                "NOTIFY_SOCKET, WATCHDOG_USEC",
                "Set by systemd for services of Type=notify: where it is told of the start, reloads and the end, how \
                 things stand, and that the program lives.",
            ),
            (
                "HTTP_PROXY, HTTPS_PROXY, NO_PROXY",
                "Used by the routes of the configuration that say so, and by no other.",
            ),
        ],
    ),
];

/// The page of the program with all its commands, in roff.
///
/// # Errors
/// Never: it is written to memory.
pub fn render(command: &clap::Command) -> io::Result<String> {
    let mut page = Vec::new();
    // Commands are described below, with their own flags.
    let man = Man::new(command.clone().disable_help_subcommand(true)).manual("User Commands");
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    let mut roff = Roff::new();
    roff.control("SH", ["COMMANDS"]);
    roff.to_writer(&mut page)?;
    for command in command.get_subcommands() {
        page.extend(subcommand(command)?.bytes());
    }
    for (heading, terms) in MORE {
        more(heading, terms).to_writer(&mut page)?;
    }
    Ok(String::from_utf8_lossy(&page).into_owned())
}

/// What a command does, and its own flags.
fn subcommand(command: &clap::Command) -> io::Result<String> {
    let mut roff = Roff::new();
    roff.control("SS", [command.get_name()]);
    let about = command.get_long_about().or(command.get_about()).map(ToString::to_string);
    roff.text([roman(about.unwrap_or_default())]);
    let mut page = Vec::new();
    roff.to_writer(&mut page)?;
    if command.get_arguments().next().is_some() {
        Man::new(command.clone().disable_help_flag(true)).render_options_section(&mut page)?;
    }
    // The heading of a whole page is one too many below that of a command.
    Ok(String::from_utf8_lossy(&page).replace(".SH OPTIONS\n", ""))
}

fn more(heading: &str, terms: &[(&str, &str)]) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", [heading]);
    for (term, text) in terms {
        roff.control("TP", []);
        roff.text([bold(*term)]);
        roff.text([roman(*text)]);
    }
    roff
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flag_and_command_is_in_the_page_and_no_heading_twice() {
        let word = |name: &'static str| clap::Arg::new(name).long(name).help("Its help");
        let inner = clap::Command::new("inner").about("What it does").arg(word("own"));
        let command = clap::Command::new("outer").arg(word("flag")).subcommand(inner);
        let page = render(&command).expect("memory can be written");
        for expected in
            [".TH outer 1", "\\-\\-flag", ".SS inner\n", "What it does", "\\-\\-own", ".SH \"EXIT STATUS\""]
        {
            assert!(page.contains(expected), "{expected}: {page}");
        }
        assert_eq!(page.matches(".SH OPTIONS").count(), 1, "{page}");
    }
}

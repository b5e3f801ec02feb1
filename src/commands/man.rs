//! `man`: the manual page, generated from the flags and commands.

use std::io;

use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

/// Sections that the flags don't cover: heading, then terms with descriptions.
const MORE: [(&str, &[(&str, &str)]); 3] = [
    (
        "SIGNALS",
        &[
            ("SIGINT, SIGTERM", "The program stops, within a second."),
            (
                "SIGHUP",
                "The program reads its configuration again. An invalid one changes nothing: the log has its problems.",
            ),
        ],
    ),
    (
        "EXIT STATUS",
        &[
            ("0", "Success: everything works, or the program was stopped on request."),
            (
                "1",
                "Something is degraded, lost or unknown (check, judge), the download test is inconclusive (check --download-test), no answer is proven \
                 genuine (baseline) or something changed (baseline --compare), or the exporter isn't healthy (healthcheck).",
            ),
            (
                "2",
                "MAPS is lost via every probed route (check, judge), or Defender didn't stop the sample file (check --download-test).",
            ),
            (
                "3",
                "Bad usage or a bad configuration, including one that leaves nothing to probe. A restart does not help.",
            ),
            ("4", "The output can't be written, for example because the disk is full."),
            ("5", "A bug in the exporter: a task died; the log names it. A restart helps."),
            (
                "6",
                "The machine prevents the start for now: the port is in use, the address isn't assigned yet, the name to \
                 listen on doesn't resolve yet, or no thread can be started. A later restart may help.",
            ),
        ],
    ),
    (
        "ENVIRONMENT",
        &[
            (
                "NOTIFY_SOCKET, WATCHDOG_USEC",
                "Set by systemd for services of Type=notify: the socket for notifications of start, reload and stop, \
                 the status line and the watchdog.",
            ),
            ("HTTP_PROXY, HTTPS_PROXY, NO_PROXY", "Used only by routes with `from_environment: true`."),
            ("COLUMNS", "The width of the text of check, judge and catalog, instead of the terminal's."),
            (
                "NO_COLOR, CLICOLOR, CLICOLOR_FORCE",
                "Whether that text has colours; by default on a terminal only.",
            ),
        ],
    ),
];

/// The manual page with all commands, in roff.
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

/// A command's description and flags.
fn subcommand(command: &clap::Command) -> io::Result<String> {
    let mut roff = Roff::new();
    roff.control("SS", [command.get_name()]);
    let about = command.get_long_about().or(command.get_about()).map(ToString::to_string);
    roff.text([roman(about.unwrap_or_default())]);
    let mut page = Vec::new();
    roff.to_writer(&mut page)?;
    if command.get_arguments().next().is_some() {
        // Groups of flags would be sections of the page.
        let command = command.clone().mut_args(|arg| arg.help_heading(None::<&'static str>));
        Man::new(command.disable_help_flag(true)).render_options_section(&mut page)?;
    }
    // The command has its own heading already.
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
    use crate::exit;

    #[test]
    fn the_page_has_every_flag_and_command() {
        let word = |name: &'static str| clap::Arg::new(name).long(name).help("Its help");
        let inner =
            clap::Command::new("inner").about("What it does").arg(word("own").help_heading("Inner group"));
        let command =
            clap::Command::new("outer").arg(word("flag").help_heading("Outer group")).subcommand(inner);
        let page = render(&command).expect("memory can be written");
        for expected in [
            ".SH \"OUTER GROUP\"",
            ".TH outer 1",
            "\\-\\-flag",
            ".SS inner\n",
            "What it does",
            "\\-\\-own",
            ".SH \"EXIT STATUS\"",
        ] {
            assert!(page.contains(expected), "{expected}: {page}");
        }
        assert_eq!(page.matches(".SH OPTIONS").count(), 1, "{page}");
        assert!(!page.contains("INNER GROUP"), "{page}");
    }

    /// README.md lists the same codes.
    #[test]
    fn every_exit_code_is_described() {
        let (_, statuses) = MORE.iter().find(|(heading, _)| *heading == "EXIT STATUS").expect("the section");
        let readme = include_str!("../../README.md");
        for code in [exit::USAGE, exit::OUTPUT, exit::FAULT, exit::TEMPORARY] {
            assert!(statuses.iter().any(|(term, _)| *term == code.to_string()), "{code}");
            assert!(readme.contains(&format!("| {code} | ")), "{code}");
        }
    }
}

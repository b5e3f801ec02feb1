//! `check --format markdown`: a ticket for the team that runs firewall, proxy or DNS. Each cause with its remedy, hosts and
//! ports. Text that may come from the network can't format, link or mention anything.

#[cfg(test)]
mod tests;

use std::fmt::Write as _;
use std::time::SystemTime;

use super::{View, causes, verdict};
use crate::clock::rfc3339;
use crate::report::{self, CauseGroup, Counts};
use crate::state::Snapshot;
use crate::text::one_line;

/// The ticket.
pub(super) fn render(snapshot: &Snapshot, view: &View, now: SystemTime) -> String {
    let mut text = format!(
        "# Microsoft Defender: network check\n\n**{}**\n\nChecked {} by defender-exporter {}.\n",
        escape(&verdict::sentence(snapshot, view.selected)),
        rfc3339(now),
        env!("CARGO_PKG_VERSION"),
    );
    if let Some(clock) = report::suspected_clock(snapshot) {
        let _ = write!(text, "\n{}\n", escape(&clock)); // a String never fails
    }
    for sentence in report::shared_sentences(snapshot) {
        let _ = write!(text, "\n{}\n", escape(&sentence)); // a String never fails
    }
    for (n, of) in report::causes(snapshot).iter().enumerate() {
        text.push_str(&cause(snapshot, n + 1, of));
    }
    let counts = Counts::from_snapshot(snapshot);
    let _ = write!(text, "\n{} of {} endpoints are good.\n", counts.good, counts.total());
    if view.all {
        text.push_str(&all(snapshot));
    }
    text
}

fn cause(snapshot: &Snapshot, n: usize, cause: &CauseGroup) -> String {
    let codes: Vec<_> = cause.codes.iter().map(|code| span(code)).collect();
    let codes = if codes.is_empty() { String::new() } else { format!(" ({})", codes.join(", ")) };
    let mut text = format!("\n## {n}. {}{codes}\n\n", escape(&cause.title));
    let actions = causes::actions(cause);
    if !actions.is_empty() {
        text.push_str("What to change:\n\n");
    }
    for action in actions {
        let _ = writeln!(text, "- {}", escape(&action)); // a String never fails
    }
    let _ = write!(text, "\n{}\n\n", escape(&causes::affected(snapshot, cause)));
    let several = snapshot.plan.routes.len() > 1;
    let route = if several { (" Route |", " --- |") } else { ("", "") };
    let _ = writeln!(text, "| Host | Port | Names to allow |{} Component | Finding |", route.0);
    let _ = writeln!(text, "| --- | --- | --- |{} --- | --- |", route.1);
    for id in &cause.targets {
        let target = snapshot.plan.target(*id);
        let endpoint = &target.endpoint;
        let names: Vec<_> = endpoint.names_to_allow().into_iter().map(span).collect();
        let route = if several { format!(" {} |", span(&target.route.name)) } else { String::new() };
        let _ = writeln!(
            text,
            "| {} | {} | {} |{route} {} | {} |",
            span(endpoint.url.host()),
            endpoint.url.port(),
            names.join(", "),
            endpoint.component,
            span(&report::why(target, &snapshot.targets[id.0])),
        );
    }
    text + &aliases(snapshot, cause)
}

/// The aliases of the hosts, for firewalls that compare resolved names.
fn aliases(snapshot: &Snapshot, cause: &CauseGroup) -> String {
    let chains = report::alias_chains(snapshot, cause.targets.iter().copied());
    if chains.is_empty() {
        return String::new();
    }
    let lines = chains.iter().map(|chain| format!("- {}\n", span(&chain.to_string())));
    format!("\n{}\n\n", report::ALIASES_HEADING) + &lines.collect::<Vec<_>>().concat()
}

/// Every endpoint.
fn all(snapshot: &Snapshot) -> String {
    let mut text = "\n## All endpoints\n\n| State | Endpoint | Route |\n| --- | --- | --- |\n".to_owned();
    for (_, target, state) in snapshot.defender() {
        let verdict = state.verdict().map_or("unknown", crate::verdict::Verdict::as_str);
        let (url, route) = (span(target.endpoint.url.as_str()), span(&target.route.name));
        let _ = writeln!(text, "| {verdict} | {url} | {route} |"); // a String never fails
    }
    text
}

/// Text of which nothing is markup: every character that CommonMark or GitHub's dialect gives a meaning is escaped
/// (CommonMark 0.31.2, section 2.4), and so is what GitHub would link.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let text = one_line(text);
    for (at, c) in text.char_indices() {
        let is_link = c == ':' && text[at..].starts_with("://")
            || c == '.' && text[..at].to_ascii_lowercase().ends_with("www");
        // At the start of a block these begin a heading, a list, a rule or a quote.
        let is_block = matches!(c, '#' | '+' | '-' | '=' | '>') && at == 0
            || matches!(c, '.' | ')') && text[..at].bytes().all(|byte| byte.is_ascii_digit());
        let is_inline = matches!(
            c,
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '&' | '~' | '!' | '#' | '@' | '$' | '^'
        );
        if is_link || is_block || is_inline {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

/// Text as code, in which nothing is markup (CommonMark 0.31.2, section 6.1). The fence is longer than any run of backticks in it.
/// A pipe becomes a broken bar: it would end the cell of a table, and a backslash before it would undo its escape.
pub(super) fn span(text: &str) -> String {
    let text = one_line(text);
    if text.is_empty() {
        return String::new();
    }
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat(longest + 1);
    let pad = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{fence}{pad}{}{pad}{fence}", text.replace('|', "¦"))
}

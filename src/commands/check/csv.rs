//! `check --format csv`: one row for each endpoint and route, for the spreadsheets and scripts of firewall teams, with the
//! addresses and the DNS aliases (CNAME) behind each host.

use crate::plan::Target;
use crate::report;
use crate::state::{Snapshot, TargetState};
use crate::text::one_line;
use crate::verdict::{Concern, Verdict};

const COLUMNS: [&str; 12] = [
    "state",
    "component",
    "route",
    "url",
    "host",
    "port",
    "allow",
    "aliases",
    "addresses",
    "status",
    "code",
    "finding",
];

/// Every endpoint of the round, on each route.
///
/// # Errors
/// If it can't be serialized: a bug in the exporter.
pub(super) fn render(snapshot: &Snapshot) -> csv::Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(COLUMNS)?;
    for (id, target, state) in snapshot.defender() {
        let aliases = report::aliases_of(snapshot, id);
        writer.write_record(row(target, state, aliases).iter().map(|cell| harmless(cell)))?;
    }
    writer.into_inner().map_err(|error| error.into_error().into())
}

fn row(target: &Target, state: &TargetState, aliases: &[String]) -> [String; 12] {
    let endpoint = &target.endpoint;
    let last = state.last.as_deref();
    let addresses = last.map(|last| last.facts.addresses.iter().map(ToString::to_string).collect::<Vec<_>>());
    let status = last.and_then(|last| last.facts.http.as_ref()).map(|http| http.status.to_string());
    let code = state.concern().and_then(Concern::code).map(|code| code.to_string());
    [
        state.verdict().map_or("unknown", Verdict::as_str).to_owned(),
        endpoint.component.to_string(),
        target.route.name.clone(),
        endpoint.url.to_string(),
        endpoint.url.host().to_owned(),
        endpoint.url.port().to_string(),
        endpoint.names_to_allow().join(", "),
        aliases.join(", "),
        addresses.unwrap_or_default().join(", "),
        status.unwrap_or_default(),
        code.unwrap_or_default(),
        report::why(target, state),
    ]
}

/// The cell on one line. Spreadsheets take what begins like a formula for one, and the text may come from the network (OWASP, "CSV
/// Injection"): an apostrophe makes it text.
fn harmless(cell: &str) -> String {
    let cell = one_line(cell);
    if cell.starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']) { format!("'{cell}") } else { cell }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observation::{FailureReason, Phase};
    use crate::report::simulation::{MAPS, fail, healthy, observe, target};

    /// The cells of an endpoint's row, by column.
    fn cells(snapshot: &Snapshot, url: &str) -> Vec<(&'static str, String)> {
        let bytes = render(snapshot).expect("it can be written");
        let mut reader = csv::Reader::from_reader(bytes.as_slice());
        assert_eq!(reader.headers().expect("a header"), COLUMNS.as_slice());
        let rows: Vec<_> = reader.records().map(|row| row.expect("a row")).collect();
        assert_eq!(rows.len(), snapshot.defender().count(), "one row for each endpoint and route");
        let row = rows.iter().find(|row| &row[3] == url).expect("the endpoint has a row");
        COLUMNS.into_iter().zip(row.iter().map(str::to_owned)).collect()
    }

    fn check(cells: &[(&'static str, String)], expected: &[(&str, &str)]) {
        for (column, value) in expected {
            let found = cells.iter().find(|(name, _)| name == column).expect("a column");
            assert_eq!(found.1, *value, "{column}");
        }
    }

    #[test]
    fn a_row_has_what_a_firewall_sees() {
        let mut snapshot = healthy(&["direct"]);
        let id = target(&snapshot, MAPS, "direct");
        observe(&mut snapshot, id, 70, |facts| {
            facts.aliases = vec!["a.trafficmanager.example".to_owned(), "b.cdn.example".to_owned()];
            facts.addresses =
                vec!["192.0.2.1".parse().expect("an address"), "2001:db8::1".parse().expect("one")];
            None
        });
        let good = [
            ("state", "good"),
            ("component", "maps"),
            ("route", "direct"),
            ("port", "443"),
            ("aliases", "a.trafficmanager.example, b.cdn.example"),
            ("addresses", "192.0.2.1, 2001:db8::1"),
            ("code", ""),
        ];
        check(&cells(&snapshot, MAPS), &good);
        fail(
            &mut snapshot,
            id,
            130,
            (Phase::Connect, FailureReason::Refused),
            "refused by \"the\" test,\nreally",
        );
        let refused = [
            ("state", "bad"),
            ("code", "connect.refused"),
            ("finding", "connect: refused: refused by \"the\" test, really"),
        ];
        check(&cells(&snapshot, MAPS), &refused);
    }

    #[test]
    fn no_cell_is_a_formula() {
        for (text, expected) in [
            ("=1+1", "'=1+1"),
            ("+1", "'+1"),
            ("-a.example", "'-a.example"),
            ("@a", "'@a"),
            ("＝1", "'＝1"),
            ("a=1", "a=1"),
        ] {
            assert_eq!(harmless(text), expected);
        }
    }
}

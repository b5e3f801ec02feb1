//! Filters the page's endpoints by its query string (`?component=maps&state=bad&q=proxy`).

use url::form_urlencoded;

use super::state::DisplayState;
use crate::catalog::Component;

/// The maximum length of the search text, in characters.
const MAX_QUERY: usize = 200;

/// The conditions, all of which a row must meet. The default matches every row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Filter {
    /// Only this component.
    pub(super) component: Option<Component>,
    /// Only this state.
    pub(super) state: Option<DisplayState>,
    /// Only this route.
    pub(super) route: Option<String>,
    /// The search text as typed. The row must contain each of its words, ignoring case.
    pub(super) text: String,
}

/// The data of a row that the filter checks.
pub(super) struct Searched<'a> {
    pub(super) component: Component,
    pub(super) state: DisplayState,
    pub(super) route: &'a str,
    /// The searchable text, in lower case.
    pub(super) text: String,
}

impl Filter {
    /// Parses the query string. Ignores unknown names and values, so that old bookmarks still show the page.
    #[must_use]
    pub(crate) fn parse(query: &str) -> Self {
        let mut filter = Self::default();
        let components: Vec<_> = Component::of_defender().collect();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "component" => filter.component = word(&components, Component::as_str, &value),
                "state" => filter.state = word(DisplayState::ALL, DisplayState::as_str, &value),
                "route" => filter.route = Some(value.into_owned()).filter(|route| !route.is_empty()),
                "q" => filter.text = value.trim().chars().take(MAX_QUERY).collect(),
                _ => {}
            }
        }
        filter
    }

    /// Whether the filter matches every row.
    #[must_use]
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether a row matches.
    #[must_use]
    pub(super) fn fits(&self, row: &Searched<'_>) -> bool {
        self.component.is_none_or(|component| component == row.component)
            && self.state.is_none_or(|state| state == row.state)
            && self.route.as_deref().is_none_or(|route| route == row.route)
            && self.text.to_lowercase().split_whitespace().all(|word| row.text.contains(word))
    }
}

fn word<T: Copy>(all: &[T], spelling: impl Fn(T) -> &'static str, text: &str) -> Option<T> {
    all.iter().copied().find(|value| spelling(*value) == text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read() {
        let check = |query: &str, expected: Filter| assert_eq!(Filter::parse(query), expected, "{query}");
        let all = Filter::default;
        check("", all());
        check("component=&state=&q=&route=", all());
        check("component=nonsense&state=BAD&other=1&&=", all());
        check("component=pki_extended", Filter { component: Some(Component::PkiExtended), ..all() });
        check("state=bad&state=good", Filter { state: Some(DisplayState::Good), ..all() });
        check("q=+a%26b%20%3Cscript%3E+", Filter { text: "a&b <script>".to_owned(), ..all() });
        check("q=%FF", Filter { text: "\u{fffd}".to_owned(), ..all() });
        check(&format!("q={}", "é".repeat(5000)), Filter { text: "é".repeat(MAX_QUERY), ..all() });
        check("route=machine-proxy", Filter { route: Some("machine-proxy".to_owned()), ..all() });
    }

    #[test]
    fn rows_fit_by_all_that_is_asked() {
        let check = |query: &str, expected: bool| {
            let text = "https://wdcp.microsoft.com/ connect.refused".to_owned();
            let row =
                Searched { component: Component::Maps, state: DisplayState::Bad, route: "direct", text };
            assert_eq!(Filter::parse(query).fits(&row), expected, "{query}");
        };
        check("", true);
        check("component=maps&state=bad&route=direct&q=wdcp", true);
        check("component=crl", false);
        check("state=good", false);
        check("route=proxy", false);
        check("q=Refused+WDCP", true);
        check("q=refused+crl", false);
    }
}

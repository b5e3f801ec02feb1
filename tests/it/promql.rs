//! A minimal PromQL parser: finds the series of a query with their matchers, and its grouping labels. promtool
//! validates queries.

/// One series selector of a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector {
    /// The metric's name. A selector of several (`{__name__=~"a|b"}`) is one for each.
    pub metric: String,
    /// Its matchers.
    pub matchers: Vec<Matcher>,
}

/// One label matcher.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matcher {
    /// The label's name.
    pub label: String,
    /// `=`, `!=`, `=~` or `!~`.
    pub operator: String,
    /// What it is compared with.
    pub value: String,
}

/// What a query names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// Its series selectors, in order.
    pub selectors: Vec<Selector>,
    /// The labels of its `by`, `without`, `on`, `ignoring`, `group_left` and `group_right`.
    pub labels: Vec<String>,
}

const LABEL_LISTS: &[&str] = &["by", "without", "on", "ignoring", "group_left", "group_right"];
const KEYWORDS: &[&str] = &["and", "or", "unless", "offset", "bool", "inf", "nan", "atan2"];

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    Text(String),
    Number,
    Symbol(String),
}

/// Reads a query.
///
/// # Panics
/// On what this reader doesn't know: an open quote, a selector without a name, a broken matcher.
pub fn read(query: &str) -> Query {
    let tokens = tokens(query);
    let mut found = Query::default();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        at += 1;
        match token {
            Token::Word(word) if LABEL_LISTS.contains(&word.as_str()) => {
                at = labels(&tokens, at, &mut found.labels);
            }
            Token::Word(word) if is_series(&tokens, at, word) => {
                let (matchers, end) = matchers(&tokens, at);
                found.selectors.push(Selector { metric: word.clone(), matchers });
                at = end;
            }
            Token::Symbol(symbol) if symbol == "{" => {
                let (matchers, end) = matchers(&tokens, at - 1);
                found.selectors.extend(named(matchers));
                at = end;
            }
            _ => {}
        }
    }
    found
}

/// The selectors of `{__name__=~"a|b"}`.
fn named(matchers: Vec<Matcher>) -> Vec<Selector> {
    let (names, others): (Vec<_>, Vec<_>) = matchers.into_iter().partition(|own| own.label == "__name__");
    let [Matcher { operator, value, .. }] = &names[..] else {
        panic!("a selector without a name: {others:?}")
    };
    assert_eq!(operator, "=~", "{value}");
    value.split('|').map(|name| Selector { metric: name.to_owned(), matchers: others.clone() }).collect()
}

/// Whether a word names a series: not a function or an aggregation, nor a word of the language.
fn is_series(tokens: &[Token], next: usize, word: &str) -> bool {
    let follows = match tokens.get(next) {
        Some(Token::Symbol(symbol)) => symbol == "(",
        Some(Token::Word(next)) => matches!(next.as_str(), "by" | "without"),
        _ => false,
    };
    !follows && !KEYWORDS.contains(&word.to_ascii_lowercase().as_str())
}

fn symbol(tokens: &[Token], at: usize, symbol: &str) -> bool {
    tokens.get(at) == Some(&Token::Symbol(symbol.to_owned()))
}

/// Parses `(label, …)`, if present, and returns its end.
fn labels(tokens: &[Token], mut at: usize, into: &mut Vec<String>) -> usize {
    if !symbol(tokens, at, "(") {
        return at;
    }
    while !symbol(tokens, at, ")") {
        at += 1;
        match tokens.get(at) {
            Some(Token::Word(label)) => into.push(label.clone()),
            Some(Token::Symbol(_)) => {}
            other => panic!("a list of labels with {other:?}"),
        }
    }
    at + 1
}

/// The matchers in `{…}`, if it is there, and where it ends.
fn matchers(tokens: &[Token], mut at: usize) -> (Vec<Matcher>, usize) {
    let mut found = Vec::new();
    if !symbol(tokens, at, "{") {
        return (found, at);
    }
    at += 1;
    while !symbol(tokens, at, "}") {
        match tokens.get(at..at + 3) {
            Some([Token::Word(label), Token::Symbol(operator), Token::Text(value)]) => {
                found.push(Matcher {
                    label: label.clone(),
                    operator: operator.clone(),
                    value: value.clone(),
                });
            }
            other => panic!("a matcher like {other:?}"),
        }
        at += if symbol(tokens, at + 3, ",") { 4 } else { 3 };
    }
    (found, at + 1)
}

fn tokens(query: &str) -> Vec<Token> {
    let mut found = Vec::new();
    let mut rest = query;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '#' => rest.find('\n').unwrap_or(rest.len()),
            '"' | '\'' | '`' => {
                let (text, length) = quoted(rest, first);
                found.push(Token::Text(text));
                length
            }
            c if c.is_ascii_alphabetic() || c == '_' => {
                let length = span(rest, |c| c.is_ascii_alphanumeric() || c == '_' || c == ':');
                found.push(Token::Word(rest[..length].to_owned()));
                length
            }
            // With its unit, or with that of a duration.
            c if c.is_ascii_digit() => {
                found.push(Token::Number);
                span(rest, |c| c.is_ascii_alphanumeric() || c == '.')
            }
            c if c.is_whitespace() => c.len_utf8(),
            c => {
                let two = ["=~", "!~", "!=", "==", ">=", "<="].into_iter().find(|two| rest.starts_with(two));
                let symbol = two.map_or_else(|| c.to_string(), ToOwned::to_owned);
                let length = symbol.len();
                found.push(Token::Symbol(symbol));
                length
            }
        };
        rest = &rest[length..];
    }
    found
}

fn span(text: &str, belongs: impl Fn(char) -> bool) -> usize {
    text.find(|c| !belongs(c)).unwrap_or(text.len())
}

/// The quoted text that `rest` begins with, without its quotes and escapes, and its length with them.
fn quoted(rest: &str, quote: char) -> (String, usize) {
    let mut text = String::new();
    let mut chars = rest.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            c if c == quote => return (text, at + 1),
            '\\' if quote != '`' => text.extend(chars.next().map(|(_, escaped)| escaped)),
            c => text.push(c),
        }
    }
    panic!("a quote without an end: {rest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The query names these selectors, printed back, and these labels.
    fn check(query: &str, selectors: &[&str], labels: &[&str]) {
        let found = read(query);
        let print = |selector: &Selector| {
            let matchers = selector.matchers.iter().map(|m| format!("{}{}{}", m.label, m.operator, m.value));
            format!("{}{{{}}}", selector.metric, matchers.collect::<Vec<_>>().join(","))
        };
        assert_eq!(found.selectors.iter().map(print).collect::<Vec<_>>(), selectors, "{query}");
        assert_eq!(found.labels, labels, "{query}");
    }

    #[test]
    fn series_are_told_from_functions_keywords_and_labels() {
        check("up", &["up{}"], &[]);
        check("1 - 2 * inf", &[], &[]);
        check("time() - a_b{} > 3 * 1e3", &["a_b{}"], &[]);
        check("l:m:o{x=\"1\", y!~'2|3',}", &["l:m:o{x=1,y!~2|3}"], &[]);
        check(
            "sum by (a, b) (rate(c_total[5m] offset 1d)) / ignoring (d) e",
            &["c_total{}", "e{}"],
            &["a", "b", "d"],
        );
        check("max without () (a) and on (b) group_left () c", &["a{}", "c{}"], &["b"]);
        check("count(a) by (b) unless c == bool 1 or d", &["a{}", "c{}", "d{}"], &["b"]);
        check("quantile_over_time(0.95, a[7d:15m] offset 1d)", &["a{}"], &[]);
        check("a{b=\"\\\"{x}\"} # not{this}\n+ c", &["a{b=\"{x}}", "c{}"], &[]);
        check("a{b=`\\`}", &["a{b=\\}"], &[]);
        check("{__name__=~\"a|l:m:o\",b=\"1\"} > c", &["a{b=1}", "l:m:o{b=1}", "c{}"], &[]);
    }
}

//! One variable in the environment of a systemd service, from its unit files (systemd.exec(5), `Environment=` and
//! `EnvironmentFile=`). Pure. Of the specifiers, only `%%` is known.

/// An assignment to the variable, or a file that may have one. In systemd's order: the last one counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// The unit file of the assignment, or the file with variables, after `-` if it may be missing.
    pub file: String,
    /// The value; `None` if the file must be read.
    pub value: Option<String>,
}

/// What the unit files, each with its name, say of a variable; files with variables come last.
#[must_use]
pub fn service_environment(units: &[(String, String)], variable: &str) -> Vec<Assignment> {
    let (mut own, mut files) = (Vec::new(), Vec::new());
    for (name, text) in units {
        let mut in_service = false;
        for line in joined_lines(text) {
            let line = line.trim();
            if line.starts_with('[') {
                in_service = line == "[Service]";
                continue;
            }
            let Some((key, value)) = line.split_once('=').filter(|_| in_service) else { continue };
            let value = value.trim();
            match key.trim_end() {
                "Environment" if value.is_empty() => own.clear(),
                "EnvironmentFile" if value.is_empty() => files.clear(),
                "Environment" => {
                    let words = words(value).into_iter();
                    own.extend(
                        words
                            .filter_map(|word| assignment(&word.replace("%%", "%"), variable))
                            .map(|value| Assignment { file: name.clone(), value: Some(value) }),
                    );
                }
                "EnvironmentFile" => files.push(Assignment { file: value.to_owned(), value: None }),
                _ => {}
            }
        }
    }
    own.extend(files);
    own
}

/// The value that a file with variables gives one of them.
#[must_use]
pub fn environment_file(text: &str, variable: &str) -> Option<String> {
    let lines = joined_lines(text);
    let mut values = lines.iter().rev().filter_map(|line| assignment(line.trim(), variable));
    values.next().map(|value| words(&value).concat())
}

/// The lines that aren't comments, with those joined that end in a backslash.
fn joined_lines(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut begun = String::new();
    for line in text.lines() {
        if line.trim_start().starts_with(['#', ';']) {
            continue; // also between joined lines
        }
        match line.strip_suffix('\\') {
            Some(line) => begun.extend([line, " "]),
            None => lines.push(std::mem::take(&mut begun) + line),
        }
    }
    lines.extend((!begun.is_empty()).then_some(begun));
    lines
}

fn assignment(text: &str, variable: &str) -> Option<String> {
    text.strip_prefix(variable)?.strip_prefix('=').map(str::to_owned)
}

/// The words of a line; quotes join what has blanks, and a backslash takes the next character as it is.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (None, c) if c.is_ascii_whitespace() => words.extend(word.take()),
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (Some(end), c) if c == end => quote = None,
            (_, '\\') => word.get_or_insert_default().extend(chars.next()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[(&str, Option<&str>)]) {
        let found = service_environment(&[("u".to_owned(), text.to_owned())], "P");
        let found: Vec<_> = found.iter().map(|found| (found.file.as_str(), found.value.as_deref())).collect();
        assert_eq!(found, expected, "{text:?}");
    }

    #[test]
    fn assignments_of_the_service_are_read() {
        check("", &[]);
        check("Environment=P=1", &[]);
        check("[Unit]\nEnvironment=P=1", &[]);
        check("[Service]\nEnvironment=P=1", &[("u", Some("1"))]);
        check("[Service]\r\n Environment = P=1 \r\n", &[("u", Some("1"))]);
        check("[Service]\nEnvironment=PP=1 \"P=a b\" 'Q=2'", &[("u", Some("a b"))]);
        check("[Service]\nEnvironment=Q=\"1 P=2\"", &[]);
        check("[Service]\nEnvironment=P=%%41\\\\x", &[("u", Some("%41\\x"))]);
        check("[Service]\nEnvironment=A=1 \\\n# no\n  P=2", &[("u", Some("2"))]);
        check("[Service]\n#Environment=P=1\n;Environment=P=1", &[]);
        check("[Service]\nEnvironment=P=1\nEnvironment=P=2", &[("u", Some("1")), ("u", Some("2"))]);
        check("[Service]\nEnvironment=P=1\nEnvironment=", &[]);
        check("[Service]\nEnvironmentFile=-/f\nEnvironment=P=1", &[("u", Some("1")), ("-/f", None)]);
        check("[Service]\nEnvironmentFile=/f\nEnvironmentFile=", &[]);
        check("[Service]\nEnvironment=P=1\n[Install]\nEnvironment=P=2", &[("u", Some("1"))]);
    }

    #[test]
    fn files_with_variables_are_read() {
        for (text, value) in [
            ("", None),
            ("Q=1", None),
            ("P=1", Some("1")),
            ("P=\"a b\"\n", Some("a b")),
            ("P='http://p:1/'", Some("http://p:1/")),
            ("#P=1", None),
            ("P=1\nP=2", Some("2")),
            ("P=", Some("")),
            ("export P=1", None),
        ] {
            assert_eq!(environment_file(text, "P").as_deref(), value, "{text:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(?s).{0,60}") {
            let units = [("u".to_owned(), format!("[Service]\n{text}\nEnvironment={text}"))];
            let _ = (service_environment(&units, "P"), environment_file(&text, "P"));
        }
    }
}

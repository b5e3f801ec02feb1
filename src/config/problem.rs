//! Problems of a configuration, as shown to the user.

use std::fmt;

use crate::text::is_harmless;

/// The maximum length of a problem, in bytes.
const MAX_PROBLEM: usize = 1900;

/// A problem of a configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ConfigProblem {
    /// The file, as given on the command line.
    pub file: String,
    /// Where in the file. `None` for the file as a whole.
    pub position: Option<FilePosition>,
    /// The path of the key, such as `components.maps.interval` or `endpoints[2].url`; empty for a syntax error and for the whole
    /// file.
    pub key: String,
    /// The value, the limit it violates, and what is accepted.
    pub problem: String,
}

impl ConfigProblem {
    /// A problem on one line: libraries quote values in full, including line breaks.
    pub(crate) fn new(file: &str, key: String, problem: String) -> Self {
        Self { file: file.to_owned(), position: None, key, problem: line(problem) }
    }

    /// A problem at a position.
    pub(super) fn at(file: &str, position: Option<FilePosition>, problem: String) -> Self {
        Self { position, ..Self::new(file, String::new(), problem) }
    }
}

/// A position in a file, counted from 1. Columns count characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FilePosition {
    /// The line.
    pub line: u64,
    /// The column.
    pub column: u64,
}

impl fmt::Display for FilePosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

impl fmt::Display for ConfigProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // As compilers write it, so that editors find it.
        match self.position {
            Some(position) => write!(f, "{}:{position}: ", self.file)?,
            None => write!(f, "{}: ", self.file)?,
        }
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.problem)
    }
}

fn line(problem: String) -> String {
    if problem.len() <= MAX_PROBLEM && problem.chars().all(is_harmless) {
        return problem;
    }
    let mut line = problem.replace(|c| !is_harmless(c), " ");
    if let Some((end, _)) = line.char_indices().find(|(at, _)| *at >= MAX_PROBLEM) {
        line.truncate(end);
        line.push('…');
    }
    line
}

/// All problems of a configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ConfigProblems(pub Vec<ConfigProblem>);

impl fmt::Display for ConfigProblems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, problem) in self.0.iter().enumerate() {
            let newline = if n == 0 { "" } else { "\n" };
            write!(f, "{newline}{problem}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_a_line_that_can_be_read() {
        let check = |problem: &str, expected: &str| assert_eq!(line(problem.to_owned()), expected);
        check("unknown variant `a`", "unknown variant `a`");
        check("unknown variant `a\tb\nc\u{85}\u{202e}`", "unknown variant `a b c  `");
        check(&"é".repeat(MAX_PROBLEM), &format!("{}…", "é".repeat(MAX_PROBLEM / 2)));
    }
}

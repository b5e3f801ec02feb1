//! What is wrong with a configuration, as a person reads it. What is accepted is the other files' business.

use std::fmt;

use crate::text::is_harmless;

/// The longest problem that is still fit to be read, in bytes.
const MAX_PROBLEM: usize = 1900;

/// One thing that is wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Problem {
    /// The file, as it was named on the command line.
    pub file: String,
    /// The path of the key, such as `components.maps.interval` or `endpoints[2].url`; for an error of
    /// YAML's syntax, line and column; empty for the file as a whole.
    pub key: String,
    /// The value, the limit it breaks, and what is accepted.
    pub problem: String,
}

impl Problem {
    /// A problem as one line that a person can read: libraries quote values as they are, however long, line breaks and all.
    pub(crate) fn new(file: &str, key: String, problem: String) -> Self {
        Self { file: file.to_owned(), key, problem: line(problem) }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.file)?;
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

/// Everything that is wrong, all at once.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
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

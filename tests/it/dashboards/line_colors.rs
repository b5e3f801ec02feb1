//! Colours of lines that are named by their instance. Grafana's own colours by name are those of losses too, and by value all equal lines
//! would have one. So the end of the host's name says the colour: it is the same in every picture.

use super::panel::{Panel, fixed};

/// None that means a loss, or that nothing is wrong.
const COLOURS: [&str; 8] =
    ["#1f60c4", "#56a3d9", "#2f7486", "#94b84f", "#8a63b8", "#c774ac", "#7a6a53", "#b39bd6"];

/// The characters that a name can end with, a number for each.
fn ends() -> impl Iterator<Item = (char, usize)> {
    ('0'..='9').zip(0..).chain(('a'..='z').zip(0..))
}

/// The characters with this colour, where those before it stand for `offset`.
fn ends_of(colour: usize, offset: usize, characters: impl Fn(char) -> bool) -> String {
    let own = ends().filter(|(c, n)| characters(*c) && (n + offset) % COLOURS.len() == colour);
    own.map(|(c, _)| c).collect()
}

/// A regular expression for names of instances, `[cluster] [site] host[:port]`, whose host has this colour: of a name by the end of the
/// part before the first dot, of an IPv4 address by its end. Two digits at the end count both.
fn names_of(colour: usize) -> String {
    let pairs: Vec<String> = (0..10)
        .map(|tens| format!("{tens}[{}]", ends_of(colour, 5 * tens, |c| c.is_ascii_digit())))
        .collect();
    let letters = ends_of(colour, 0, |c| c.is_ascii_alphabetic());
    let digits = ends_of(colour, 0, |c| c.is_ascii_digit());
    format!(
        "/(^| )([^ .:]*[^0-9 .:][0-9]*|[0-9]+[.][0-9]+[.][0-9]+[.]?[0-9]*)([{letters}]|[^0-9 :][{digits}]|{})([.:][^ ]*)?$/",
        pairs.join("|")
    )
}

impl Panel {
    /// Gives lines with the name `PLACE` colours.
    pub fn by_instance(self) -> Self {
        COLOURS
            .iter()
            .enumerate()
            .fold(self, |panel, (at, colour)| panel.matching(&names_of(at), &fixed(colour)))
    }
}

#[test]
fn each_end_of_a_name_has_one_colour() {
    for tens in 0..10 {
        let all: String = (0..COLOURS.len()).map(|colour| ends_of(colour, 5 * tens, |_| true)).collect();
        assert_eq!(all.len(), 36, "{tens}: {all}");
    }
    let one = names_of(0);
    assert!(one.contains("([aiqy]|[^0-9 :][08]|0[08]|1[3]|2[6]|") && one.contains("5[7]"), "{one}");
}

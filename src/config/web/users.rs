//! `basic_auth_users`: names and bcrypt hashes. No message, no log and no `Debug` has a hash in it.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr as _;

use bcrypt::HashParts;

use crate::config::raw::{Node, key};

/// The costs of a hash, as powers of two: each password that isn't known yet costs that much. 18 takes half a minute on a
/// slow machine; 4 is bcrypt's own least.
const COST: std::ops::RangeInclusive<u32> = 4..=18;

/// Names and what their passwords hash to.
pub type Users = BTreeMap<String, PasswordHash>;

/// A bcrypt hash that can be compared with.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash {
    text: String,
    cost: u32,
}

impl PasswordHash {
    /// Reads a hash; the error says what is wrong with it, without repeating it.
    ///
    /// # Errors
    /// When it isn't a bcrypt hash, or one whose cost is out of range.
    pub fn parse(text: &str) -> Result<Self, String> {
        let parts = HashParts::from_str(text).map_err(|_| {
            "the value is no bcrypt hash: 60 characters such as $2y$10$… are expected, as `htpasswd -nBC 10` \
             prints them after the colon"
                .to_owned()
        })?;
        let cost = parts.get_cost();
        if !COST.contains(&cost) {
            let (least, most) = (COST.start(), COST.end());
            return Err(format!(
                "the hash's cost, {cost}, is out of range: at least {least}, at most {most}"
            ));
        }
        Ok(Self { text: text.to_owned(), cost })
    }

    /// A hash that no password is known to have, as long to compare with as any of this cost; without one, of the usual cost.
    #[must_use]
    pub fn decoy(cost: Option<u32>) -> Self {
        let cost = cost.filter(|cost| COST.contains(cost)).unwrap_or(bcrypt::DEFAULT_COST);
        Self { text: format!("$2b${cost:02}${}", ".".repeat(53)), cost }
    }

    /// The hash, as it was written.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.text
    }

    /// A power of two: how long comparing takes.
    #[must_use]
    pub const fn cost(&self) -> u32 {
        self.cost
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}

pub(super) fn read(node: Node<'_>) -> Option<Users> {
    if !node.value().is_object() {
        node.problem("the value is no mapping of names to bcrypt hashes"); // it isn't repeated: it may be a password
        return None;
    }
    let mut users = Users::new();
    for (name, node) in node.mapping()?.into_entries() {
        let (name, hash) = (key(&node, &name, user_name), hash(&node));
        users.extend(name.zip(hash));
    }
    Some(users)
}

/// RFC 7617, section 2: a colon ends the name, and there are no control characters.
fn user_name(text: &str) -> Result<String, String> {
    if text.contains(|c: char| c == ':' || c.is_control()) {
        return Err("can't be a user's name: it has a colon or a control character (RFC 7617)".to_owned());
    }
    Ok(text.to_owned())
}

fn hash(node: &Node<'_>) -> Option<PasswordHash> {
    let Some(text) = node.value().as_str() else {
        node.problem("the value is no text: a bcrypt hash is expected"); // a number may be a password
        return None;
    };
    PasswordHash::parse(text).map_err(|why| node.problem(why)).ok()
}

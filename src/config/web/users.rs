//! `basic_auth_users`: names and bcrypt hashes. Messages, logs and `Debug` output never contain a hash.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr as _;

use bcrypt::HashParts;

use crate::config::reader::{Node, key};

/// The allowed costs of a hash, as powers of two, which each unknown password takes. 18 takes half a minute on a slow
/// machine; 4 is bcrypt's minimum.
const COST: std::ops::RangeInclusive<u32> = 4..=18;

/// Users and their password hashes.
pub type Users = BTreeMap<String, PasswordHash>;

/// A valid bcrypt hash.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash {
    text: String,
    cost: u32,
}

impl PasswordHash {
    /// Parses a hash.
    ///
    /// # Errors
    /// If it isn't a bcrypt hash, or its cost is out of range. The error doesn't contain it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let parts = HashParts::from_str(text).map_err(|_| {
            "the value is not a bcrypt hash: expected 60 characters such as $2y$10$…, as `htpasswd -nBC 10` \
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

    /// A hash that no known password matches and that takes as long as any of this cost, or of the default cost.
    #[must_use]
    pub fn decoy(cost: Option<u32>) -> Self {
        let cost = cost.filter(|cost| COST.contains(cost)).unwrap_or(bcrypt::DEFAULT_COST);
        Self { text: format!("$2b${cost:02}${}", ".".repeat(53)), cost }
    }

    /// The hash, as configured.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.text
    }

    /// The cost, as a power of two.
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
        node.problem("the value is not a mapping of user names to bcrypt hashes"); // not repeated: it may be a password
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
        return Err("is not a user name: it contains a colon or a control character (RFC 7617)".to_owned());
    }
    Ok(text.to_owned())
}

fn hash(node: &Node<'_>) -> Option<PasswordHash> {
    let Some(text) = node.value().as_str() else {
        node.problem("the value is not text: expected a bcrypt hash"); // a number may be a password
        return None;
    };
    PasswordHash::parse(text).map_err(|why| node.problem(why)).ok()
}

//! Credentials of proxies: `username` and `password_file`, or the userinfo of a URL in the environment. Messages never
//! contain them.

use std::borrow::Cow;
use std::path::Path;

use percent_encoding::percent_decode_str;

use super::load::read_capped;
use super::reader::{Mapping, Node};
use super::values::quoted;
use super::{Credentials, ProxyKind, Secret};

/// The maximum size of the password file, in bytes.
const MAX_FILE: u64 = 1024;

/// The maximum length of name and password in SOCKS5, in bytes (RFC 1929, section 2).
const MAX_SOCKS5: usize = 255;

/// Reads `username` and `password_file`, whose path is relative to `base_dir`.
pub(super) fn read(entry: &mut Mapping<'_>, base_dir: &Path) -> Option<Credentials> {
    // Asked for only where it is, so that it is never suggested for a misspelt key.
    if entry.has("password") && entry.take("password").is_some() {
        entry
            .problem_at("password", "unknown key: put the password into a file and name it in password_file");
    }
    let username = entry.take("username").and_then(|node| username(&node));
    let password = entry.take("password_file").and_then(|node| password_file(&node, base_dir));
    Some(Credentials { username: username?, password: password? })
}

fn username(node: &Node<'_>) -> Option<String> {
    let name = node.text()?;
    valid_name(name).map_err(|why| node.problem(why)).ok()?;
    Some(name.to_owned())
}

fn password_file(node: &Node<'_>, base_dir: &Path) -> Option<Secret> {
    let name = node.text()?;
    first_line(&base_dir.join(name)).map_err(|why| node.problem(format!("{} {why}", quoted(name)))).ok()
}

fn first_line(path: &Path) -> Result<Secret, String> {
    let bytes = read_capped(path, MAX_FILE)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| "is not UTF-8")?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text); // as some editors begin a file
    let line = text.lines().next().unwrap_or_default();
    if line.trim().is_empty() {
        return Err("contains no password: its first line is empty".to_owned());
    }
    valid_password(line).map_err(|why| format!("contains a password that can't be sent: {why}"))?;
    Ok(Secret::new(line.to_owned()))
}

/// Parses `user:password` or `user`, percent-encoded (RFC 3986, section 3.2.1).
pub(super) fn from_userinfo(text: &str) -> Result<Credentials, &'static str> {
    let (name, password) = text.split_once(':').unwrap_or((text, ""));
    let (name, password) = (decoded(name)?, decoded(password)?);
    valid_name(&name)?;
    valid_password(&password)?;
    Ok(Credentials { username: name.into_owned(), password: Secret::new(password.into_owned()) })
}

fn decoded(text: &str) -> Result<Cow<'_, str>, &'static str> {
    percent_decode_str(text).decode_utf8().map_err(|_| "the user name or password is not UTF-8")
}

fn valid_name(name: &str) -> Result<(), &'static str> {
    match name {
        "" => Err("the user name is empty"),
        name if name.contains(':') => Err("the user name contains a colon (RFC 7617, section 2)"),
        name if name.contains(char::is_control) => {
            Err("the user name contains control characters (RFC 7617, section 2)")
        }
        _ => Ok(()),
    }
}

fn valid_password(password: &str) -> Result<(), &'static str> {
    if password.contains(char::is_control) {
        return Err("the password contains control characters (RFC 7617, section 2)");
    }
    Ok(())
}

/// Checks that a proxy of this kind can be given these credentials.
pub(super) fn check_for_proxy(
    credentials: Option<&Credentials>,
    kind: ProxyKind,
) -> Result<(), &'static str> {
    let Some(Credentials { username, password }) = credentials else { return Ok(()) };
    match (kind, username.len().max(password.reveal().len())) {
        (ProxyKind::Socks5, longest) if longest > MAX_SOCKS5 => {
            Err("SOCKS5 limits user name and password to 255 bytes each (RFC 1929)")
        }
        (ProxyKind::Socks5, _) if password.reveal().is_empty() => {
            Err("SOCKS5 needs a password that is not empty (RFC 1929)")
        }
        _ => Ok(()),
    }
}

//! URLs of probes: parsed once, the original text kept.

use std::fmt;

use serde::Serialize;
use url::Url;

use crate::text::is_harmless;

/// The scheme, which determines whether a probe uses TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// Plain HTTP.
    Http,
    /// HTTP over TLS.
    Https,
    /// A folder that the system reads: a file share, or a local or mounted path.
    Folder,
}

/// The port of file shares (SMB over TCP).
const SMB: u16 = 445;

/// The URL of a probe: parsed once, the original text kept.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ProbeUrl {
    text: String,
    scheme: Scheme,
    host: String,
    port: u16,
    path_and_query: String,
}

/// Why a text isn't accepted as the URL of a probe.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// Not a valid URL.
    #[error("not a URL: {0}")]
    Syntax(#[from] url::ParseError),
    /// Neither `http` nor `https`.
    #[error("scheme {0:?} is not http or https")]
    Scheme(String),
    /// A host that browsers accept but that isn't valid in a request (RFC 3986, section 3.2.2).
    #[error("{0:?} is not a host name: it contains {1:?}")]
    Host(String, char),
    /// White space or a control character, which the parser would drop: two texts would be one URL.
    #[error("white space or a control character in it: {0:?}")]
    Character(char),
    /// A user name or password, which the label `endpoint` would expose.
    #[error("a user name or password in a URL is not accepted")]
    Credentials,
    /// Port 0, to which nothing can connect.
    #[error("port 0")]
    Port,
    /// A fragment, which clients never send.
    #[error("a fragment (#…) is never sent to a server")]
    Fragment,
    /// Neither a UNC path nor an absolute one.
    #[error(r"not a folder: a UNC path (\\server\share) or an absolute path is expected")]
    Folder,
    /// Longer than [`ProbeUrl::MAX_LEN`].
    #[error("{0} bytes, at most {max} are accepted", max = ProbeUrl::MAX_LEN)]
    Length(usize),
}

impl ProbeUrl {
    /// The maximum length of a URL, in bytes: URLs become label values.
    pub const MAX_LEN: usize = 1024;

    /// Parses an absolute `http` or `https` URL.
    ///
    /// # Errors
    /// If the text isn't such a URL, contains credentials or a fragment, or is longer than [`Self::MAX_LEN`], or has
    /// port 0, white space or control characters.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        if text.len() > Self::MAX_LEN {
            return Err(UrlError::Length(text.len()));
        }
        if let Some(wrong) = text.chars().find(|c| c.is_whitespace() || !is_harmless(*c)) {
            return Err(UrlError::Character(wrong));
        }
        let url = Url::parse(text)?;
        let scheme = match url.scheme() {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            other => return Err(UrlError::Scheme(other.to_owned())),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(UrlError::Credentials);
        }
        if url.fragment().is_some() {
            return Err(UrlError::Fragment);
        }
        let host = url.host_str().ok_or(url::ParseError::EmptyHost)?.to_owned();
        if let Some(wrong) = host.chars().find(|c| !is_host_char(*c)) {
            return Err(UrlError::Host(host, wrong));
        }
        let port = url.port_or_known_default().unwrap_or(0); // both schemes have a default
        if port == 0 {
            return Err(UrlError::Port);
        }
        let path_and_query = url[url::Position::BeforePath..url::Position::AfterQuery].to_owned();
        Ok(Self { text: text.to_owned(), scheme, host, port, path_and_query })
    }

    /// The original text of the URL: the value of the label `endpoint`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// HTTP or HTTPS.
    #[must_use]
    pub const fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The host, in lower case; an IPv6 address has its brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The explicit port, or the scheme's default.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The value of the `Host` header: omits the scheme's default port (RFC 9110, section 7.2).
    #[must_use]
    pub fn authority(&self) -> String {
        match (self.scheme, self.port) {
            (Scheme::Http, 80) | (Scheme::Https, 443) | (Scheme::Folder, _) => self.host.clone(),
            (_, port) => format!("{}:{port}", self.host),
        }
    }

    /// Path and query, as sent in the request line.
    #[must_use]
    pub fn path_and_query(&self) -> &str {
        &self.path_and_query
    }

    /// Parses the folder of a share: a UNC path with server and share, or an absolute path, whose host is `localhost` and whose
    /// port is 0.
    ///
    /// # Errors
    /// If the text isn't such a path, is longer than [`Self::MAX_LEN`], or has control characters.
    pub fn parse_folder(text: &str) -> Result<Self, UrlError> {
        if text.len() > Self::MAX_LEN {
            return Err(UrlError::Length(text.len()));
        }
        if let Some(wrong) = text.chars().find(|c| !is_harmless(*c)) {
            return Err(UrlError::Character(wrong));
        }
        let unc = text.starts_with("\\\\");
        let drive = text.as_bytes().first().is_some_and(u8::is_ascii_alphabetic)
            && text.get(1..).is_some_and(|rest| rest.starts_with(":\\") || rest.starts_with(":/"));
        let host = match text.strip_prefix("\\\\") {
            Some(unc) => {
                let (server, share) = unc.split_once('\\').ok_or(UrlError::Folder)?;
                let share = share.split('\\').next().unwrap_or_default();
                if server.is_empty() || share.is_empty() || !server.chars().all(is_host_char) {
                    return Err(UrlError::Folder);
                }
                server.to_ascii_lowercase()
            }
            None if drive || (text.starts_with('/') && !text.starts_with("//")) => "localhost".to_owned(),
            None => return Err(UrlError::Folder),
        };
        let (text, path_and_query) = (text.to_owned(), text.to_owned());
        Ok(Self { text, scheme: Scheme::Folder, host, port: if unc { SMB } else { 0 }, path_and_query })
    }

    /// Whether it is a UNC path, which only Windows opens.
    #[must_use]
    pub fn is_unc(&self) -> bool {
        self.text.starts_with("\\\\")
    }

    /// Resolves a `Location` header against this URL (RFC 9110, section 10.2.2).
    ///
    /// # Errors
    /// As for [`Self::parse`], except that `join` drops a fragment: only browsers use it.
    pub fn join(&self, location: &str) -> Result<Self, UrlError> {
        let mut next = Url::parse(&self.text)?.join(location)?;
        next.set_fragment(None);
        Self::parse(next.as_str())
    }
}

/// Whether a host may contain `c`: letters, digits, the punctuation of RFC 3986's `reg-name`, or characters of `[IPv6]`.
fn is_host_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-._~!$&'()*+,;=:[]".contains(c)
}

impl fmt::Display for ProbeUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl Serialize for ProbeUrl {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_one_that_a_request_can_name() {
        for good in [
            "http://a.example/",
            "https://*.a_b-c.example:8443/x?y",
            "http://[2001:db8::1]/",
            "http://192.0.2.1/",
        ] {
            assert_eq!(ProbeUrl::parse(good).map(|url| url.to_string()).as_deref(), Ok(good));
        }
        for wrong in ['"', '`', '{', '}'] {
            let host = format!("a{wrong}b");
            assert_eq!(ProbeUrl::parse(&format!("http://{host}/")), Err(UrlError::Host(host, wrong)));
        }
    }

    #[test]
    fn a_folder_is_a_share_or_an_absolute_path() {
        for (text, host) in [
            (r"\\Files.example\defender$\updates", "files.example"),
            (r"\\10.0.0.5\updates", "10.0.0.5"),
            ("/mnt/defender updates", "localhost"),
            (r"D:\updates", "localhost"),
            ("d:/updates", "localhost"),
        ] {
            let folder = ProbeUrl::parse_folder(text).unwrap();
            let port = if folder.is_unc() { 445 } else { 0 };
            assert_eq!((folder.as_str(), folder.host(), folder.port()), (text, host, port));
            assert_eq!(folder.is_unc(), text.starts_with('\\'));
        }
        for wrong in [
            "",
            "updates",
            r"\\server",
            r"\\server\",
            r"\\\share",
            r"\updates",
            "//files.example/updates",
            "d:",
            "http://a/",
            r"\\a b\c",
        ] {
            assert_eq!(ProbeUrl::parse_folder(wrong), Err(UrlError::Folder), "{wrong:?}");
        }
        assert_eq!(ProbeUrl::parse_folder("/a\u{7}"), Err(UrlError::Character('\u{7}')));
    }

    #[test]
    fn a_text_that_the_parser_would_trim_is_no_url() {
        for wrong in [' ', '\t', '\n', '\r', '\u{1b}', '\u{85}', '\u{a0}', '\u{202e}'] {
            for text in [format!("http://a.example/c{wrong}rl"), format!("http://a.example/{wrong}")] {
                assert_eq!(ProbeUrl::parse(&text), Err(UrlError::Character(wrong)), "{text:?}");
            }
        }
    }
}

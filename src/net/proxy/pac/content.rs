//! The bytes of a PAC script, as they are fetched or stored, to its text: decompresses and decodes as browsers do.

use std::io::Read;

use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};
use flate2::read::MultiGzDecoder;
use mediatype::{MediaType, ReadParams, names::CHARSET};

use super::{PacError, Script};
use crate::text::clean;

/// The first bytes of gzip (RFC 1952, section 2.3.1).
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// The content of a script, with what its server says of it. A file has neither header.
#[derive(Clone, Copy, Debug, Default)]
pub struct PacContent<'a> {
    /// The bytes.
    pub bytes: &'a [u8],
    /// The header `Content-Type`.
    pub content_type: Option<&'a str>,
    /// The header `Content-Encoding`.
    pub content_encoding: Option<&'a str>,
}

impl PacContent<'_> {
    /// The text, in this order of precedence: by the byte order mark, by the charset of `Content-Type`, as UTF-8 if
    /// it is valid, as ISO-8859-1. Chromium takes the last without a mark and charset, and so reads UTF-8 wrongly. Invalid
    /// characters are replaced, as in browsers.
    ///
    /// # Errors
    /// If it can't be decompressed, or is longer than a script may be.
    pub fn text(&self) -> Result<String, PacError> {
        let decompressed = self.decompressed()?;
        let bytes = decompressed.as_deref().unwrap_or(self.bytes);
        let encoding = self.charset().unwrap_or_else(|| {
            // WHATWG's name for ISO-8859-1 is windows-1252
            if std::str::from_utf8(bytes).is_ok() { UTF_8 } else { WINDOWS_1252 }
        });
        Ok(encoding.decode(bytes).0.into_owned())
    }

    fn charset(&self) -> Option<&'static Encoding> {
        let content_type = MediaType::parse(self.content_type?).ok()?;
        Encoding::for_label(content_type.get_param(CHARSET)?.unquoted_str().as_bytes())
    }

    /// The bytes without compression, `None` if they have none. Gzip is recognised by its first bytes as well: some
    /// servers send a compressed file as it is.
    fn decompressed(&self) -> Result<Option<Vec<u8>>, PacError> {
        let encoding = self.content_encoding.unwrap_or_default().trim();
        let is_gzip = match encoding.to_ascii_lowercase().as_str() {
            "" | "identity" => self.bytes.starts_with(&GZIP),
            "gzip" | "x-gzip" => true,
            _ => {
                let words = format!("Content-Encoding {:?} is not supported, only gzip", clean(encoding));
                return Err(PacError::Encoded(words));
            }
        };
        if !is_gzip {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        let mut decoder = MultiGzDecoder::new(self.bytes).take(Script::MAX_LEN as u64 + 1);
        let read = decoder.read_to_end(&mut bytes);
        if bytes.len() > Script::MAX_LEN {
            return Err(PacError::TooLargeDecompressed);
        }
        read.map_err(|_| PacError::Encoded("it is not gzip, or not all of it".to_owned()))?;
        Ok(Some(bytes))
    }
}

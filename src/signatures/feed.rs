//! Parser for the version feed. Pure. `engine/feed_poller.rs` fetches it.
//!
//! The format, as three other parsers agree on it (no exact capture is known):
//! `<versions><engine>1.1.x.y</engine><platform>4.18.x.y</platform><signatures date="YYYY-MM-DD
//! HH:MM:SSZ">1.n.n.0</signatures></versions>`. The parser is lenient: element and attribute names in any case
//! and namespace, unknown ones ignored, the first of each kind used. Only XML's five predefined entities and
//! character references are supported.

use std::time::SystemTime;

use quick_xml::Reader;
use quick_xml::escape::{resolve_predefined_entity, unescape};
use quick_xml::events::{BytesRef, BytesStart, Event};

use super::version::Version;
use crate::observation::{Failure, FailureReason, Phase};
use crate::string_enum::string_enum;
use crate::text::clean;

/// The maximum size of a feed, in bytes. A genuine one has a few hundred.
pub const MAX_FEED: usize = 64 * 1024;

/// The maximum nesting depth. The feed itself needs two.
const MAX_DEPTH: usize = 64;

/// The maximum length of a field's text, in bytes.
const MAX_FIELD: usize = 256;

/// The published versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Published {
    /// The version of the security intelligence.
    pub signatures: Version,
    /// The version of the engine.
    pub engine: Version,
    /// The version of the platform.
    pub platform: Version,
    /// When the security intelligence was published.
    pub published_at: SystemTime,
}

string_enum! {
    /// The required fields of a feed.
    VersionField {
        /// The version of the security intelligence.
        Signatures = "signatures",
        /// The version of the engine.
        Engine = "engine",
        /// The version of the platform.
        Platform = "platform",
        /// When the security intelligence was published: an attribute of `signatures`.
        Date = "date",
    }
}

/// Why a feed can't be parsed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FeedError {
    /// More than [`MAX_FEED`] bytes.
    #[error("the feed has {0} bytes, the limit is {MAX_FEED}")]
    TooLong(usize),
    /// Not well-formed XML. Has the library's message, cleaned and truncated.
    #[error("the feed is not well-formed XML: {0}")]
    Malformed(String),
    /// Another XML document.
    #[error("the feed's root element is not <versions>")]
    Root,
    /// Elements nested too deeply.
    #[error("the feed nests more than {MAX_DEPTH} elements")]
    TooDeep,
    /// An entity that isn't predefined in XML.
    #[error("the feed's {0} has an entity that is not one of XML's own")]
    Entity(VersionField),
    /// A field is missing.
    #[error("the feed has no {0}")]
    Missing(VersionField),
    /// A field's text is invalid.
    #[error("invalid {0} in the feed: {1:?}")]
    Unreadable(VersionField, String),
}

impl FeedError {
    /// The reason for labels.
    #[must_use]
    pub const fn reason(&self) -> FailureReason {
        match self {
            Self::TooLong(_) => FailureReason::TooLarge,
            Self::Malformed(_)
            | Self::Root
            | Self::TooDeep
            | Self::Entity(_)
            | Self::Missing(_)
            | Self::Unreadable(..) => FailureReason::WrongContent,
        }
    }
}

impl From<FeedError> for Failure {
    /// As a probe reports it: a response arrived, but isn't the genuine service's.
    fn from(error: FeedError) -> Self {
        Self::new(Phase::Transfer, error.reason(), error.to_string())
    }
}

/// The texts read so far, by field.
#[derive(Default)]
struct Texts([Option<String>; VersionField::ALL.len()]);

impl Texts {
    /// Starts a field's text. Returns `None` if the field already has one.
    fn open(&mut self, field: VersionField) -> Option<&mut String> {
        let text = &mut self.0[field as usize];
        if text.is_some() { None } else { Some(text.insert(String::new())) }
    }

    fn push(&mut self, field: VersionField, more: &str) -> Result<(), FeedError> {
        let text = self.0[field as usize].get_or_insert_default();
        text.push_str(more);
        if text.len() > MAX_FIELD {
            return Err(unreadable(field, text));
        }
        Ok(())
    }

    fn parse<T>(&self, field: VersionField, read: impl FnOnce(&str) -> Option<T>) -> Result<T, FeedError> {
        let text = self.0[field as usize].as_deref().ok_or(FeedError::Missing(field))?.trim();
        read(text).ok_or_else(|| unreadable(field, text))
    }

    fn version(&self, field: VersionField) -> Result<Version, FeedError> {
        self.parse(field, |text| text.parse().ok())
    }
}

fn unreadable(field: VersionField, text: &str) -> FeedError {
    FeedError::Unreadable(field, text.chars().take(64).collect())
}

/// Parses a version feed.
///
/// # Errors
/// If the bytes aren't a version feed, or a field is missing.
pub fn parse(bytes: &[u8]) -> Result<Published, FeedError> {
    if bytes.len() > MAX_FEED {
        return Err(FeedError::TooLong(bytes.len()));
    }
    let texts = texts(bytes)?;
    Ok(Published {
        signatures: texts.version(VersionField::Signatures)?,
        engine: texts.version(VersionField::Engine)?,
        platform: texts.version(VersionField::Platform)?,
        published_at: texts.parse(VersionField::Date, date)?,
    })
}

/// Reads the texts from the whole document, so that a truncated document is refused.
fn texts(bytes: &[u8]) -> Result<Texts, FeedError> {
    let mut reader = Reader::from_reader(bytes);
    reader.config_mut().expand_empty_elements = true;
    let mut texts = Texts::default();
    let (mut depth, mut rooted, mut current) = (0, false, None);
    loop {
        match reader.read_event().map_err(malformed)? {
            Event::Start(element) => {
                match depth {
                    0 if rooted || !is_named(&element, "versions") => return Err(FeedError::Root),
                    0 => rooted = true,
                    1 => current = enter(&element, &mut texts)?,
                    MAX_DEPTH => return Err(FeedError::TooDeep),
                    _ => {}
                }
                depth += 1;
            }
            Event::End(_) => depth -= 1, // the library refuses an end tag without a start tag
            Event::Text(text) => add(&mut texts, current.filter(|_| depth == 2), &text.xml10_content())?,
            Event::CData(text) => add(&mut texts, current.filter(|_| depth == 2), &text.xml10_content())?,
            Event::GeneralRef(entity) => {
                if let Some(field) = current.filter(|_| depth == 2) {
                    add(&mut texts, Some(field), &resolve(&entity).ok_or(FeedError::Entity(field))?)?;
                }
            }
            Event::Eof if depth > 0 => return Err(FeedError::Malformed("it ends too early".to_owned())),
            Event::Eof if !rooted => return Err(FeedError::Root),
            Event::Eof => return Ok(texts),
            // Entities declared in a document type are never expanded.
            Event::Empty(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
        }
    }
}

fn malformed(error: impl std::fmt::Display) -> FeedError {
    FeedError::Malformed(clean(&error.to_string()))
}

fn is_named(element: &BytesStart<'_>, name: &str) -> bool {
    element.local_name().as_ref().eq_ignore_ascii_case(name)
}

/// The field of a second-level element. Also reads the date of `signatures`.
fn enter(element: &BytesStart<'_>, texts: &mut Texts) -> Result<Option<VersionField>, FeedError> {
    let fields = [VersionField::Signatures, VersionField::Engine, VersionField::Platform];
    let Some(field) = fields.into_iter().find(|field| is_named(element, field.as_str())) else {
        return Ok(None);
    };
    if texts.open(field).is_none() {
        return Ok(None);
    }
    if field == VersionField::Signatures {
        take_date(element, texts)?;
    }
    Ok(Some(field))
}

fn take_date(element: &BytesStart<'_>, texts: &mut Texts) -> Result<(), FeedError> {
    for attribute in element.attributes() {
        let attribute = attribute.map_err(malformed)?;
        let name = attribute.key.local_name();
        if name.as_ref().eq_ignore_ascii_case(VersionField::Date.as_str())
            && texts.open(VersionField::Date).is_some()
        {
            let value = unescape(&attribute.value).map_err(|_| FeedError::Entity(VersionField::Date))?;
            texts.push(VersionField::Date, &value)?;
        }
    }
    Ok(())
}

fn add(texts: &mut Texts, field: Option<VersionField>, more: &str) -> Result<(), FeedError> {
    field.map_or(Ok(()), |field| texts.push(field, more))
}

/// Resolves a predefined entity or character reference.
fn resolve(entity: &BytesRef<'_>) -> Option<String> {
    match entity.resolve_char_ref() {
        Ok(Some(character)) => Some(character.to_string()),
        Ok(None) => resolve_predefined_entity(entity).map(str::to_owned),
        Err(_) => None,
    }
}

/// Parses `YYYY-MM-DD HH:MM:SSZ` and variants of RFC 3339, in UTC with or without a suffix. Refuses other time
/// zones.
fn date(text: &str) -> Option<SystemTime> {
    let upper = text.to_ascii_uppercase();
    let bare = ["Z", "UTC", "GMT"].into_iter().find_map(|zone| upper.strip_suffix(zone)).unwrap_or(&upper);
    humantime::parse_rfc3339_weak(bare.trim_end()).ok()
}

#[cfg(test)]
mod tests;

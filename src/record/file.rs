//! The file of a record: the document, compressed (gzip). Reading is limited: a record may come from anywhere.

use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::bufread::GzDecoder;
use flate2::write::GzEncoder;
use tempfile::NamedTempFile;

use super::Record;
use super::document::{Document, Head, MARK, VERSION};
use super::plan::MAX_TARGETS;
use crate::config::read_capped;
use crate::text::clean;

/// The maximum size of the file, in bytes. A record of the default catalog has a hundredth of it.
const MAX_FILE: u64 = 16 * 1024 * 1024;

/// The maximum size of the document, in bytes.
const MAX_DOCUMENT: u64 = 64 * 1024 * 1024;

/// The first bytes of a gzip file (RFC 1952, section 2.3.1).
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Why a file isn't a usable record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// It can't be read, or is too large.
    #[error("{0}")]
    Unreadable(String),
    /// It isn't compressed by gzip, or has no marker.
    #[error("is not a record of this program (`check --record`)")]
    Foreign,
    /// It is cut off, or its bytes were changed.
    #[error("is damaged: {0}")]
    Damaged(String),
    /// The document is too large.
    #[error("has more than {} MiB when it is decompressed, which no record has", MAX_DOCUMENT / 1024 / 1024)]
    TooLarge,
    /// Its version is newer.
    #[error(
        "has version {version} of the format, but this program reads version {VERSION}: use version {program} of the program, which wrote it, or a later one"
    )]
    Later {
        /// Its version.
        version: u64,
        /// The program that wrote it.
        program: String,
    },
    /// It has the marker and the version, but not the expected contents.
    #[error("has unexpected contents: {0}")]
    Malformed(String),
}

/// Why a round can't be recorded.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// More targets than can be read again.
    #[error("{0} targets, but a record has at most {MAX_TARGETS}: select a part of them")]
    Targets(usize),
    /// Larger than can be read again.
    #[error("{0} bytes, but a record has at most {MAX_FILE}: select a part of the endpoints")]
    Size(u64),
    /// It can't be serialized: a bug in the exporter.
    #[error("failed to encode it: {0}")]
    Json(#[from] serde_json::Error),
    /// The file can't be written.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// A record's file can't be written.
#[derive(Debug, thiserror::Error)]
#[error("can't write {path}: {why}")]
pub struct FileError {
    path: String,
    why: WriteError,
}

/// A file that a record will be written to. Only its owner may read it.
pub struct RecordFile {
    path: PathBuf,
    keeps_names: bool,
}

impl RecordFile {
    /// Checks that the file can be written, before the round. Changes nothing. Unless it `keeps_names`, what is written has
    /// pseudonyms in their place.
    ///
    /// # Errors
    /// If it can't.
    pub fn check(path: &Path, keeps_names: bool) -> Result<Self, FileError> {
        let file = Self { path: path.to_owned(), keeps_names };
        if path.exists() && !path.is_file() {
            return Err(file.error(io::Error::other("it is not a regular file")));
        }
        file.create_temporary().map_err(|error| file.error(error))?;
        Ok(file)
    }

    /// Writes the record, in place of a file of this name.
    ///
    /// # Errors
    /// If it is too large, or can't be written.
    pub fn write(&self, record: &Record) -> Result<(), FileError> {
        self.try_write(record).map_err(|error| self.error(error))
    }

    fn try_write(&self, record: &Record) -> Result<(), WriteError> {
        let bytes = if self.keeps_names { record.to_bytes() } else { record.redacted().to_bytes() }?;
        let mut new = self.create_temporary()?;
        new.write_all(&bytes)?;
        new.as_file().sync_all()?;
        new.persist(&self.path).map_err(|error| error.error)?;
        Ok(())
    }

    fn error(&self, why: impl Into<WriteError>) -> FileError {
        FileError { path: clean(&self.path.display().to_string()), why: why.into() }
    }

    /// A new file in the same folder, which is removed with the value.
    fn create_temporary(&self) -> io::Result<NamedTempFile> {
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        NamedTempFile::new_in(folder.unwrap_or_else(|| Path::new(".")))
    }
}

impl Record {
    /// The contents of the file.
    ///
    /// # Errors
    /// If the record is larger than what can be read again.
    pub fn to_bytes(&self) -> Result<Vec<u8>, WriteError> {
        let targets = self.plan.targets.len();
        if targets > MAX_TARGETS {
            return Err(WriteError::Targets(targets));
        }
        let json = serde_json::to_vec(&Document::new(self))?;
        if json.len() as u64 > MAX_DOCUMENT {
            return Err(WriteError::Size(json.len() as u64));
        }
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&json)?;
        let bytes = encoder.finish()?;
        if bytes.len() as u64 > MAX_FILE {
            return Err(WriteError::Size(bytes.len() as u64));
        }
        Ok(bytes)
    }

    /// Reads a file.
    ///
    /// # Errors
    /// If it isn't a usable record.
    pub fn read(path: &Path) -> Result<Self, RecordError> {
        let bytes = read_capped(path, MAX_FILE).map_err(RecordError::Unreadable)?;
        Self::from_bytes(&bytes)
    }

    /// Whether the contents of a file are compressed, as those of every record are.
    #[must_use]
    pub fn is_compressed(bytes: &[u8]) -> bool {
        bytes.starts_with(&GZIP)
    }

    /// Reads the contents of a file.
    ///
    /// # Errors
    /// If they aren't a usable record.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, RecordError> {
        if !Self::is_compressed(bytes) {
            return Err(RecordError::Foreign);
        }
        let mut json = Vec::new();
        let mut decoder = GzDecoder::new(bytes).take(MAX_DOCUMENT + 1);
        decoder.read_to_end(&mut json).map_err(|error| RecordError::Damaged(clean(&error.to_string())))?;
        if json.len() as u64 > MAX_DOCUMENT {
            return Err(RecordError::TooLarge);
        }
        if !decoder.into_inner().into_inner().is_empty() {
            return Err(RecordError::Damaged(
                "it goes on after the end of the compressed document".to_owned(),
            ));
        }
        Self::from_json(&json)
    }

    /// Reads a decompressed document.
    ///
    /// # Errors
    /// If it isn't a usable record.
    pub fn from_json(json: &[u8]) -> Result<Self, RecordError> {
        // The head alone first: another version may have other contents.
        let Head { format, version, program } = match serde_json::from_slice(json) {
            Ok(head) => head,
            Err(error) if error.is_data() => return Err(RecordError::Foreign),
            Err(error) => return Err(RecordError::Damaged(clean(&error.to_string()))),
        };
        if format != MARK {
            return Err(RecordError::Foreign);
        }
        if version > VERSION {
            return Err(RecordError::Later { version, program: clean(&program) });
        }
        if version < VERSION {
            return Err(RecordError::Malformed(format!("there is no version {version}")));
        }
        let mut deserializer = serde_json::Deserializer::from_slice(json);
        let document: Result<Document, _> = serde_path_to_error::deserialize(&mut deserializer);
        let document = document.map_err(|error| {
            RecordError::Malformed(clean(&format!("{}: {}", error.path(), error.inner())))
        })?;
        document.into_record().map_err(|why| RecordError::Malformed(clean(&why)))
    }
}

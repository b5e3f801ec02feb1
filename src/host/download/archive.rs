//! The archive of the download test: a zip with a documented password, so that scanners don't block the download
//! itself. It is opened in memory, with limits; file names in it are never used.

use std::io::{Cursor, Read as _};

use zip::ZipArchive;
use zip::result::ZipError;

use crate::text::clean;

/// From Microsoft's page "Configure and validate Microsoft Defender Antivirus network connections".
const PASSWORD: &[u8] = b"infected";

/// The maximum number of entries; Microsoft's archive has one.
const MAX_ENTRIES: usize = 16;

/// The maximum unpacked size of an entry, in bytes.
const MAX_UNPACKED: u64 = 16 * 1024 * 1024;

/// The signature of a zip (PKWARE's APPNOTE, section 4.3.7).
const ZIP: &[u8] = b"PK\x03\x04";

/// The signature of a Windows program (Microsoft's "PE Format": the MS-DOS stub).
const PROGRAM: &[u8] = b"MZ";

/// Why the program can't be unpacked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArchiveError {
    /// Not a zip, for example a block page.
    #[error(
        "the download is not Microsoft's file, which is a zip: something on the way may have answered instead"
    )]
    NotZip,
    /// The archive is damaged or of an unsupported kind; with the reader's message.
    #[error("the archive can't be opened with the documented password: {0}")]
    Unreadable(String),
    /// The password differs.
    #[error("the archive has another password than the documented one")]
    OtherPassword,
    /// The archive has too many entries.
    #[error("the archive has {0} entries; {MAX_ENTRIES} are the most that the test opens")]
    TooMany(usize),
    /// An entry is too large.
    #[error("an entry of the archive unpacks to more than {} MiB, the most that the test opens", MAX_UNPACKED / (1024 * 1024))]
    TooLarge,
    /// The archive contains no program.
    #[error("the archive holds no Windows program")]
    NoProgram,
}

impl From<ZipError> for ArchiveError {
    fn from(error: ZipError) -> Self {
        match error {
            ZipError::InvalidPassword => Self::OtherPassword,
            other => Self::Unreadable(clean(&other.to_string())),
        }
    }
}

/// Unpacks the first program in the archive.
///
/// # Errors
/// If the archive isn't valid, or exceeds a limit.
pub fn unpack_program(archive: &[u8]) -> Result<Vec<u8>, ArchiveError> {
    if !archive.starts_with(ZIP) {
        return Err(ArchiveError::NotZip);
    }
    let mut archive = ZipArchive::new(Cursor::new(archive))?;
    if archive.len() > MAX_ENTRIES {
        return Err(ArchiveError::TooMany(archive.len()));
    }
    for index in 0..archive.len() {
        let mut unpacked = Vec::new();
        let entry = archive.by_index_decrypt(index, PASSWORD)?;
        // Read to the end, or beyond the limit: the reader checks the CRC only at the end.
        entry.take(MAX_UNPACKED + 1).read_to_end(&mut unpacked).map_err(ZipError::Io)?;
        if unpacked.len() as u64 > MAX_UNPACKED {
            return Err(ArchiveError::TooLarge);
        }
        if unpacked.starts_with(PROGRAM) {
            return Ok(unpacked);
        }
    }
    Err(ArchiveError::NoProgram)
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::Write as _;

    use zip::write::SimpleFileOptions;
    use zip::{AesMode, CompressionMethod, ZipWriter};

    use super::*;

    /// Made by Info-ZIP 3.0 with the documented password and the traditional encryption: `Lab Sample.exe`, a harmless
    /// text.
    pub(in crate::host::download) const PKWARE: &[u8] =
        include_bytes!("../../../tests/data/download-test/pkware.zip");

    const HARMLESS: &[u8] = b"MZ and nothing that could run";

    /// An archive of these entries, AES-encrypted if there is a password, with hostile file names.
    fn archive(password: Option<&str>, entries: &[&[u8]]) -> Vec<u8> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for (n, content) in entries.iter().enumerate() {
            let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
            let options = match password {
                Some(password) => options.with_aes_encryption(AesMode::Aes256, password),
                None => options,
            };
            writer.start_file(format!("../../{n}/C:\\evil.exe"), options).unwrap();
            writer.write_all(content).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    #[test]
    fn the_program_is_taken_out_of_the_archive() {
        let taken = unpack_program(PKWARE).unwrap();
        assert!(taken.starts_with(b"MZ This is no program") && taken.ends_with(b"\r\n"), "{taken:?}");
        assert_eq!(unpack_program(&archive(Some("infected"), &[HARMLESS])).unwrap(), HARMLESS);
        assert_eq!(
            unpack_program(&archive(Some("infected"), &[b"read me", HARMLESS, b"MZ 2"])).unwrap(),
            HARMLESS
        );
        assert_eq!(unpack_program(&archive(None, &[HARMLESS])).unwrap(), HARMLESS, "no password is fine too");
    }

    #[test]
    fn what_is_no_such_archive_has_a_reason() {
        let check = |archive: &[u8], expected: &str| {
            let error = unpack_program(archive).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        };
        check(b"", "not Microsoft's file");
        check(b"<html>blocked</html>", "not Microsoft's file");
        check(&PKWARE[..PKWARE.len() / 2], "can't be opened");
        check(&archive(Some("other"), &[HARMLESS]), "another password");
        check(&archive(Some("infected"), &[]), "not Microsoft's file"); // an empty zip has another signature
        check(&archive(Some("infected"), &[b"read me"]), "no Windows program");
        check(&archive(Some("infected"), &[HARMLESS; MAX_ENTRIES + 1]), "17 entries; 16 are the most");
        let limit = usize::try_from(MAX_UNPACKED).unwrap();
        let mut large = vec![0; limit];
        large[..2].copy_from_slice(PROGRAM);
        assert_eq!(unpack_program(&archive(None, &[&large])).unwrap().len(), limit);
        large.push(0);
        check(&archive(None, &[&large]), "more than 16 MiB");
    }

    #[test]
    fn a_damaged_archive_is_unreadable_and_never_a_panic() {
        let mut differ = 0;
        for at in 0..PKWARE.len() {
            let mut damaged = PKWARE.to_vec();
            damaged[at] ^= 0xff;
            match unpack_program(&damaged) {
                Ok(taken) => assert!(taken.starts_with(PROGRAM), "byte {at}"),
                Err(_) => differ += 1,
            }
            let _ = unpack_program(&PKWARE[..at]); // only a panic would fail
        }
        assert!(differ > PKWARE.len() / 3, "only {differ} of {} damaged bytes are noticed", PKWARE.len());
    }
}

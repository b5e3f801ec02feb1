//! Any bytes as the archive of the download test.

use defender_exporter::host::download::unpack_program;

/// The most that is taken out, in bytes.
const MAX_PROGRAM: usize = 16 * 1024 * 1024;

pub fn run(bytes: &[u8]) {
    match unpack_program(bytes) {
        Ok(program) => {
            assert!(program.starts_with(b"MZ"), "no program");
            assert!(program.len() <= MAX_PROGRAM, "{} bytes are unpacked", program.len());
        }
        Err(error) => {
            let words = error.to_string();
            assert!(words.len() < 2000 && words.chars().all(|c| !c.is_control()), "{words:?}");
        }
    }
}

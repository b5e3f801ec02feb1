//! Any text as the argument of `explain`: a word, an HRESULT in any spelling, a line that contains one.

use defender_exporter::advice::{Code, parse_code};
use defender_exporter::commands::explain;

pub fn run(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let said = explain::render(&text);
    match parse_code(&text) {
        Ok(Code::Hresult(code)) => {
            assert!(!said.expect("an HRESULT without words").is_empty());
            let mut spellings = vec![format!("0x{code:08X}")];
            if code >= 1 << 31 {
                // Successes aren't searched for in lines, and are never written in decimal.
                spellings.extend([code.cast_signed().to_string(), format!("hr={code:08x}")]);
            }
            for spelling in spellings {
                assert_eq!(parse_code(&spelling), Ok(Code::Hresult(code)), "{spelling}");
            }
        }
        Ok(_) => assert!(said.is_ok_and(|said| !said.is_empty())),
        Err(error) => {
            let said = error.to_string();
            assert!(said.chars().count() < 600 && said.lines().count() <= 3, "{said:?}");
        }
    }
}

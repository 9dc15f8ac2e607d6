use super::{Script, ScriptError};

impl Script {
    /// Reads a script file's bytes, which must be UTF-8.
    ///
    /// # Errors
    /// What [`Script::parse`] refuses, and bytes that are no UTF-8 text.
    pub fn read_bytes(bytes: &[u8]) -> Result<Self, Vec<ScriptError>> {
        let refuse = |at: usize, length: usize, message: String, help: &str| {
            let line = 1 + bytes[..at].iter().filter(|byte| **byte == b'\n').count() as u32;
            Err(vec![ScriptError { line, range: (at, at + length), message, help: help.to_owned() }])
        };
        if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
            return refuse(0, 2, "the file is UTF-16".to_owned(), "save it as UTF-8");
        }
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::parse(text),
            Err(error) => {
                let at = error.valid_up_to();
                if is_binary(&bytes[..at]) || is_binary(&bytes[at..]) {
                    return refuse(at, 1, "this is not a text file".to_owned(), NOT_TEXT);
                }
                let length = error.error_len().unwrap_or(bytes.len() - at).max(1);
                let message = format!("byte 0x{:02x} at offset {at} is not UTF-8", bytes[at]);
                refuse(
                    at,
                    length,
                    message,
                    "save the file as UTF-8; it may be in an older encoding such as Windows-1252",
                )
            }
        }
    }
}

pub(super) const NOT_TEXT: &str = "give a script: plain text or Markdown, in UTF-8";

/// Whether bytes hold a NUL, or more than a tenth of them are control characters that no text has.
pub(super) fn is_binary(bytes: &[u8]) -> bool {
    let controls = bytes.iter().filter(|b| **b < 0x20 && !matches!(b, b'\t' | b'\n' | b'\r' | 0x0c)).count();
    bytes.contains(&0) || controls * 10 > bytes.len()
}

//! A shown word taken apart.

use super::super::segment::Piece;

/// Whether `c` guides intonation or pauses.
pub(in super::super) fn is_cadence(c: char) -> bool {
    ",.;:!?、，。；：！？।؟،؛။៕…".contains(c)
}

/// How each of `pieces` is spoken in `language`.
pub(in super::super) fn speakable(pieces: &[Piece], _language: &str) -> Vec<String> {
    pieces.iter().map(|piece| piece.text.clone()).collect()
}

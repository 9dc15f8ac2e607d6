//! From the times of sounds to those of words.

use super::{SpokenWord, Token};
use crate::story::TimingQuality;

pub(super) use super::align::Align;

/// The words of which `sounds` (token, first sample, sample after the last) are the sounds, in order;
/// a token whose sounds were all lost takes no time between its neighbours.
pub(super) fn words_of(tokens: &[Token], sounds: &[(usize, usize, usize)], length: usize) -> Vec<SpokenWord> {
    if sounds.is_empty() {
        return Vec::new();
    }
    let mut words = Vec::new();
    let mut latest = 0;
    for (token, _) in tokens.iter().enumerate().filter(|(_, token)| !token.spoken.is_empty()) {
        let mut own = sounds.iter().filter(|(owner, ..)| *owner == token);
        let word = match own.next() {
            Some((_, start, end)) => {
                let end = own.next_back().map_or(*end, |(.., end)| *end);
                SpokenWord { token, start: (*start).max(latest), end, quality: TimingQuality::Exact }
            }
            None => SpokenWord { token, start: latest, end: latest, quality: TimingQuality::Divided },
        };
        let word = SpokenWord { end: word.end.clamp(word.start, length.max(word.start)), ..word };
        latest = word.end;
        words.push(word);
    }
    words
}

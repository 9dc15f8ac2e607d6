//! espeak-ng: the voice that needs no download.
//!
//! [`Espeak`] sends each utterance as SSML with one `<mark/>` before each token; the
//! engine reports the exact sample of each mark, so that the words of captions are
//! ours and not the engine's (it reads `for a` as one word and `$1,250.50` as seven).
//!
//! libespeak-ng is licensed under the GPL, version 3 or later. This program neither
//! contains nor links it: it looks for an installed copy at run time, and says so
//! when there is none.

mod languages;
mod libespeak;
mod marks;
mod phonemes;
mod speaker;
mod ssml;

pub(super) use languages::nearest;
pub use languages::{Language, languages, voice_of_language};
pub use phonemes::{Clause, Reader};
pub use speaker::{Espeak, version};

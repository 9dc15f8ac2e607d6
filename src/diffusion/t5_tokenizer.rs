//! T5's tokenizer: SentencePiece's unigram model, as `tokenizer.json` holds it.

use crate::models::Model;

use super::{Error, Tokens};

/// Text to T5's token ids.
#[derive(Debug, Clone)]
pub struct T5Tokenizer {
    encoder: tokenizers::Tokenizer,
    end: u32,
    pad: u32,
}

impl T5Tokenizer {
    /// Reads `tokenizer.json` in `folder` of a model, for example `tokenizer_2`.
    pub fn open(model: &Model, folder: &str) -> Result<Self, Error> {
        let file = model.path.join(folder).join("tokenizer.json");
        let wrong = |reason: String| Error::Config { path: file.clone(), reason };
        if !file.is_file() {
            let reason = "is missing; it is what transformers' T5TokenizerFast saves, and made from spiece.model by loading and saving it once";
            return Err(wrong(reason.into()));
        }
        let mut encoder = tokenizers::Tokenizer::from_file(&file)
            .map_err(|e| wrong(format!("is no tokenizer: {e}")))?;
        // Cut and filled up here, to the length the family reads.
        encoder.with_padding(None);
        encoder.with_truncation(None).map_err(|e| wrong(e.to_string()))?;
        let id = |token: &str| {
            encoder.token_to_id(token).ok_or_else(|| wrong(format!("lacks the special token `{token}`")))
        };
        Ok(Self { end: id("</s>")?, pad: id("<pad>")?, encoder })
    }

    /// The ids of `text` and the end, padded or cut to `limit`.
    pub fn encode(&self, text: &str, limit: usize) -> Tokens {
        let mut ids = self.split(text);
        let dropped = (ids.len() + 1).saturating_sub(limit);
        ids.truncate(limit - 1);
        ids.push(self.end);
        let used = ids.len();
        ids.resize(limit, self.pad);
        Tokens { ids, used, dropped }
    }

    /// The ids of `text` alone.
    pub fn split(&self, text: &str) -> Vec<u32> {
        self.encoder.encode_fast(text, false).map(|encoding| encoding.get_ids().to_vec()).unwrap_or_default()
    }
}

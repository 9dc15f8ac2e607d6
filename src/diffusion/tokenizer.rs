//! CLIP's tokenizer: byte-level byte-pair encoding of lowercased text.

use std::path::Path;

use serde_json::Value;
use tokenizers::{
    AddedToken, NormalizerWrapper, PreTokenizerWrapper, SplitDelimiterBehavior,
    models::bpe::BPE,
    normalizers::{Lowercase, NFC, Replace, Sequence, replace::ReplacePattern},
    pre_tokenizers::{
        byte_level::ByteLevel, sequence::Sequence as PreSequence, split::Split, split::SplitPattern,
    },
};

use crate::models::Model;

use super::{Error, weighting::Weighted};

/// The words of OpenAI's CLIP, as transformers' `CLIPTokenizer` splits them.
const WORDS: &str =
    r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+";

/// A prompt in numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tokens {
    /// Exactly [`Tokenizer::limit`] ids: start, the text, end, padding.
    pub ids: Vec<u32>,
    /// How many of them are no padding, start and end included.
    pub used: usize,
    /// How many tokens of the text found no room.
    pub dropped: usize,
}

/// A stretch of a long prompt.
#[derive(Debug, Clone, PartialEq)]
pub struct Chunk {
    /// Its ids.
    pub tokens: Tokens,
    /// The weight of each.
    pub weights: Vec<f32>,
}

/// Text to token ids.
#[derive(Debug, Clone)]
pub struct Tokenizer {
    encoder: tokenizers::Tokenizer,
    limit: usize,
    start: u32,
    end: u32,
    pad: u32,
}

impl Tokenizer {
    /// Reads `folder` of a model, for example `tokenizer`: `vocab.json`, `merges.txt` and, for the
    /// padding token and the limit, `tokenizer_config.json` and `special_tokens_map.json`.
    pub fn open(model: &Model, folder: &str) -> Result<Self, Error> {
        let name = folder;
        let folder = model.path.join(folder);
        let wrong = |name: &str, reason: String| Error::Config { path: folder.join(name), reason };
        let (vocab, merges) = (folder.join("vocab.json"), folder.join("merges.txt"));
        for file in [&vocab, &merges] {
            if !file.is_file() {
                return Err(Error::Config {
                    path: file.clone(),
                    reason: "is missing; CLIP's tokenizer needs it".into(),
                });
            }
        }
        let special = model.json(&format!("{name}/special_tokens_map.json"))?;
        let config = model.json(&format!("{name}/tokenizer_config.json"))?;
        let token = |role: &str, otherwise: &str| {
            let named = [&special, &config].into_iter().flatten().find_map(|json| content(json.get(role)?));
            named.unwrap_or_else(|| otherwise.to_owned())
        };
        let (start, end) = (token("bos_token", "<|startoftext|>"), token("eos_token", "<|endoftext|>"));
        let (pad, unknown) = (token("pad_token", "<|endoftext|>"), token("unk_token", "<|endoftext|>"));
        let encoder = encoder(&vocab, &merges, [&start, &end, &pad, &unknown])
            .map_err(|e| wrong("vocab.json", format!("is no vocabulary for its merges.txt: {e}")))?;
        let id = |token: &str| {
            let id = encoder.token_to_id(token);
            id.ok_or_else(|| wrong("vocab.json", format!("lacks the special token `{token}`")))
        };
        let limit = config.as_ref().and_then(|json| json.get("model_max_length")).and_then(Value::as_u64);
        // Older folders write a huge number for "none": CLIP's text encoders have 77 positions.
        let limit = limit.filter(|&limit| (3..=1024).contains(&limit)).unwrap_or(77) as usize;
        Ok(Self { limit, start: id(&start)?, end: id(&end)?, pad: id(&pad)?, encoder })
    }

    /// Tokens of `text` alone, without start and end; more than [`limit`](Self::limit) less 2 are
    /// cut off by [`encode`](Self::encode).
    pub fn count(&self, text: &str) -> usize {
        self.split(text).len()
    }

    /// How many ids a prompt becomes, start and end included.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// The ids of `text` between start and end, padded or cut to [`limit`](Self::limit).
    pub fn encode(&self, text: &str) -> Tokens {
        let mut tokens = self.split(text);
        let dropped = tokens.len().saturating_sub(self.limit - 2);
        tokens.truncate(self.limit - 2);
        self.enclose(&tokens, dropped)
    }

    /// The ids of a prompt of any length, in chunks of [`limit`](Self::limit) less 2 between start
    /// and end, and the weight of each id; start, end and padding weigh 1. At least one chunk.
    pub fn chunks(&self, parts: &[Weighted]) -> Vec<Chunk> {
        let (mut tokens, mut weights) = (Vec::new(), Vec::new());
        for part in parts {
            let split = self.split(&part.text);
            weights.resize(tokens.len() + split.len(), part.weight as f32);
            tokens.extend(split);
        }
        let room = self.limit - 2;
        let chunk = |(tokens, weights): (&[u32], &[f32])| {
            let mut all = vec![1.0; self.limit];
            all[1..=weights.len()].copy_from_slice(weights);
            Chunk { tokens: self.enclose(tokens, 0), weights: all }
        };
        match tokens.is_empty() {
            true => vec![chunk((&[], &[]))],
            false => tokens.chunks(room).zip(weights.chunks(room)).map(chunk).collect(),
        }
    }

    /// Start, tokens, end, padding.
    fn enclose(&self, tokens: &[u32], dropped: usize) -> Tokens {
        let mut ids = Vec::with_capacity(self.limit);
        ids.push(self.start);
        ids.extend_from_slice(tokens);
        ids.push(self.end);
        ids.resize(self.limit, self.pad);
        Tokens { ids, used: tokens.len() + 2, dropped }
    }

    fn split(&self, text: &str) -> Vec<u32> {
        // The encoder fails on a token that is neither known nor replaced by the unknown one,
        // and the unknown one was found when it was opened.
        self.encoder.encode_fast(text, false).map(|encoding| encoding.get_ids().to_vec()).unwrap_or_default()
    }
}

/// A token is written as a string or as an object with `content`.
fn content(token: &Value) -> Option<String> {
    token.as_str().or_else(|| token.get("content")?.as_str()).map(str::to_owned)
}

fn encoder(vocab: &Path, merges: &Path, special: [&String; 4]) -> tokenizers::Result<tokenizers::Tokenizer> {
    let bpe = BPE::from_file(&vocab.to_string_lossy(), &merges.to_string_lossy())
        .continuing_subword_prefix(String::new())
        .end_of_word_suffix("</w>".into())
        .unk_token(special[3].clone())
        .build()?;
    let mut encoder = tokenizers::Tokenizer::new(bpe);
    encoder.with_normalizer(Some(Sequence::new(vec![
        NormalizerWrapper::NFC(NFC),
        Replace::new(ReplacePattern::Regex(r"\s+".into()), " ")?.into(),
        Lowercase.into(),
    ])));
    let words = Split::new(SplitPattern::Regex(WORDS.into()), SplitDelimiterBehavior::Removed, true)?;
    encoder.with_pre_tokenizer(Some(PreSequence::new(vec![
        PreTokenizerWrapper::Split(words),
        PreTokenizerWrapper::ByteLevel(ByteLevel::default().add_prefix_space(false)),
    ])));
    let special = special.into_iter().map(|token| AddedToken::from(token.clone(), true)).collect::<Vec<_>>();
    encoder.add_special_tokens(&special);
    Ok(encoder)
}

//! What a prompt tells the denoiser, family by family.

use ndarray::{Array2, Array3, Axis, concatenate, s};

use crate::{
    engine::Residency,
    models::{Family, Model, PartKind},
};

use super::{
    Error, Options, Reading, T5Tokenizer, TextEncoder, Tokenizer,
    text_encoder::Layer,
    tokenizer::Chunk,
    weighting::{Weighted, weights},
};

/// What one prompt becomes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Conditioning {
    /// Hidden states: (1, tokens, width).
    pub(super) hidden: Array3<f32>,
    /// The prompt in one row: (1, width), where the family has it.
    pub(super) pooled: Option<Array2<f32>>,
}

impl Conditioning {
    /// Of the same shape, saying nothing.
    pub(super) fn zeros(&self) -> Self {
        Self {
            hidden: Array3::zeros(self.hidden.raw_dim()),
            pooled: self.pooled.as_ref().map(|pooled| Array2::zeros(pooled.raw_dim())),
        }
    }
}

/// How a prompt is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Manner {
    pub(super) reading: Reading,
    pub(super) clip_skip: Option<usize>,
}

/// Tokens that T5 reads of a prompt in Stable Diffusion 3 and in FLUX, as diffusers has it.
const T5_TOKENS: (usize, usize) = (256, 512);

/// The tokenizers and text encoders of one model.
#[derive(Debug)]
pub(super) struct Encoders {
    model: Model,
    options: Options,
    clip: Vec<Clip>,
    t5: Option<T5>,
    /// Tokens and width of T5's hidden states where the model comes without it.
    without_t5: (usize, usize),
}

#[derive(Debug)]
struct Clip {
    kind: PartKind,
    tokenizer: Tokenizer,
    encoder: Option<TextEncoder>,
}

#[derive(Debug)]
struct T5 {
    kind: PartKind,
    tokenizer: T5Tokenizer,
    encoder: Option<TextEncoder>,
    limit: usize,
}

impl Encoders {
    pub(super) fn open(model: &Model, options: Options) -> Result<Self, Error> {
        let clip = |kind: PartKind, folder: &str| {
            model.part(kind)?;
            Ok::<_, Error>(Clip { kind, tokenizer: Tokenizer::open(model, folder)?, encoder: None })
        };
        let t5 = |kind: PartKind, folder: &str, limit: usize| {
            model.part(kind)?;
            Ok::<_, Error>(T5 { kind, tokenizer: T5Tokenizer::open(model, folder)?, encoder: None, limit })
        };
        use PartKind::{TextEncoder as First, TextEncoder2 as Second, TextEncoder3 as Third};
        let (clip, t5) = match model.family {
            Family::StableDiffusion => (vec![clip(First, "tokenizer")?], None),
            // The refiner has the second one only.
            Family::StableDiffusionXl if model.find(First).is_none() => {
                (vec![clip(Second, "tokenizer_2")?], None)
            }
            Family::StableDiffusionXl => {
                (vec![clip(First, "tokenizer")?, clip(Second, "tokenizer_2")?], None)
            }
            Family::StableDiffusion3 => {
                let both = vec![clip(First, "tokenizer")?, clip(Second, "tokenizer_2")?];
                let third = model.find(Third).map(|_| t5(Third, "tokenizer_3", T5_TOKENS.0));
                (both, third.transpose()?)
            }
            Family::Flux => (vec![clip(First, "tokenizer")?], Some(t5(Second, "tokenizer_2", T5_TOKENS.1)?)),
        };
        let denoiser = model.part(PartKind::Denoiser)?;
        let joint = denoiser.config.as_ref().and_then(|config| config["joint_attention_dim"].as_u64());
        let without_t5 = (T5_TOKENS.0, joint.unwrap_or(4096) as usize);
        Ok(Self { model: model.clone(), options, clip, t5, without_t5 })
    }

    /// CLIP's tokenizer, the first if there are two.
    pub(super) fn tokenizer(&self) -> &Tokenizer {
        &self.clip[0].tokenizer
    }

    /// How many tokens at the end of `prompt` the model will not see.
    pub(super) fn dropped(&self, prompt: &str, reading: Reading) -> usize {
        let clip = self.clip.iter().map(|clip| clip.tokenizer.encode(prompt).dropped).max().unwrap_or(0);
        match (&self.t5, reading) {
            (Some(t5), _) => t5.tokenizer.encode(prompt, t5.limit).dropped,
            (None, Reading::Weighted) if self.reads_chunks() => 0,
            (None, _) => clip,
        }
    }

    /// Families whose denoiser was made for CLIP alone attend to as many tokens as they are given.
    fn reads_chunks(&self) -> bool {
        matches!(self.model.family, Family::StableDiffusion | Family::StableDiffusionXl)
    }

    /// What the prompt and, under guidance, the negative prompt become: of equally many tokens.
    pub(super) fn encode(
        &mut self,
        positive: &str,
        negative: Option<&str>,
        manner: Manner,
    ) -> Result<(Conditioning, Option<Conditioning>), Error> {
        let texts: Vec<&str> = std::iter::once(positive).chain(negative).collect();
        // T5 reads sentences: to it, brackets are text.
        let chunked = manner.reading == Reading::Weighted && self.reads_chunks();
        let parts = |text: &&str| match chunked {
            true => weights(text),
            false => vec![Weighted { text: (*text).to_owned(), weight: 1.0 }],
        };
        let parts: Vec<Vec<Weighted>> = texts.iter().map(parts).collect();
        // As in diffusers, only the prompt itself is read at an earlier layer.
        let layers = [self.layer(manner.clip_skip), self.layer(None)];
        let mut encoders = Vec::new();
        for clip in &mut self.clip {
            encoders.push(clip.encode(&self.model, &self.options, &parts, chunked, layers)?);
        }
        let t5 = match &mut self.t5 {
            Some(t5) => t5.encode(&self.model, &self.options, &texts)?,
            None => Vec::new(),
        };
        let mut made = (0..texts.len()).map(|i| {
            let clip: Vec<&Conditioning> = encoders.iter().map(|encoded| &encoded[i]).collect();
            self.join(&clip, t5.get(i))
        });
        let positive = made.next().unwrap_or_else(|| unreachable!("there is at least one text"))?;
        Ok((positive, made.next().transpose()?))
    }

    /// The layer whose hidden states the family takes.
    fn layer(&self, clip_skip: Option<usize>) -> Layer {
        match (self.model.family, clip_skip) {
            (Family::StableDiffusion, None) | (Family::Flux, _) => Layer::Last,
            (Family::StableDiffusion, Some(skip)) => Layer::BeforeNormed(skip),
            (_, skip) => Layer::Before(skip.unwrap_or(0) + 1),
        }
    }

    fn join(&self, clip: &[&Conditioning], t5: Option<&Array3<f32>>) -> Result<Conditioning, Error> {
        let beside = || {
            let hidden: Vec<_> = clip.iter().map(|part| part.hidden.view()).collect();
            self.fit(concatenate(Axis(2), &hidden))
        };
        let last_pooled = || clip.last().and_then(|part| part.pooled.clone());
        match self.model.family {
            Family::StableDiffusion => Ok(Conditioning { hidden: clip[0].hidden.clone(), pooled: None }),
            Family::StableDiffusionXl => {
                Ok(Conditioning { hidden: beside()?, pooled: Some(self.pooled(last_pooled())?) })
            }
            Family::StableDiffusion3 => {
                let without = Array3::zeros((1, self.without_t5.0, self.without_t5.1));
                let t5 = t5.unwrap_or(&without);
                let both = beside()?;
                let (tokens, width, wide) = (both.dim().1, both.dim().2, t5.dim().2);
                let mut padded = Array3::zeros((1, tokens, wide.max(width)));
                padded.slice_mut(s![.., .., ..width]).assign(&both);
                let hidden = self.fit(concatenate(Axis(1), &[padded.view(), t5.view()]))?;
                let pooled: Result<Vec<_>, _> =
                    clip.iter().map(|part| self.pooled(part.pooled.clone())).collect();
                let pooled = pooled?;
                let views: Vec<_> = pooled.iter().map(|row| row.view()).collect();
                Ok(Conditioning { hidden, pooled: Some(self.fit(concatenate(Axis(1), &views))?) })
            }
            Family::Flux => {
                let hidden = t5.cloned().unwrap_or_else(|| clip[0].hidden.clone());
                Ok(Conditioning { hidden, pooled: Some(self.pooled(last_pooled())?) })
            }
        }
    }

    fn pooled(&self, pooled: Option<Array2<f32>>) -> Result<Array2<f32>, Error> {
        let missing =
            "its text encoder answers neither text_embeds nor pooler_output, which this family needs";
        pooled.ok_or_else(|| self.wrong(missing.into()))
    }

    fn fit<T>(&self, joined: Result<T, ndarray::ShapeError>) -> Result<T, Error> {
        joined.map_err(|error| {
            self.wrong(format!("the hidden states of its text encoders do not fit together: {error}"))
        })
    }

    fn wrong(&self, reason: String) -> Error {
        Error::Contract { path: self.model.path.clone(), part: "text encoders", reason }
    }
}

impl Clip {
    /// The conditioning of the prompt and of the negative one, each at its layer: (1, tokens, width)
    /// and what is pooled of the first chunk.
    fn encode(
        &mut self,
        model: &Model,
        options: &Options,
        texts: &[Vec<Weighted>],
        chunked: bool,
        layers: [Layer; 2],
    ) -> Result<Vec<Conditioning>, Error> {
        let mut encoder = take(&mut self.encoder, model, self.kind, options)?;
        let cut = |parts: &[Weighted]| {
            let mut chunks = self.tokenizer.chunks(parts);
            chunks.truncate(if chunked { usize::MAX } else { 1 });
            chunks
        };
        let mut chunks: Vec<Vec<Chunk>> = texts.iter().map(|parts| cut(parts)).collect();
        let most = chunks.iter().map(Vec::len).max().unwrap_or(1);
        let empty = self.tokenizer.chunks(&[]);
        let mut encoded = Vec::new();
        for (chunks, layer) in chunks.iter_mut().zip(layers) {
            while chunks.len() < most {
                chunks.extend(empty.iter().cloned());
            }
            let mut parts = Vec::new();
            for chunk in chunks.iter() {
                parts.push(encoder.encode(&chunk.tokens, layer)?);
            }
            let views: Vec<_> = parts.iter().map(|part| part.hidden.view()).collect();
            let mut hidden = concatenate(Axis(1), &views)
                .unwrap_or_else(|_| unreachable!("one encoder answers one shape"));
            weigh(&mut hidden, chunks);
            encoded.push(Conditioning { hidden, pooled: parts.swap_remove(0).pooled });
        }
        self.encoder = keep(encoder, options);
        Ok(encoded)
    }
}

impl T5 {
    fn encode(
        &mut self,
        model: &Model,
        options: &Options,
        texts: &[&str],
    ) -> Result<Vec<Array3<f32>>, Error> {
        let mut encoder = take(&mut self.encoder, model, self.kind, options)?;
        let mut encoded = Vec::new();
        for text in texts {
            encoded.push(encoder.encode(&self.tokenizer.encode(text, self.limit), Layer::Last)?.hidden);
        }
        self.encoder = keep(encoder, options);
        Ok(encoded)
    }
}

fn take(
    held: &mut Option<TextEncoder>,
    model: &Model,
    kind: PartKind,
    options: &Options,
) -> Result<TextEncoder, Error> {
    match held.take() {
        Some(encoder) => Ok(encoder),
        None => TextEncoder::open(model.part(kind)?, &options.around_the_denoiser(), options.way()),
    }
}

fn keep(encoder: TextEncoder, options: &Options) -> Option<TextEncoder> {
    (options.residency == Residency::Resident).then_some(encoder)
}

/// Multiplies the hidden states of each token by its weight and keeps the mean of all of them.
fn weigh(hidden: &mut Array3<f32>, chunks: &[Chunk]) {
    let weights: Vec<f32> = chunks.iter().flat_map(|chunk| chunk.weights.iter().copied()).collect();
    if weights.iter().all(|&weight| weight == 1.0) {
        return;
    }
    let mean = |hidden: &Array3<f32>| hidden.iter().map(|&x| f64::from(x)).sum::<f64>();
    let before = mean(hidden);
    for (mut token, &weight) in hidden.axis_iter_mut(Axis(1)).zip(&weights) {
        token.mapv_inplace(|x| x * weight);
    }
    let after = mean(hidden);
    let factor = (before / after) as f32;
    // Weights that cancel out leave no mean to restore.
    if factor.is_finite() {
        hidden.mapv_inplace(|x| x * factor);
    }
}

//! What an image encoder answers, as tokens that a UNet can attend to.

use ndarray::{Array1, Array2, ArrayView2, Axis, concatenate, s};
use statrs::function::erf::erf;

use crate::graph::TensorFile;

/// The width of a head in the resampler; its exports do not say it, diffusers takes this one.
const HEAD: usize = 64;
/// What is added to a variance, PyTorch's default.
const EPSILON: f64 = 1e-5;

/// From an image encoder's answer to tokens.
#[derive(Debug, Clone)]
pub(super) enum Projection {
    /// The whole picture becomes a few tokens at once.
    Linear(Affine, Norm),
    /// Learned queries look at every patch: the resampler of "plus" adapters, a Perceiver (Jaegle et al., 2021,
    /// <https://arxiv.org/abs/2103.03206>).
    Resampler(Box<Resampler>),
}

/// Layers of queries that look at patches.
#[derive(Debug, Clone)]
pub(super) struct Resampler {
    queries: Array2<f32>,
    proj_in: Affine,
    layers: Vec<Layer>,
    proj_out: Affine,
    norm_out: Norm,
}

#[derive(Debug, Clone)]
struct Layer {
    norm_patches: Norm,
    norm_queries: Norm,
    to_q: Array2<f32>,
    /// Keys and values, one above the other.
    to_kv: Array2<f32>,
    to_out: Array2<f32>,
    norm_forward: Norm,
    widen: Array2<f32>,
    narrow: Array2<f32>,
}

/// A matrix (out, in) and what is added after it.
#[derive(Debug, Clone)]
pub(super) struct Affine {
    weight: Array2<f32>,
    bias: Array1<f32>,
}

/// The normalisation of each row.
#[derive(Debug, Clone)]
pub(super) struct Norm {
    scale: Array1<f32>,
    bias: Array1<f32>,
}

impl Projection {
    /// Reads `image_proj.*`; the kind follows from what there is. In words, if it is another kind.
    pub(super) fn read(tensors: &TensorFile) -> Result<Self, String> {
        let there = |name: &str| tensors.dims(&format!("image_proj.{name}")).is_some();
        if there("proj.weight") {
            return Ok(Self::Linear(Affine::read(tensors, "proj")?, Norm::read(tensors, "norm")?));
        }
        if !there("latents") {
            return Err("its image projection is neither a linear one nor a resampler: adapters for faces alone (FaceID, full face) are not known".into());
        }
        let dims = tensors.dims("image_proj.latents").unwrap_or_default().to_vec();
        let latents = tensors.get("image_proj.latents").map(|stored| stored.numbers).unwrap_or_default();
        let [_, queries, width] = dims[..] else {
            return Err(format!("`image_proj.latents` has the shape {dims:?}"));
        };
        let queries = Array2::from_shape_vec((queries, width), latents)
            .map_err(|error| format!("`image_proj.latents`: {error}"))?;
        let layers = (0..).take_while(|layer| there(&format!("layers.{layer}.0.to_q.weight"))).map(|layer| {
            let name = |part: &str| format!("layers.{layer}.{part}");
            let weight = |part: &str| matrix(tensors, &format!("image_proj.layers.{layer}.{part}.weight"));
            Ok(Layer {
                norm_patches: Norm::read(tensors, &name("0.norm1"))?,
                norm_queries: Norm::read(tensors, &name("0.norm2"))?,
                to_q: weight("0.to_q")?,
                to_kv: weight("0.to_kv")?,
                to_out: weight("0.to_out")?,
                norm_forward: Norm::read(tensors, &name("1.0"))?,
                widen: weight("1.1")?,
                narrow: weight("1.3")?,
            })
        });
        Ok(Self::Resampler(Box::new(Resampler {
            layers: layers.collect::<Result<_, String>>()?,
            queries,
            proj_in: Affine::read(tensors, "proj_in")?,
            proj_out: Affine::read(tensors, "proj_out")?,
            norm_out: Norm::read(tensors, "norm_out")?,
        })))
    }

    /// Whether it wants a row for each patch, from the layer before the last.
    pub(super) fn looks_at_patches(&self) -> bool {
        matches!(self, Self::Resampler(_))
    }

    /// How many tokens a picture becomes.
    pub(super) fn tokens(&self) -> usize {
        match self {
            Self::Linear(affine, norm) => affine.bias.len() / norm.scale.len().max(1),
            Self::Resampler(resampler) => resampler.queries.nrows(),
        }
    }

    /// The tokens (tokens, width) of what the encoder answered, (rows, width).
    pub(super) fn tokens_of(&self, embeds: &Array2<f32>) -> Result<Array2<f32>, String> {
        match self {
            Self::Linear(affine, norm) => {
                let shape = (self.tokens(), norm.scale.len());
                let row = affine.of(embeds)?;
                let tokens = row.into_shape_with_order(shape).map_err(|error| error.to_string())?;
                Ok(norm.of(&tokens))
            }
            Self::Resampler(resampler) => resampler.of(embeds),
        }
    }
}

impl Resampler {
    fn of(&self, patches: &Array2<f32>) -> Result<Array2<f32>, String> {
        let patches = self.proj_in.of(patches)?;
        let mut queries = self.queries.clone();
        for layer in &self.layers {
            let shown = layer.norm_patches.of(&patches);
            let asked = layer.norm_queries.of(&queries);
            let both =
                concatenate(Axis(0), &[shown.view(), asked.view()]).map_err(|error| error.to_string())?;
            let answers = attend(&linear(&asked, &layer.to_q)?, &linear(&both, &layer.to_kv)?);
            queries = queries + linear(&answers, &layer.to_out)?;
            let wide = linear(&layer.norm_forward.of(&queries), &layer.widen)?;
            queries = queries + linear(&wide.mapv(gelu), &layer.narrow)?;
        }
        Ok(self.norm_out.of(&self.proj_out.of(&queries)?))
    }
}

/// Attention of (queries, heads * width) to keys and values beside each other.
fn attend(queries: &Array2<f32>, keys_values: &Array2<f32>) -> Array2<f32> {
    let width = queries.ncols();
    let mut answers = Array2::zeros(queries.raw_dim());
    for head in (0..width).step_by(HEAD) {
        let of = |from: usize| s![.., from + head..from + (head + HEAD).min(width)];
        let (queries, keys, values) =
            (queries.slice(of(0)), keys_values.slice(of(0)), keys_values.slice(of(width)));
        let mut weights: Array2<f32> = queries.dot(&keys.t()) / (HEAD as f32).sqrt();
        for mut row in weights.rows_mut() {
            let most = row.fold(f32::NEG_INFINITY, |most, &x| most.max(x));
            row.mapv_inplace(|x| (x - most).exp());
            let sum = row.sum();
            row /= sum;
        }
        answers.slice_mut(of(0)).assign(&weights.dot(&values));
    }
    answers
}

/// The Gaussian error linear unit (Hendrycks and Gimpel, 2016, <https://arxiv.org/abs/1606.08415>), exact.
fn gelu(x: f32) -> f32 {
    let x = f64::from(x);
    (0.5 * x * (1.0 + erf(x / std::f64::consts::SQRT_2))) as f32
}

/// `rows` (rows, in) through a matrix (out, in).
pub(super) fn linear(rows: &Array2<f32>, weight: &Array2<f32>) -> Result<Array2<f32>, String> {
    if rows.ncols() != weight.ncols() {
        return Err(format!(
            "it takes rows {} wide and is given {}: the image encoder is not the one it was trained with",
            weight.ncols(),
            rows.ncols()
        ));
    }
    Ok(rows.dot(&weight.t()))
}

/// The matrix of that name, (out, in).
pub(super) fn matrix(tensors: &TensorFile, name: &str) -> Result<Array2<f32>, String> {
    let missing = || format!("it holds no matrix of floats called `{name}`");
    let stored = tensors.get(name).ok_or_else(missing)?;
    let [out, inner] = stored.dims[..] else { return Err(missing()) };
    Array2::from_shape_vec((out, inner), stored.numbers).map_err(|_| missing())
}

fn row(tensors: &TensorFile, name: &str) -> Result<Array1<f32>, String> {
    let stored = tensors.get(name).filter(|stored| stored.dims.len() == 1);
    Ok(Array1::from(stored.ok_or_else(|| format!("it holds no row of floats called `{name}`"))?.numbers))
}

impl Affine {
    fn read(tensors: &TensorFile, name: &str) -> Result<Self, String> {
        Ok(Self {
            weight: matrix(tensors, &format!("image_proj.{name}.weight"))?,
            bias: row(tensors, &format!("image_proj.{name}.bias"))?,
        })
    }

    fn of(&self, rows: &Array2<f32>) -> Result<Array2<f32>, String> {
        Ok(linear(rows, &self.weight)? + &self.bias)
    }
}

impl Norm {
    fn read(tensors: &TensorFile, name: &str) -> Result<Self, String> {
        Ok(Self {
            scale: row(tensors, &format!("image_proj.{name}.weight"))?,
            bias: row(tensors, &format!("image_proj.{name}.bias"))?,
        })
    }

    fn of(&self, rows: &Array2<f32>) -> Array2<f32> {
        let mut normed = rows.clone();
        for mut row in normed.rows_mut() {
            let (mean, variance) = moments(&row.view().insert_axis(Axis(0)));
            let deviation = (variance + EPSILON).sqrt();
            row.mapv_inplace(|x| ((f64::from(x) - mean) / deviation) as f32);
        }
        normed * &self.scale + &self.bias
    }
}

fn moments(row: &ArrayView2<f32>) -> (f64, f64) {
    let count = row.len() as f64;
    let mean = row.iter().map(|&x| f64::from(x)).sum::<f64>() / count;
    (mean, row.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>() / count)
}

//! How much noise there is at each step of the training.

use super::Config;

/// How the variance of the noise grows over the training steps.
#[derive(Debug, Clone, PartialEq)]
pub enum BetaSchedule {
    /// From start to end in equal steps.
    Linear(f64, f64),
    /// The same for the square roots: what latent diffusion is trained with.
    ScaledLinear(f64, f64),
    /// Glide's cosine.
    Cosine,
    /// Written out.
    Trained(Vec<f32>),
}

/// The share of signal in the variance at each training step, `alphas_cumprod` of diffusers: in
/// 32-bit floats, the product summed up in 64, as PyTorch's `cumprod` does.
pub(super) fn signal(config: &Config) -> Vec<f32> {
    let steps = config.train_steps;
    let mut betas = match &config.betas {
        BetaSchedule::Linear(start, end) => linspace(*start as f32, *end as f32, steps),
        BetaSchedule::ScaledLinear(start, end) => {
            let mut roots = linspace(start.sqrt() as f32, end.sqrt() as f32, steps);
            roots.iter_mut().for_each(|root| *root *= *root);
            roots
        }
        BetaSchedule::Cosine => cosine(steps),
        BetaSchedule::Trained(betas) => betas.clone(),
    };
    if config.zero_terminal_snr {
        betas = rescale(&betas);
    }
    cumulative(&betas)
}

fn cumulative(betas: &[f32]) -> Vec<f32> {
    let mut product = 1.0f64;
    let mut multiply = |beta: &f32| {
        product *= f64::from(1.0 - beta);
        product as f32
    };
    betas.iter().map(&mut multiply).collect()
}

/// `torch.linspace` in 32-bit floats: from both ends towards the middle, multiplied and added in
/// one rounding, as its vectorised code does.
pub(super) fn linspace(start: f32, end: f32, count: usize) -> Vec<f32> {
    if count == 1 {
        return vec![start];
    }
    let step = (end - start) / (count - 1) as f32;
    let at = |i: usize| match i < count / 2 {
        true => step.mul_add(i as f32, start),
        false => (-step).mul_add((count - 1 - i) as f32, end),
    };
    (0..count).map(at).collect()
}

fn cosine(steps: usize) -> Vec<f32> {
    let bar = |t: f64| ((t + 0.008) / 1.008 * std::f64::consts::FRAC_PI_2).cos().powi(2);
    let beta = |i: usize| {
        let (from, to) = (i as f64 / steps as f64, (i + 1) as f64 / steps as f64);
        (1.0 - bar(to) / bar(from)).min(0.999) as f32
    };
    (0..steps).map(beta).collect()
}

/// Rescaled so that the last step has no signal at all, the first as much as before
/// (Lin et al., 2023, <https://arxiv.org/abs/2305.08891>, algorithm 1).
fn rescale(betas: &[f32]) -> Vec<f32> {
    let mut roots: Vec<f32> = cumulative(betas).into_iter().map(f32::sqrt).collect();
    let (first, last) = (roots[0], roots[roots.len() - 1]);
    for root in &mut roots {
        *root = (*root - last) * (first / (first - last));
    }
    let squares: Vec<f32> = roots.iter().map(|root| root * root).collect();
    let ratios = squares.windows(2).map(|pair| pair[1] / pair[0]);
    std::iter::once(squares[0]).chain(ratios).map(|alpha| 1.0 - alpha).collect()
}

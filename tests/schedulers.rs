//! Every noise scheduler against diffusers: whole denoising runs, made by `python/reference`, with
//! a denoiser that is one line of arithmetic.

use std::{collections::BTreeMap, path::PathBuf};

use ndarray::{Array1, Array4, ArrayView4, Axis, s};
use serde::Deserialize;
use shortform::{
    diffusion::{
        Random,
        schedulers::{Config, Schedule, Scheduler, SchedulerError, Start, scheduler},
    },
    story::{Rng, SchedulerKind, Seed},
};

/// Largest difference of latents over largest latent.
const BOUND: f32 = 2e-5;

/// Ancestral steps subtract squares that are almost equal when they come from zero terminal
/// signal, sigma 4096: what is left hangs on the last bit of a square root, in which PyTorch's
/// differ between machines, and from the right ones.
const LOOSER: &[(&str, f32)] = &[("euler-a/zero-snr-trailing-v_prediction/6", 1e-4)];

#[derive(Deserialize)]
struct Goldens {
    pattern: Reference,
    coefficients: Vec<f32>,
    factor: f32,
    cases: Vec<Case>,
}

/// An array in `values.npy`.
#[derive(Deserialize)]
struct Reference {
    at: usize,
    shape: Vec<usize>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    class: String,
    config: serde_json::Map<String, serde_json::Value>,
    raises: Option<String>,
    steps: usize,
    sigmas: Option<Vec<f64>>,
    timesteps_given: Option<Vec<f64>>,
    mu: Option<f64>,
    eta: Option<f64>,
    seed: u64,
    strength: Option<f64>,
    denoising_start: Option<f64>,
    denoising_end: Option<f64>,
    timesteps: Option<Vec<f64>>,
    init_noise_sigma: Option<f64>,
    calls: Option<Vec<f64>>,
    start: Option<Reference>,
    image: Option<Reference>,
    noise: Option<Reference>,
    scaled: Option<Reference>,
    latents: Option<Reference>,
    drawn: Option<Reference>,
}

impl Case {
    fn schedule(&self) -> Schedule {
        let start = match (self.strength, self.denoising_start) {
            (Some(strength), _) => Start::Strength(strength),
            (None, Some(part)) => Start::At(part),
            (None, None) => Start::Noise,
        };
        Schedule {
            sigmas: self.sigmas.clone(),
            timesteps: self.timesteps_given.clone(),
            mu: self.mu,
            start,
            denoising_end: self.denoising_end,
            eta: self.eta.unwrap_or(0.0),
            ..Schedule::new(self.steps)
        }
    }

    fn scheduler(&self, schedule: &Schedule) -> Result<Box<dyn Scheduler>, SchedulerError> {
        let mut config = self.config.clone();
        config.insert("_class_name".into(), self.class.clone().into());
        scheduler(SchedulerKind::Auto, &Config::read(&config.into())?, schedule)
    }
}

struct Fixtures {
    goldens: Goldens,
    values: Array1<f32>,
}

impl Fixtures {
    fn read() -> Self {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/reference/schedulers");
        let json = std::fs::read(folder.join("cases.json")).unwrap();
        Self {
            goldens: serde_json::from_slice(&json).unwrap(),
            values: ndarray_npy::read_npy(folder.join("values.npy")).unwrap(),
        }
    }

    /// The arrays at `reference`, which has an axis of them in front, or is one.
    fn arrays(&self, reference: &Reference) -> Vec<ArrayView4<'_, f32>> {
        let shape: [usize; 4] = reference.shape[reference.shape.len() - 4..].try_into().unwrap();
        let size: usize = shape.iter().product();
        let count = reference.shape.iter().product::<usize>() / size;
        let array = |i: usize| {
            let from = reference.at + i * size;
            self.values.slice(s![from..from + size]).into_shape_with_order(shape).unwrap()
        };
        (0..count).map(array).collect()
    }

    fn array(&self, reference: &Option<Reference>) -> Option<Array4<f32>> {
        reference.as_ref().map(|reference| self.arrays(reference)[0].to_owned())
    }
}

fn off(ours: &Array4<f32>, theirs: &ArrayView4<'_, f32>) -> f32 {
    let largest = |values: &mut dyn Iterator<Item = f32>| values.fold(0.0f32, |worst, x| worst.max(x.abs()));
    let worst = largest(&mut ours.iter().zip(theirs).map(|(ours, theirs)| ours - theirs));
    assert!(ours.iter().all(|value| value.is_finite()), "latents are not numbers");
    worst / largest(&mut theirs.iter().copied()).max(f32::MIN_POSITIVE)
}

fn same(ours: &[f32], theirs: &[f64]) -> Result<(), String> {
    // Whole numbers are equal so; the logarithms of sigmas that are timesteps lie around 0.
    let near = |(ours, theirs): (&f32, &f64)| {
        let theirs = *theirs as f32;
        (ours - theirs).abs() <= theirs.abs().max(1.0) * 2.0 * f32::EPSILON
    };
    match ours.len() == theirs.len() && ours.iter().zip(theirs).all(near) {
        true => Ok(()),
        false => Err(format!("{ours:?} are not {theirs:?}")),
    }
}

/// Runs a case that diffusers runs, and says how far the latents are off at worst.
fn run(fixtures: &Fixtures, case: &Case) -> Result<f32, String> {
    let goldens = &fixtures.goldens;
    let because = |error: SchedulerError| format!("is refused: {error}");
    let schedule = case.schedule();
    let mut scheduler = case.scheduler(&schedule).map_err(because)?;
    same(scheduler.timesteps(), case.calls.as_ref().unwrap())?;
    let whole = Schedule { start: Start::Noise, denoising_end: None, ..schedule };
    // Where only a part can be run, the whole is refused.
    if let Ok(whole) = case.scheduler(&whole) {
        same(whole.timesteps(), case.timesteps.as_ref().unwrap())?;
    }
    same(&[scheduler.init_noise_sigma()], &[case.init_noise_sigma.unwrap()])?;
    let pattern = fixtures.arrays(&goldens.pattern)[0].to_owned();
    let start = fixtures.array(&case.start).unwrap();
    if let (Some(image), Some(noise)) = (fixtures.array(&case.image), fixtures.array(&case.noise)) {
        let ours = scheduler.add_noise(&image, &noise);
        if off(&ours, &start.view()) > BOUND {
            return Err("starts elsewhere".into());
        }
    }
    let mut random = Random::new(Rng::TorchCpu, Seed(case.seed));
    let mut drawn = Vec::new();
    let mut latents = start.clone();
    let mut worst = 0.0f32;
    let goal = fixtures.arrays(case.latents.as_ref().unwrap());
    let scaled = case.scaled.as_ref().map(|scaled| fixtures.arrays(scaled));
    for (call, theirs) in goal.iter().enumerate() {
        let shown = scheduler.scale_model_input(&latents, call);
        if let Some(scaled) = &scaled {
            worst = worst.max(off(&shown, &scaled[call]));
        }
        let coefficient = goldens.coefficients[call % goldens.coefficients.len()];
        let predicted = &shown * goldens.factor + &pattern * coefficient;
        let mut draw = || {
            let noise = random.normal(latents.dim());
            drawn.push(noise.clone());
            noise
        };
        latents = scheduler.step(&predicted, call, &latents, &mut draw);
        worst = worst.max(off(&latents, theirs));
    }
    let theirs = case.drawn.as_ref().map(|drawn| fixtures.arrays(drawn)).unwrap_or_default();
    match (drawn.len() == theirs.len(), drawn.iter().zip(&theirs).position(|(ours, theirs)| ours != theirs)) {
        (true, None) => Ok(worst),
        (true, Some(i)) => Err(format!("draw {i} of noise is off by {:e}", off(&drawn[i], &theirs[i]))),
        (false, _) => Err(format!("noise is drawn {} times, expected {}", drawn.len(), theirs.len())),
    }
}

#[test]
fn latents_are_the_ones_of_diffusers() {
    let fixtures = Fixtures::read();
    let mut table: BTreeMap<&str, Vec<(f32, &str)>> = BTreeMap::new();
    let mut wrong = Vec::new();
    for case in &fixtures.goldens.cases {
        let Some(raises) = &case.raises else {
            match run(&fixtures, case) {
                Ok(worst) => table.entry(&case.class).or_default().push((worst, &case.name)),
                Err(error) => wrong.push(format!("{}: {error}", case.name)),
            }
            continue;
        };
        match case.scheduler(&case.schedule()) {
            Ok(_) => wrong.push(format!("{}: is not refused, but diffusers says {raises}", case.name)),
            Err(SchedulerError(error)) if !error.contains("expected") => {
                wrong.push(format!("{}: does not say what was expected: {error}", case.name));
            }
            Err(_) => {}
        }
    }
    for (class, mut cases) in table {
        cases.sort_by(|a, b| b.0.total_cmp(&a.0));
        let close = cases.iter().filter(|(worst, _)| *worst <= 1e-6).count();
        println!(
            "{class}: {} cases, {close} within 1e-6, worst {:?}",
            cases.len(),
            &cases[..3.min(cases.len())]
        );
        let bound =
            |name: &str| LOOSER.iter().find(|(case, _)| *case == name).map_or(BOUND, |(_, bound)| *bound);
        let off = cases.iter().filter(|(worst, name)| *worst > bound(name));
        wrong.extend(off.map(|(worst, name)| format!("{name}: latents are off by {worst:e}")));
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), fixtures.goldens.cases.len(), wrong.join("\n"));
}

#[test]
fn each_picture_of_a_batch_is_drawn_as_if_alone() {
    let fixtures = Fixtures::read();
    let schedule = Schedule::new(4);
    for class in ["DDIMScheduler", "UniPCMultistepScheduler", "PNDMScheduler", "HeunDiscreteScheduler"] {
        let config = serde_json::json!({ "_class_name": class, "thresholding": true, "solver_order": 3 });
        let config = Config::read(&config).unwrap();
        let draw = |latents: Array4<f32>| {
            let mut scheduler = scheduler(SchedulerKind::Auto, &config, &schedule).unwrap();
            let calls = scheduler.timesteps().len();
            (0..calls).fold(latents, |latents, call| {
                let predicted = latents.mapv(|x| 2.5 * x);
                scheduler.step(&predicted, call, &latents, &mut || unreachable!("nothing is added"))
            })
        };
        let first = fixtures.arrays(&fixtures.goldens.pattern)[0].to_owned();
        let second = &first * -3.0;
        let both = ndarray::concatenate(Axis(0), &[first.view(), second.view()]).unwrap();
        let both = draw(both);
        assert_eq!(both.slice(s![..1, .., .., ..]), draw(first), "{class}");
        assert_eq!(both.slice(s![1.., .., .., ..]), draw(second), "{class}");
    }
}

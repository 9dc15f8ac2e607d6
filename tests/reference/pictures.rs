use std::{collections::BTreeMap, ops::ControlFlow, path::Path};

use image::RgbImage;
use ndarray::{ArrayD, Axis, Ix4};
use serde::Deserialize;
use serde_json::Value;
use shortform::{
    diffusion::{Kept, Noise, Options, Reading, Request, Source, Start, TextToImage},
    models::Model,
    story::{SchedulerKind, Seed, Size},
};

use super::{
    Ref, Values, json,
    models::{Studio, copy},
    off,
};

#[derive(Deserialize)]
struct Case {
    name: String,
    model: String,
    pipeline: String,
    scheduler: Option<String>,
    scheduler_options: serde_json::Map<String, Value>,
    prompt: String,
    negative_prompt: Option<String>,
    width: u32,
    height: u32,
    steps: usize,
    guidance_scale: f32,
    guidance_rescale: Option<f32>,
    clip_skip: Option<usize>,
    eta: Option<f64>,
    count: usize,
    seed: u64,
    latents: Option<Ref>,
    strength: Option<f64>,
    init_image: Option<Ref>,
    init_latents: Option<Ref>,
    denoising_start: Option<f64>,
    denoising_end: Option<f64>,
    aesthetic_score: Option<f32>,
    negative_aesthetic_score: Option<f32>,
    #[serde(rename = "final")]
    latents_made: Ref,
    picture: Option<Ref>,
}

/// The worst of several cases.
#[derive(Default)]
struct Row {
    cases: usize,
    off: f32,
    /// In decibels, where pictures were compared.
    quality: Option<f64>,
}

struct Suite {
    studio: Studio,
    values: Values<f32>,
    pixels: Values<u8>,
    cases: Vec<Case>,
}

impl Suite {
    fn new() -> Self {
        Self {
            studio: Studio::new(),
            values: Values::read("pictures/values.npy"),
            pixels: Values::read("pictures/pixels.npy"),
            cases: json("pictures/cases.json"),
        }
    }

    /// The case's model, with its scheduler written into the folder as `from_pretrained` would make it.
    fn model(&self, case: &Case) -> Model {
        let mut path = self.studio.path(&case.model);
        if case.scheduler.is_some() || !case.scheduler_options.is_empty() {
            let name = format!("{}-{}", case.model, case.name.replace('/', "-"));
            let other = path.with_file_name(&name);
            if !other.exists() {
                copy(&path, &other);
            }
            path = other;
            let file = path.join("scheduler/scheduler_config.json");
            let mut config: serde_json::Map<String, Value> =
                serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
            config.extend(case.scheduler_options.clone());
            if let Some(class) = &case.scheduler {
                config.insert("_class_name".into(), class.as_str().into());
            }
            std::fs::write(&file, serde_json::to_vec(&config).unwrap()).unwrap();
        }
        Model::open(&case.model, &path).unwrap()
    }

    fn request(&self, case: &Case) -> Request {
        let kept = match (case.denoising_start, case.strength) {
            (Some(start), _) => Kept::DenoisingStart(start),
            // What the pipelines take where nothing is given.
            (None, strength) => Kept::Strength(strength.unwrap_or(0.3)),
        };
        let source = match (&case.init_image, &case.init_latents) {
            (Some(pixels), _) => {
                let pixels = self.pixels.get(pixels);
                let (height, width) = (pixels.shape()[0] as u32, pixels.shape()[1] as u32);
                Some(Source::Picture(RgbImage::from_fn(width, height, |x, y| {
                    image::Rgb([0, 1, 2].map(|c| pixels[[y as usize, x as usize, c]]))
                })))
            }
            (None, Some(latents)) => Some(Source::Latents(self.array(latents))),
            (None, None) => None,
        };
        let defaults = Request::new(case.prompt.clone(), Size::new(case.width, case.height));
        let (score, against) = defaults.aesthetic_score;
        Request {
            negative_prompt: case.negative_prompt.clone(),
            reading: Reading::Plain,
            count: case.count,
            inference_steps: case.steps,
            guidance_scale: case.guidance_scale,
            guidance_rescale: case.guidance_rescale.unwrap_or(0.0),
            clip_skip: case.clip_skip,
            scheduler: SchedulerKind::Auto,
            eta: case.eta.unwrap_or(0.0),
            noise: match &case.latents {
                None => Noise::Seed(Seed(case.seed)),
                Some(latents) => Noise::Latents(self.array(latents), Seed(case.seed)),
            },
            start: source.map_or(Start::Noise, |source| Start::Given(source, kept)),
            denoising_end: case.denoising_end,
            aesthetic_score: (
                case.aesthetic_score.unwrap_or(score),
                case.negative_aesthetic_score.unwrap_or(against),
            ),
            ..defaults
        }
    }

    fn array(&self, place: &Ref) -> ndarray::Array4<f32> {
        self.values.get(place).into_dimensionality::<Ix4>().unwrap()
    }
}

/// How far latents may be off. In 16 bits the network itself is: diffusers computed in 32.
fn bound(model: &str) -> f32 {
    match model {
        "sd1-fp16" | "sd1-bf16" => 3e-2,
        _ => 1e-3,
    }
}

#[test]
fn latents_and_pictures_are_the_ones_of_diffusers() {
    let suite = Suite::new();
    assert!(suite.cases.len() >= 150, "{}", suite.cases.len());
    let (mut wrong, mut worst) = (Vec::new(), BTreeMap::<String, Row>::new());
    for case in &suite.cases {
        let model = suite.model(case);
        let drawn = TextToImage::open(&model, Options::default())
            .and_then(|mut drawer| drawer.generate(&suite.request(case), &mut |_| ControlFlow::Continue(())));
        let pictures = match drawn {
            Ok(pictures) => pictures,
            Err(error) => {
                wrong.push(format!("{}: {error}", case.name));
                continue;
            }
        };
        let views: Vec<_> = pictures.iter().map(|picture| picture.latents.view()).collect();
        let ours: ArrayD<f32> = ndarray::concatenate(Axis(0), &views).unwrap().into_dyn();
        let theirs = suite.values.get(&case.latents_made);
        if ours.shape() != theirs.shape() {
            wrong.push(format!("{}: shape {:?}, expected {:?}", case.name, ours.shape(), theirs.shape()));
            continue;
        }
        let off = off(&ours, &theirs);
        if off.is_nan() || off > bound(&case.model) {
            wrong.push(format!("{} ({}): latents are off by {off:e}", case.name, case.pipeline));
        }
        let quality = case.picture.as_ref().map_or(f64::INFINITY, |place| {
            let theirs = suite.pixels.get(place);
            pictures
                .iter()
                .enumerate()
                .map(|(i, picture)| psnr(&picture.image, &theirs, i))
                .fold(f64::INFINITY, f64::min)
        });
        if quality < 50.0 && bound(&case.model) < 1e-2 {
            wrong.push(format!("{}: {quality:.1} dB", case.name));
        }
        let row = worst.entry(format!("{} {}", case.model, case.pipeline)).or_default();
        row.cases += 1;
        row.off = row.off.max(off);
        if case.picture.is_some() {
            row.quality = Some(row.quality.map_or(quality, |worst: f64| worst.min(quality)));
        }
    }
    // Renewed by hand: the last bits differ between machines.
    if std::env::var_os("SHORTFORM_WRITE_PARITY").is_some() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/parity.md");
        std::fs::write(path, table(&worst)).unwrap();
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), suite.cases.len(), wrong.join("\n"));
}

fn table(worst: &BTreeMap<String, Row>) -> String {
    let mut text = String::from(
        "# Parity with diffusers\n\nEvery case of `tests/reference`: tiny models of random weights, the real pipelines of diffusers 0.42.1 on one side, shortform on ONNX Runtime on the other. The worst case of each row; the test allows 1e-3 and 50 dB.\n\n\
         | model | pipeline | cases | latents: max difference / max value | pictures, PSNR |\n|---|---|---:|---:|---:|\n",
    );
    for (what, row) in worst {
        let (model, pipeline) = what.split_once(' ').unwrap_or((what, ""));
        let quality = match row.quality {
            None => String::new(),
            Some(quality) if quality.is_finite() => format!("{quality:.0} dB"),
            Some(_) => "equal".to_owned(),
        };
        text += &format!("| {model} | {pipeline} | {} | {:.1e} | {quality} |\n", row.cases, row.off);
    }
    text
}

/// Of picture `at` of several, (count, height, width, 3).
fn psnr(ours: &RgbImage, theirs: &ArrayD<u8>, at: usize) -> f64 {
    let mut squares = 0.0;
    for (x, y, pixel) in ours.enumerate_pixels() {
        for channel in 0..3 {
            let theirs = f64::from(theirs[[at, y as usize, x as usize, channel]]);
            squares += (f64::from(pixel[channel]) - theirs).powi(2);
        }
    }
    let mean = squares / (f64::from(ours.width()) * f64::from(ours.height()) * 3.0);
    10.0 * (255.0 * 255.0 / mean).log10()
}

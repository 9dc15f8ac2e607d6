//! The stage refine: a second model over pictures and over latents, against the models called by hand.

use std::ops::ControlFlow;

use image::RgbImage;
use shortform::{
    diffusion::{Kept, Noise, Options, Request, Source, Start, TextToImage},
    pipeline::{self, Pipeline},
    stages::{Cancel, Context, Happening, Kind, Stage, images, refine},
    store::Store,
    story::{Scene, Seed, Size, Span, Still, Time},
};

use super::models::Studio;

/// A pipeline that draws with `first` and refines by `how`, a stage's settings.
fn settings(folder: &std::path::Path, first: &str, how: &str) -> Pipeline {
    let file = folder.join("refining.yaml");
    let yaml = format!(
        "version: 1\nstages:\n  - narration\n  - scenes\n  - images: {{ model: {first}, size: 64x96, inference_steps: 4, \
         guidance_scale: 3, scheduler: auto }}\n{how}  - upscale\n  - timeline\n  - video\nmemory: {{ device: cpu, budget: 1GiB }}\n"
    );
    std::fs::write(&file, yaml).unwrap();
    let request = pipeline::Request { pipeline: file.to_str(), ..pipeline::Request::default() };
    pipeline::load(&request).unwrap_or_else(|problems| panic!("{}", problems.draw(false)))
}

fn scene(index: usize) -> Scene {
    Scene {
        index,
        span: Span::new(Time::ZERO, Time::ZERO),
        beats: 0..1,
        text: "A boat.".to_owned(),
        subject: "a boat".to_owned(),
        prompt: "a boat".to_owned(),
        negative_prompt: "text".to_owned(),
        characters: Vec::new(),
        likeness: None,
        seed: Seed(3).derive("scene", index as u64),
        line: 1,
    }
}

struct Desk {
    studio: Studio,
    store: Store,
    _cache: tempfile::TempDir,
    told: Vec<Happening>,
}

impl Desk {
    fn new(models: &[&str]) -> Self {
        let (studio, cache) = (Studio::new(), tempfile::tempdir().unwrap());
        models.iter().for_each(|name| drop(studio.path(name)));
        Self { studio, store: Store::open(cache.path()).unwrap(), _cache: cache, told: Vec::new() }
    }

    fn folder(&self) -> std::path::PathBuf {
        self.studio.path("sd1").parent().unwrap().to_owned()
    }

    fn with<T>(&mut self, stage: Stage, work: impl FnOnce(&mut Context<'_>) -> T) -> T {
        let (folder, told) = (self.folder(), &mut self.told);
        work(&mut Context {
            stage,
            store: &self.store,
            models_dir: Some(folder),
            draft: false,
            cancel: Cancel::default(),
            tell: &mut |_, happening| told.push(happening),
        })
    }

    /// Draws and refines; answers both and how many refined ones lay in the store.
    fn run(&mut self, pipeline: &Pipeline, scenes: &[Scene]) -> (Vec<(Scene, Still)>, Vec<Still>, usize) {
        let pictures = self.with(Stage::Images, |ctx| images::run(pipeline, scenes, ctx)).unwrap();
        let drawn: Vec<_> = scenes.iter().cloned().zip(pictures).collect();
        let hits = self.with(Stage::Refine, |ctx| refine::cached(pipeline, &drawn, ctx)).unwrap().hits;
        let refined = self.with(Stage::Refine, |ctx| refine::run(pipeline, &drawn, ctx)).unwrap();
        (drawn, refined, hits)
    }

    fn picture(&self, still: &Still) -> RgbImage {
        image::load_from_memory(&self.store.get(still.image).unwrap().unwrap()).unwrap().to_rgb8()
    }

    fn by_hand(&self, model: &str, request: &Request) -> shortform::diffusion::Picture {
        let mut drawer = TextToImage::open(&self.studio.open(model), Options::default()).unwrap();
        drawer.generate(request, &mut |_| ControlFlow::Continue(())).unwrap().swap_remove(0)
    }
}

fn request(scene: &Scene) -> Request {
    Request {
        negative_prompt: Some(scene.negative_prompt.clone()),
        inference_steps: 4,
        guidance_scale: 3.0,
        noise: Noise::Seed(scene.seed),
        ..Request::new(scene.prompt.clone(), Size::new(64, 96))
    }
}

/// The largest difference of two pictures, of 255: budgets decide how guidance is run, which moves last bits.
fn apart(one: &RgbImage, other: &RgbImage) -> u8 {
    assert_eq!(one.dimensions(), other.dimensions());
    one.as_raw().iter().zip(other.as_raw()).map(|(a, b)| a.abs_diff(*b)).max().unwrap()
}

#[test]
fn pictures_are_gone_over_at_their_size_and_only_once() {
    let mut desk = Desk::new(&["sd1", "sd2"]);
    let pipeline = settings(&desk.folder(), "sd1", "  - refine: { model: sd1, strength: 0.5 }\n");
    let scenes = [scene(0), scene(1)];
    let (drawn, refined, hits) = desk.run(&pipeline, &scenes);
    assert_eq!(hits, 0);
    for ((scene, before), after) in drawn.iter().zip(&refined) {
        assert_eq!((after.scene, after.size), (before.scene, before.size));
        let picture = desk.picture(before);
        let by_hand = Request {
            noise: Noise::Seed(scene.seed.derive("refine", 0)),
            start: Start::Given(Source::Picture(picture.clone()), Kept::Strength(0.5)),
            ..request(scene)
        };
        let by_hand = desk.by_hand("sd1", &by_hand).image;
        assert!(apart(&desk.picture(after), &by_hand) <= 1);
        assert!(apart(&picture, &by_hand) > 8, "nothing was drawn anew");
    }
    assert_eq!(desk.run(&pipeline, &scenes).2, 2);
    let stronger = settings(&desk.folder(), "sd1", "  - refine: { model: sd1, strength: 0.75 }\n");
    assert_eq!(desk.run(&stronger, &scenes).2, 0);
    let alone = settings(&desk.folder(), "sd1", "");
    assert_eq!(alone.refine, None);
    let (drawn, refined, _) = desk.run(&alone, &scenes);
    assert!(drawn.iter().zip(&refined).all(|((_, before), after)| before == after));
}

#[test]
fn latents_are_handed_over_from_one_model_to_the_other() {
    let mut desk = Desk::new(&["sd1", "sdxl", "refiner"]);
    let pipeline = settings(
        &desk.folder(),
        "sdxl",
        "  - refine: { model: refiner, denoising_start: 0.5, guidance_scale: 2 }\n",
    );
    let (drawn, refined, _) = desk.run(&pipeline, &[scene(0)]);
    let (scene, _) = &drawn[0];
    let first = desk.by_hand("sdxl", &Request { denoising_end: Some(0.5), ..request(scene) });
    let second = Request {
        guidance_scale: 2.0,
        noise: Noise::Seed(scene.seed.derive("refine", 0)),
        start: Start::Given(Source::Latents(first.latents), Kept::DenoisingStart(0.5)),
        ..request(scene)
    };
    let second = desk.by_hand("refiner", &second).image;
    assert!(apart(&desk.picture(&refined[0]), &second) <= 1);
    // Lost latents are said, and how to get them again.
    let told = format!("{:?}", desk.told);
    assert!(told.contains("inference steps"), "{told}");
}

#[test]
fn a_model_that_cannot_refine_is_refused_before_it_begins() {
    let mut desk = Desk::new(&["sd1", "sd1-fixed"]);
    let pipeline = settings(&desk.folder(), "sd1", "  - refine: { model: nobody }\n");
    let still = |desk: &mut Desk| {
        let alone = settings(&desk.folder(), "sd1", "");
        desk.run(&alone, &[scene(0)]).0
    };
    let drawn = still(&mut desk);
    let error = desk.with(Stage::Refine, |ctx| refine::run(&pipeline, &drawn, ctx)).unwrap_err();
    assert_eq!(error.kind, Kind::Missing);
    assert!(error.to_string().contains("nobody"), "{error}");
    // It can do 64x96 and nothing else.
    let pipeline = settings(&desk.folder(), "sd1", "  - refine: { model: sd1-fixed }\n");
    let wide = |(scene, still): (Scene, Still)| (scene, Still { size: Size::new(96, 64), ..still });
    let drawn: Vec<_> = drawn.into_iter().map(wide).collect();
    let error = desk.with(Stage::Refine, |ctx| refine::run(&pipeline, &drawn, ctx)).unwrap_err();
    assert_eq!(error.kind, Kind::Invalid, "{error}");
}

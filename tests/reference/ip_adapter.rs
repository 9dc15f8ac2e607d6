//! Pictures drawn through an IP-Adapter, against diffusers' own on the same random weights.

use std::{fs, ops::ControlFlow, path::Path};

use image::RgbImage;
use ndarray::{ArrayD, Axis};
use serde::Deserialize;
use shortform::{
    diffusion::{IpAdapter, Kept, Likeness, Noise, Options, Reading, Request, Source, Start, TextToImage},
    engine::Residency,
    models::{Adapter, Catalog, Event, Lock, Model, Taking, Watch},
    story::{Seed, Size},
};

use super::{
    Ref, Values, fixtures, json,
    models::{Studio, copy},
    off,
};

#[derive(Deserialize)]
struct Case {
    name: String,
    model: String,
    adapter: String,
    scale: f32,
    guidance_scale: f32,
    scheduler: Option<String>,
    steps: usize,
    seed: u64,
    count: usize,
    strength: Option<f64>,
    init_image: Option<Ref>,
    prompt: String,
    negative_prompt: Option<String>,
    width: u32,
    height: u32,
    image: Ref,
    #[serde(rename = "final")]
    made: Ref,
}

fn picture(pixels: &ArrayD<u8>) -> RgbImage {
    let (height, width) = (pixels.shape()[0] as u32, pixels.shape()[1] as u32);
    RgbImage::from_fn(width, height, |x, y| {
        image::Rgb([0, 1, 2].map(|c| pixels[[y as usize, x as usize, c]]))
    })
}

/// The folder of the adapter called `kind`-`model`.
fn adapter(folder: &Path, kind: &str, model: &str) -> Adapter {
    let path = folder.join(format!("{kind}-{model}"));
    if !path.exists() {
        fs::create_dir(&path).unwrap();
        let file = format!("{kind}-{model}.safetensors");
        fs::copy(fixtures("ip_adapter").join(&file), path.join(&file)).unwrap();
        for part in ["image_encoder", "feature_extractor"] {
            copy(&fixtures("ip_adapter").join(part), &path.join(part));
        }
    }
    Adapter::open(kind, &path).unwrap()
}

/// The case's model, with its scheduler as `from_config` would make it.
fn model(studio: &Studio, case: &Case) -> Model {
    let mut path = studio.path(&case.model);
    if let Some(class) = &case.scheduler {
        let other = path.with_file_name(format!("{}-{class}", case.model));
        if !other.exists() {
            copy(&path, &other);
            let file = other.join("scheduler/scheduler_config.json");
            let mut config: serde_json::Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
            config["_class_name"] = class.as_str().into();
            fs::write(&file, serde_json::to_vec(&config).unwrap()).unwrap();
        }
        path = other;
    }
    Model::open(&case.model, &path).unwrap()
}

#[test]
fn an_adapter_draws_what_it_draws_in_diffusers() {
    let studio = Studio::new();
    let folder = tempfile::tempdir().unwrap();
    let (values, pixels) =
        (Values::<f32>::read("ip_adapter/values.npy"), Values::<u8>::read("ip_adapter/pixels.npy"));
    let cases: Vec<Case> = json("ip_adapter/cases.json");
    assert_eq!(cases.len(), 17);
    let (mut wrong, mut plain) = (Vec::new(), None::<ArrayD<f32>>);
    for (at, case) in cases.iter().enumerate() {
        // Every third in pieces: the graft must survive cutting.
        let residency = if at % 3 == 2 { Residency::Sequential } else { Residency::Resident };
        let options = Options { residency, ..Options::default() };
        let start = case.init_image.as_ref().map_or(Start::Noise, |given| {
            let kept = Kept::Strength(case.strength.unwrap());
            Start::Given(Source::Picture(picture(&pixels.get(given))), kept)
        });
        let request = Request {
            negative_prompt: case.negative_prompt.clone(),
            reading: Reading::Plain,
            count: case.count,
            inference_steps: case.steps,
            guidance_scale: case.guidance_scale,
            noise: Noise::Seed(Seed(case.seed)),
            likeness: Some(Likeness { picture: picture(&pixels.get(&case.image)), scale: case.scale }),
            start,
            ..Request::new(case.prompt.clone(), Size::new(case.width, case.height))
        };
        let adapter = IpAdapter::open(&adapter(folder.path(), &case.adapter, &case.model)).unwrap();
        let mut drawer =
            TextToImage::open(&model(&studio, case), options).unwrap().with_adapter(adapter).unwrap();
        let ours = drawer.latents(&request, &mut |_| ControlFlow::Continue(())).unwrap().into_dyn();
        let theirs = values.get(&case.made);
        let off = off(&ours, &theirs);
        println!("{}: {off:e}", case.name);
        if off.is_nan() || off > 1e-3 {
            wrong.push(format!("{}: latents are off by {off:e}", case.name));
        }
        if case.name == "off" {
            plain = Some(ours);
        } else if case.name == "whole" {
            // It is looked at, and not by chance the same.
            let apart = super::off(&ours, plain.as_ref().unwrap());
            assert!(apart > 0.05, "the adapter changes the latents by {apart}");
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_likeness_draws_what_the_model_draws_alone() {
    let studio = Studio::new();
    let folder = tempfile::tempdir().unwrap();
    let model = Model::open("sd1", &studio.path("sd1")).unwrap();
    let adapter = IpAdapter::open(&adapter(folder.path(), "plus", "sd1")).unwrap();
    let request = Request { inference_steps: 3, ..Request::new("a red bicycle", Size::new(64, 96)) };
    let mut drawer = TextToImage::open(&model, Options::default()).unwrap();
    let alone = drawer.latents(&request, &mut |_| ControlFlow::Continue(())).unwrap();
    let mut drawer = TextToImage::open(&model, Options::default()).unwrap().with_adapter(adapter).unwrap();
    let unseen = drawer.latents(&request, &mut |_| ControlFlow::Continue(())).unwrap();
    assert!(off(&unseen.clone().into_dyn(), &alone.into_dyn()) < 1e-6);
    assert_eq!(unseen.len_of(Axis(0)), 1);
}

#[test]
fn an_adapter_is_installed_listed_and_verified_as_models_are() {
    let folder = tempfile::tempdir().unwrap();
    let source = adapter(folder.path(), "plus", "sd1").path;
    let models = tempfile::tempdir().unwrap();
    let catalog = Catalog::new(Some(models.path().to_owned()));
    let cpu = "cpu".parse().unwrap();
    let mut tried = Vec::new();
    let name = catalog
        .add(
            &source,
            Some("mine"),
            Taking::Copy,
            cpu,
            &mut Watch::new(&mut |event| {
                if let Event::Tried { part, .. } = event {
                    tried.push(part);
                }
                ControlFlow::Continue(())
            }),
        )
        .unwrap();
    assert_eq!((name.as_str(), tried), ("mine", vec!["image_encoder/model.onnx".to_owned()]));
    let mine = catalog.installed().into_iter().find(|known| known.name == "mine").unwrap();
    let description = catalog.describe(&mine, &Lock::read(models.path()).unwrap());
    assert_eq!((description.family.as_deref(), description.problem), (Some("IP-Adapter"), None));
    let digest = catalog.adapter("mine").unwrap().digest().unwrap();
    assert_eq!(digest, Adapter::open("x", &source).unwrap().digest().unwrap());
    assert!(catalog.upscaler_for(None).unwrap().is_none(), "an image encoder enlarges nothing");
}

#[test]
fn adapters_of_other_models_are_refused() {
    let studio = Studio::new();
    let folder = tempfile::tempdir().unwrap();
    let open = |name: &str| {
        let model = Model::open(name, &studio.path(name)).unwrap();
        TextToImage::open(&model, Options::default()).unwrap()
    };
    let adapter = |model| IpAdapter::open(&adapter(folder.path(), "base", model)).unwrap();
    let request = Request { inference_steps: 1, ..Request::new("a cat", Size::new(64, 64)) };
    let mut drawer = open("sd1").with_adapter(adapter("sdxl")).unwrap();
    let error = drawer.latents(&request, &mut |_| ControlFlow::Continue(())).unwrap_err().to_string();
    assert!(error.contains("cross-attentions of the widths") && error.contains("safetensors"), "{error}");
    let error = open("sd3").with_adapter(adapter("sd1")).unwrap_err().to_string();
    assert!(error.contains("no cross-attention"), "{error}");
    let likeness = Some(Likeness { picture: RgbImage::new(8, 8), scale: 1.0 });
    let error = open("sd1")
        .latents(&Request { likeness, ..request }, &mut |_| ControlFlow::Continue(()))
        .unwrap_err()
        .to_string();
    assert!(error.contains("no IP-Adapter"), "{error}");
}

mod stage {
    //! The stage images, with a character who has a picture.

    use super::*;
    use shortform::{
        pipeline::{self, Pipeline},
        stages::{Cancel, Context, Stage, images},
        store::Store,
        story::{self, Scene, Span, Time},
    };

    fn settings(sets: &[(&str, &str)]) -> Result<Pipeline, String> {
        let usual = [("images.model", "sd1"), ("images.inference_steps", "2"), ("memory.device", "cpu")];
        let set =
            |(path, value): &(&str, &str)| ("--set".to_owned(), (*path).to_owned(), (*value).to_owned());
        let sets = usual.iter().chain(sets).map(set).collect();
        let request = pipeline::Request { sets, ..pipeline::Request::default() };
        pipeline::load(&request).map_err(|problems| problems.draw(false))
    }

    fn scene(index: usize, characters: &[&str], likeness: Option<f64>) -> Scene {
        Scene {
            index,
            span: Span::new(Time::ZERO, Time::ZERO),
            beats: 0..1,
            text: "Mia waits.".to_owned(),
            subject: "a girl".to_owned(),
            prompt: "a girl at a window".to_owned(),
            negative_prompt: String::new(),
            characters: characters.iter().map(|&name| name.to_owned()).collect(),
            likeness: likeness.map(story::Likeness::of),
            seed: Seed(5),
            line: 1,
        }
    }

    #[test]
    fn scenes_with_a_character_look_at_its_picture_and_others_do_not() {
        let studio = Studio::new();
        studio.open("sd1");
        let folder = studio.path("sd1").parent().unwrap().to_owned();
        adapter(&folder, "base", "sd1");
        let mia = folder.join("mia.png");
        RgbImage::from_fn(40, 56, |x, y| image::Rgb([x as u8 * 6, y as u8 * 4, 90])).save(&mia).unwrap();
        let character = format!("{{ prompt: a girl, image: \"{}\", likeness: 1 }}", mia.display());
        let looking =
            settings(&[("images.ip_adapter", "base-sd1"), ("scenes.characters.Mia", &character)]).unwrap();
        let alone = settings(&[]).unwrap();
        let cache = tempfile::tempdir().unwrap();
        let store = Store::open(cache.path()).unwrap();
        let run = |pipeline: &Pipeline, scenes: &[Scene]| {
            let mut ctx = Context {
                stage: Stage::Images,
                store: &store,
                models_dir: Some(folder.clone()),
                draft: false,
                cancel: Cancel::default(),
                tell: &mut |_, _| {},
            };
            let hits = images::cached(pipeline, scenes, &ctx).unwrap().hits;
            let stills = images::run(pipeline, scenes, &mut ctx).unwrap();
            (stills.iter().map(|still| still.image).collect::<Vec<_>>(), hits)
        };
        let scenes = [scene(0, &["mia"], None), scene(1, &[], None), scene(2, &["Tom", "Mia"], Some(0.0))];
        let (seen, hits) = run(&looking, &scenes);
        assert_eq!(hits, 0);
        assert_ne!(seen[0], seen[1], "the same noise and prompt, but nobody is looked at");
        assert_eq!(seen[2], seen[1], "a likeness of 0");
        // Without an adapter the scene without anybody is the very same, and found.
        let (plain, hits) = run(&alone, &scenes);
        assert_eq!((&plain[1], hits), (&seen[1], 3));
        RgbImage::from_pixel(40, 56, image::Rgb([200, 30, 10])).save(&mia).unwrap();
        let (changed, hits) = run(&looking, &scenes);
        assert_eq!(hits, 1, "only the scene without anybody");
        assert_ne!(changed[0], seen[0]);
    }

    #[test]
    fn a_picture_that_nothing_looks_at_is_refused() {
        let error =
            settings(&[("scenes.characters.Mia", "{ prompt: a girl, image: Cargo.toml }")]).unwrap_err();
        assert!(
            error.contains("images.ip_adapter") && error.contains("scenes.characters.Mia.image"),
            "{error}"
        );
    }
}

//! Model folders in which something is wrong: what is said of it.

use std::{fs, ops::ControlFlow, path::Path};

use shortform::{
    diffusion::{Kept, Options, Request, Source, Start, TextToImage},
    models::Model,
    story::Size,
};

use super::models::Studio;

const SIZE: Size = Size::new(64, 96);

/// What drawing with `model` fails with after `spoil` has been at its folder.
fn error_of(model: &str, request: impl FnOnce(Request) -> Request, spoil: impl FnOnce(&Path)) -> String {
    let studio = Studio::new();
    let path = studio.path(model);
    spoil(&path);
    let mut wanted = Request::new("a lighthouse", SIZE);
    wanted.inference_steps = 2;
    let wanted = request(wanted);
    let drawn = Model::open(model, &path).map_err(shortform::diffusion::Error::from).and_then(|model| {
        TextToImage::open(&model, Options::default())?.generate(&wanted, &mut |_| ControlFlow::Continue(()))
    });
    drawn.map(|_| ()).unwrap_err().to_string()
}

fn spoiled(model: &str, spoil: impl FnOnce(&Path)) -> String {
    error_of(model, |request| request, spoil)
}

fn edit(path: &Path, change: impl FnOnce(&mut serde_json::Value)) {
    let mut json = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    change(&mut json);
    fs::write(path, serde_json::to_vec(&json).unwrap()).unwrap();
}

#[test]
fn what_is_missing_is_named() {
    for (what, words) in [
        ("text_encoder", ["text_encoder/model.onnx", "has no"]),
        ("unet", ["unet/model.onnx", "has no"]),
        ("vae_decoder", ["vae_decoder/model.onnx", "has no"]),
        ("tokenizer", ["tokenizer/vocab.json", "is missing"]),
        ("scheduler", ["scheduler_config.json", "is missing"]),
        ("unet/config.json", ["unet/config.json", "copy it from the model"]),
    ] {
        let error = spoiled("sd1", |path| {
            let path = path.join(what);
            if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }.unwrap();
        });
        assert!(words.iter().all(|word| error.contains(word)), "{what}: {error}");
    }
    let error = spoiled("flux-dev", |path| fs::remove_file(path.join("tokenizer_2/tokenizer.json")).unwrap());
    assert!(error.contains("tokenizer_2/tokenizer.json") && error.contains("T5TokenizerFast"), "{error}");
    let error = spoiled("sdxl", |path| fs::remove_dir_all(path.join("text_encoder_2")).unwrap());
    assert!(error.contains("text_encoder_2/model.onnx"), "{error}");
}

#[test]
fn a_broken_network_is_named() {
    let cut = |path: &Path| {
        let file = path.join("unet/model.onnx");
        let bytes = fs::read(&file).unwrap();
        fs::write(file, &bytes[..bytes.len() / 2]).unwrap();
    };
    let error = spoiled("sd1", cut);
    assert!(error.contains("unet/model.onnx"), "{error}");
    let error = spoiled("sd1", |path| {
        let file = path.join("vae_decoder/model.onnx");
        let mut bytes = fs::read(&file).unwrap();
        let middle = bytes.len() / 2;
        bytes[20..middle].fill(0xa5);
        fs::write(file, bytes).unwrap();
    });
    assert!(error.contains("vae_decoder/model.onnx"), "{error}");
    let error = spoiled("sd1", |path| {
        fs::copy(path.join("unet/model.onnx"), path.join("text_encoder/model.onnx")).map(drop).unwrap()
    });
    assert!(error.contains("cannot serve as text encoder") && error.contains("input_ids"), "{error}");
}

#[test]
fn weights_that_are_no_numbers_are_noticed() {
    let error = spoiled("sd1-external", |path| {
        let file = path.join("unet/model.onnx_data");
        let length = fs::metadata(&file).unwrap().len() as usize;
        fs::write(file, f32::NAN.to_le_bytes().repeat(length / 4)).unwrap();
    });
    assert!(error.contains("are not numbers"), "{error}");
}

#[test]
fn a_scheduler_that_does_not_fit_is_refused() {
    let config = |path: &Path| path.join("scheduler/scheduler_config.json");
    let error = spoiled("sd1", |path| {
        edit(&config(path), |json| json["_class_name"] = "FlowMatchEulerDiscreteScheduler".into());
    });
    assert!(error.contains("scheduler_config.json"), "{error}");
    let error = spoiled("sd1", |path| edit(&config(path), |json| json["prediction_type"] = "flow".into()));
    assert!(error.contains("prediction_type") && error.contains("epsilon"), "{error}");
    let error = spoiled("flux-schnell", |path| {
        edit(&config(path), |json| json["_class_name"] = "DDIMScheduler".into());
    });
    assert!(error.contains("scheduler_config.json"), "{error}");
}

#[test]
fn what_a_model_cannot_do_is_said() {
    let picture = || image::RgbImage::new(32, 32);
    let start = |strength| {
        move |request: Request| Request {
            start: Start::Given(Source::Picture(picture()), Kept::Strength(strength)),
            ..request
        }
    };
    let error = error_of("sd1", start(0.5), |_| {});
    assert!(error.contains("32x32") && error.contains("64x96"), "{error}");
    let error = error_of("sd1", start(1.5), |_| {});
    assert!(error.contains("strength is 1.5"), "{error}");
    let fitting = |request: Request| Request {
        start: Start::Given(Source::Picture(image::RgbImage::new(64, 96)), Kept::Strength(0.5)),
        ..request
    };
    let error = error_of("sd1", fitting, |path| fs::remove_dir_all(path.join("vae_encoder")).unwrap());
    assert!(error.contains("vae_encoder/model.onnx"), "{error}");
    let error = error_of("sd1-fixed", |request| Request { size: Size::new(128, 128), ..request }, |_| {});
    assert!(error.contains("nearest size is 64x96"), "{error}");
    let error = error_of("sd2", |request| Request { clip_skip: Some(2), ..request }, |_| {});
    assert!(error.contains("output_hidden_states"), "{error}");
    let error = error_of("sd1", |request| Request { count: 0, ..request }, |_| {});
    assert!(error.contains("no picture"), "{error}");
}

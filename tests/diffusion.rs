//! Pictures, noise, tokens and schedules against what diffusers made of the same weights:
//! `python/reference/diffusion_suite.py` wrote `tests/fixtures/diffusion`.

use std::{
    fs,
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use ndarray::{Array3, Array4, s};
use ndarray_npy::read_npy;
use serde::Deserialize;
use shortform::{
    diffusion::{
        Denoiser, Error, Footprints, Geometry, Noise, Options, Picture, Progress, Random, Reading, Request,
        TextToImage, Told, Unit, VaeDecoder, Way, check,
        schedulers::{self, Config, Schedule},
    },
    engine::{self, Attention, Candidate, Device, Loaded, Policy, Residency, Tiling, Wishes},
    graph::Document,
    models::{Catalog, Family, Model, Part, PartKind},
    story::{Rng, SchedulerKind, Seed, Size},
};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/diffusion")
}

fn reference(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/reference/models").join(name)
}

fn json<T: for<'a> Deserialize<'a>>(name: &str) -> T {
    serde_json::from_str(&fs::read_to_string(fixtures().join(name)).unwrap()).unwrap()
}

/// The model of that name, put together from its own files and the shared text encoder, in a
/// folder of models.
struct Models {
    folder: tempfile::TempDir,
}

impl Models {
    fn with(name: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for from in [fixtures().join("shared"), fixtures().join(name)] {
            copy(&from, &folder.path().join(name));
        }
        Self { folder }
    }

    fn find(&self, name: &str) -> Model {
        Catalog::new(Some(self.folder.path().to_owned())).find(name).unwrap()
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.path().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), target).unwrap()),
        }
    }
}

#[derive(Deserialize)]
struct Case {
    scheduler: SchedulerKind,
    inference_steps: usize,
    guidance_scale: f32,
    width: u32,
    height: u32,
    seed: u64,
    noise: Option<u64>,
    prompt: String,
    negative_prompt: String,
}

impl Case {
    fn request(&self, latents: impl FnOnce() -> Array4<f32>) -> Request {
        Request {
            negative_prompt: Some(self.negative_prompt.clone()),
            reading: Reading::Plain,
            inference_steps: self.inference_steps,
            guidance_scale: self.guidance_scale,
            scheduler: self.scheduler,
            noise: match self.noise {
                None => Noise::Seed(Seed(self.seed)),
                Some(_) => Noise::Latents(latents(), Seed(self.seed)),
            },
            ..Request::new(self.prompt.clone(), Size::new(self.width, self.height))
        }
    }
}

fn draw(model: &mut TextToImage, request: &Request) -> Picture {
    model.generate(request, &mut |_| ControlFlow::Continue(())).unwrap().swap_remove(0)
}

/// The largest difference over the largest value.
fn off(ours: &Array4<f32>, theirs: &Array4<f32>) -> f32 {
    assert_eq!(ours.shape(), theirs.shape());
    let largest = theirs.iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
    (ours - theirs).iter().fold(0.0f32, |largest, value| largest.max(value.abs())) / largest
}

#[test]
fn pictures_are_the_ones_of_diffusers() {
    for name in ["plain", "velocity"] {
        let models = Models::with(name);
        let mut model = TextToImage::open(&models.find(name), Options::default()).unwrap();
        for (i, case) in json::<Vec<Case>>(&format!("{name}/cases.json")).iter().enumerate() {
            let file = |what: &str| fixtures().join(name).join(format!("case{i}.{what}.npy"));
            let picture = draw(&mut model, &case.request(|| read_npy(file("noise")).unwrap()));
            let off = off(&picture.latents, &read_npy(file("latents")).unwrap());
            assert!(off <= 1e-5, "{name} {i}: latents are off by {off:e}");
            let theirs: Array3<u8> = read_npy(file("image")).unwrap();
            let pixel = |y, x, channel| picture.image.get_pixel(x as u32, y as u32).0[channel];
            let worst =
                theirs.indexed_iter().map(|((y, x, c), &theirs)| pixel(y, x, c).abs_diff(theirs)).max();
            assert!(worst <= Some(1), "{name} {i}: a pixel is off by {worst:?}");
            assert_eq!(check(&picture), Ok(()));
        }
    }
}

#[test]
fn noise_is_the_one_of_pytorch_bit_for_bit() {
    #[derive(Deserialize)]
    struct Golden {
        seed: u64,
        bits: Vec<u32>,
    }
    for golden in json::<Vec<Golden>>("noise.json") {
        let mut random = Random::new(Rng::TorchCpu, Seed(golden.seed));
        let ours = random.normal(golden.bits.len()).mapv(f32::to_bits).to_vec();
        assert_eq!(ours, golden.bits, "seed {}", golden.seed);
    }
}

#[test]
fn tokens_are_the_ones_of_transformers() {
    #[derive(Deserialize)]
    struct Golden {
        text: String,
        ids: Vec<u32>,
        count: usize,
    }
    let models = Models::with("plain");
    let model = TextToImage::open(&models.find("plain"), Options::default()).unwrap();
    let tokenizer = model.tokenizer();
    assert_eq!(tokenizer.limit(), 77);
    let goldens: Vec<Golden> = json("tokens.json");
    for golden in &goldens {
        let tokens = tokenizer.encode(&golden.text);
        assert_eq!(tokens.ids, golden.ids, "{:?}", golden.text);
        assert_eq!(tokenizer.count(&golden.text), golden.count, "{:?}", golden.text);
        assert_eq!(tokens.dropped, golden.count.saturating_sub(75), "{:?}", golden.text);
    }
    assert!(goldens.iter().any(|golden| golden.count > 75), "no text is too long");
}

#[test]
fn schedules_are_the_ones_of_diffusers() {
    #[derive(Deserialize)]
    struct Goldens {
        start: Vec<f32>,
        answers: Vec<Vec<f32>>,
        schedules: Vec<Golden>,
    }
    #[derive(Deserialize)]
    struct Golden {
        kind: SchedulerKind,
        config: serde_json::Value,
        inference_steps: usize,
        timesteps: Vec<f32>,
        init_noise_sigma: f32,
        shown: Vec<f32>,
        run: Vec<Vec<f32>>,
    }
    let goldens: Goldens = json("schedules.json");
    let array = |values: &[f32]| Array4::from_shape_vec((1, 1, 2, 3), values.to_vec()).unwrap();
    let near = |ours: f32, theirs: f32, scale: f32| (ours - theirs).abs() <= 1e-5 * scale;
    for golden in goldens.schedules {
        let config = Config::read(&golden.config).unwrap();
        let schedule = Schedule::new(golden.inference_steps);
        let mut scheduler = schedulers::scheduler(golden.kind, &config, &schedule).unwrap();
        let told = format!("{:?} {} in {} steps", golden.kind, golden.config, golden.inference_steps);
        let timesteps = scheduler.timesteps().to_vec();
        assert_eq!(timesteps.len(), golden.timesteps.len(), "{told}");
        for (ours, theirs) in timesteps.iter().zip(&golden.timesteps) {
            assert!(near(*ours, *theirs, theirs.abs().max(1.0)), "{told}: {ours} is not {theirs}");
        }
        let sigma = scheduler.init_noise_sigma();
        assert!(
            near(sigma, golden.init_noise_sigma, sigma),
            "{told}: {sigma}, not {}",
            golden.init_noise_sigma
        );
        let mut latents = array(&goldens.start) * sigma;
        for (step, theirs) in golden.run.iter().enumerate() {
            let shown = scheduler.scale_model_input(&latents, step)[[0, 0, 0, 0]];
            assert!(
                near(shown, golden.shown[step], shown.abs().max(1.0)),
                "{told}: step {step} shows {shown}"
            );
            let predicted = array(&goldens.answers[step % 4]);
            let mut none = || unreachable!("nothing is added");
            latents = scheduler.step(&predicted, step, &latents, &mut none);
            let off = off(&latents, &array(theirs));
            assert!(off <= 1e-5, "{told}: step {step} is off by {off:e}");
        }
    }
}

#[test]
fn an_older_dialect_is_spoken() {
    let folder = fixtures().join("dialect");
    let file = folder.join("unet/model.onnx");
    let header = shortform::models::Header::read(&file).unwrap();
    assert!(header.weights.f16 > header.weights.f32, "{header:?}");
    let part = Part { kind: PartKind::Denoiser, file, config: None, header };
    let mut denoiser =
        Denoiser::open(&part, Family::StableDiffusion, &engine::Options::default(), Way::Whole).unwrap();
    let read = |name: &str| folder.join(format!("{name}.npy"));
    let sample: Array4<f32> = read_npy(read("sample")).unwrap();
    let hidden: Array3<f32> = read_npy(read("hidden")).unwrap();
    // Two rows for a network of one, 16-bit floats for 32.
    let mut told = Told::rows(2);
    told.each("encoder_hidden_states", hidden.into_dyn());
    let mut predicted = Array4::zeros(sample.dim());
    for row in 0..2 {
        let one = sample.slice(s![row..row + 1, .., .., ..]).to_owned();
        let both = denoiser.predict(&one, 500.0, &told, 2).unwrap();
        predicted.slice_mut(s![row, .., .., ..]).assign(&both.slice(s![row, .., .., ..]));
    }
    let off = off(&predicted, &read_npy(read("predicted")).unwrap());
    assert!(off <= 5e-3, "{off:e}");
}

#[test]
fn the_same_request_draws_the_same_bits_whatever_stays_loaded() {
    let models = Models::with("velocity");
    let model = models.find("velocity");
    let case = &json::<Vec<Case>>("velocity/cases.json")[0];
    let request = case.request(|| unreachable!("seeded"));
    let mut resident = TextToImage::open(&model, Options::default()).unwrap();
    let first = draw(&mut resident, &request);
    assert_eq!(draw(&mut resident, &request), first);
    let options = Options { residency: Residency::Model, ..Options::default() };
    assert_eq!(draw(&mut TextToImage::open(&model, options).unwrap(), &request), first);
    let other = Request { noise: Noise::Seed(Seed(8)), ..request };
    assert_ne!(draw(&mut resident, &other).latents, first.latents);
}

#[test]
fn a_model_in_pieces_draws_what_it_draws_whole() {
    let models = Models::with("velocity");
    let model = models.find("velocity");
    let case = &json::<Vec<Case>>("velocity/cases.json")[0];
    let request = Request { size: Size::new(224, 256), ..case.request(|| unreachable!("seeded")) };
    let whole = draw(&mut TextToImage::open(&model, Options::default()).unwrap(), &request);
    for residency in [Residency::Group, Residency::Sequential] {
        for rows in [1, 2] {
            let options = Options { residency, limit: 0, rows, ..Options::default() };
            let pieces = draw(&mut TextToImage::open(&model, options).unwrap(), &request);
            let off = off(&pieces.latents, &whole.latents);
            assert!(off <= 1e-4, "{residency}, {rows} rows: off by {off:e}");
            // The decoder works in tiles here, whose norms know only the tile: a tint, but no seam.
            let error = |x: u32, y: u32| {
                let pixels = pieces.image.get_pixel(x, y).0.iter().zip(whole.image.get_pixel(x, y).0);
                pixels.map(|(&a, b)| f64::from(a.abs_diff(b)).powi(2)).sum::<f64>() / 3.0
            };
            let all = (0..256).flat_map(|y| (0..224).map(move |x| (x, y)));
            let mean = all.map(|(x, y)| error(x, y)).sum::<f64>() / (224.0 * 256.0);
            let decibels = 10.0 * (255.0f64.powi(2) / mean).log10();
            assert!(decibels >= 25.0, "{residency}, {rows} rows: {decibels:.1} dB");
        }
    }
}

#[test]
fn drawing_stops_between_steps_and_can_go_on_afterwards() {
    let models = Models::with("plain");
    let mut model = TextToImage::open(&models.find("plain"), Options::default()).unwrap();
    let request = json::<Vec<Case>>("plain/cases.json")[0].request(|| unreachable!("seeded"));
    let mut seen = Vec::new();
    let error = model.generate(&request, &mut |progress| {
        seen.push(progress.done);
        if progress.done == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    let told = "cancelled after 2 of 4 inference steps";
    assert!(matches!(&error, Err(error @ Error::Cancelled(_)) if error.to_string() == told), "{error:?}");
    assert_eq!(seen, [0, 1, 2]);
    draw(&mut model, &request);
}

#[test]
fn decoding_stops_between_bands_or_tiles_and_goes_on_without_drawing_again() {
    let models = Models::with("velocity");
    let model = models.find("velocity");
    let request =
        Request { inference_steps: 1, ..Request::new("a lighthouse in the snow", Size::new(152, 488)) };
    for (tiling, unit) in [(Tiling::Exact, Unit::Bands), (Tiling::Side(16), Unit::Tiles)] {
        let session = engine::Options::default().with(Policy { tiling, ..Policy::default() });
        let options = Options { session, residency: Residency::Sequential, limit: 0, ..Options::default() };
        let undisturbed = draw(&mut TextToImage::open(&model, options).unwrap(), &request);
        let mut drawer = TextToImage::open(&model, options).unwrap();
        let mut seen = Vec::new();
        let stopped = drawer.generate(&request, &mut |progress| {
            if progress.unit == unit {
                seen.push((progress.done, progress.total));
            }
            if seen.len() == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        let total = seen[0].1;
        assert!(total > 4, "{total} {unit}");
        assert_eq!(seen, [(0, total), (1, total), (2, total)], "{unit}");
        let expected = Progress { done: 2, total, unit };
        assert!(matches!(stopped, Err(Error::Cancelled(at)) if at == expected), "{stopped:?}");

        let mut told = Vec::new();
        let pictures = drawer.generate(&request, &mut |progress| {
            told.push(progress);
            ControlFlow::Continue(())
        });
        assert_eq!(pictures.unwrap().remove(0), undisturbed, "{unit}");
        assert!(told.iter().copied().eq((0..=total).map(|done| Progress { done, total, unit })), "{told:?}");
    }
}

#[test]
fn impossible_requests_say_what_would_be_possible() {
    let models = Models::with("plain");
    let model = models.find("plain");
    let mut drawer = TextToImage::open(&model, Options::default()).unwrap();
    let request = json::<Vec<Case>>("plain/cases.json")[0].request(|| unreachable!("seeded"));
    let mut fails = |request: &Request| {
        drawer.generate(request, &mut |_| ControlFlow::Continue(())).unwrap_err().to_string()
    };
    let odd = fails(&Request { size: Size::new(70, 96), ..request.clone() });
    assert!(odd.contains("multiples of 8") && odd.contains("nearest size is 72x96"), "{odd}");
    let steps = fails(&Request { inference_steps: 0, ..request.clone() });
    assert!(steps.contains("1 to 1000"), "{steps}");
    let latents = Noise::Latents(Array4::zeros((1, 4, 8, 8)), Seed(0));
    let shape = fails(&Request { noise: latents, ..request.clone() });
    assert!(shape.contains("[1, 4, 12, 8]"), "{shape}");
    let overflow = Noise::Latents(Array4::from_elem((1, 4, 12, 8), f32::MAX), Seed(0));
    let overflow = fails(&Request { noise: overflow, ..request });
    assert!(overflow.contains("384 latents are not numbers"), "{overflow}");
}

#[test]
fn a_model_is_told_by_its_contents() {
    let models = Models::with("velocity");
    let model = models.find("velocity");
    let drawer = TextToImage::open(&model, Options::default()).unwrap();
    let geometry = drawer.geometry();
    assert_eq!((geometry.channels, geometry.factor, geometry.multiple), (12, 4, 4));
    assert_eq!(geometry.native, Size::new(32, 48));
    let weights = model.part(PartKind::Denoiser).unwrap().header.weights;
    assert!(weights.f32 > 20_000 && weights.f16 == 0, "{weights:?}");
    let digest = model.digest().unwrap();
    assert_eq!(models.find("velocity").digest().unwrap(), digest);
    fs::write(
        model.path.join("scheduler/scheduler_config.json"),
        "{\"_class_name\": \"DEISMultistepScheduler\"}",
    )
    .unwrap();
    assert_ne!(model.digest().unwrap(), digest);
    let mut drawer = TextToImage::open(&model, Options::default()).unwrap();
    let request = json::<Vec<Case>>("velocity/cases.json")[0].request(|| unreachable!("seeded"));
    let error = drawer.generate(&request, &mut |_| ControlFlow::Continue(())).unwrap_err().to_string();
    assert!(error.contains("DEISMultistepScheduler") && error.contains("`ddim` or `euler`"), "{error}");
}

#[test]
fn attention_as_a_user_wishes_it_draws_the_same_and_needs_what_is_foretold() {
    let models = Models::with("velocity");
    let model = models.find("velocity");
    let request = json::<Vec<Case>>("velocity/cases.json")[0].request(|| unreachable!("seeded"));
    let with = |attention| {
        let options = engine::Options::default().with(Policy { attention, ..Policy::default() });
        let mut drawer =
            TextToImage::open(&model, Options { session: options, ..Options::default() }).unwrap();
        let footprints = Footprints::read(&model, drawer.geometry(), options).unwrap();
        let demands = footprints.demands(Size::new(1024, 1024), 2);
        let denoiser = demands.into_iter().find(|demand| demand.part == "denoiser").unwrap();
        (draw(&mut drawer, &request).latents, denoiser.activations)
    };
    let (fused, least) = with(Attention::Fused);
    for attention in [Attention::Sliced, Attention::Plain] {
        let (latents, activations) = with(attention);
        let off = off(&latents, &fused);
        assert!(off <= 1e-4, "{attention:?}: off by {off:e}");
        assert!(activations > least, "{attention:?}: {activations} bytes, fused {least}");
    }
}

#[test]
fn guidance_on_two_devices_draws_what_one_draws() {
    let models = Models::with("velocity");
    let model = models.find("velocity");
    let request = json::<Vec<Case>>("velocity/cases.json")[0].request(|| unreachable!("seeded"));
    assert!(request.guidance_scale > 1.0);
    let alone = Options { rows: 1, ..Options::default() };
    let one = draw(&mut TextToImage::open(&model, alone).unwrap(), &request);
    for residency in [Residency::Resident, Residency::Sequential] {
        let two = Options { residency, beside: Some(engine::Options::default()), ..alone };
        let mut both = TextToImage::open(&model, two).unwrap();
        let drawn = draw(&mut both, &request);
        assert_eq!(draw(&mut both, &request), drawn);
        let off = off(&drawn.latents, &one.latents);
        assert!(off <= 1e-4, "{residency}: off by {off:e}");
        // Without guidance there is nothing to halve.
        let plain = Request { guidance_scale: 1.0, ..request.clone() };
        let plainly = draw(&mut TextToImage::open(&model, alone).unwrap(), &plain).latents;
        assert!(self::off(&draw(&mut both, &plain).latents, &plainly) <= 1e-4);
    }
}

#[test]
fn a_vae_decodes_on_tiles_that_a_user_wishes_and_on_none() {
    let models = Models::with("velocity");
    let model = models.find("velocity");
    let request = Request {
        size: Size::new(256, 256),
        ..json::<Vec<Case>>("velocity/cases.json")[0].request(|| unreachable!("seeded"))
    };
    let with = |tiling, residency| {
        let options = engine::Options::default().with(Policy { tiling, ..Policy::default() });
        let all = Options { session: options, residency, ..Options::default() };
        let mut drawer = TextToImage::open(&model, all).unwrap();
        let footprints = Footprints::read(&model, drawer.geometry(), options).unwrap();
        let demand = footprints.demands(request.size, 2).pop().unwrap();
        assert_eq!(demand.part, "VAE decoder");
        (draw(&mut drawer, &request).image, demand)
    };
    let (whole, untiled) = with(Tiling::Auto, Residency::Resident);
    let (tiled, foretold) = with(Tiling::Side(16), Residency::Resident);
    assert_ne!(tiled, whole, "it was not tiled");
    assert!(foretold.activations < untiled.activations, "{foretold:?} {untiled:?}");
    let (same, _) = with(Tiling::Side(64), Residency::Resident);
    let apart = |a: &image::RgbImage, b: &image::RgbImage| {
        a.as_raw().iter().zip(b.as_raw()).map(|(a, b)| a.abs_diff(*b)).max().unwrap()
    };
    assert!(apart(&same, &whole) <= 1, "one tile is the whole picture");
    // In pieces of the least there can be, `auto` and `off` draw the same.
    let (off, alone) = with(Tiling::Off, Residency::Sequential);
    let (auto, _) = with(Tiling::Auto, Residency::Sequential);
    assert!(apart(&off, &whole) <= 1 && apart(&auto, &whole) <= 1);
    assert!(alone.least >= untiled.least);
}

#[test]
fn a_vae_decodes_on_bands_what_it_decodes_whole() {
    let models = Models::with("velocity");
    let model = models.find("velocity");
    let geometry = Geometry::of(&model).unwrap();
    let part = model.part(PartKind::VaeDecoder).unwrap();
    let open = |tiling, way| {
        let options = engine::Options::default().with(Policy { tiling, ..Policy::default() });
        VaeDecoder::open(part, &geometry, &options, way).unwrap()
    };
    let smallest = Way::Pieces(0, Loaded::One);
    for (height, width) in [(61, 19), (40, 40)] {
        let latents = Array4::from_shape_fn((1, geometry.channels, height, width), |(_, channel, y, x)| {
            ((channel * 31 + y * y * 7 + x * 3) % 17) as f32 / 6.0 - 1.4 + y as f32 / 20.0
        });
        let whole = open(Tiling::Off, Way::Whole).pixels(&latents).unwrap();
        let mut decoder = open(Tiling::Exact, smallest);
        let exact = decoder.pixels(&latents).unwrap();
        let apart = |a: &Array4<f32>| (a - &whole).iter().fold(0.0f32, |most, x| most.max(x.abs()));
        assert!(apart(&exact) <= 1e-4, "bands are off by {:e}", apart(&exact));
        assert_eq!(decoder.pixels(&latents).unwrap(), exact);
        // Where the whole fits, it is decoded whole.
        assert_eq!(
            open(Tiling::Exact, Way::Pieces(1 << 40, Loaded::One)).pixels(&latents).unwrap().dim(),
            whole.dim()
        );
        assert_eq!(
            open(Tiling::Auto, smallest).pixels(&latents).unwrap(),
            exact,
            "by itself it does the same"
        );
        let tiled = open(Tiling::Side(16), smallest).pixels(&latents).unwrap();
        assert!(apart(&tiled) > 1e-2, "tiles are off by {:e} only", apart(&tiled));
    }
    // What is foretold is less than for the whole, and the picture of the program is the same.
    let demand = |tiling| {
        let options = engine::Options::default().with(Policy { tiling, ..Policy::default() });
        let footprints = Footprints::read(&model, &geometry, options).unwrap();
        footprints.demands(Size::new(720, 1280), 2).pop().unwrap()
    };
    let (exact, off) = (demand(Tiling::Exact), demand(Tiling::Off));
    assert!(exact.least < off.least && exact.activations == off.activations, "{exact:?} {off:?}");
}

/// Where the models are of a process that decodes without room for bands.
const NO_ROOM: &str = "SHORTFORM_TEST_NO_ROOM";

#[test]
#[cfg(unix)]
fn a_disk_without_room_for_bands_costs_exactness_and_no_picture() {
    let Some(models) = std::env::var_os(NO_ROOM) else {
        let models = Models::with("velocity");
        let mut again = std::process::Command::new(std::env::current_exe().unwrap());
        again.args(["--exact", "a_disk_without_room_for_bands_costs_exactness_and_no_picture"]);
        let again = again.env(NO_ROOM, models.folder.path()).env("TMPDIR", "/nowhere").output().unwrap();
        assert!(again.status.success(), "{}", String::from_utf8_lossy(&again.stdout));
        return;
    };
    let model = Catalog::new(Some(models.into())).find("velocity").unwrap();
    let geometry = Geometry::of(&model).unwrap();
    let options = engine::Options::default();
    let latents = Array4::from_shape_fn((1, geometry.channels, 61, 19), |(_, channel, y, x)| {
        ((channel * 31 + y * 7 + x * 3) % 17) as f32 / 6.0 - 1.4
    });
    let decoder = |tiling, way| {
        let options = options.with(Policy { tiling, ..Policy::default() });
        VaeDecoder::open(model.part(PartKind::VaeDecoder).unwrap(), &geometry, &options, way).unwrap()
    };
    let smallest = Way::Pieces(0, Loaded::One);
    let mut auto = decoder(Tiling::Auto, smallest);
    let pixels = auto.pixels(&latents).unwrap();
    let why = auto.take_no_bands().unwrap();
    assert!(why.contains("/nowhere") && why.contains("TMPDIR"), "{why}");
    let whole = decoder(Tiling::Off, Way::Whole).pixels(&latents).unwrap();
    assert_eq!(pixels.dim(), whole.dim());
    let error = decoder(Tiling::Exact, smallest).pixels(&latents).unwrap_err().to_string();
    assert!(error.contains("/nowhere"), "{error}");
}

#[test]
fn what_overflows_in_16_bits_is_decoded_in_32() {
    let models = Models::with("velocity");
    let decoder = models.find("velocity").path.join("vae_decoder");
    copy(&reference("parts/vae-sd-decoder-fp16"), &decoder);
    let model = models.find("velocity");
    let geometry = Geometry::of(&model).unwrap();
    let part = model.part(PartKind::VaeDecoder).unwrap();
    let options = engine::Options::default();
    // As a card would compute it: the processor's graphs are in 32 bits from the start.
    let open = |document| VaeDecoder::of(document, part, &geometry, &options, Way::Whole).unwrap();
    let latents = |size: f32| {
        Array4::from_shape_fn((1, geometry.channels, 8, 8), |(_, channel, y, x)| {
            size * (((channel * 31 + y * 7 + x * 3) % 17) as f32 / 6.0 - 1.4)
        })
    };
    let mut half = open(Document::read(&part.file).unwrap());
    half.pixels(&latents(1.0)).unwrap();
    assert!(!half.overflowed());
    // More than 65504, the largest number of 16 bits.
    let large = latents(1e5);
    let pixels = half.pixels(&large).unwrap();
    assert!(half.overflowed());
    assert!(pixels.iter().all(|x| x.is_finite()));
    let mut full = VaeDecoder::open(part, &geometry, &options, Way::Whole).unwrap();
    let right = full.pixels(&large).unwrap();
    assert!(!full.overflowed());
    assert!(off(&pixels, &right) <= 1e-4, "off by {:e}", off(&pixels, &right));
    // From now on it needs no second attempt.
    assert_eq!(half.pixels(&large).unwrap(), pixels);
}

#[test]
fn a_step_that_overflows_in_16_bits_is_computed_again_in_32() {
    let models = Models::with("plain");
    copy(&reference("parts/unet-sd1-fp16"), &models.find("plain").path.join("unet"));
    let model = models.find("plain");
    let part = model.part(PartKind::Denoiser).unwrap();
    let options = engine::Options::default();
    let family = Family::StableDiffusion;
    // As a card would compute it: the processor's graphs are in 32 bits from the start.
    let half = || {
        let document = Document::read(&part.file).unwrap();
        Denoiser::of(document, part, family, &options, Way::Whole).unwrap()
    };
    let latents = |size: f32| {
        Array4::from_shape_fn((1, 4, 8, 8), |(_, channel, y, x)| {
            size * (((channel * 31 + y * 7 + x * 3) % 17) as f32 / 6.0 - 1.4)
        })
    };
    let mut told = Told::rows(2);
    let hidden = Array3::from_shape_fn((2, 77, 16), |(row, y, x)| ((row + y + x) % 5) as f32 / 4.0 - 0.5);
    told.each("encoder_hidden_states", hidden.into_dyn());
    // More than 65504, the largest number of 16 bits.
    let (usual, large) = (latents(1.0), latents(1e5));
    let mut full = Denoiser::open(part, family, &options, Way::Whole).unwrap();
    let right = full.predict(&large, 500.0, &told, 2).unwrap();
    assert!(!full.overflowed() && right.iter().all(|x| x.is_finite()));
    for rows in [2, 1] {
        let mut half = half();
        half.predict(&usual, 500.0, &told, rows).unwrap();
        assert!(!half.overflowed());
        let predicted = half.predict(&large, 500.0, &told, rows).unwrap();
        assert!(half.overflowed());
        assert!(off(&predicted, &right) <= 1e-4, "off by {:e}", off(&predicted, &right));
        // From now on it needs no second attempt.
        assert_eq!(half.predict(&large, 500.0, &told, rows).unwrap(), predicted);
    }
    // On two devices both go on in 32 bits, though only one may have overflowed.
    let (mut one, mut other) = (half(), half());
    let predicted = one.predict_beside(&mut other, &large, 500.0, &told).unwrap();
    assert!(one.overflowed() && other.overflowed());
    assert!(off(&predicted, &right) <= 1e-4, "off by {:e}", off(&predicted, &right));
    // Latents that are no numbers are not the network's fault, and no bits help them.
    let mut half = half();
    let lost = half.predict(&latents(f32::INFINITY), 500.0, &told, 2).unwrap();
    assert!(!half.overflowed() && lost.iter().any(|x| !x.is_finite()));
}

#[test]
fn a_decoder_that_bands_cannot_be_made_of_is_refused() {
    let models = Models::with("velocity");
    let folder = models.find("velocity").path;
    // It makes its picture smaller, and enlarges nowhere.
    let encoder = reference("parts/vae-sd-encoder/model.onnx");
    fs::copy(encoder, folder.join("vae_decoder/model.onnx")).unwrap();
    let model = models.find("velocity");
    let geometry = Geometry::of(&model).unwrap();
    let with = |tiling| {
        let options = engine::Options::default().with(Policy { tiling, ..Policy::default() });
        Footprints::read(&model, &geometry, options).map(|_| ())
    };
    assert!(with(Tiling::Auto).is_ok());
    let error = with(Tiling::Exact).unwrap_err().to_string();
    for part in ["vae_decoder/model.onnx", "memory.vae_tiling: exact", "`auto`"] {
        assert!(error.contains(part), "{part:?} is not in {error:?}");
    }
}

#[test]
fn a_placement_can_be_made_before_anything_is_loaded() {
    let models = Models::with("plain");
    let model = models.find("plain");
    let drawer = TextToImage::open(&model, Options::default()).unwrap();
    let footprints = Footprints::read(&model, drawer.geometry(), Device::Cpu).unwrap();
    let candidate = |size: Size| {
        let demands = footprints.demands(size, 2);
        Candidate { width: size.width, height: size.height, rows: 2, stored: None, demands }
    };
    let wishes = |budget: u64| Wishes { budget: Some(budget), ..Wishes::default() };
    let candidates = [candidate(Size::new(720, 1280)), candidate(Size::new(64, 96))];
    let machine = engine::probe();
    let (cpu, _) = machine.choose(engine::DeviceChoice::Only(Device::Cpu)).unwrap();
    let placement = engine::place(cpu, wishes(64 << 20), &candidates).unwrap();
    assert_eq!(placement.candidate, 1);
    let small = engine::place(cpu, wishes(1 << 20), &candidates).unwrap_err();
    assert!(small.needed > small.budget, "{small}");
}

#[test]
fn the_embedded_model_draws_what_it_draws_in_pytorch() {
    #[derive(Deserialize)]
    struct Golden {
        prompt: String,
        negative_prompt: String,
        steps: usize,
        guidance_scale: f32,
        height: u32,
        width: u32,
        scheduler: SchedulerKind,
    }
    #[derive(Deserialize)]
    struct Ids {
        prompt: Vec<u32>,
        negative_prompt: Vec<u32>,
    }
    let read = |name: &str| fixtures().join("../pocket").join(name);
    let golden: Golden = json("../pocket/prompt.json");
    let ids: Ids = json("../pocket/token_ids.json");
    let nothing_else = tempfile::tempdir().unwrap();
    let catalog = Catalog::new(Some(nothing_else.path().to_owned()));
    let model = catalog.find("pocket").unwrap();
    assert_eq!(catalog.find("pocket").unwrap().path, model.path, "unpacked twice");
    let mut drawer = TextToImage::open(&model, Options::default()).unwrap();
    assert_eq!(drawer.geometry().native, Size::new(288, 512));
    assert_eq!(drawer.tokenizer().encode(&golden.prompt).ids, ids.prompt);
    assert_eq!(drawer.tokenizer().encode(&golden.negative_prompt).ids, ids.negative_prompt);
    let request = Request {
        negative_prompt: Some(golden.negative_prompt),
        inference_steps: golden.steps,
        guidance_scale: golden.guidance_scale,
        scheduler: golden.scheduler,
        noise: Noise::Latents(read_npy(read("latents_in.npy")).unwrap(), Seed(0)),
        ..Request::new(golden.prompt, Size::new(golden.width, golden.height))
    };
    let picture = draw(&mut drawer, &request);
    assert_eq!(check(&picture), Ok(()));
    // Its weights are rounded in PyTorch too, and both compute in 32 bits; but its prior decides between
    // layouts by an exponential, which makes more of the last bits than a UNet does.
    let off = off(&picture.latents, &read_npy(read("latents_out.npy")).unwrap());
    assert!(off <= 1e-3, "latents are off by {off:e}");
}

#[test]
fn sessions_say_which_file_and_what_is_wrong() {
    let options = engine::Options::default();
    let error = engine::Session::open(Path::new("nowhere.onnx"), &options).unwrap_err().to_string();
    assert!(error.contains("nowhere.onnx"), "{error}");
    let file = fixtures().join("plain/unet/model.onnx");
    let mut session = engine::Session::open(&file, &options).unwrap();
    assert_eq!(session.input("timestep").unwrap().dims, []);
    assert_eq!(session.input("sample").unwrap().dims, [None, Some(4), None, None]);
    assert_eq!(session.input("sample").unwrap().symbols[2], "height");
    let error =
        session.run(&[("sample", Array4::<f32>::zeros((1, 4, 8, 8)).into())]).unwrap_err().to_string();
    assert!(error.contains("plain/unet/model.onnx") && error.contains("`timestep` is not given"), "{error}");
}

mod stages {
    //! The stages images and upscale, with a model of a few thousand weights.

    use super::*;
    use shortform::{
        pipeline::{self, Pipeline},
        stages::{Cancel, Context, Happening, Kind, Stage, images, upscale},
        store::Store,
        story::{Scene, Span, Still, Time},
    };

    struct Studio {
        models: Models,
        store: Store,
        _cache: tempfile::TempDir,
        told: Vec<Happening>,
        cancel: Cancel,
        draft: bool,
    }

    impl Studio {
        fn new() -> Self {
            let cache = tempfile::tempdir().unwrap();
            let store = Store::open(cache.path()).unwrap();
            let models = Models::with("plain");
            Self { models, store, _cache: cache, told: Vec::new(), cancel: Cancel::default(), draft: false }
        }

        fn with<T>(&mut self, stage: Stage, work: impl FnOnce(&mut Context<'_>) -> T) -> T {
            let told = &mut self.told;
            work(&mut Context {
                stage,
                store: &self.store,
                models_dir: Some(self.models.folder.path().to_owned()),
                draft: self.draft,
                cancel: self.cancel.clone(),
                tell: &mut |_, happening| told.push(happening),
            })
        }

        /// Runs images and upscale; answers the stills and how many pictures and stills lay in the
        /// store already.
        fn run(&mut self, pipeline: &Pipeline, scenes: &[Scene]) -> (Vec<Still>, usize, usize) {
            let drawn = self.with(Stage::Images, |ctx| images::cached(pipeline, scenes, ctx)).unwrap();
            let pictures = self.with(Stage::Images, |ctx| images::run(pipeline, scenes, ctx)).unwrap();
            let made = self.with(Stage::Upscale, |ctx| upscale::cached(pipeline, &pictures, ctx)).unwrap();
            let stills = self.with(Stage::Upscale, |ctx| upscale::run(pipeline, &pictures, ctx)).unwrap();
            (stills, drawn.hits, made.hits)
        }

        fn notes(&self) -> String {
            let text = |happening: &Happening| match happening {
                Happening::Note { text } | Happening::Warning { text } | Happening::Fallback { text } => {
                    Some(text.clone())
                }
                _ => None,
            };
            self.told.iter().filter_map(text).collect::<Vec<_>>().join("\n")
        }
    }

    fn settings(sets: &[(&str, &str)]) -> Pipeline {
        let mut all = vec![
            ("images.model", "plain"),
            ("images.inference_steps", "2"),
            ("memory.device", "cpu"),
            ("memory.budget", "1GiB"),
        ];
        all.extend(sets);
        let set =
            |(path, value): &(&str, &str)| ("--set".to_owned(), (*path).to_owned(), (*value).to_owned());
        let sets = all.iter().map(set).collect();
        pipeline::load(&pipeline::Request { sets, ..pipeline::Request::default() }).unwrap()
    }

    fn scenes(prompts: &[&str]) -> Vec<Scene> {
        let scene = |(index, prompt): (usize, &&str)| Scene {
            index,
            span: Span::new(Time::ZERO, Time::ZERO),
            beats: 0..1,
            text: (*prompt).to_owned(),
            subject: (*prompt).to_owned(),
            prompt: (*prompt).to_owned(),
            negative_prompt: "text".to_owned(),
            characters: Vec::new(),
            likeness: None,
            seed: Seed(7).derive("scene", index as u64),
            line: index as u32 + 1,
        };
        prompts.iter().enumerate().map(scene).collect()
    }

    #[test]
    fn scenes_become_stills_of_the_delivered_size_and_only_what_changed_is_drawn_again() {
        let mut studio = Studio::new();
        let pipeline = settings(&[]);
        let (stills, drawn, made) = studio.run(&pipeline, &scenes(&["a fox", "a lighthouse", "snow"]));
        assert_eq!((drawn, made), (0, 0));
        assert!(stills.iter().enumerate().all(|(i, still)| still.scene == i));
        assert!(stills.iter().all(|still| still.size == Size::new(1080, 1920)), "{stills:?}");
        let png = studio.store.get(stills[0].image).unwrap().unwrap();
        assert_eq!(image::load_from_memory(&png).unwrap().to_rgb8().dimensions(), (1080, 1920));
        assert_ne!(stills[0].image, stills[1].image);
        let notes = studio.notes();
        for told in ["memory: budget 1.0 GiB on cpu, level very low", "instead of 720x1280", "with lanczos"] {
            assert!(notes.contains(told), "{told:?} is not in\n{notes}");
        }
        let again = studio.run(&pipeline, &scenes(&["a fox", "a lighthouse", "snow"]));
        assert_eq!(again, (stills.clone(), 3, 3));
        let (changed, drawn, made) = studio.run(&pipeline, &scenes(&["a fox", "a red bicycle", "snow"]));
        assert_eq!((drawn, made), (2, 2));
        assert_eq!((changed[0].image, changed[2].image), (stills[0].image, stills[2].image));
        assert_ne!(changed[1].image, stills[1].image);
        let (_, drawn, _) = studio.run(&settings(&[("images.guidance_scale", "2")]), &scenes(&["a fox"]));
        assert_eq!(drawn, 0);
    }

    #[test]
    fn weights_in_fewer_bits_draw_another_picture_nearly_the_same_and_are_packed_once() {
        let mut studio = Studio::new();
        copy(
            &Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/models/pocket"),
            &studio.models.folder.path().join("little"),
        );
        let with = |storage: &str| settings(&[("images.model", "little"), ("memory.storage", storage)]);
        let scenes = scenes(&["a lighthouse"]);
        let mut drawn = |storage: &str| {
            studio.told.clear();
            let pipeline = with(storage);
            let hits =
                studio.with(Stage::Images, |ctx| images::cached(&pipeline, &scenes, ctx)).unwrap().hits;
            let still =
                studio.with(Stage::Images, |ctx| images::run(&pipeline, &scenes, ctx)).unwrap().remove(0);
            let picture = image::load_from_memory(&studio.store.get(still.image).unwrap().unwrap()).unwrap();
            (picture.to_rgb8(), hits, studio.notes())
        };
        let (full, hits, notes) = drawn("auto");
        assert!(hits == 0 && !notes.contains("int8"), "{notes}");
        let (packed, hits, notes) = drawn("int8");
        assert_eq!(hits, 0, "a picture drawn with other weights is taken for it");
        for told in ["weights are kept as int8", "of the text encoder are packed as int8, once"] {
            assert!(notes.contains(told), "{told:?} is not in\n{notes}");
        }
        let squares =
            full.as_raw().iter().zip(packed.as_raw()).map(|(a, b)| f64::from(a.abs_diff(*b)).powi(2));
        let mean = squares.sum::<f64>() / full.as_raw().len() as f64;
        assert!(mean > 0.0 && 10.0 * (255.0 * 255.0 / mean).log10() > 25.0, "mean square {mean}");
        assert_eq!(drawn("int8").1, 1);
        // What lies there already may be shown; what is asked for exactly is drawn.
        assert_eq!((drawn("none").1, drawn("fp8").1), (1, 0));
        let (_, _, notes) = drawn("int8");
        assert!(!notes.contains("packed as"), "{notes}");
    }

    #[test]
    fn of_several_candidates_one_is_kept_and_each_step_is_told() {
        let mut studio = Studio::new();
        studio.run(&settings(&[("images.candidates", "3")]), &scenes(&["a fox"]));
        let drawing = |happening: &&Happening| matches!(happening, Happening::Progress(progress) if progress.unit == "inference steps");
        let Some(Happening::Progress(last)) = studio.told.iter().rfind(drawing) else {
            panic!("nothing told")
        };
        assert_eq!((last.done, last.total, last.item.as_str()), (6, 6, "scene 1 of 1"));
    }

    #[test]
    fn a_picture_whose_decoding_is_interrupted_is_not_stored() {
        let mut studio = Studio::new();
        for from in ["shared", "velocity"] {
            copy(&fixtures().join(from), &studio.models.folder.path().join("velocity"));
        }
        let pipeline = settings(&[
            ("images.model", "velocity"),
            ("images.size", "304x976"),
            ("memory.offload", "sequential"),
            ("memory.vae_tiling", "exact"),
        ]);
        let (scenes, cancel, mut bands) = (scenes(&["a fox"]), studio.cancel.clone(), 0);
        let stopped = images::run(
            &pipeline,
            &scenes,
            &mut Context {
                stage: Stage::Images,
                store: &studio.store,
                models_dir: Some(studio.models.folder.path().to_owned()),
                draft: false,
                cancel: cancel.clone(),
                tell: &mut |_, happening| {
                    if matches!(&happening, Happening::Progress(progress) if progress.unit == "bands decoded")
                    {
                        bands += 1;
                        cancel.cancel();
                    }
                },
            },
        );
        assert_eq!((stopped.unwrap_err().kind, bands), (Kind::Cancelled, 1));
        studio.cancel = Cancel::default();
        let cached = studio.with(Stage::Images, |ctx| images::cached(&pipeline, &scenes, ctx)).unwrap();
        assert_eq!(cached.hits, 0);
        let drawn = studio.with(Stage::Images, |ctx| images::run(&pipeline, &scenes, ctx)).unwrap();
        assert!(studio.store.get(drawn[0].image).unwrap().is_some());
    }

    #[test]
    fn a_draft_needs_no_model() {
        let mut studio = Studio::new();
        studio.draft = true;
        let pipeline = settings(&[("images.model", "nowhere")]);
        let (stills, ..) = studio.run(&pipeline, &scenes(&["a fox", "snow"]));
        assert!(stills.iter().all(|still| still.size == Size::new(1080, 1920)));
        assert_ne!(stills[0].image, stills[1].image);
    }

    #[test]
    fn trouble_is_told_by_kind() {
        let mut studio = Studio::new();
        let mut kind = |pipeline: &Pipeline| {
            let error = studio.with(Stage::Images, |ctx| images::run(pipeline, &scenes(&["a fox"]), ctx));
            let error = error.unwrap_err();
            (error.kind, error.to_string())
        };
        let (missing, told) = kind(&settings(&[("images.model", "nowhere")]));
        assert!(missing == Kind::Missing && told.contains("plain"), "{told}");
        let (memory, told) = kind(&settings(&[("images.size", "2048x4096"), ("memory.budget", "64MiB")]));
        assert!(memory == Kind::OutOfMemory && told.contains("more;"), "{told}");
        studio.cancel.cancel();
        let stopped = studio.with(Stage::Images, |ctx| images::run(&settings(&[]), &scenes(&["a fox"]), ctx));
        assert_eq!(stopped.unwrap_err().kind, Kind::Cancelled);
        let model = settings(&[("upscale.engine", "real-esrgan")]);
        let refused = studio.with(Stage::Upscale, |ctx| upscale::run(&model, &[], ctx)).unwrap_err();
        assert!(
            refused.kind == Kind::Missing && refused.to_string().contains("no model `real-esrgan`"),
            "{refused}"
        );
    }
}

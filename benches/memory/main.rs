//! What `just bench-memory` prints: how much memory real sizes take, each measured in a process of its own, and
//! how that compares with what was foretold.
//!
//! Weights are random numbers in the shapes of Stable Diffusion 1.5 and XL, made on the spot (9 GB of disk, in
//! `SHORTFORM_BENCH_DIR` or the build folder).

mod sizes;

use std::{
    error::Error,
    path::Path,
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
    time::Instant,
};

use ndarray::{Array4, ArrayD, IxDyn};
use serde::{Deserialize, Serialize};
use shortform::{
    diffusion::{self, Denoiser, Footprints, Geometry, Told, VaeDecoder, Way},
    engine::{self, Loaded, Policy, Tiling},
    graph::Storage,
    models::{Catalog, Model, PartKind},
    story::Size,
};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

const MIB: f64 = (1u64 << 20) as f64;
/// Under this name the program measures itself.
const STEP: &str = "SHORTFORM_BENCH_STEP";

/// The model inside of the program.
const POCKET: &str = "pocket";

/// What is measured in a process of its own.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Step {
    model: String,
    part: String,
    width: u32,
    height: u32,
    rows: usize,
    how: How,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize, PartialEq)]
enum How {
    /// As exported, with ONNX Runtime's own settings.
    Exported,
    /// Rewritten, all of it loaded.
    Whole,
    /// Rewritten, in pieces that hold as little as can be.
    Pieces,
    /// The same, and the next piece is loaded while one runs.
    Group,
    /// In pieces, in so many MiB: what fits stays loaded from run to run.
    Within(u64),
    /// In as little as can be, with weights kept in fewer bits.
    Packed(Storage),
    /// All of it loaded, with weights kept in fewer bits.
    PackedWhole(Storage),
    /// In pieces that hold as little as can be, decoded on bands.
    Exact,
    /// The same, decoded on tiles of so many latents a side.
    Tiles(u32),
}

/// What came out, in bytes and seconds.
#[derive(Debug, Serialize, Deserialize)]
struct Measured {
    /// The most the process held, what it holds without a model included.
    peak: u64,
    /// What was foretold of that.
    foretold: u64,
    /// One run, the last of two or four.
    seconds: f64,
    /// Processor time of that run, in seconds, where the system tells.
    processor: f64,
    /// What the network answered.
    answer: Vec<f32>,
}

fn main() -> Result<()> {
    if let Ok(step) = std::env::var(STEP) {
        let measured = measure(&serde_json::from_str(&step)?)?;
        println!("{}", serde_json::to_string(&measured)?);
        return Ok(());
    }
    // `cargo test --benches` builds this to see that it builds.
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let models = sizes::make()?;
    let step = |model: &str, part: &str, width, height, rows, how| Step {
        model: match model {
            POCKET => POCKET.to_owned(),
            folder => models.join(folder).display().to_string(),
        },
        part: part.into(),
        width,
        height,
        rows,
        how,
    };
    println!("{:<52} {:>10} {:>10} {:>7} {:>8}", "", "peak", "foretold", "off", "seconds");
    let [exported, fastest, smallest] =
        in_turn([How::Exported, How::Whole, How::Pieces].map(|how| step("sd15", "unet", 512, 512, 1, how)))?;
    bound("fastest: time / as exported", fastest.seconds / exported.seconds, 0.70);
    println!("    products alone, time / as exported {:>27.2}", products()? / exported.seconds);
    bound("fastest: GiB", fastest.peak as f64 / MIB / 1024.0, 3.9);
    bound("smallest: time / as exported", smallest.seconds / exported.seconds, 0.90);
    bound("smallest: MiB", smallest.peak as f64 / MIB, 330.0);
    packed(&models.join("sd15"), &smallest)?;
    let [least, within, ahead] = in_turn(
        [How::Pieces, How::Within(1000), How::Group].map(|how| step("sd15", "unet", 512, 512, 1, how)),
    )?;
    // Nothing of it stays loaded: the same run twice, and what differs is the machine.
    bound("in pieces that may take 1000 MiB: time / in the least", within.seconds / least.seconds, 1.0);
    bound("in pieces that may take 1000 MiB: MiB", within.peak as f64 / MIB, 1000.0 + own());
    println!("    with the next loaded ahead: time / in the least {:>18.2}", ahead.seconds / least.seconds);
    let [large, fastest] =
        in_turn([How::Pieces, How::Whole].map(|how| step("sd15", "unet", 704, 1280, 1, how)))?;
    bound("704x1280 in pieces: MiB", large.peak as f64 / MIB, 650.0);
    bound("704x1280 in pieces: time / our fastest", large.seconds / fastest.seconds, 1.1);
    exact(&step("sd15", "vae_decoder", 720, 1280, 1, How::Whole))?;
    let xl = show(&step("sdxl", "unet", 768, 1344, 1, How::Pieces))?;
    bound("SDXL UNet 768x1344 in pieces: MiB", xl.peak as f64 / MIB, 900.0);
    for (width, height) in [(256, 256), (384, 640), (512, 768), (576, 1024), (720, 1280)] {
        for rows in [1, 2] {
            show(&step("sd15", "unet", width, height, rows, How::Pieces))?;
        }
        show(&step("sd15", "vae_decoder", width, height, 1, How::Pieces))?;
    }
    for rows in [1, 2] {
        show(&step("sd15", "unet", 256, 256, rows, How::Whole))?;
        show(&step("sd15", "unet", 384, 640, rows, How::Whole))?;
    }
    for (width, height) in [(384, 640), (512, 512)] {
        show(&step("sd15", "vae_decoder", width, height, 1, How::Whole))?;
        show(&step("sd15", "vae_decoder", width, height, 1, How::Tiles(32)))?;
    }
    for mebibytes in [512, 1024, 2048] {
        show(&step("sd15", "unet", 512, 768, 2, How::Within(mebibytes)))?;
    }
    show(&step("sdxl", "unet", 512, 512, 2, How::Pieces))?;
    for how in [How::Whole, How::Pieces] {
        show(&step(POCKET, "unet", 288, 512, 2, how))?;
        show(&step(POCKET, "vae_decoder", 288, 512, 1, how))?;
    }
    foretold();
    let peak = picture(&models.join("sd15"))?;
    bound("whole picture 720x1280, text to PNG: MiB", peak as f64 / MIB, 800.0);
    budgets(&models.join("sd15"))
}

/// Seconds of nothing but large matrix products with as many operations as that UNet has at 512x512, by the same ONNX
/// Runtime: no way to run it that multiplies all it is given to multiply can take less.
fn products() -> Result<f64> {
    /// Counted by PyTorch's `FlopCounterMode` on diffusers' `UNet2DConditionModel`.
    const OPERATIONS: f64 = 803.3e9;
    const SIDE: usize = 2048;
    engine::load()?;
    let onnx = include_bytes!("../skeletons/product.onnx");
    let options = engine::Options::default();
    let mut session =
        engine::Session::from_memory(onnx, Path::new("product.onnx"), Path::new("."), &options)?;
    let matrix = |step: usize| {
        let numbers =
            ArrayD::from_shape_fn(IxDyn(&[SIDE, SIDE]), |at| ((at[0] * step + at[1]) % 7) as f32 - 3.0);
        engine::Tensor::from(numbers)
    };
    let given = [("a", matrix(3)), ("b", matrix(5))];
    let mut fastest = f64::MAX;
    for _ in 0..12 {
        let begun = Instant::now();
        session.run(&given)?;
        fastest = fastest.min(begun.elapsed().as_secs_f64());
    }
    Ok(fastest * OPERATIONS / (2.0 * (SIDE as f64).powi(3)))
}

/// What a process holds without a model, in MiB: about what this one does.
fn own() -> f64 {
    engine::process().resident as f64 / MIB
}

/// Stable Diffusion 1.5's UNet with its weights in fewer bits: what it takes, and how far its answer is from the
/// one in 32 bits.
fn packed(model: &Path, full: &Measured) -> Result<()> {
    let opened = Model::open("sd15", model)?;
    for storage in Storage::ALL {
        diffusion::stored(&opened, storage, &mut |_| std::ops::ControlFlow::Continue(()))?;
        for how in [How::Packed(storage), How::PackedWhole(storage)] {
            let (model, part) = (model.display().to_string(), "unet".to_owned());
            let packed = show(&Step { model, part, width: 512, height: 512, rows: 1, how })?;
            let psnr = psnr(&packed.answer, &full.answer);
            println!("    {storage}: {psnr:.1} dB to 32 bits");
            if how == How::Packed(Storage::Int8) {
                bound("int8 in pieces: MiB", packed.peak as f64 / MIB, 300.0);
                bound("int8: dB to 32 bits, negative", -psnr, -35.0);
            }
        }
    }
    Ok(())
}

/// A picture decoded on bands: what it takes, and how far it is from the one decoded whole; and one on tiles.
fn exact(whole: &Step) -> Result<()> {
    let exact = show(&Step { how: How::Exact, ..whole.clone() })?;
    let in_tiles = show(&Step { how: How::Tiles(24), ..whole.clone() })?;
    let whole = show(whole)?;
    let apart = |found: &Measured| {
        let pairs = found.answer.iter().zip(&whole.answer);
        f64::from(pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max))
    };
    bound("VAE decode, exact: MiB", exact.peak as f64 / MIB, 450.0);
    bound("VAE decode, exact: off the whole, x 10000", apart(&exact) * 1e4, 1.0);
    bound("VAE decode, in tiles: MiB", in_tiles.peak as f64 / MIB, 450.0);
    println!("    in tiles: off the whole by {:.3}", apart(&in_tiles));
    println!("    VAE decode, exact: time / in tiles {:>26.2}", exact.seconds / in_tiles.seconds);
    Ok(())
}

/// In decibels, the span of `right` being the signal.
fn psnr(found: &[f32], right: &[f32]) -> f64 {
    let square = |(a, b): (&f32, &f32)| f64::from(a - b).powi(2);
    let error = found.iter().zip(right).map(square).sum::<f64>() / right.len() as f64;
    let (low, high) = right.iter().fold((f32::MAX, f32::MIN), |(low, high), &x| (low.min(x), high.max(x)));
    10.0 * (f64::from(high - low).powi(2) / error).log10()
}

/// A whole video with all the memory it would like, and with parts of that: each finishes within it, with the
/// same picture.
fn budgets(model: &Path) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let script = folder.path().join("lighthouse.md");
    std::fs::write(&script, "A lighthouse stands by the sea, and its light can be seen from far away.\n")?;
    let generate = |budget: Option<u64>| -> Result<(u64, image::RgbImage)> {
        let output = folder.path().join(format!("{}.mp4", budget.unwrap_or(0)));
        let run = |more: &[&str]| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_shortform"));
            // It is no setting of a pipeline.
            command.env_remove("SHORTFORM_BENCH_DIR");
            command.arg("generate").arg(&script).arg("--quiet").args(more);
            command.arg("--cache-dir").arg(folder.path().join(format!("store-{}", budget.unwrap_or(0))));
            command.arg("--set").arg(format!("images.model={}", model.display()));
            for set in [
                "images.inference_steps=2",
                "images.guidance_scale=7.5",
                "images.size=512x512",
                "scenes.seconds=[5, 20]",
            ] {
                command.args(["--set", set]);
            }
            let budget = budget.map_or("auto".to_owned(), |bytes| format!("{}MiB", bytes >> 20));
            peak_of(command.args(["--memory-budget", &budget]).arg("-o").arg(&output))
        };
        let peak = run(&[])?;
        // What is drawn already is only written.
        run(&["--stop-after", "images"])?;
        let picture = image::open(output.with_extension("scene-01.png"))?;
        Ok((peak, picture.to_rgb8()))
    };
    let (wanted, unlimited) = generate(None)?;
    println!("generate, 512x512, to the finished video, as much as it likes: {:.0} MiB", wanted as f64 / MIB);
    for share in [100, 50, 25, 10] {
        let budget = wanted * share / 100;
        let (peak, picture) = generate(Some(budget))?;
        let pairs = picture.as_raw().iter().zip(unlimited.as_raw());
        let apart = pairs.map(|(a, b)| a.abs_diff(*b)).max().unwrap_or(u8::MAX);
        bound(&format!("generate, {share} % of that: MiB"), peak as f64 / MIB, budget as f64 / MIB);
        bound(&format!("generate, {share} % of that: apart, of 255"), f64::from(apart), 1.0);
    }
    Ok(())
}

/// How many combinations of model, size and way were measured, and how many of them were foretold.
static COMBINATIONS: [AtomicU32; 2] = [AtomicU32::new(0), AtomicU32::new(0)];

/// Whether a forecast is near enough: within 10 % or 50 MiB.
fn is_near(measured: &Measured) -> bool {
    let off = measured.foretold.abs_diff(measured.peak);
    off <= 50 << 20 || off <= measured.peak / 10
}

fn foretold() {
    let [all, near] = COMBINATIONS.each_ref().map(|count| count.load(Ordering::Relaxed));
    println!("foretold within 10 % or 50 MiB: {near} of {all} combinations");
}

/// Shows steps whose times are compared. Each is taken three times, in turn, and its best time counts: what else a machine
/// does comes and goes in minutes.
fn in_turn<const N: usize>(steps: [Step; N]) -> Result<[Measured; N]> {
    let mut all = steps.iter().map(show).collect::<Result<Vec<_>>>()?;
    for _ in 1..3 {
        for (step, best) in steps.iter().zip(&mut all) {
            best.seconds = best.seconds.min(alone(step)?.seconds);
        }
    }
    println!(
        "    best of three: {}",
        all.iter().map(|one| format!("{:.2} s ", one.seconds)).collect::<String>()
    );
    all.try_into().map_err(|_| "as many as there are steps".into())
}

/// Takes a step in a process of its own.
fn alone(step: &Step) -> Result<Measured> {
    let output = Command::new(std::env::current_exe()?).env(STEP, serde_json::to_string(step)?).output()?;
    if !output.status.success() {
        return Err(format!("{step:?}: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

fn show(step: &Step) -> Result<Measured> {
    let measured = alone(step)?;
    let model = Path::new(&step.model).file_name().unwrap_or_default().to_string_lossy();
    let what =
        format!("{model} {} {}x{}, {} row(s), {:?}", step.part, step.width, step.height, step.rows, step.how);
    if step.how != How::Exported {
        COMBINATIONS[0].fetch_add(1, Ordering::Relaxed);
        COMBINATIONS[1].fetch_add(u32::from(is_near(&measured)), Ordering::Relaxed);
    }
    let off = measured.foretold as f64 / measured.peak as f64 - 1.0;
    println!(
        "{what:<52} {:>6.0} MiB {:>6.0} MiB {:>6.1}% {:>8.2}",
        measured.peak as f64 / MIB,
        measured.foretold as f64 / MIB,
        off * 100.0,
        measured.seconds
    );
    Ok(measured)
}

fn bound(what: &str, found: f64, most: f64) {
    let verdict = if found <= most { "" } else { "  missed" };
    println!("    {what:<48} {found:>8.2}   at most {most:.2}{verdict}");
}

/// Runs a part twice and says what it took.
fn measure(step: &Step) -> Result<Measured> {
    engine::load()?;
    let model = Catalog::new(None).find(&step.model)?;
    let geometry = Geometry::of(&model)?;
    let size = Size::new(step.width, step.height);
    let kind = if step.part == "unet" { PartKind::Denoiser } else { PartKind::VaeDecoder };
    let storage = match step.how {
        How::Packed(storage) | How::PackedWhole(storage) => Some(storage),
        _ => None,
    };
    let tiling = match step.how {
        How::Exact => Tiling::Exact,
        How::Tiles(side) => Tiling::Side(side),
        _ => Tiling::Auto,
    };
    let options = engine::Options::default().with(Policy { tiling, ..Policy::default() });
    let demands = Footprints::stored(&model, &geometry, options, storage)?.demands(size, step.rows as u64);
    let model = match storage {
        Some(storage) => diffusion::stored(&model, storage, &mut |_| std::ops::ControlFlow::Continue(()))?,
        None => model,
    };
    let demand = demands.iter().find(|demand| demand.part == kind.to_string()).ok_or("no such part")?;
    let (way, need) = match step.how {
        How::Within(mebibytes) => {
            let bytes = mebibytes << 20;
            (Way::Pieces(bytes, Loaded::One), demand.in_pieces(bytes, Loaded::One))
        }
        How::Group => (Way::Pieces(0, Loaded::Two), demand.in_pieces(0, Loaded::Two)),
        How::Pieces | How::Packed(_) | How::Tiles(_) => (Way::Pieces(0, Loaded::One), demand.least),
        How::Exact => (Way::Pieces(demand.least, Loaded::One), demand.least),
        _ => (Way::Whole, demand.weights + demand.activations),
    };
    let own = engine::process().resident;
    let shape = geometry.latent_shape(size);
    let latents = Array4::from_shape_fn(shape, |(_, channel, y, x)| {
        ((channel * 31 + y * 7 + x * 3) % 17) as f32 / 6.0 - 1.4
    });
    // What stays loaded is loaded in the third run.
    let runs = if matches!(step.how, How::Within(_)) { 4 } else { 2 };
    let (mut seconds, mut processor, mut answer) = (0.0, 0.0, Vec::new());
    let part = model.part(kind)?;
    match (kind, step.how) {
        (_, How::Exported) => {
            let mut session = engine::Session::open(&part.file, &engine::Options::default())?;
            let given: Vec<(String, engine::Tensor)> = told(step, &model)
                .into_iter()
                .map(|(name, values)| (name.to_owned(), values.into()))
                .chain([("sample".to_owned(), latents.into()), ("timestep".to_owned(), timestep(&session))])
                .collect();
            let given: Vec<(&str, engine::Tensor)> =
                given.iter().map(|(name, tensor)| (name.as_str(), tensor.clone())).collect();
            for _ in 0..2 {
                let begun = Instant::now();
                session.run(&given)?;
                seconds = begun.elapsed().as_secs_f64();
            }
        }
        (PartKind::Denoiser, _) => {
            let mut denoiser = Denoiser::open(part, model.family, &engine::Options::default(), way)?;
            let mut all = Told::rows(step.rows);
            told(step, &model).into_iter().for_each(|(name, values)| all.each(name, values));
            for _ in 0..runs {
                let (begun, spent) = (Instant::now(), processor_time());
                answer = denoiser.predict(&latents, 501.0, &all, step.rows)?.into_iter().collect();
                (seconds, processor) = (begun.elapsed().as_secs_f64(), processor_time() - spent);
            }
        }
        _ => {
            let mut decoder = VaeDecoder::open(part, &geometry, &options, way)?;
            let begun = Instant::now();
            let pixels = decoder.pixels(&latents)?;
            seconds = begun.elapsed().as_secs_f64();
            answer = pixels.into_iter().collect();
        }
    }
    let peak = engine::process().peak.ok_or("this system does not tell a process's peak")?;
    Ok(Measured { peak, foretold: own + need, seconds, processor, answer })
}

/// Seconds of processor time that this process has spent.
fn processor_time() -> f64 {
    const TICKS_A_SECOND: f64 = 100.0;
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // After the program's name in brackets, the 12th and the 13th number.
    let numbers = text.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace();
    let ticks = numbers.skip(11).take(2).filter_map(|text| text.parse::<f64>().ok());
    ticks.sum::<f64>() / TICKS_A_SECOND
}

fn timestep(session: &engine::Session) -> engine::Tensor {
    let element = session.input("timestep").and_then(|port| port.element).unwrap_or(engine::Element::F32);
    engine::Tensor::from_f32(ArrayD::from_elem(IxDyn(&[]), 501.0), element)
}

fn told(step: &Step, model: &Model) -> Vec<(&'static str, ArrayD<f32>)> {
    let values = |shape: &[usize]| ArrayD::from_shape_fn(IxDyn(shape), |at| (at[1] % 13) as f32 / 6.0 - 1.0);
    let config = model.find(PartKind::Denoiser).and_then(|part| part.config.as_ref());
    let width = config.and_then(|config| config["cross_attention_dim"].as_u64()).unwrap_or(768) as usize;
    let states = ("encoder_hidden_states", values(&[step.rows, 77, width]));
    match model.family {
        shortform::models::Family::StableDiffusionXl => {
            vec![states, ("text_embeds", values(&[step.rows, 1280])), ("time_ids", values(&[step.rows, 6]))]
        }
        _ => vec![states],
    }
}

/// The program's own `image`, one step, and the most it held.
fn picture(model: &Path) -> Result<u64> {
    let folder = tempfile::tempdir()?;
    let mut command = Command::new(env!("CARGO_BIN_EXE_shortform"));
    command
        .args([
            "image",
            "--prompt",
            "a lighthouse by the sea",
            "--inference-steps",
            "1",
            "--guidance-scale",
            "7.5",
        ])
        .args(["--size", "720x1280", "--memory-budget", "700MiB", "--quiet", "--model"])
        .arg(model)
        .arg("-o")
        .arg(folder.path().join("picture.png"));
    peak_of(&mut command)
}

/// Runs it, and says the most it held.
fn peak_of(command: &mut Command) -> Result<u64> {
    let mut child = command.spawn()?;
    let mut peak = 0;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        let text = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        peak = peak.max(kib.unwrap_or(0) * 1024);
        std::thread::sleep(std::time::Duration::from_millis(20));
    };
    if status.success() { Ok(peak) } else { Err(format!("{command:?} ended with {status}").into()) }
}

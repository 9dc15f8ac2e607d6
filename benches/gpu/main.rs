//! What `just bench-gpu` prints: time and the most memory of an NVIDIA card that models of real sizes take, held
//! in each way, and what nobody knew of CUDA before it was measured; beside it the same UNets in diffusers on torch
//! with its own offloads, where `SHORTFORM_BENCH_PYTHON` names a Python that has them.
//!
//! Each row is measured in a process of its own, which asks the driver (NVML) every few milliseconds how much of the
//! card is free. Other programs on the card spoil the figures. Weights are random, in the precision that is printed.

mod peers;
#[path = "../memory/sizes.rs"]
mod sizes;

use std::{
    error::Error,
    ops::ControlFlow,
    path::Path,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use ndarray::{Array4, ArrayD, IxDyn};
use serde::{Deserialize, Serialize};
use shortform::{
    diffusion::{self, Denoiser, Footprints, Geometry, Told, VaeDecoder, Way},
    engine::{self, Attention, Clean, Device, DeviceChoice, Loaded, Options, Policy},
    graph::{Document, ElementType, Storage},
    models::{Family, Model, PartKind},
    story::Size,
};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

const MIB: f64 = (1u64 << 20) as f64;
/// Under this name the program measures itself.
const STEP: &str = "SHORTFORM_BENCH_STEP";
/// Runs, of which the last is timed: the first one loads, chooses convolutions and warms the arena up.
const RUNS: usize = 4;

/// What is measured in a process of its own.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Step {
    model: String,
    device: u32,
    decoder: bool,
    width: u32,
    height: u32,
    how: How,
    attention: Attention,
    clean: Clean,
    /// Whether weights are kept in bytes and unpacked just before they are read.
    packed: bool,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
enum How {
    Resident,
    Group,
    Sequential,
}

/// What came out, in seconds and in bytes of the card above what it held before.
#[derive(Debug, Serialize, Deserialize)]
struct Measured {
    seconds: f64,
    /// The most.
    peak: u64,
    /// After the last run, with the session still there.
    kept: u64,
    /// After the session was dropped.
    left: u64,
    /// What the planner says of the peak.
    foretold: u64,
    /// Of the weights: `float32`, `float16` or `int8`.
    precision: String,
}

fn main() -> Result<()> {
    if let Ok(step) = std::env::var(STEP) {
        println!("{}", serde_json::to_string(&measure(&serde_json::from_str(&step)?)?)?);
        return Ok(());
    }
    // `cargo test --benches` builds this to see that it builds.
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let Some(device) = card() else { return Ok(()) };
    let models = sizes::make()?;
    let step = |model: &str, width, height, how| Step {
        model: models.join(model).display().to_string(),
        device,
        decoder: false,
        width,
        height,
        how,
        attention: Attention::Auto,
        clean: Clean::Auto,
        packed: false,
    };
    println!(
        "{:<50} {:>8} {:>10} {:>10} {:>10} {:>10}",
        "UNet, two rows; MiB", "seconds", "peak", "foretold", "kept", "left"
    );
    let mut first = Vec::new();
    for (model, width, height) in [("sd15", 512, 512), ("sd15", 720, 1280), ("sdxl", 768, 1344)] {
        let mut ours = Vec::new();
        for how in [How::Resident, How::Group, How::Sequential] {
            ours.push(show(&step(model, width, height, how)));
        }
        peers::show(device, model, (width, height), &ours);
        first.extend(ours.into_iter().flatten());
    }
    questions(&step, &first);
    Ok(())
}

/// The card to measure; where there is none that this program can use, says why.
fn card() -> Option<u32> {
    let machine = engine::probe();
    let card = machine.devices.iter().find_map(|known| match known.device {
        Device::Cuda(index) => Some((index, known)),
        _ => None,
    });
    let Some((index, known)) = card else {
        println!("no NVIDIA card here: nothing is measured");
        return None;
    };
    if let Err(error) = machine.choose(DeviceChoice::Only(Device::Cuda(index))) {
        println!("{known} is there, but cannot be used: {error}; nothing is measured");
        return None;
    }
    println!("{known}");
    Some(index)
}

/// What was open: nobody had measured it on a card.
fn questions(step: &dyn Fn(&str, u32, u32, How) -> Step, first: &[Measured]) {
    println!("\n1. pieces opened anew at each step: what could weights handed over as inputs win?");
    if let [resident, group, sequential, ..] = first {
        let above = |way: &Measured| way.seconds - resident.seconds;
        println!(
            "   SD 1.5, 512x512: loading costs {:.3} s a step one by one, {:.3} s with the next one prefetched: at most that",
            above(sequential),
            above(group)
        );
    }
    println!("2. weights of fewer bits, unpacked just before they are read: is the order kept on a card?");
    show(&Step { packed: true, ..step("sd15", 512, 512, How::Resident) });
    println!(
        "   it is where the peak is what was foretold; all weights unpacked at once would be 3.2 GiB more"
    );
    println!("3. attention in one operator: how much memory does it save on a card?");
    for attention in [Attention::Fused, Attention::Sliced, Attention::Plain] {
        print!("   {:<8}", format!("{attention:?}"));
        show(&Step { attention, ..step("sd15", 512, 512, How::Resident) });
    }
    println!(
        "4. shrinking the arena after a run (`gpu:0`): how much is given back after a VAE, and at what price?"
    );
    for clean in [Clean::Auto, Clean::Never] {
        print!("   {:<8}", format!("{clean:?}"));
        show(&Step { clean, decoder: true, ..step("sd15", 720, 1280, How::Resident) });
    }
    println!("   what stays on the card after a session was dropped is the column `left` of every row");
}

/// Measures and prints one row; what fails is a row too.
fn show(step: &Step) -> Option<Measured> {
    let model = Path::new(&step.model).file_name().unwrap_or_default().to_string_lossy();
    let part = if step.decoder { "vae decoder" } else { "unet" };
    let what = format!("{model} {part} {}x{}, {:?}", step.width, step.height, step.how);
    match of_its_own(step) {
        Ok(found) => {
            let mib = |bytes: u64| bytes as f64 / MIB;
            println!(
                "{:<50} {:>8.3} {:>10.0} {:>10.0} {:>10.0} {:>10.0}",
                format!("{what}, {}", found.precision),
                found.seconds,
                mib(found.peak),
                mib(found.foretold),
                mib(found.kept),
                mib(found.left)
            );
            Some(found)
        }
        Err(error) => {
            println!("{what:<50} failed: {error}");
            None
        }
    }
}

/// Runs the step in a process of its own.
fn of_its_own(step: &Step) -> Result<Measured> {
    let output = Command::new(std::env::current_exe()?).env(STEP, serde_json::to_string(step)?).output()?;
    if !output.status.success() {
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(told.lines().last().unwrap_or("it said nothing").to_owned().into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// Bytes free on the card.
fn free(device: u32) -> Option<u64> {
    let devices = engine::probe().devices;
    devices.iter().find(|known| known.device == Device::Cuda(device)).map(|known| known.free)
}

/// Looks at a card every few milliseconds.
struct Watch {
    most: Arc<AtomicU64>,
    over: Arc<AtomicBool>,
    looking: thread::JoinHandle<()>,
}

impl Watch {
    /// Of a card that has `before` bytes free.
    fn of(device: u32, before: u64) -> Self {
        let (most, over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let (seen, ended) = (Arc::clone(&most), Arc::clone(&over));
        let looking = thread::spawn(move || {
            while !ended.load(Ordering::Relaxed) {
                seen.fetch_max(before.saturating_sub(free(device).unwrap_or(before)), Ordering::Relaxed);
                thread::sleep(Duration::from_millis(3));
            }
        });
        Self { most, over, looking }
    }

    /// The most bytes that were taken meanwhile.
    fn end(self) -> Result<u64> {
        self.over.store(true, Ordering::Relaxed);
        self.looking.join().map_err(|_| "the watch on the card failed")?;
        Ok(self.most.load(Ordering::Relaxed))
    }
}

fn measure(step: &Step) -> Result<Measured> {
    engine::load()?;
    let before = free(step.device).ok_or("the card is gone")?;
    let used = || before.saturating_sub(free(step.device).unwrap_or(before));
    let watch = Watch::of(step.device, before);
    let model = Model::open("random", Path::new(&step.model))?;
    let geometry = Geometry::of(&model)?;
    let storage = step.packed.then_some(Storage::Int8);
    let policy = Policy { attention: step.attention, clean: step.clean, ..Policy::default() };
    let options = Options::on(Device::Cuda(step.device)).with(policy);
    let (size, rows) = (Size::new(step.width, step.height), if step.decoder { 1 } else { 2 });
    let kind = if step.decoder { PartKind::VaeDecoder } else { PartKind::Denoiser };
    let demands = Footprints::stored(&model, &geometry, options, storage)?.demands(size, rows as u64);
    let demand = demands.iter().find(|demand| demand.part == kind.to_string()).ok_or("no such part")?;
    let (way, foretold) = match step.how {
        How::Resident => (Way::Whole, demand.weights + demand.activations),
        How::Group => (Way::Pieces(2 * demand.least, Loaded::Two), 2 * demand.least),
        How::Sequential => (Way::Pieces(demand.least, Loaded::One), demand.least),
    };
    let model = match storage {
        Some(storage) => diffusion::stored(&model, storage, &mut |_| ControlFlow::Continue(()))?,
        None => model,
    };
    let part = model.part(kind)?;
    let latents = Array4::from_shape_fn(geometry.latent_shape(size), |(_, channel, y, x)| {
        ((channel * 31 + y * 7 + x * 3) % 17) as f32 / 6.0 - 1.4
    });
    let mut seconds = 0.0;
    let mut timed = |run: &mut dyn FnMut() -> Result<()>| -> Result<()> {
        for _ in 0..RUNS {
            let begun = Instant::now();
            run()?;
            seconds = begun.elapsed().as_secs_f64();
        }
        Ok(())
    };
    let kept = if step.decoder {
        let mut decoder = VaeDecoder::open(part, &geometry, &options, way)?;
        timed(&mut || decoder.decode(&latents).map(drop).map_err(Into::into))?;
        used()
    } else {
        let mut denoiser = Denoiser::open(part, model.family, &options, way)?;
        let told = told(model.family, rows);
        timed(&mut || denoiser.predict(&latents, 501.0, &told, rows).map(drop).map_err(Into::into))?;
        used()
    };
    let left = used();
    let peak = watch.end()?;
    let weights = Document::read(&part.file)?.weights_beside();
    let largest = weights.into_iter().max_by_key(|weight| weight.element.bytes(weight.dims.iter().product()));
    let precision = match largest.map(|weight| weight.element) {
        _ if step.packed => "int8",
        Some(ElementType::F16) => "float16",
        _ => "float32",
    };
    let precision = precision.to_owned();
    Ok(Measured { seconds, peak, kept, left, foretold, precision })
}

fn told(family: Family, rows: usize) -> Told {
    let values = |shape: &[usize]| ArrayD::from_shape_fn(IxDyn(shape), |at| (at[1] % 13) as f32 / 6.0 - 1.0);
    let mut told = Told::rows(rows);
    match family {
        Family::StableDiffusionXl => {
            told.each("encoder_hidden_states", values(&[rows, 77, 2048]));
            told.each("text_embeds", values(&[rows, 1280]));
            told.each("time_ids", values(&[rows, 6]));
        }
        _ => told.each("encoder_hidden_states", values(&[rows, 77, 768])),
    }
    told
}

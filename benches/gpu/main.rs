//! What `just bench-gpu` prints: time and the most memory of an NVIDIA card that models of real sizes take, held
//! in each way and with weights kept in fewer bits, and what nobody knew of CUDA before it was measured; beside it the
//! same UNets in diffusers on torch with its own offloads, where `SHORTFORM_BENCH_PYTHON` names a Python that has them.
//!
//! Each row is measured in a process of its own, which asks the driver (NVML) every few milliseconds how much of the
//! card is free. Other programs on the card spoil the figures. Weights are random, in the precision that is printed.
//! All of it takes half an hour; `SHORTFORM_BENCH_ONLY` names one portion of [`PORTIONS`].

mod card;
mod peers;
#[path = "../memory/sizes.rs"]
mod sizes;
mod step;

use std::{error::Error, path::Path, process::Command};

use shortform::{
    engine::{Attention, Clean},
    graph::Storage,
};

use card::Watch;
use step::{How, Measured, Part, STEP, Step, measure, of_its_own};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

const MIB: f64 = (1u64 << 20) as f64;
/// Runs, of which the last is timed: the first one loads, chooses convolutions and warms the arena up.
const RUNS: usize = 4;
/// What can be measured alone.
const PORTIONS: [&str; 5] = ["sd15-512x512", "sd15-720x1280", "sdxl-768x1344", "picture", "questions"];

fn main() -> Result<()> {
    if let Ok(step) = std::env::var(STEP) {
        println!("{}", serde_json::to_string(&measure(&serde_json::from_str(&step)?)?)?);
        return Ok(());
    }
    // `cargo test --benches` builds this to see that it builds.
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }
    let only = std::env::var("SHORTFORM_BENCH_ONLY").ok();
    if let Some(only) = only.as_deref().filter(|only| !PORTIONS.contains(only)) {
        return Err(format!("SHORTFORM_BENCH_ONLY={only}: there are {}", PORTIONS.join(", ")).into());
    }
    let is_wanted = |portion: &str| only.as_deref().is_none_or(|only| only == portion);
    let Some(device) = card::card() else { return Ok(()) };
    let models = sizes::make()?;
    let step = |model: &str, width, height, how| Step {
        model: models.join(model).display().to_string(),
        device,
        part: Part::Unet,
        width,
        height,
        how,
        attention: Attention::Auto,
        clean: Clean::Auto,
        storage: None,
    };
    println!(
        "{:<50} {:>8} {:>10} {:>10} {:>10} {:>10}",
        "UNet, two rows; MiB", "seconds", "peak", "foretold", "kept", "left"
    );
    for (model, width, height) in [("sd15", 512, 512), ("sd15", 720, 1280), ("sdxl", 768, 1344)] {
        if is_wanted(&format!("{model}-{width}x{height}")) {
            unet(device, &|how| step(model, width, height, how));
        }
    }
    if is_wanted("picture") {
        picture(device, &models.join("sd15"))?;
    }
    if is_wanted("questions") {
        questions(&step);
    }
    Ok(())
}

/// A UNet, held in each way and kept in each of the ways that save memory, and diffusers' beside it.
fn unet(device: u32, step: &dyn Fn(How) -> Step) {
    let whole = step(How::Resident);
    let mut ours = Vec::new();
    for how in [How::Resident, How::Group, How::Sequential] {
        ours.push((how, show(&step(how))));
    }
    let mut stored = Vec::new();
    for storage in [Storage::Fp16, Storage::Fp8, Storage::Int8] {
        for how in [How::Resident, How::Group] {
            let found = show(&Step { storage: Some(storage), ..step(how) });
            if storage == Storage::Fp16 {
                stored.push((how, found));
            }
        }
    }
    let model = Path::new(&whole.model).file_name().unwrap_or_default().to_string_lossy().into_owned();
    let size = (whole.width, whole.height);
    let precision = ours.iter().find_map(|(_, found)| Some(found.as_ref()?.precision.clone()));
    let Some(precision) = precision else { return };
    peers::show(device, &model, size, &precision, &ours);
    if precision != "float16" {
        // The file is of 32 bits: against torch's 16, with ours kept in as many.
        peers::show(device, &model, size, "float16", &stored);
    }
}

/// The program's own `image`, one step, and the most of the card it took.
fn picture(device: u32, model: &Path) -> Result<()> {
    let folder = tempfile::tempdir()?;
    for budget in [None, Some("2GiB")] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_shortform"));
        command.args(["image", "--prompt", "a lighthouse by the sea", "--inference-steps", "1"]);
        command.args(["--guidance-scale", "7.5", "--size", "720x1280", "--quiet"]);
        command.args(["--device", &format!("cuda:{device}"), "--model"]).arg(model);
        command.args(budget.iter().flat_map(|budget| ["--memory-budget", budget]));
        command.arg("-o").arg(folder.path().join("picture.png"));
        let watch = Watch::of(device, card::free(device).ok_or("the card is gone")?);
        let output = command.output();
        let peak = watch.end()?;
        let output = output?;
        let what = format!("sd15 text to PNG 720x1280, {}", budget.unwrap_or("no budget"));
        match output.status.success() {
            true => println!("{what:<50} {:>8} {:>10.0}", "", peak as f64 / MIB),
            false => println!(
                "{what:<50} failed: {}",
                String::from_utf8_lossy(&output.stderr).lines().last().unwrap_or("it said nothing")
            ),
        }
    }
    Ok(())
}

/// What was open: nobody had measured it on a card.
fn questions(step: &dyn Fn(&str, u32, u32, How) -> Step) {
    println!("\n1. pieces opened anew at each step: what could weights handed over as inputs win?");
    let found = [How::Resident, How::Group, How::Sequential].map(|how| show(&step("sd15", 512, 512, how)));
    if let [Some(resident), Some(group), Some(sequential)] = &found {
        let above = |way: &Measured| way.seconds - resident.seconds;
        println!(
            "   SD 1.5, 512x512: loading costs {:.3} s a step one by one, {:.3} s with the next one prefetched: at most that",
            above(sequential),
            above(group)
        );
    }
    println!("2. weights of fewer bits, unpacked just before they are read: is the order kept on a card?");
    show(&Step { storage: Some(Storage::Int8), ..step("sd15", 512, 512, How::Resident) });
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
        show(&Step { clean, part: Part::VaeDecoder, ..step("sd15", 720, 1280, How::Resident) });
    }
    println!("   what stays on the card after a session was dropped is the column `left` of every row");
}

/// Measures and prints one row; what fails is a row too.
fn show(step: &Step) -> Option<Measured> {
    let model = Path::new(&step.model).file_name().unwrap_or_default().to_string_lossy();
    let part = match step.part {
        Part::Unet => "unet",
        Part::VaeDecoder => "vae decoder",
    };
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

//! The same UNets in diffusers on torch, with its own offloads, on the same card.

use std::{path::Path, process::Command};

use serde::Deserialize;

use super::{
    MIB, RUNS, Result,
    card::{Watch, free},
    step::{How, Measured},
};

/// The offloads of diffusers, by the names that `peer.py` knows, and how ours holds the model to be compared with each.
const WAYS: [(&str, &str, How); 5] = [
    ("none", "all on the card", How::Resident),
    ("model", "enable_model_cpu_offload", How::Resident),
    ("group", "enable_group_offload, blocks", How::Group),
    ("leaf", "enable_group_offload, leaves", How::Group),
    ("sequential", "enable_sequential_cpu_offload", How::Sequential),
];
/// What ours is to take at most, of its time and of its memory.
const GOALS: [f64; 2] = [1.0, 0.8];

/// What `peer.py` answers: either.
#[derive(Deserialize)]
struct Told {
    seconds: Option<f64>,
    left_out: Option<String>,
}

/// Prints a row for each offload in `precision`, with what `ours` takes of its time and memory.
pub(super) fn show(
    device: u32,
    model: &str,
    size: (u32, u32),
    precision: &str,
    ours: &[(How, Option<Measured>)],
) {
    let Some(python) = std::env::var_os("SHORTFORM_BENCH_PYTHON") else {
        println!(
            "   diffusers: not measured: SHORTFORM_BENCH_PYTHON names no Python with torch and diffusers"
        );
        return;
    };
    for (way, name, beside) in WAYS {
        let what = format!("   diffusers, {precision}, {name}");
        let Some((_, Some(ours))) = ours.iter().find(|(how, found)| *how == beside && found.is_some()) else {
            continue;
        };
        match measure(Path::new(&python), device, model, size, way, precision) {
            Ok((seconds, peak)) => {
                let taken = [ours.seconds / seconds, ours.peak as f64 / peak as f64];
                let verdict = if (0..2).all(|at| taken[at] <= GOALS[at]) { "" } else { "  missed" };
                println!(
                    "{what:<50} {seconds:>8.3} {:>10.0}   ours takes {:.2} of the time, at most {:.1}; {:.2} of the memory, at most {:.1}{verdict}",
                    peak as f64 / MIB,
                    taken[0],
                    GOALS[0],
                    taken[1],
                    GOALS[1]
                );
            }
            Err(error) => println!("{what:<50} not measured: {error}"),
        }
    }
}

/// Seconds of the last run, and the most bytes of the card, its context included, as ours is measured.
fn measure(
    python: &Path,
    device: u32,
    model: &str,
    (width, height): (u32, u32),
    way: &str,
    precision: &str,
) -> Result<(f64, u64)> {
    let mut command = Command::new(python);
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/gpu/peer.py")).arg(model);
    command.args([width.to_string(), height.to_string(), way.to_owned(), precision.to_owned()]);
    command.args([RUNS.to_string(), format!("cuda:{device}")]);
    // Cards in the order of the driver, by which they are numbered here.
    command.env("CUDA_DEVICE_ORDER", "PCI_BUS_ID");
    let before = free(device).ok_or("the card is gone")?;
    let watch = Watch::of(device, before);
    let output = command.output();
    let peak = watch.end()?;
    let output = output?;
    if !output.status.success() {
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(told.lines().last().unwrap_or("it said nothing").to_owned().into());
    }
    let told: Told = serde_json::from_slice(&output.stdout)?;
    let seconds =
        told.seconds.ok_or_else(|| told.left_out.unwrap_or_else(|| "it said no time".to_owned()))?;
    Ok((seconds, peak))
}

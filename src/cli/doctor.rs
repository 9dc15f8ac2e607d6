//! `shortform doctor`: what this machine has and lacks.

use serde::Serialize;

use super::{
    args::{MachineArgs, OutputArgs},
    exit::{Exit, Failure, chain},
};
use crate::{
    compose::Fonts,
    diffusion::{self, Advice},
    engine::{self, Bytes},
    models::Catalog,
    speech,
    stages::Learned,
};

/// Show what this machine has and lacks: ONNX Runtime, devices, libav, voices, fonts, models
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    machine: MachineArgs,
}

/// One thing looked at.
#[derive(Debug, Serialize)]
struct Finding {
    what: &'static str,
    /// Whether the embedded default works with what was found.
    fine: bool,
    found: String,
}

pub(crate) fn doctor(args: &Args, output: &OutputArgs) -> Result<(), Failure> {
    let mut findings = vec![onnx_runtime()];
    findings.extend(devices());
    findings.extend(advice());
    #[cfg(feature = "video")]
    findings.push(libav());
    findings.push(voices());
    findings.push(fonts());
    findings.push(models(args));
    findings.push(store(args));
    findings.extend(learned(args));

    if output.json {
        println!("{}", serde_json::to_string(&findings).expect("findings are plain data"));
    } else {
        for finding in &findings {
            println!("{} {:<13} {}", if finding.fine { "✓" } else { "✗" }, finding.what, finding.found);
        }
    }
    let lacking: Vec<_> =
        findings.iter().filter(|finding| !finding.fine).map(|finding| finding.what).collect();
    if lacking.is_empty() {
        return Ok(());
    }
    Err(Failure::new(
        Exit::Missing,
        format!(
            "{} must be mended before a video can be made; `just setup` installs what is missing",
            lacking.join(", ")
        ),
    ))
}

fn finding<T, E: std::error::Error>(
    what: &'static str,
    result: Result<T, E>,
    found: impl FnOnce(T) -> String,
) -> Finding {
    match result {
        Ok(value) => Finding { what, fine: true, found: found(value) },
        Err(error) => Finding { what, fine: false, found: chain(&error) },
    }
}

fn onnx_runtime() -> Finding {
    finding("ONNX Runtime", engine::load(), |library| {
        format!("{} at {}", library.version, library.path.display())
    })
}

fn devices() -> Vec<Finding> {
    let machine = engine::probe();
    // A GPU that cannot be used is worth a line, not a failure: the processor does it all.
    machine
        .devices
        .iter()
        .map(|device| Finding { what: "device", fine: true, found: device.to_string() })
        .collect()
}

/// What usual models would do on the best device, as things are now.
fn advice() -> Vec<Finding> {
    let machine = engine::probe();
    let Ok((device, _)) = machine.choose(engine::DeviceChoice::Auto) else { return Vec::new() };
    let advise = |usual: diffusion::Usual| {
        let Advice { model, way, budget } = usual.on(device, engine::Wishes::default());
        let found = match way {
            Some((size, residency, bytes)) => {
                let from = if residency.is_in_pieces() { "from " } else { "" };
                format!(
                    "{model} would draw {size} on {}, {residency}, in {from}{} of {}",
                    device.device,
                    Bytes(bytes),
                    Bytes(budget)
                )
            }
            None => format!("{model} does not fit into {} on {}", Bytes(budget), device.device),
        };
        Finding { what: "advice", fine: true, found }
    };
    diffusion::Usual::all().into_iter().map(advise).collect()
}

#[cfg(feature = "video")]
fn libav() -> Finding {
    finding("libav", crate::media::library(), |text| text)
}

/// How far down models had to step on this machine.
fn learned(args: &Args) -> Vec<Finding> {
    let Ok(store) = args.machine.store() else { return Vec::new() };
    let found = |learned: Learned| {
        let found = format!("{learned}: `shortform cache forget` tries anew");
        Finding { what: "learned", fine: true, found }
    };
    Learned::all(&store).into_iter().map(found).collect()
}

fn voices() -> Finding {
    let voices = speech::version().and_then(|version| Ok((version, speech::languages()?.len())));
    finding("espeak-ng", voices, |(version, languages)| format!("{version}, {languages} languages"))
}

fn fonts() -> Finding {
    finding("fonts", Fonts::load(), |_| {
        "the built-in one; others are looked up when a letter needs them".to_owned()
    })
}

fn models(args: &Args) -> Finding {
    let catalog = Catalog::new(args.machine.models_dir.clone());
    finding("models", catalog.find("pocket"), |_| {
        let names: Vec<_> = catalog.installed().into_iter().map(|known| known.name).collect();
        format!("{} (in {})", names.join(", "), catalog.folder().display())
    })
}

fn store(args: &Args) -> Finding {
    finding("store", args.machine.store(), |store| store.root().display().to_string())
}

//! `shortform models optimize`: weights in fewer bits, made ahead.

use std::{ops::ControlFlow, time::Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::{
    super::{
        args::{MachineArgs, OutputArgs},
        exit::{Exit, Failure},
        generate::cancel_on_signals,
    },
    failure,
};
use crate::{
    diffusion,
    engine::Bytes,
    graph::Storage,
    models::{Catalog, Model},
    stages::Cancel,
};

/// Pack a model's weights ahead, as `memory.storage` keeps them
///
/// What is made lies beside the model, in a hidden folder. It is found by the first picture drawn with that storage,
/// which makes it by itself otherwise. What is there and whole is left as it is.
#[derive(Debug, clap::Args)]
pub(super) struct Optimize {
    /// A model's name (see `shortform models list`) or a folder in the diffusers ONNX layout
    model: String,
    /// How to keep the weights of text encoders and denoiser: fp16, bf16, int8, fp8, fp8-e5m2 or int4
    #[arg(long, default_value = "int8")]
    storage: Storage,
    /// Only this part, by the name of its folder: unet, text_encoder, ...; repeatable [default: all]
    #[arg(long = "part", value_name = "PART")]
    parts: Vec<String>,
    #[command(flatten)]
    machine: MachineArgs,
}

pub(super) fn optimize(args: &Optimize, output: &OutputArgs) -> Result<(), Failure> {
    let cancel = cancel_on_signals()?;
    let model =
        Catalog::new(args.machine.models_dir.clone()).find(&args.model).map_err(failure(Exit::Invalid))?;
    let model = only(model, &args.parts)?;
    let packed = pack(&model, args.storage, &cancel, output).map_err(|error| {
        let exit = match &error {
            diffusion::Error::PackingCancelled => Exit::Interrupted,
            diffusion::Error::Storing { .. } => Exit::Failed,
            _ => Exit::Invalid,
        };
        Failure::because(exit, &error)
    })?;
    for (part, old) in packed.parts.iter().zip(&model.parts) {
        let (before, after) = (bytes(&old.file), bytes(&part.file));
        let kind = part.kind.to_string();
        if output.json {
            let storage = (part.file != old.file).then_some(args.storage);
            let file = &part.file;
            let event = serde_json::json!({ "event": "optimized", "part": kind, "storage": storage, "file": file, "bytes": after, "bytes_before": before });
            println!("{event}");
        } else if !output.quiet {
            match part.file == old.file {
                true => eprintln!("{kind}: stays as it is, {}", Bytes(before)),
                false => eprintln!(
                    "{kind}: {} instead of {}, {}",
                    Bytes(after),
                    Bytes(before),
                    part.file.display()
                ),
            }
        }
    }
    Ok(())
}

/// The model with no other parts than these; with all of them where none is named.
fn only(mut model: Model, parts: &[String]) -> Result<Model, Failure> {
    let there: Vec<String> = model.parts.iter().map(|part| part.folder().to_owned()).collect();
    if let Some(unknown) = parts.iter().find(|part| !there.contains(part)) {
        let message = format!("`{}` has no part `{unknown}`; its parts are {}", model.name, there.join(", "));
        return Err(Failure::new(Exit::Usage, message));
    }
    model.parts.retain(|part| parts.is_empty() || parts.iter().any(|name| name == part.folder()));
    Ok(model)
}

/// What a network takes on the disk, its weights beside it included.
fn bytes(onnx: &std::path::Path) -> u64 {
    let files = onnx.parent().and_then(|folder| std::fs::read_dir(folder).ok());
    let all = files.into_iter().flatten().flatten().filter_map(|file| file.metadata().ok());
    all.filter(std::fs::Metadata::is_file).map(|file| file.len()).sum()
}

/// The model with its weights kept as `storage`; what is made for it is shown while it is made.
fn pack(
    model: &Model,
    storage: Storage,
    cancel: &Cancel,
    output: &OutputArgs,
) -> Result<Model, diffusion::Error> {
    let bar = if output.json || output.quiet { ProgressBar::hidden() } else { ProgressBar::new(0) };
    let style =
        ProgressStyle::with_template("{bar:28} {binary_bytes}/{binary_total_bytes}  {eta} left  {msg}");
    bar.set_style(style.expect("the template is a constant").progress_chars("━╸─"));
    let mut told = Instant::now();
    let packed = diffusion::stored(model, storage, &mut |packing| {
        if let (0, Some(broken), false) = (packing.done, &packing.broken, output.quiet) {
            bar.suspend(|| eprintln!("warning: {broken}; made again"));
        }
        bar.set_length(packing.total);
        bar.set_position(packing.done);
        bar.set_message(format!("{} as {storage}", packing.part));
        let last = packing.done == packing.total;
        if output.json && (packing.done == 0 || last || told.elapsed().as_secs() >= 1) {
            told = Instant::now();
            let part = packing.part.to_string();
            let event = serde_json::json!({ "event": "packing", "part": part, "storage": storage, "done": packing.done, "total": packing.total, "broken": packing.broken });
            println!("{event}");
        }
        if cancel.is_cancelled() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    bar.finish_and_clear();
    packed
}

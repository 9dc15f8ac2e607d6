//! `shortform image`: one prompt, one picture (or several).

mod drawer;
mod given;
mod words;

use std::path::PathBuf;

use super::{
    args::{MachineArgs, OutputArgs},
    exit::{Exit, Failure},
    generate::cancel_on_signals,
    input::write_picture,
};
use crate::{
    diffusion::{self, Noise, Reading},
    engine,
    models::{self, Catalog},
    pipeline::{self, Memory, Problems, split_set},
    story::{Seed, Size},
};

use drawer::Drawer;
use words::{Generator, Scheduler};

/// Draw a picture from a prompt
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What the picture shows
    #[arg(long)]
    prompt: String,
    /// What it does not show
    #[arg(long, value_name = "PROMPT")]
    negative_prompt: Option<String>,
    /// Read prompts as diffusers does: brackets are text, what is too long is cut off
    #[arg(long)]
    plain_prompt: bool,
    /// A model's name (see `shortform models list`) or a folder in the diffusers ONNX layout
    #[arg(long, default_value = "pocket")]
    model: String,
    /// The size to draw [default: the model's own at 9:16]
    #[arg(long, value_name = "WxH")]
    size: Option<Size>,
    /// How many times the denoiser is asked
    #[arg(long, value_name = "N", default_value_t = 12)]
    inference_steps: usize,
    /// How strongly the prompt pulls; 1 is not at all, 1.5 suits pocket, 7.5 Stable Diffusion 1.x
    #[arg(long, value_name = "SCALE", default_value_t = 1.5)]
    guidance_scale: f32,
    /// Draws guided pictures back to a natural contrast; 0.7 suits models that predict velocity
    #[arg(long, value_name = "0..1", default_value_t = 0.0)]
    guidance_rescale: f32,
    /// Leaves out the text encoder's last layers [default: the model's own choice]
    #[arg(long, value_name = "N")]
    clip_skip: Option<usize>,
    /// How much noise DDIM adds on its way
    #[arg(long, value_name = "0..1", default_value_t = 0.0)]
    eta: f64,
    /// The noise scheduler
    #[arg(long, value_enum, default_value_t = Scheduler::Auto)]
    scheduler: Scheduler,
    /// Fixes the noise
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Whose numbers the seed stands for
    #[arg(long, value_enum, default_value_t = Generator::TorchCpu)]
    rng: Generator,
    /// How many pictures; each next one takes the next seed
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=1000))]
    count: u64,
    /// Start from a picture; it is scaled and cropped to the size drawn
    #[arg(long, value_name = "FILE", requires = "strength")]
    init_image: Option<PathBuf>,
    /// How much of that picture is redrawn: 0 keeps it, 1 keeps nothing
    #[arg(long, value_name = "0..1", requires = "init_image")]
    strength: Option<f64>,
    /// What looks at --likeness-image: the name or the folder of an IP-Adapter made for the model's family
    #[arg(long, value_name = "NAME", requires = "likeness_image")]
    ip_adapter: Option<String>,
    /// A picture of somebody who is to be in the picture
    #[arg(long, value_name = "FILE", requires = "ip_adapter")]
    likeness_image: Option<PathBuf>,
    /// How much that picture counts: 0 not at all, 1 as much as the prompt
    #[arg(long, value_name = "0..1", default_value_t = 0.6)]
    likeness: f32,
    /// Start from this noise: float32 NPY of shape (1, channels, height/8, width/8), standard normal
    #[arg(long, value_name = "FILE.npy", conflicts_with = "count")]
    latents: Option<PathBuf>,
    /// Write the final latents, before the VAE
    #[arg(long, value_name = "FILE.npy")]
    save_latents: Option<PathBuf>,
    /// The PNG or JPEG to write; with --count, -2, -3 ... are added to the name
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// auto, cpu, cuda, cuda:N or coreml; two, as `cuda:0,cuda:1`, take one half of guidance each
    #[arg(long)]
    device: Option<String>,
    /// The most memory to use: auto, or a size such as 6GiB
    #[arg(long, value_name = "SIZE")]
    memory_budget: Option<String>,
    /// How the weights of text encoders and denoiser are kept: auto, none (as they are), fp16, bf16, int8, fp8,
    /// fp8-e5m2 or int4
    #[arg(long)]
    storage: Option<String>,
    /// Any other setting of memory, as in a pipeline: `--set memory.offload=sequential`; may be repeated
    #[arg(long = "set", value_name = "memory.NAME=VALUE")]
    sets: Vec<String>,
    #[command(flatten)]
    machine: MachineArgs,
}

pub(crate) fn image(args: &Args, output: &OutputArgs) -> Result<(), Failure> {
    let cancel = cancel_on_signals()?;
    let model = Catalog::new(args.machine.models_dir.clone())
        .find(&args.model)
        .map_err(|error| Failure::because(exit_of_model(&error), &error))?;
    let memory = memory(args, output)?;
    let mut drawer = Drawer::open(args, model, memory, &cancel, output)?;
    let size = drawer.size();
    let latents = args.latents.as_ref().map(given::read_latents).transpose()?;
    let start = given::start(args, size)?;
    let likeness = given::likeness(args)?;
    let dropped = drawer.dropped_tokens();
    if dropped > 0 && !output.quiet {
        eprintln!("warning: the last {dropped} tokens of the prompt do not fit and are not seen");
    }
    for index in 0..args.count {
        let seed = args.seed + index;
        let noise = match &latents {
            None => Noise::Seed(Seed(seed)),
            Some(latents) => Noise::Latents(latents.clone(), Seed(seed)),
        };
        let request = diffusion::Request {
            negative_prompt: args.negative_prompt.clone(),
            reading: args.reading(),
            inference_steps: args.inference_steps,
            guidance_scale: args.guidance_scale,
            guidance_rescale: args.guidance_rescale,
            clip_skip: args.clip_skip,
            scheduler: args.scheduler.into(),
            eta: args.eta,
            rng: args.rng.into(),
            noise,
            start: start.clone(),
            likeness: likeness.clone(),
            ..diffusion::Request::new(args.prompt.clone(), size)
        };
        let picture = drawer.draw(&request)?;
        diffusion::check(&picture).map_err(|blank| Failure::because(Exit::Failed, &blank))?;
        let path = numbered(&args.output, index);
        if let Some(latents) = &args.save_latents {
            given::write_latents(&numbered(latents, index), &picture.latents)?;
        }
        write_picture(&path, &picture.image)?;
        if output.json {
            println!(
                "{}",
                serde_json::json!({ "event": "published", "path": path, "size": size, "seed": seed })
            );
        } else if !output.quiet {
            eprintln!("{}  {size}, seed {seed}", path.display());
        }
    }
    Ok(())
}

impl Args {
    fn reading(&self) -> Reading {
        if self.plain_prompt { Reading::Plain } else { Reading::Weighted }
    }
}

/// `name.png`, `name-2.png`, `name-3.png` ...
fn numbered(path: &std::path::Path, index: u64) -> PathBuf {
    if index == 0 {
        return path.to_owned();
    }
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let ending = path.extension().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!("{stem}-{}.{ending}", index + 1))
}

/// What the user wishes of memory and device: as a pipeline has it, the environment, and the flags over it.
fn memory(args: &Args, output: &OutputArgs) -> Result<Memory, Failure> {
    let drawn = |exit| move |problems: Problems| Failure::drawn(exit, problems.draw(output.color.wanted()));
    let flags = [
        ("--device", "memory.device", &args.device),
        ("--memory-budget", "memory.budget", &args.memory_budget),
        ("--storage", "memory.storage", &args.storage),
    ];
    let said = flags
        .into_iter()
        .filter_map(|(flag, path, value)| Some((flag.to_owned(), path.to_owned(), value.as_ref()?.clone())));
    let mut sets: Vec<_> = said.collect();
    for set in &args.sets {
        let (path, value) = split_set(set).map_err(drawn(Exit::Usage))?;
        if !path.starts_with("memory.") {
            let message =
                format!("--set {path}: `image` takes settings of memory alone, such as memory.offload");
            return Err(Failure::new(Exit::Usage, message));
        }
        sets.push(("--set".to_owned(), path, value));
    }
    let environment = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| name.starts_with("SHORTFORM_MEMORY_"))
        .collect();
    let request = pipeline::Request { environment, sets, ..pipeline::Request::default() };
    Ok(pipeline::load(&request).map_err(drawn(Exit::Invalid))?.memory)
}

fn exit_of_model(error: &models::Error) -> Exit {
    match error {
        models::Error::Missing { .. } => Exit::Missing,
        _ => Exit::Invalid,
    }
}

fn exit_of(error: &diffusion::Error) -> Exit {
    match error {
        diffusion::Error::Engine(engine::Error::OutOfMemory { .. }) => Exit::OutOfMemory,
        diffusion::Error::Engine(
            engine::Error::LibraryMissing { .. }
            | engine::Error::LibraryBroken { .. }
            | engine::Error::LibraryTooOld { .. }
            | engine::Error::DeviceUnusable { .. },
        ) => Exit::Missing,
        diffusion::Error::Model(error) => exit_of_model(error),
        diffusion::Error::Cancelled(_) | diffusion::Error::PackingCancelled => Exit::Interrupted,
        diffusion::Error::Request(_) | diffusion::Error::Latents { .. } | diffusion::Error::Size { .. } => {
            Exit::Invalid
        }
        _ => Exit::Failed,
    }
}

//! `shortform image`: one prompt, one picture (or several).

use std::{ops::ControlFlow, path::PathBuf};

use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressStyle};
use ndarray::Array4;

use super::{
    args::{Budget, MachineArgs, OutputArgs},
    exit::{Exit, Failure, chain},
    generate::cancel_on_signals,
    input::{failed, write_picture},
};
use crate::{
    diffusion::{self, IpAdapter, Kept, Likeness, Noise, Reading, Source, Start, TextToImage},
    engine::{self, Candidate, Device, DeviceChoice, Limit, Residency, Rung, Wishes},
    graph::Storage,
    models::{self, Catalog},
    stages::Cancel,
    store,
    story::{Rng, SchedulerKind, Seed, Size},
    upscale,
};

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
    /// auto, cpu, cuda, cuda:N or coreml
    #[arg(long, default_value = "auto", env = "SHORTFORM_MEMORY_DEVICE")]
    device: DeviceChoice,
    /// The most memory to use: auto, or a size such as 6GiB
    #[arg(long, default_value = "auto", env = "SHORTFORM_MEMORY_BUDGET", value_name = "SIZE")]
    memory_budget: Budget,
    /// How the weights of text encoders and denoiser are kept: auto, none (as they are), fp16, bf16, int8, fp8,
    /// fp8-e5m2 or int4
    #[arg(long, default_value = "auto", env = "SHORTFORM_MEMORY_STORAGE")]
    storage: Storages,
    #[command(flatten)]
    machine: MachineArgs,
}

/// The ways in which weights may be kept, the most wished for first.
#[derive(Debug, Clone)]
struct Storages(Vec<Option<Storage>>);

impl std::str::FromStr for Storages {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(Self(match text {
            "auto" => vec![None, Some(Storage::Int8)],
            "none" => vec![None],
            _ => vec![Some(text.parse()?)],
        }))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Scheduler {
    /// The model's own
    Auto,
    Ddim,
    Ddpm,
    Pndm,
    Euler,
    EulerAncestral,
    Heun,
    #[value(name = "dpmpp-2m")]
    Dpmpp2m,
    #[value(name = "dpmpp-2m-karras")]
    Dpmpp2mKarras,
    #[value(name = "dpmpp-2m-sde")]
    Dpmpp2mSde,
    #[value(name = "dpmpp-2m-sde-karras")]
    Dpmpp2mSdeKarras,
    Unipc,
    Lcm,
    FlowMatchEuler,
}

impl From<Scheduler> for SchedulerKind {
    fn from(scheduler: Scheduler) -> Self {
        match scheduler {
            Scheduler::Auto => Self::Auto,
            Scheduler::Ddim => Self::Ddim,
            Scheduler::Ddpm => Self::Ddpm,
            Scheduler::Pndm => Self::Pndm,
            Scheduler::Euler => Self::Euler,
            Scheduler::EulerAncestral => Self::EulerAncestral,
            Scheduler::Heun => Self::Heun,
            Scheduler::Dpmpp2m => Self::Dpmpp2m,
            Scheduler::Dpmpp2mKarras => Self::Dpmpp2mKarras,
            Scheduler::Dpmpp2mSde => Self::Dpmpp2mSde,
            Scheduler::Dpmpp2mSdeKarras => Self::Dpmpp2mSdeKarras,
            Scheduler::Unipc => Self::Unipc,
            Scheduler::Lcm => Self::Lcm,
            Scheduler::FlowMatchEuler => Self::FlowMatchEuler,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Generator {
    /// PyTorch's on the processor, as diffusers' examples use
    TorchCpu,
    /// PyTorch's on a CUDA card
    TorchCuda,
}

impl From<Generator> for Rng {
    fn from(generator: Generator) -> Self {
        match generator {
            Generator::TorchCpu => Self::TorchCpu,
            Generator::TorchCuda => Self::TorchCuda,
        }
    }
}

pub(crate) fn image(args: &Args, output: &OutputArgs) -> Result<(), Failure> {
    let cancel = cancel_on_signals()?;
    let model = Catalog::new(args.machine.models_dir.clone())
        .find(&args.model)
        .map_err(|error| Failure::because(exit_of_model(&error), &error))?;
    let mut drawer = Drawer::open(args, &model, &cancel, output)?;
    let size = drawer.size;
    let latents = args.latents.as_ref().map(read_latents).transpose()?;
    let start = start(args, size)?;
    let likeness = likeness(args)?;
    let dropped = drawer.painter.dropped_tokens(&args.prompt, args.reading());
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
        let picture = drawer.draw(&request, &cancel)?;
        diffusion::check(&picture).map_err(|blank| Failure::because(Exit::Failed, &blank))?;
        let path = numbered(&args.output, index);
        if let Some(latents) = &args.save_latents {
            write_latents(&numbered(latents, index), &picture.latents)?;
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

/// The picture to start from, at the size drawn.
fn start(args: &Args, size: Size) -> Result<Start, Failure> {
    let (Some(path), Some(strength)) = (&args.init_image, args.strength) else { return Ok(Start::Noise) };
    let shown = path.display();
    let picture = image::open(path).map_err(|error| {
        Failure::new(Exit::Invalid, format!("--init-image {shown} is no picture that can be read: {error}"))
    })?;
    let fitted = upscale::fit(&picture.to_rgb8(), size, 1.0)
        .map_err(|error| failed(&format!("--init-image {shown}"), &error))?;
    Ok(Start::Given(Source::Picture(fitted), Kept::Strength(strength)))
}

/// The picture that the adapter looks at.
fn likeness(args: &Args) -> Result<Option<Likeness>, Failure> {
    let Some(path) = &args.likeness_image else { return Ok(None) };
    if !(0.0..=1.0).contains(&args.likeness) {
        let message = format!("--likeness is {}, expected 0 to 1", args.likeness);
        return Err(Failure::new(Exit::Usage, message));
    }
    let picture = image::open(path).map_err(|error| {
        let shown = path.display();
        let message = format!("--likeness-image {shown} is no picture that can be read: {error}");
        Failure::new(Exit::Invalid, message)
    })?;
    Ok(Some(Likeness { picture: picture.to_rgb8(), scale: args.likeness }))
}

/// What looks at pictures, read anew each time: it costs nothing before it looks.
fn adapter(args: &Args) -> Result<Option<IpAdapter>, Failure> {
    let Some(name) = &args.ip_adapter else { return Ok(None) };
    let adapter = Catalog::new(args.machine.models_dir.clone())
        .adapter(name)
        .map_err(|error| Failure::because(exit_of_model(&error), &error))?;
    let adapter = IpAdapter::open(&adapter).map_err(|error| Failure::because(exit_of(&error), &error))?;
    Ok(Some(adapter))
}

/// Whoever draws.
struct Drawer<'a> {
    args: &'a Args,
    model: models::Model,
    output: &'a OutputArgs,
    device: Device,
    size: Size,
    rung: Rung,
    /// The fewest bytes that the size can be drawn in.
    least: u64,
    /// Keeps it within what was asked for.
    _limit: Option<Limit>,
    painter: TextToImage,
}

impl<'a> Drawer<'a> {
    /// Decides where and how to draw, says so, and reads the model.
    fn open(
        args: &'a Args,
        model: &models::Model,
        cancel: &Cancel,
        output: &'a OutputArgs,
    ) -> Result<Self, Failure> {
        let because = |error: diffusion::Error| Failure::because(exit_of(&error), &error);
        let geometry = diffusion::Geometry::of(model).map_err(because)?;
        let size = match args.size {
            Some(size) if !geometry.fits(size) => {
                let nearest = geometry.nearest_size(size);
                let message = format!(
                    "{} cannot draw {size}: both sides must be multiples of {}; the nearest size is --size {nearest}",
                    model.name, geometry.multiple
                );
                return Err(Failure::new(Exit::Invalid, message));
            }
            Some(size) => size,
            None => geometry.size_of(9.0 / 16.0, geometry.native.area()),
        };
        let machine = engine::probe();
        let (device, why) =
            machine.choose(args.device).map_err(|error| Failure::because(Exit::Missing, &error))?;
        let rows = if args.guidance_scale > 1.0 { 2 } else { 1 };
        let looking = adapter(args)?;
        let wishes = Wishes::on(device.device, args.memory_budget.bytes(), None);
        let mut candidates = Vec::new();
        let mut placed = None;
        for (tried, &storage) in args.storage.0.iter().enumerate() {
            let footprints = diffusion::Footprints::stored(model, &geometry, device.device, storage);
            let mut footprints = footprints.map_err(because)?;
            if let Some(looking) = &looking {
                footprints = footprints.looking_through(looking).map_err(because)?;
            }
            if args.init_image.is_some() {
                footprints = footprints.starting_from_pictures().map_err(because)?;
            }
            candidates.extend((1..=rows).rev().map(|rows| Candidate {
                width: size.width,
                height: size.height,
                rows,
                stored: storage.map(Storage::name),
                demands: footprints.demands(size, rows),
            }));
            match engine::place(device, wishes, &candidates) {
                Ok(placement) => {
                    placed = Some((placement, storage));
                    break;
                }
                Err(_) if tried + 1 < args.storage.0.len() => {}
                Err(error) => return Err(Failure::because(Exit::OutOfMemory, &error)),
            }
        }
        let (placement, storage) = placed.unwrap_or_else(|| unreachable!("there is a way to keep weights"));
        if !output.quiet && !output.json {
            for line in why.iter().chain(&placement.lines) {
                eprintln!("{line}");
            }
        }
        let stored = match storage {
            Some(storage) => Some(super::models::pack(model, storage, cancel, output).map_err(because)?),
            None => None,
        };
        let model = stored.unwrap_or_else(|| model.clone());
        let rung = Rung {
            size: 0,
            rows: candidates[placement.candidate].rows as usize,
            residency: placement.residency,
            limit: placement.predicted,
        };
        let taken = candidates[placement.candidate].stored;
        let of_it = candidates.iter().filter(|candidate| candidate.stored == taken);
        let least = of_it.map(|c| c.held(Residency::Sequential)).min().unwrap_or(0);
        let painter = load(args, &model, options(device.device, rung))?;
        let device = device.device;
        let _limit = args.memory_budget.bytes().map(|_| Limit::of(placement.budget));
        Ok(Self { args, model, output, device, size, rung, least, _limit, painter })
    }

    /// Draws; while memory runs out, in a way that takes less.
    fn draw(&mut self, request: &diffusion::Request, cancel: &Cancel) -> Result<diffusion::Picture, Failure> {
        loop {
            match draw(&mut self.painter, request, cancel, self.output) {
                Err(diffusion::Error::Engine(error @ engine::Error::OutOfMemory { .. })) => {
                    self.step_down(&error)?;
                }
                done => return done.map_err(|error| Failure::because(exit_of(&error), &error)),
            }
        }
    }

    fn step_down(&mut self, error: &engine::Error) -> Result<(), Failure> {
        let denoiser = self.model.find(models::PartKind::Denoiser).map(|part| &part.file);
        let rows_matter = matches!(
            error, engine::Error::OutOfMemory { path, loading: false, .. } if Some(path) == denoiser
        );
        let Some(next) = self.rung.below(rows_matter, &[self.least]) else {
            return Err(Failure::because(Exit::OutOfMemory, error));
        };
        if !self.output.quiet {
            eprintln!("warning: {error}; going on {}", self.rung.step_to(&next));
        }
        self.rung = next;
        let undecoded = self.painter.take_undecoded();
        // It has loaded nothing yet; what the other one loaded is given back as it is replaced.
        self.painter = load(self.args, &self.model, options(self.device, next))?;
        self.painter.go_on_with(undecoded);
        Ok(())
    }
}

fn options(device: Device, rung: Rung) -> diffusion::Options {
    let Rung { rows, residency, limit, .. } = rung;
    diffusion::Options { session: engine::Options::on(device), residency, limit, rows, beside: None }
}

fn load(args: &Args, model: &models::Model, options: diffusion::Options) -> Result<TextToImage, Failure> {
    let because = |error: diffusion::Error| Failure::because(exit_of(&error), &error);
    let painter = TextToImage::open(model, options).map_err(because)?;
    match adapter(args)? {
        Some(adapter) => painter.with_adapter(adapter).map_err(because),
        None => Ok(painter),
    }
}

fn draw(
    painter: &mut TextToImage,
    request: &diffusion::Request,
    cancel: &Cancel,
    output: &OutputArgs,
) -> Result<diffusion::Picture, diffusion::Error> {
    let bar = if output.json || output.quiet {
        ProgressBar::hidden()
    } else {
        ProgressBar::new(request.inference_steps as u64)
    };
    let style = ProgressStyle::with_template("{bar:28} {pos}/{len} inference steps  {eta} left");
    bar.set_style(style.expect("the template is a constant").progress_chars("━╸─"));
    let pictures = painter.generate(request, &mut |progress| {
        bar.set_length(progress.total as u64);
        bar.set_position(progress.step as u64);
        if cancel.is_cancelled() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    bar.finish_and_clear();
    Ok(pictures?.swap_remove(0))
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

fn read_latents(path: &PathBuf) -> Result<Array4<f32>, Failure> {
    ndarray_npy::read_npy(path).map_err(|error| {
        let wanted = "a float32 array of four dimensions is wanted";
        Failure::new(Exit::Invalid, format!("--latents {}: {}; {wanted}", path.display(), chain(&error)))
    })
}

fn write_latents(path: &std::path::Path, latents: &Array4<f32>) -> Result<(), Failure> {
    use ndarray_npy::WriteNpyExt;
    let mut bytes = Vec::new();
    latents
        .write_npy(&mut bytes)
        .map_err(|error| failed(&format!("{} cannot be encoded", path.display()), &error))?;
    store::write_atomically(path, &bytes)
        .map_err(|error| failed(&format!("{} cannot be written", path.display()), &error))
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
        diffusion::Error::Cancelled { .. } | diffusion::Error::PackingCancelled => Exit::Interrupted,
        diffusion::Error::Request(_) | diffusion::Error::Latents { .. } | diffusion::Error::Size { .. } => {
            Exit::Invalid
        }
        _ => Exit::Failed,
    }
}

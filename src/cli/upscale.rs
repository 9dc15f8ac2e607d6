//! `shortform upscale`: one picture, larger.

use std::{ops::ControlFlow, path::PathBuf};

use image::RgbImage;

use super::{
    args::{Budget, MachineArgs, OutputArgs},
    exit::{Exit, Failure},
    generate::cancel_on_signals,
    input::write_picture,
};
use crate::{
    compose,
    engine::{self, DeviceChoice, Limit, Wishes},
    models::{self, Catalog},
    stages::Cancel,
    story::Size,
    upscale::{self, Network, Upscaler},
};

/// Enlarge (or shrink) a picture to exactly a size, cropping what does not fit its shape
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A PNG, JPEG or WebP
    input: PathBuf,
    /// The PNG or JPEG to write
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// The size to reach
    #[arg(long, value_name = "WxH", default_value = "1080x1920")]
    size: Size,
    /// lanczos; the name of an upscaling model (`pocket-upscaler` for flat illustration) or the path of one;
    /// auto: the first in the folder of models, else lanczos
    #[arg(long, value_name = "NAME", default_value = "auto")]
    model: String,
    /// What is kept of a picture of another shape
    #[arg(long, value_enum, default_value = "subject")]
    crop: Crop,
    /// auto, cpu, cuda, cuda:N or coreml
    #[arg(long, default_value = "auto", env = "SHORTFORM_MEMORY_DEVICE")]
    device: DeviceChoice,
    /// The most memory to use: auto, or a size such as 6GiB
    #[arg(long, default_value = "auto", env = "SHORTFORM_MEMORY_BUDGET", value_name = "SIZE")]
    memory_budget: Budget,
    #[command(flatten)]
    machine: MachineArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Crop {
    /// The part around what draws the eye
    Subject,
    /// The middle
    Middle,
}

pub(crate) fn upscale(args: &Args, output: &OutputArgs) -> Result<(), Failure> {
    let cancel = cancel_on_signals()?;
    let shown = args.input.display();
    let picture = image::open(&args.input).map_err(|error| {
        Failure::new(Exit::Invalid, format!("{shown} is no picture that can be read: {error}"))
    })?;
    let say = |line: &str| {
        if !output.quiet && !output.json {
            eprintln!("{line}");
        }
    };
    let picture = picture.to_rgb8();
    let around = match args.crop {
        Crop::Subject => compose::subject(&picture),
        Crop::Middle => upscale::MIDDLE,
    };
    let because = |error: upscale::Error| Failure::because(exit_of(&error), &error);
    let enlarged = match model(args).map_err(|error| because(error.into()))? {
        None => {
            let from = Size::new(picture.width(), picture.height());
            say(&format!("upscale: {from} to {} with lanczos", args.size));
            picture
        }
        Some(model) => match enlarge(args, &model, &picture, &cancel, &say) {
            Ok(enlarged) => enlarged,
            Err(error @ upscale::Error::TooSmall { .. }) if args.model == "auto" => {
                say(&format!("{error}; lanczos stands in"));
                picture
            }
            Err(error) => return Err(because(error)),
        },
    };
    let fitted = upscale::fit(&enlarged, args.size, 1.0, around).map_err(because)?;
    write_picture(&args.output, &fitted)?;
    say(&format!("{}  {}", args.output.display(), args.size));
    Ok(())
}

/// The model asked for; none is Lanczos.
fn model(args: &Args) -> Result<Option<models::Upscaler>, models::Error> {
    let catalog = Catalog::new(args.machine.models_dir.clone());
    match args.model.as_str() {
        "lanczos" => Ok(None),
        "auto" => catalog.upscaler_for(None),
        name => catalog.upscaler(name).map(Some),
    }
}

fn enlarge(
    args: &Args,
    model: &models::Upscaler,
    picture: &RgbImage,
    cancel: &Cancel,
    say: &dyn Fn(&str),
) -> Result<RgbImage, upscale::Error> {
    let machine = engine::probe();
    let (device, why) = machine.choose(args.device)?;
    let wished = args.memory_budget.bytes();
    let budget = Wishes::on(device.device, wished, None).allowed(device);
    let size = Size::new(picture.width(), picture.height());
    // Asked before it is loaded: what does not fit is not tried.
    Network::inspect(model)?.plan(size, budget)?;
    let _limit = wished.map(|_| Limit::of(budget));
    let mut upscaler = Upscaler::open(model, &engine::Options::on(device.device).within(budget))?;
    let plan = upscaler.network().plan(size, budget)?;
    why.iter().for_each(|why| say(why));
    say(plan.line());
    upscaler.enlarge(picture, &plan, &mut |_, _| match cancel.is_cancelled() {
        true => ControlFlow::Break(()),
        false => ControlFlow::Continue(()),
    })
}

fn exit_of(error: &upscale::Error) -> Exit {
    use engine::Error as E;
    use upscale::Error as U;
    match error {
        U::Impossible { .. } => Exit::Invalid,
        U::Engine(E::OutOfMemory { .. }) | U::TooSmall { .. } => Exit::OutOfMemory,
        U::Engine(
            E::LibraryMissing { .. }
            | E::LibraryBroken { .. }
            | E::LibraryTooOld { .. }
            | E::DeviceUnusable { .. },
        )
        | U::Model(models::Error::Missing { .. } | models::Error::NotBuiltIn(_)) => Exit::Missing,
        U::Model(_) | U::Graph(_) | U::Contract { .. } => Exit::Invalid,
        U::Cancelled { .. } => Exit::Interrupted,
        _ => Exit::Failed,
    }
}

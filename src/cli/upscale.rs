//! `shortform upscale`: one picture, larger.

use std::path::PathBuf;

use super::{
    args::OutputArgs,
    exit::{Exit, Failure},
    input::{failed, write_picture},
};
use crate::{story::Size, upscale};

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
    /// lanczos; models come in a later version
    #[arg(long, value_name = "NAME", default_value = "lanczos")]
    model: String,
}

pub(crate) fn upscale(args: &Args, output: &OutputArgs) -> Result<(), Failure> {
    if args.model != "lanczos" {
        let message =
            format!("the upscaler `{}` is not built into this version: only `lanczos` is", args.model);
        return Err(Failure::new(Exit::Missing, message));
    }
    let shown = args.input.display();
    let picture = image::open(&args.input).map_err(|error| {
        Failure::new(Exit::Invalid, format!("{shown} is no picture that can be read: {error}"))
    })?;
    let enlarged = upscale::fit(&picture.to_rgb8(), args.size, 1.0)
        .map_err(|error| failed(&format!("{shown}"), &error))?;
    write_picture(&args.output, &enlarged)?;
    if !output.quiet && !output.json {
        eprintln!("{}  {}", args.output.display(), args.size);
    }
    Ok(())
}

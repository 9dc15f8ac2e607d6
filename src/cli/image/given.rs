//! What a picture is made from besides words.

use std::path::PathBuf;

use ndarray::Array4;

use super::{
    super::{
        exit::{Exit, Failure, chain},
        input::failed,
    },
    Args, exit_of, exit_of_model,
};
use crate::{
    diffusion::{IpAdapter, Kept, Likeness, Source, Start},
    models::Catalog,
    store,
    story::Size,
    upscale,
};

/// The picture to start from, at the size drawn.
pub(super) fn start(args: &Args, size: Size) -> Result<Start, Failure> {
    let (Some(path), Some(strength)) = (&args.init_image, args.strength) else { return Ok(Start::Noise) };
    let shown = path.display();
    let picture = image::open(path).map_err(|error| {
        Failure::new(Exit::Invalid, format!("--init-image {shown} is no picture that can be read: {error}"))
    })?;
    let fitted = upscale::fit(&picture.to_rgb8(), size, 1.0, upscale::MIDDLE)
        .map_err(|error| failed(&format!("--init-image {shown}"), &error))?;
    Ok(Start::Given(Source::Picture(fitted), Kept::Strength(strength)))
}

/// The picture that the adapter looks at.
pub(super) fn likeness(args: &Args) -> Result<Option<Likeness>, Failure> {
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
pub(super) fn adapter(args: &Args) -> Result<Option<IpAdapter>, Failure> {
    let Some(name) = &args.ip_adapter else { return Ok(None) };
    let adapter = Catalog::new(args.machine.models_dir.clone())
        .adapter(name)
        .map_err(|error| Failure::because(exit_of_model(&error), &error))?;
    let adapter = IpAdapter::open(&adapter).map_err(|error| Failure::because(exit_of(&error), &error))?;
    Ok(Some(adapter))
}

/// Noise, or latents, from a file.
pub(super) fn read_latents(path: &PathBuf) -> Result<Array4<f32>, Failure> {
    ndarray_npy::read_npy(path).map_err(|error| {
        let wanted = "a float32 array of four dimensions is wanted";
        Failure::new(Exit::Invalid, format!("--latents {}: {}; {wanted}", path.display(), chain(&error)))
    })
}

/// Latents into a file.
pub(super) fn write_latents(path: &std::path::Path, latents: &Array4<f32>) -> Result<(), Failure> {
    use ndarray_npy::WriteNpyExt;
    let mut bytes = Vec::new();
    latents
        .write_npy(&mut bytes)
        .map_err(|error| failed(&format!("{} cannot be encoded", path.display()), &error))?;
    store::write_atomically(path, &bytes)
        .map_err(|error| failed(&format!("{} cannot be written", path.display()), &error))
}

//! Every picture as a still of the delivered size, or larger where the camera comes close.

use image::ImageFormat;

use super::{Cached, Context, Error, Kind, images};
use crate::{
    digest::Digest,
    pipeline::{Pipeline, UpscaleEngine},
    store::{Key, KeyBuilder, Origin},
    story::{CameraKind, Size, Still},
    upscale,
};

/// Raised when the same picture and settings give another still than before.
const VERSION: u32 = 1;

/// Brings every picture to the delivered size, cropped to its aspect, with Lanczos.
///
/// # Errors
/// When a model is asked for by name (none is built in yet), a picture is missing from the store
/// or no PNG, somebody wants to stop, or the store cannot be used.
pub fn run(pipeline: &Pipeline, pictures: &[Still], ctx: &mut Context<'_>) -> Result<Vec<Still>, Error> {
    check_engine(pipeline)?;
    let store = ctx.store;
    let mut stills = Vec::with_capacity(pictures.len());
    for (index, picture) in pictures.iter().enumerate() {
        let item = format!("scene {} of {}", picture.scene + 1, pictures.len());
        ctx.progress(index as u64, pictures.len() as u64, "stills", item)?;
        let size = size(pipeline, picture.size);
        let (image, origin) = store.obtain(&key(picture, size)?, || {
            let image = enlarge(pipeline, picture, ctx)?;
            Ok::<_, Error>((image, vec![image]))
        })?;
        if origin == Origin::Made && index == 0 {
            ctx.note(format!("upscale: {} to {size} with lanczos", picture.size));
        }
        ctx.step(origin == Origin::Hit);
        stills.push(Still { scene: picture.scene, size, image });
    }
    ctx.progress(pictures.len() as u64, pictures.len() as u64, "stills", "")?;
    Ok(stills)
}

/// How many of the stills need not be made again.
///
/// # Errors
/// When a model is asked for by name, or the store cannot be read.
pub fn cached(pipeline: &Pipeline, pictures: &[Still], ctx: &Context<'_>) -> Result<Cached, Error> {
    check_engine(pipeline)?;
    let mut hits = 0;
    for picture in pictures {
        let key = key(picture, size(pipeline, picture.size))?;
        hits += usize::from(ctx.store.lookup::<Digest>(&key)?.is_some());
    }
    Ok(Cached { steps: pictures.len(), hits })
}

fn check_engine(pipeline: &Pipeline) -> Result<(), Error> {
    match &pipeline.upscale.engine {
        UpscaleEngine::Auto | UpscaleEngine::Lanczos => Ok(()),
        UpscaleEngine::Model(name) => {
            let told = format!(
                "upscaling with a model (`{name}`) is not built in yet: write `engine: lanczos` or `auto`"
            );
            Err(Error::new(Kind::Missing, "", told))
        }
    }
}

fn key(picture: &Still, size: Size) -> Result<Key, Error> {
    Ok(KeyBuilder::new("upscale", VERSION)
        .field("image", &picture.image)
        .field("size", &size)
        .field("engine", &"lanczos")
        .finish()?)
}

/// How much larger than the delivered size: as near as the camera comes, but no larger than
/// what was drawn, beyond which there is nothing more to see.
fn oversize(pipeline: &Pipeline, drawn: Size) -> f64 {
    let to = pipeline.platform.generation.delivery;
    let cover = f64::min(
        f64::from(drawn.width) / f64::from(to.width),
        f64::from(drawn.height) / f64::from(to.height),
    );
    let nearest = if pipeline.timeline.camera == CameraKind::Hold { 1.0 } else { pipeline.timeline.zoom };
    cover.min(nearest).max(1.0)
}

fn size(pipeline: &Pipeline, drawn: Size) -> Size {
    upscale::fitted(pipeline.platform.generation.delivery, oversize(pipeline, drawn))
}

fn enlarge(pipeline: &Pipeline, picture: &Still, ctx: &Context<'_>) -> Result<Digest, Error> {
    let place = format!("scene {}", picture.scene + 1);
    let Some(bytes) = ctx.store.get(picture.image)? else {
        let told = format!("its picture {} is gone from the store: run again", picture.image.short());
        return Err(Error::new(Kind::Failed, place, told));
    };
    let image = image::load_from_memory_with_format(&bytes, ImageFormat::Png)
        .map_err(|error| Error::new(Kind::Failed, place.clone(), error))?
        .into_rgb8();
    let to = pipeline.platform.generation.delivery;
    let still = upscale::fit(&image, to, oversize(pipeline, picture.size))
        .map_err(|error| Error::new(Kind::Failed, place, error))?;
    Ok(ctx.store.put(&images::png(&still)?)?)
}

//! The stage: from pictures to stills.

use super::{
    super::{Cached, Context, Error},
    choice::{Choice, Way},
    enlarger::{Enlarger, may_go_on},
};
use crate::{
    digest::Digest,
    pipeline::Pipeline,
    store::Origin,
    story::{Size, Still},
};

/// Brings every picture to the delivered size, cropped to its aspect around its subject or its middle: by the
/// upscaling model if there is one, and Lanczos.
///
/// # Errors
/// When the model asked for is missing, is no upscaler or does not fit into memory; a picture is missing
/// from the store or no PNG; somebody wants to stop; or the store cannot be used.
pub fn run(pipeline: &Pipeline, pictures: &[Still], ctx: &mut Context<'_>) -> Result<Vec<Still>, Error> {
    let choice = Choice::new(pipeline, ctx)?;
    let mut enlarger = Enlarger::new(&choice, &pipeline.memory);
    let mut stills = Vec::with_capacity(pictures.len());
    for (index, picture) in pictures.iter().enumerate() {
        let item = format!("scene {} of {}", picture.scene + 1, pictures.len());
        ctx.progress(index as u64, pictures.len() as u64, "stills", item.as_str())?;
        let (way, image, origin) = match find(&choice, picture, ctx)? {
            // Looked at closely: one that is broken is made again, here and now.
            Some((way, image)) if ctx.store.get(image)?.is_some() => (way, image, Origin::Hit),
            _ => make(&choice, &mut enlarger, picture, &item, ctx)?,
        };
        ctx.step(origin == Origin::Hit);
        stills.push(Still { scene: picture.scene, size: choice.size(picture.size, way), image });
    }
    ctx.progress(pictures.len() as u64, pictures.len() as u64, "stills", "")?;
    Ok(stills)
}

/// How many of the stills need not be made again.
///
/// # Errors
/// When the model asked for is missing or is no upscaler, or the store cannot be read.
pub fn cached(pipeline: &Pipeline, pictures: &[Still], ctx: &Context<'_>) -> Result<Cached, Error> {
    let choice = Choice::new(pipeline, ctx)?;
    let mut hits = 0;
    for picture in pictures {
        hits += usize::from(find(&choice, picture, ctx)?.is_some());
    }
    Ok(Cached { steps: pictures.len(), hits })
}

/// Says with what and in how much memory pictures drawn at this size would be enlarged, as
/// [`Context::note`]s; answers the most bytes a model is expected to take for it. Loads no weight.
///
/// # Errors
/// When the model asked for or the device is missing, or memory is too small.
pub fn decide(pipeline: &Pipeline, drawn: Size, ctx: &mut Context<'_>) -> Result<u64, Error> {
    let choice = Choice::new(pipeline, ctx)?;
    Enlarger::new(&choice, &pipeline.memory).decide(drawn, ctx)
}

/// The still of `picture`, in whichever way it was made, if it is there.
fn find(choice: &Choice<'_>, picture: &Still, ctx: &Context<'_>) -> Result<Option<(Way, Digest)>, Error> {
    for way in choice.ways(picture.size) {
        if let Some(image) = ctx.store.lookup(&choice.key(picture, way)?)? {
            return Ok(Some((way, image)));
        }
    }
    Ok(None)
}

/// Makes one still, in less and less memory while that runs out.
fn make(
    choice: &Choice<'_>,
    enlarger: &mut Enlarger<'_>,
    picture: &Still,
    item: &str,
    ctx: &mut Context<'_>,
) -> Result<(Way, Digest, Origin), Error> {
    let store = ctx.store;
    loop {
        let way = enlarger.way(picture.size);
        let made = store.obtain(&choice.key(picture, way)?, || {
            let image = enlarger.make(picture, item, ctx)?;
            Ok::<_, Error>((image, vec![image]))
        });
        match made {
            Err(error) if may_go_on(&error) => enlarger.step_down(error, picture.size, ctx)?,
            done => return done.map(|(image, origin)| (way, image, origin)),
        }
    }
}

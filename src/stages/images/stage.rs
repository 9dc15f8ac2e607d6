//! The stage: from scenes to their pictures.

use ndarray::Array4;
use ndarray_npy::ReadNpyExt;

use super::{
    super::{Cached, Context, Error, Kind},
    painter::Painter,
    plan::{Drawn, Plan},
    shared,
};
use crate::{
    engine::{Device, Residency},
    graph::Storage,
    pipeline::Pipeline,
    store::Origin,
    story::{Scene, Size, Still},
};

/// Draws a picture for each scene, at the size drawn.
///
/// # Errors
/// When the model or ONNX Runtime is missing, the size cannot be drawn, memory runs out after
/// every step down, a scene's pictures are all empty, somebody wants to stop, or the store
/// cannot be used.
pub fn run(pipeline: &Pipeline, scenes: &[Scene], ctx: &mut Context<'_>) -> Result<Vec<Still>, Error> {
    let plan = Plan::new(pipeline, ctx)?;
    let mut painter = None;
    let made = match plan.is_shared() {
        true => shared::draw_missing(&plan, &mut painter, scenes, ctx)?,
        false => Vec::new(),
    };
    let mut stills = Vec::with_capacity(scenes.len());
    for (index, scene) in scenes.iter().enumerate() {
        ctx.cancel.check()?;
        let (drawn, origin) = match plan.find(scene, ctx)? {
            // Looked at closely: one that is broken is drawn again, here and now.
            Some(drawn) if is_whole(&drawn, ctx)? => (drawn, Origin::Hit),
            _ => {
                let item = format!("scene {} of {}", index + 1, scenes.len());
                draw(&plan, &mut painter, scene, &item, ctx)?
            }
        };
        ctx.step(origin == Origin::Hit && !made.contains(&index));
        stills.push(drawn.still(scene));
    }
    Ok(stills)
}

/// Whether the bytes of a picture, and of its latents if it has some, are what they were.
pub(super) fn is_whole(drawn: &Drawn, ctx: &Context<'_>) -> Result<bool, Error> {
    for object in [Some(drawn.image), drawn.latents].into_iter().flatten() {
        if ctx.store.get(object)?.is_none() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// How many of the pictures need not be drawn again.
///
/// # Errors
/// When the model is missing, its size cannot be drawn, or the store cannot be read.
pub fn cached(pipeline: &Pipeline, scenes: &[Scene], ctx: &Context<'_>) -> Result<Cached, Error> {
    let plan = Plan::new(pipeline, ctx)?;
    let mut hits = 0;
    for scene in scenes {
        hits += usize::from(plan.find(scene, ctx)?.is_some());
    }
    Ok(Cached { steps: scenes.len(), hits })
}

/// Says on which device, at which size and in how much memory pictures would be drawn, as
/// [`Context::note`]s and as numbers. Loads no weight.
///
/// # Errors
/// When the model or the device is missing, the size cannot be drawn, or memory is too small.
pub fn decide(pipeline: &Pipeline, ctx: &mut Context<'_>) -> Result<Decided, Error> {
    let plan = Plan::new(pipeline, ctx)?;
    Ok(Painter::open(&plan, ctx)?.decided())
}

/// How pictures would be drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decided {
    /// At which size.
    pub size: Size,
    /// Where.
    pub device: Device,
    /// What of the model stays loaded there.
    pub residency: Residency,
    /// How weights are kept, if not as they are.
    pub storage: Option<Storage>,
    /// The most bytes the model is expected to take there; 0 where none draws.
    pub predicted: u64,
}

/// The latents that `scene`, drawn as `still`, left off at: (1, channels, height / factor, width / factor).
pub(in crate::stages) fn latents(
    pipeline: &Pipeline,
    scene: &Scene,
    still: &Still,
    ctx: &Context<'_>,
) -> Result<Array4<f32>, Error> {
    let gone = || {
        let place = format!("scene {} (line {})", scene.index + 1, scene.line);
        Error::new(Kind::Failed, place, "the latents it was drawn from are gone from the store: run it again")
    };
    let drawn = Plan::new(pipeline, ctx)?.find_at(scene, still.size, ctx)?.ok_or_else(gone)?;
    let bytes = ctx.store.get(drawn.latents.ok_or_else(gone)?)?.ok_or_else(gone)?;
    Array4::read_npy(&bytes[..]).map_err(|error| Error::new(Kind::Failed, "", error))
}

/// Draws one picture, smaller and smaller while memory runs out.
pub(super) fn draw<'a>(
    plan: &'a Plan<'a>,
    painter: &mut Option<Painter<'a>>,
    scene: &Scene,
    item: &str,
    ctx: &mut Context<'_>,
) -> Result<(Drawn, Origin), Error> {
    let painter = match painter {
        Some(painter) => painter,
        None => painter.insert(Painter::open(plan, ctx)?),
    };
    let store = ctx.store;
    loop {
        let key = plan.key(scene, painter.size(), painter.storage())?;
        let drawn = store.obtain(&key, || {
            let drawn = painter.paint(scene, item, ctx)?;
            let image = drawn.image;
            Ok::<_, Error>((drawn, vec![image]))
        });
        match drawn {
            Err(error) if error.kind == Kind::OutOfMemory => painter.step_down(error, ctx)?,
            done => return done,
        }
    }
}

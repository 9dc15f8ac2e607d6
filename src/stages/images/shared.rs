//! Two devices that share the pictures of a video: whichever is free draws the next one.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError, mpsc},
    thread,
};

use super::{
    super::{Context, Error, Happening, Stage},
    painter::Painter,
    plan::Plan,
    stage::{draw, is_whole},
};
use crate::story::Scene;

/// Draws the pictures that are not in the store yet, on both devices at the same time, where that is decided and there
/// is more than one; answers which. `painter` is the first device's afterwards.
pub(super) fn draw_missing<'a>(
    plan: &'a Plan<'a>,
    painter: &mut Option<Painter<'a>>,
    scenes: &[Scene],
    ctx: &mut Context<'_>,
) -> Result<Vec<usize>, Error> {
    let mut missing = VecDeque::new();
    for (index, scene) in scenes.iter().enumerate() {
        let found = match plan.find(scene, ctx)? {
            Some(drawn) => is_whole(&drawn, ctx)?,
            None => false,
        };
        if !found {
            missing.push_back(index);
        }
    }
    if missing.len() < 2 {
        return Ok(Vec::new());
    }
    let all: Vec<usize> = missing.iter().copied().collect();
    let mut first = Painter::open(plan, ctx)?;
    first.pack(ctx)?;
    let mut painters = vec![Some(first)];
    painters.extend(painters[0].as_ref().map(Painter::second).transpose()?.flatten().map(Some));
    let missing = Mutex::new(missing);
    let next = || missing.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    let stop = || missing.lock().unwrap_or_else(PoisonError::into_inner).clear();
    let (sender, told) = mpsc::channel::<(Stage, Happening)>();
    let (stage, store, models_dir, draft) = (ctx.stage, ctx.store, &ctx.models_dir, ctx.draft);
    let cancel = &ctx.cancel;
    let drawn = thread::scope(|scope| {
        let workers: Vec<_> = painters
            .iter_mut()
            .enumerate()
            .map(|(number, painter)| {
                let sender = sender.clone();
                let work = move || -> Result<(), Error> {
                    // Nobody listens any more only if the stage has failed already.
                    let mut tell = |stage, happening| drop(sender.send((stage, happening)));
                    let (models_dir, cancel) = (models_dir.clone(), cancel.clone());
                    let mut ctx = Context { stage, store, models_dir, draft, cancel, tell: &mut tell };
                    while let Some(index) = next() {
                        let (scene, item) =
                            (&scenes[index], format!("scene {} of {}", index + 1, scenes.len()));
                        let done =
                            ctx.cancel.check().and_then(|()| draw(plan, painter, scene, &item, &mut ctx));
                        if let Err(error) = done {
                            stop();
                            return Err(error);
                        }
                    }
                    Ok(())
                };
                let named = thread::Builder::new().name(format!("pictures {}", number + 1));
                named.spawn_scoped(scope, work)
            })
            .collect();
        drop(sender);
        told.iter().for_each(|(stage, happening)| (ctx.tell)(stage, happening));
        workers
            .into_iter()
            .map(|worker| match worker {
                Ok(worker) => worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
                Err(error) => Err(Error::new(super::super::Kind::Failed, "", error)),
            })
            .fold(Ok(()), Result::and)
    });
    *painter = painters.swap_remove(0);
    drawn.map(|()| all)
}

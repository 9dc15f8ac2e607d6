//! Weights packed, or laid beside their graph, as was decided; and that is told.

use std::ops::ControlFlow;

use super::super::{Context, Error, images::failed};
use crate::{
    diffusion::{self, Packing},
    graph::Storage,
    models::Model,
};

/// The model with its weights kept as `storage`, and those inside of a graph beside it, which is told while it is
/// made. A folder that cannot be written costs memory, no picture.
pub(crate) fn pack(model: &Model, storage: Option<Storage>, ctx: &mut Context<'_>) -> Result<Model, Error> {
    const MIB: u64 = 1 << 20;
    let mut told = None;
    let mut tell = |packing: Packing| {
        if packing.done == 0 {
            let how =
                packing.storage.map_or("laid beside its graph".to_owned(), |s| format!("packed as {s}"));
            match &packing.broken {
                Some(broken) => {
                    ctx.warn(format!("{broken}; the weights of the {} are {how} again", packing.part))
                }
                None => ctx.note(format!(
                    "memory: the weights of the {} are {how}, once, in the model's folder",
                    packing.part
                )),
            }
        }
        let at = (packing.part, packing.done / (16 * MIB));
        if told.replace(at) == Some(at) {
            return ControlFlow::Continue(());
        }
        match ctx.progress(
            packing.done / MIB,
            packing.total.div_ceil(MIB),
            "MiB packed",
            packing.part.to_string(),
        ) {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    };
    let packed = match storage {
        Some(storage) => diffusion::stored(model, storage, &mut tell),
        None => diffusion::laid_beside(model, &mut tell),
    };
    match packed {
        Err(error @ diffusion::Error::Storing { storage: None, .. }) if storage.is_none() => {
            ctx.warn(format!("{error}; they are held inside of the graph, in more memory"));
            Ok(model.clone())
        }
        packed => packed.map_err(|error| failed(error, "")),
    }
}

//! What enlarges, how large, and where the still lies in the store; known without loading a weight.

use super::super::{Context, Error, Kind, images};
use crate::{
    digest::Digest,
    engine,
    models::{self, Catalog},
    pipeline::{Cropping, Pipeline, UpscaleEngine},
    store::{Key, KeyBuilder},
    story::{CameraKind, Size, Still},
    upscale::{self, Network},
};

/// Raised when the same picture and settings give another still than before.
const VERSION: u32 = 2;

/// What enlarges a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// The model, then Lanczos to the exact size.
    Model,
    /// Lanczos alone, because it is asked for or because there is no need of a model.
    Lanczos,
    /// Lanczos alone, because the model cannot be had here.
    LanczosInstead,
}

/// What the settings come to.
pub(super) struct Choice<'a> {
    pipeline: &'a Pipeline,
    /// None is Lanczos for every picture.
    pub(super) model: Option<Model>,
    /// Whether Lanczos may stand in for the model.
    pub(super) may_stand_in: bool,
    /// Why `auto` has no model, if it has none.
    pub(super) why: Option<String>,
}

/// A model and what identifies it.
pub(super) struct Model {
    pub(super) files: models::Upscaler,
    pub(super) network: Network,
    pub(super) digest: Digest,
}

impl<'a> Choice<'a> {
    pub(super) fn new(pipeline: &'a Pipeline, ctx: &Context<'_>) -> Result<Self, Error> {
        let catalog = Catalog::new(ctx.models_dir.clone());
        let model = |found: models::Upscaler| {
            let network = Network::inspect(&found).map_err(|error| failed(error, ""))?;
            let digest = found.digest().map_err(images::unusable)?;
            Ok::<_, Error>(Model { files: found, network, digest })
        };
        let lanczos = Self { pipeline, model: None, may_stand_in: true, why: None };
        match &pipeline.upscale.engine {
            UpscaleEngine::Lanczos => Ok(lanczos),
            _ if ctx.draft => Ok(lanczos),
            UpscaleEngine::Model(name) => {
                let found = catalog.upscaler(name).map_err(images::unusable)?;
                Ok(Self { model: Some(model(found)?), may_stand_in: false, ..lanczos })
            }
            UpscaleEngine::Auto => {
                let drawn_by = pipeline.images.model.as_str();
                match catalog.upscaler_for(Some(drawn_by)).map_err(images::unusable)? {
                    Some(found) => Ok(Self { model: Some(model(found)?), ..lanczos }),
                    None => Ok(Self {
                        why: Some(format!(
                            "upscale: with lanczos; for what `{drawn_by}` draws no upscaling model is installed in `{}`",
                            catalog.folder().display()
                        )),
                        ..lanczos
                    }),
                }
            }
        }
    }

    /// The best way to enlarge a picture drawn at this size.
    pub(super) fn best(&self, drawn: Size) -> Way {
        let named = matches!(self.pipeline.upscale.engine, UpscaleEngine::Model(_));
        // What is as large as what is delivered is only cropped and scaled.
        match self.model.is_some() && (named || self.cover(drawn) < 1.0) {
            true => Way::Model,
            false => Way::Lanczos,
        }
    }

    /// The ways that may have been taken, the best first.
    pub(super) fn ways(&self, drawn: Size) -> Vec<Way> {
        match self.best(drawn) {
            Way::Model if self.may_stand_in => vec![Way::Model, Way::LanczosInstead],
            best => vec![best],
        }
    }

    /// Where the still of `picture` lies. Device, tiles and ONNX Runtime are no part of it: they change
    /// the last bits at most.
    pub(super) fn key(&self, picture: &Still, way: Way) -> Result<Key, Error> {
        let key = KeyBuilder::new("upscale", VERSION)
            .field("image", &picture.image)
            .field("size", &self.size(picture.size, way));
        let key =
            if self.follows(picture.size) { key.field("crop", &self.pipeline.upscale.crop) } else { key };
        let digest = self.model.as_ref().map(|model| model.digest);
        let key = match way {
            Way::Model => key.field("model", &digest),
            Way::Lanczos => key.field("engine", &"lanczos"),
            Way::LanczosInstead => key.field("engine", &"lanczos").field("instead_of", &digest),
        };
        Ok(key.finish()?)
    }

    /// The still's size: what is delivered, times as near as the camera comes, but no larger than what
    /// was drawn or made of it, beyond which there is nothing more to see.
    pub(super) fn size(&self, drawn: Size, way: Way) -> Size {
        upscale::fitted(self.delivered(), self.oversize(drawn, way))
    }

    pub(super) fn delivered(&self) -> Size {
        self.pipeline.platform.generation.delivery
    }

    /// Whether a picture of that size is cropped, to where its subject is.
    pub(super) fn follows(&self, drawn: Size) -> bool {
        self.pipeline.upscale.crop == Cropping::Subject && upscale::crops(drawn, self.delivered())
    }

    /// How much larger than the delivered size the still is, 1 or more.
    pub(super) fn oversize(&self, drawn: Size, way: Way) -> f64 {
        let scale = match (way, &self.model) {
            (Way::Model, Some(model)) => f64::from(model.network.scale().unwrap_or(1)),
            _ => 1.0,
        };
        let timeline = &self.pipeline.timeline;
        let nearest = if timeline.camera == CameraKind::Hold { 1.0 } else { timeline.zoom };
        (self.cover(drawn) * scale).min(nearest).max(1.0)
    }

    /// How many times the delivered size fits into what was drawn, by its shorter measure.
    fn cover(&self, drawn: Size) -> f64 {
        let to = self.delivered();
        let (across, down) = (f64::from(drawn.width), f64::from(drawn.height));
        f64::min(across / f64::from(to.width), down / f64::from(to.height))
    }
}

/// Which kind of trouble an upscaling error is.
pub(super) fn failed(error: upscale::Error, place: impl Into<String>) -> Error {
    use engine::Error as E;
    use upscale::Error as U;
    let kind = match error {
        U::Cancelled { .. } => return Error::cancelled(),
        U::Model(error) => return images::unusable(error),
        U::Engine(E::OutOfMemory { .. }) | U::TooSmall { .. } => Kind::OutOfMemory,
        U::Engine(
            E::LibraryMissing { .. }
            | E::LibraryBroken { .. }
            | E::LibraryTooOld { .. }
            | E::DeviceUnusable { .. }
            | E::Open { .. },
        )
        | U::Graph(_)
        | U::Contract { .. } => Kind::Missing,
        _ => Kind::Failed,
    };
    Error::new(kind, place, error)
}

//! What is drawn with and at which sizes, known without loading a weight.

use std::{collections::BTreeMap, path::PathBuf};

use serde::{Deserialize, Serialize};

use super::{
    super::{Context, Error, Kind, placed::storages},
    VERSION, card,
};
use crate::{
    diffusion::{self, Geometry},
    digest::Digest,
    engine::{Sharing, Tiling},
    graph::Storage,
    models::{self, Adapter, Catalog, Model},
    pipeline::{ImageSize, Images, Memory, Pipeline},
    store::{Key, KeyBuilder},
    story::{Likeness, Scene, Size, Still},
};

/// How far below the best size drawing may step down, in parts of its pixels.
const STEPS_DOWN: [f64; 4] = [0.7, 0.5, 0.35, 0.25];

/// A picture as kept in the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Drawn {
    /// Its size.
    pub(super) size: Size,
    /// Its PNG.
    pub(super) image: Digest,
    /// Its latents, for a second model to go on with.
    #[serde(default)]
    pub(super) latents: Option<Digest>,
}

impl Drawn {
    pub(super) fn still(self, scene: &Scene) -> Still {
        Still { scene: scene.index, size: self.size, image: self.image }
    }
}

/// What is drawn with and at which sizes.
pub(super) struct Plan<'a> {
    pub(super) settings: &'a Images,
    pub(super) memory: &'a Memory,
    /// None draws numbered cards.
    pub(super) brush: Option<Brush>,
    /// The sizes that will do, the most wished for first.
    pub(super) sizes: Vec<Size>,
    /// Why the first size is not the platform's, if it is not.
    pub(super) why: Option<String>,
    /// What looks at pictures of characters, if anybody has one.
    pub(super) looking: Option<Looking>,
    /// How far it goes before a second model goes on.
    pub(super) hands_over: Option<f64>,
}

/// Characters with pictures, and what looks at them.
pub(super) struct Looking {
    pub(super) adapter: Adapter,
    digest: Digest,
    sitters: BTreeMap<String, Sitter>,
}

/// A character with a picture.
pub(super) struct Sitter {
    pub(super) picture: PathBuf,
    digest: Digest,
    likeness: Likeness,
}

impl Looking {
    /// None if nobody has a picture.
    fn new(pipeline: &Pipeline, catalog: &Catalog) -> Result<Option<Self>, Error> {
        let mut sitters = BTreeMap::new();
        for (name, character) in &pipeline.scenes.characters {
            let Some(picture) = character.image.clone() else { continue };
            let digest = Digest::of_file(&picture).map_err(|error| {
                let place = format!("scenes.characters.{name}.image");
                Error::new(Kind::Invalid, place, format!("cannot read `{}`: {error}", picture.display()))
            })?;
            sitters.insert(name.to_lowercase(), Sitter { picture, digest, likeness: character.likeness });
        }
        let Some(adapter) = pipeline.images.ip_adapter.as_ref().filter(|_| !sitters.is_empty()) else {
            return Ok(None);
        };
        let adapter = catalog.adapter(adapter).map_err(unusable)?;
        let digest = adapter.digest().map_err(unusable)?;
        Ok(Some(Self { adapter, digest, sitters }))
    }

    /// Whose picture counts in `scene`, and how much: the first character of it that has one. An adapter looks
    /// at one picture at a time.
    pub(super) fn sitter(&self, scene: &Scene) -> Option<(&Sitter, Likeness)> {
        let sitter = scene.characters.iter().find_map(|name| self.sitters.get(&name.to_lowercase()))?;
        Some((sitter, scene.likeness.unwrap_or(sitter.likeness)))
    }
}

/// A model and what identifies it.
pub(super) struct Brush {
    pub(super) model: Model,
    pub(super) geometry: Geometry,
    pub(super) digest: Digest,
}

impl<'a> Plan<'a> {
    pub(super) fn new(pipeline: &'a Pipeline, ctx: &Context<'_>) -> Result<Self, Error> {
        let (settings, memory) = (&pipeline.images, &pipeline.memory);
        let wished = pipeline.platform.generation.size;
        if ctx.draft {
            let sizes = vec![card::size(pipeline.platform.generation.delivery)];
            return Ok(Self {
                settings,
                memory,
                brush: None,
                sizes,
                why: None,
                looking: None,
                hands_over: None,
            });
        }
        let catalog = Catalog::new(ctx.models_dir.clone());
        let model = catalog.find(&settings.model).map_err(unusable)?;
        let geometry = Geometry::of(&model).map_err(|error| failed(error, ""))?;
        let (sizes, why) = match settings.size {
            ImageSize::Exactly(size) if geometry.fits(size) => (vec![size], None),
            ImageSize::Exactly(size) => {
                let (multiple, nearest) = (geometry.multiple, geometry.nearest_size(size));
                let model = model.name.clone();
                let error = diffusion::Error::Size { model, wanted: size, multiple, nearest };
                return Err(Error::new(Kind::Invalid, "", error));
            }
            ImageSize::Auto => sizes(&model, &geometry, wished),
        };
        let digest = model.digest().map_err(unusable)?;
        let looking = Looking::new(pipeline, &catalog)?;
        let hands_over = pipeline.refine.as_ref().and_then(|refine| refine.denoising_start);
        let brush = Some(Brush { model, geometry, digest });
        Ok(Self { settings, memory, brush, sizes, why, looking, hands_over })
    }

    /// Whether two devices share the pictures.
    pub(super) fn is_shared(&self) -> bool {
        self.brush.is_some() && self.memory.beside.is_some() && self.memory.share == Sharing::Pictures
    }

    /// Where the picture of `scene` at `size` lies, drawn with weights kept as `storage`. Device and ONNX Runtime are no part of it:
    /// they change the last bits of a picture, not what it shows.
    pub(super) fn key(&self, scene: &Scene, size: Size, storage: Option<Storage>) -> Result<Key, Error> {
        let key = KeyBuilder::new("images", VERSION).field("size", &size);
        let key = match &self.brush {
            None => key.field("card", &scene.index),
            Some(brush) => key
                .field("model", &brush.digest)
                .field("prompt", &scene.prompt)
                .field("negative_prompt", &scene.negative_prompt)
                .field("seed", &scene.seed)
                .field("inference_steps", &self.settings.inference_steps)
                .field("guidance_scale", &self.settings.guidance_scale)
                .field("guidance_rescale", &self.settings.guidance_rescale)
                .field("clip_skip", &self.settings.clip_skip)
                .field("scheduler", &self.settings.scheduler)
                .field("eta", &self.settings.eta)
                .field("rng", &self.settings.rng)
                .field("candidates", &self.settings.candidates),
        };
        let looking = self.looking.as_ref().and_then(|looking| Some((looking, looking.sitter(scene)?)));
        // Tiles that are asked for change a picture; how else memory is used, its last bits alone.
        let key = match (&self.brush, self.memory.policy.tiling) {
            (None, _) | (_, Tiling::Auto) => key,
            (_, tiling) => key.field("vae_tiling", &tiling),
        };
        let key = match self.hands_over {
            Some(end) => key.field("denoising_end", &end),
            None => key,
        };
        // Weights in fewer bits draw another picture.
        let key = match (&self.brush, storage) {
            (Some(_), Some(storage)) => key.field("storage", &storage),
            _ => key,
        };
        // A scene without a sitter is drawn as without an adapter.
        let key = match looking {
            Some((looking, (sitter, likeness))) => key
                .field("ip_adapter", &looking.digest)
                .field("sitter", &sitter.digest)
                .field("likeness", &likeness),
            None => key,
        };
        Ok(key.finish()?)
    }

    /// The picture of `scene`, of whatever size, if it is there.
    pub(super) fn find(&self, scene: &Scene, ctx: &Context<'_>) -> Result<Option<Drawn>, Error> {
        for &size in &self.sizes {
            if let Some(drawn) = self.find_at(scene, size, ctx)? {
                return Ok(Some(drawn));
            }
        }
        Ok(None)
    }

    /// The picture of `scene` at `size`, with weights kept in whatever way may be, if it is there.
    pub(super) fn find_at(
        &self,
        scene: &Scene,
        size: Size,
        ctx: &Context<'_>,
    ) -> Result<Option<Drawn>, Error> {
        for storage in storages(self.memory) {
            if let Some(drawn) = ctx.store.lookup(&self.key(scene, size, storage)?)? {
                return Ok(Some(drawn));
            }
        }
        Ok(None)
    }
}

/// The platform's aspect at the pixels it asks for, but no more than the model was trained at:
/// above that, a model repeats its subjects.
fn sizes(model: &Model, geometry: &Geometry, wished: Size) -> (Vec<Size>, Option<String>) {
    let pixels = wished.area().min(geometry.native.area());
    let best = if pixels == wished.area() {
        geometry.nearest_size(wished)
    } else {
        geometry.size_of(wished.aspect(), pixels)
    };
    let mut sizes = vec![best];
    for share in STEPS_DOWN {
        let size = geometry.size_of(wished.aspect(), (best.area() as f64 * share) as u64);
        if sizes.last().is_some_and(|last| size.area() < last.area()) {
            sizes.push(size);
        }
    }
    let why = (best != wished).then(|| match pixels == wished.area() {
        true => format!(
            "`{}` draws {best} instead of {wished}: it needs multiples of {}",
            model.name, geometry.multiple
        ),
        false => {
            format!("`{}` draws {best} instead of {wished}: it is trained at {}", model.name, geometry.native)
        }
    });
    (sizes, why)
}

pub(in crate::stages) fn unusable(error: models::Error) -> Error {
    use models::Error as E;
    let kind = match error {
        E::Missing { .. }
        | E::NotBuiltIn(_)
        | E::Unusable { .. }
        | E::NotOnnx { .. }
        | E::External { .. } => Kind::Missing,
        _ => Kind::Failed,
    };
    Error::new(kind, "", error)
}

/// Which kind of trouble a drawing error is.
pub(crate) fn failed(error: diffusion::Error, place: impl Into<String>) -> Error {
    use crate::engine::Error as E;
    use diffusion::Error as D;
    let kind = match &error {
        D::Cancelled(_) | D::PackingCancelled => return Error::cancelled(),
        D::Engine(E::OutOfMemory { .. }) => Kind::OutOfMemory,
        D::Engine(E::LibraryMissing { .. } | E::LibraryBroken { .. } | E::LibraryTooOld { .. }) => {
            Kind::Missing
        }
        D::Engine(E::DeviceUnusable { .. }) => Kind::Missing,
        D::Request(_) | D::Latents { .. } | D::Size { .. } => Kind::Invalid,
        _ => Kind::Failed,
    };
    Error::new(kind, place, error)
}

//! The stages of a pipeline: glue from typed settings to the crafts.
//!
//! Each stage is a module of its own:
//! `run(pipeline: &Pipeline, input.., ctx: &mut Context<'_>) -> Result<Output, Error>`, and
//! where its work is kept in the store
//! `cached(pipeline: &Pipeline, input.., ctx: &Context<'_>) -> Result<Cached, Error>`,
//! which only looks keys up and opens no engine.
//!
//! | stage | from | to | one step |
//! |-------|------|----|----------|
//! | narration | `&Script` | `Spoken { narration, sound: Digest }` (WAV 48 kHz mono, levelled) | a beat |
//! | scenes | `&Script, &Narration` | `Directed { scenes: Vec<Scene>, title, .. }` | a language model's answer; else not kept: cheap |
//! | images | `&[Scene]` | `Vec<Still>` at the size drawn | an image |
//! | refine | `&[(Scene, Still)]` | `Vec<Still>` gone over by a second model, if one is named | a picture |
//! | upscale | `&[Still]` | `Vec<Still>` at the delivered size times what the camera needs | a still |
//! | timeline | `&Script, &Spoken, &[Scene], &[Still]` | [`Timeline`](crate::story::Timeline) | not kept: cheap |
//! | video | `&Timeline` | `Rendered { video, cover, .. }`, verified | the video |
//!
//! `run` looks each step up before it makes it, and opens an engine or a model only for a
//! miss: a run that finds everything in the store loads neither. It calls
//! [`Context::progress`] at every sub-step (which is where a wish to stop ends it),
//! [`Context::step`] once a step, [`Context::note`] for each decision, [`Context::fall_back`] for each fallback.
//! With `ctx.draft` the narration is tones and the images are numbered cards, model-free.

mod beats;
mod context;
mod error;
pub mod images;
mod learned;
#[cfg(feature = "video")]
mod mastering;
#[cfg(feature = "video")]
mod mixing;
pub mod narration;
mod placed;
pub mod refine;
pub mod scenes;
pub mod subtitles;
pub mod timeline;
pub mod upscale;
#[cfg(feature = "video")]
pub mod video;

pub use context::{Cancel, Context, Happening, Progress};
pub use error::{Error, Kind};
pub use learned::{Ended, Learned};

pub(crate) use images::failed as drawing_failed;
pub(crate) use placed::{PROCESSOR, Placed, one_by_one, pack, place, storages};

use serde::{Deserialize, Serialize};

use crate::pipeline::Pipeline;

/// The kinds of work, in the order of a pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// The script is spoken.
    Narration,
    /// The narration is divided into scenes with prompts.
    Scenes,
    /// A picture is drawn for each scene.
    Images,
    /// A second model goes over each picture, where one is named.
    Refine,
    /// Each picture becomes a still of the delivered size.
    Upscale,
    /// Stills, camera, captions and sound become the frozen edit.
    Timeline,
    /// The edit is rendered, encoded and verified.
    Video,
}

impl Stage {
    /// Every stage, in order.
    pub const ALL: [Self; 7] = [
        Self::Narration,
        Self::Scenes,
        Self::Images,
        Self::Refine,
        Self::Upscale,
        Self::Timeline,
        Self::Video,
    ];

    /// Those that `pipeline` has, in order.
    pub fn of(pipeline: &Pipeline) -> impl Iterator<Item = Self> {
        let refines = pipeline.refine.is_some();
        Self::ALL.into_iter().filter(move |stage| refines || *stage != Self::Refine)
    }

    /// Its name in pipelines and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Narration => "narration",
            Self::Scenes => "scenes",
            Self::Images => "images",
            Self::Refine => "refine",
            Self::Upscale => "upscale",
            Self::Timeline => "timeline",
            Self::Video => "video",
        }
    }
}

impl std::fmt::Display for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

/// How many of a stage's steps there are, and how many lie in the store already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cached {
    /// Steps in all.
    pub steps: usize,
    /// Those that need not be made again.
    pub hits: usize,
}

impl Cached {
    /// Whether nothing is left to do.
    pub fn complete(self) -> bool {
        self.hits == self.steps
    }
}

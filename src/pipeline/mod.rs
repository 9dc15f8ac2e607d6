//! The YAML: read with spans, layered, typed once, every mistake told at once.
//!
//! [`load`] is the door. What was written passes through it once:
//!
//! ```text
//! text ─ source ─ tree ─┬─ pipeline_file, stages ─┐
//!                       └─ layers (front matter, ─┴─ merged tree ─ fields, kind ─ settings
//!                          environment, options)
//! ```
//!
//! Every part of a tree knows its place in a file, a variable or an option, so that whatever is
//! wrong with the merged settings is shown where it was written.

mod fields;
mod kind;
mod layers;
mod load;
mod nearest;
mod node;
mod pipeline_file;
mod presets;
mod problem;
mod settings;
mod source;
mod stages;
mod tree;

pub use load::{Request, ScriptSource, Setting, check_file, load, split_set};
pub use presets::{PipelineSummary, Presets};
pub use problem::{Problem, Problems};
pub use settings::{
    Budget, Captions, Card, Character, Cropping, Delivery, DirectorEngine, Effects, Emoji, ImageSize, Images,
    Llm, Memory, Music, Narration, Pipeline, Play, ProgressBar, Refine, Remote, Scenes, Server, Timeline,
    TransitionOn, Upscale, UpscaleEngine, Video, VoiceEngine, Watermark, WeightStorage,
};

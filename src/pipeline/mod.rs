//! The YAML: read with spans, layered, typed once, every mistake told at once.

mod settings;

pub use settings::{
    Budget, Captions, Device, DirectorEngine, ImageSize, Images, Memory, Narration, Pipeline, Scenes,
    Timeline, Upscale, UpscaleEngine, Video, VoiceEngine,
};

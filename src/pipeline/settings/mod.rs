//! The settings as run: concrete, complete, checked; one file a stage.
//!
//! Nothing here means "the default": what the user left out was filled in before typing.

mod delivery;
mod extras;
mod images;
mod memory;
mod narration;
mod refine;
mod scenes;
mod server;
mod sound;
mod timeline;
mod upscale;
mod video;
mod whole;

pub use delivery::Delivery;
pub use extras::{Card, ProgressBar, Watermark};
pub use images::{ImageSize, Images};
pub use memory::{Budget, Memory, WeightStorage};
pub use narration::{Emoji, Narration, Remote, VoiceEngine};
pub use refine::Refine;
pub use scenes::{Character, DirectorEngine, Llm, Scenes};
pub use server::Server;
pub use sound::{Effects, Music, Play};
pub use timeline::{Captions, Timeline, TransitionOn};
pub use upscale::{Cropping, Upscale, UpscaleEngine};
pub use video::Video;
pub use whole::Pipeline;

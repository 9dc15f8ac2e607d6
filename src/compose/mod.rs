//! The picture at time t: camera, transitions, captions, in YUV planes.
//!
//! [`Renderer::render`] draws one frame of a [`Timeline`](crate::story::Timeline) straight into
//! the planes an encoder takes. [`camera_move`] and [`cues`] make the parts of a timeline that
//! are a matter of composition.

mod camera;
mod captions;
mod error;
mod film;
mod fonts;
mod gallery;
mod look;
mod lut;
mod progress;
mod reel;
mod renderer;
mod saliency;
mod sample;
mod schedule;
mod still;
mod transition;
mod yuv;

pub use camera::{camera_move, push};
pub use captions::{CueRules, cues};
pub use error::{Error, StillError, Warning};
pub use fonts::Fonts;
pub use gallery::gallery;
pub use lut::Lut;
pub use reel::Stills;
pub use renderer::Renderer;
pub use saliency::subject;
pub use yuv::to_image;

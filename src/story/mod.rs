//! The nouns that travel between rooms: what a script says, what was spoken,
//! what each scene shows, and the frozen edit. Plain data, `serde`, no I/O.

mod caption;
mod crop;
mod encoding;
mod format;
mod frame;
mod music;
mod narration;
mod platform;
mod rng;
mod samples;
mod scene;
mod scheduler;
mod script;
mod seed;
mod style;
mod time;
mod timeline;
mod voice;

pub use caption::{CaptionStyle, Color, Cue, CueWord};
pub use crop::Crop;
pub use encoding::{Quality, VideoCodec, VideoEncoder};
pub use format::{Format, shown};
pub use frame::{Frame, FrameRate, Plane, Rect, Size};
pub use music::{Effect, EffectKind, Mood, Music, Tune};
pub use narration::{Narration, SpokenBeat, TimingQuality, WordTiming};
pub use platform::{
    AudioRules, Duration, Figure, Generation, Loudness, Platform, SafeArea, TextRules, VideoRules,
};
pub use rng::Rng;
pub use samples::Samples;
pub use scene::{Likeness, Scene, Still};
pub use scheduler::SchedulerKind;
pub use script::{Beat, DateOrder, FrontMatter, How, Kind, Pause, Prosody, Saying, Script, ScriptError};
pub use seed::Seed;
pub use style::{Grade, Style};
pub use time::{SAMPLE_RATE, Span, Time};
pub use timeline::{
    CameraKind, CameraMove, Captions, Clip, Corner, Extras, Progress, Sway, Timeline, Title, Transition,
    TransitionKind, Watermark,
};
pub use voice::{EspeakVoice, ServerTimings, SoundFormat, VoicePreset};

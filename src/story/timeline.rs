//! The frozen edit: everything after it is deterministic rendering.

use serde::{Deserialize, Serialize};

use super::{CaptionStyle, Color, Cue, Effect, FrameRate, Grade, Music, Rect, Seed, Size, Span, Time};
use crate::digest::Digest;

/// How the camera moves over a still.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CameraKind {
    /// In on one scene, out on the next, each towards its own point.
    KenBurns,
    /// Slowly nearer.
    ZoomIn,
    /// Slowly farther.
    ZoomOut,
    /// Sideways or up and down, seeded.
    Pan,
    /// Hardly at all: a slow drift.
    Drift,
    /// Slowly nearer to what the picture is about.
    Push,
    /// A little nearer, as if held in a hand.
    Handheld,
    /// Not at all.
    Hold,
}

/// One camera move: the part of the still that fills the frame, at the start and at the end,
/// as centre (0 ..= 1 of the still's width and height) and zoom (1 shows all that fits the aspect).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CameraMove {
    /// Centre at the start.
    pub from: [f64; 2],
    /// Zoom at the start, at least 1.
    pub zoom_from: f64,
    /// Centre at the end.
    pub to: [f64; 2],
    /// Zoom at the end, at least 1.
    pub zoom_to: f64,
    /// How the hand that holds it moves; `None` is a tripod.
    pub sway: Option<Sway>,
}

/// The movements of a hand that holds the camera.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Sway {
    /// How far they go at most, as a share of the view's sides.
    pub reach: f64,
    /// Fixes them.
    pub seed: Seed,
}

/// How one clip gives way to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TransitionKind {
    /// At once.
    Cut,
    /// One fades into the other.
    Crossfade,
    /// Through black.
    FadeBlack,
    /// Through white.
    FadeWhite,
    /// The next pushes in from the right.
    Slide,
    /// The next pushes in from the left.
    SlideRight,
    /// The next pushes in from below.
    SlideUp,
    /// The next pushes in from above.
    SlideDown,
    /// The next is uncovered from left to right.
    Wipe,
    /// The next is uncovered from right to left.
    WipeLeft,
    /// The next is uncovered from the bottom up.
    WipeUp,
    /// The next is uncovered from the top down.
    WipeDown,
    /// The camera swings around so fast that both are a blur.
    WhipPan,
    /// Into the one and out of the other.
    Zoom,
    /// A flash of light, and the next is there.
    Flash,
    /// A growing circle uncovers the next.
    Circle,
    /// The next comes through in patches.
    Dissolve,
}

/// A transition into a clip, centred on the boundary.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Transition {
    /// Its kind.
    pub kind: TransitionKind,
    /// Its whole length.
    pub length: Time,
}

/// A still on the timeline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Clip {
    /// The scene it shows.
    pub scene: usize,
    /// The still's PNG in the store: at least as large as the frame, unless that is cropped from it.
    pub still: Digest,
    /// When it is shown; the spans of all clips tile the video.
    pub span: Span,
    /// The camera's way over it, from the first frame it is seen on to the last, transitions included.
    pub camera: CameraMove,
    /// How it comes in; the first clip has none.
    pub transition: Option<Transition>,
}

/// The captions of a video.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Captions {
    /// How they are drawn.
    pub style: CaptionStyle,
    /// The box that holds every drawn pixel of them.
    pub area: Rect,
    /// The text's colour.
    pub color: Color,
    /// The colour at the letters' feet, where they are not of one colour.
    pub gradient: Option<Color>,
    /// The colour of the word being spoken.
    pub highlight: Color,
    /// The largest font size in pixels for a frame 1080 across its shorter side; shrinks until the text fits.
    pub font_size: f32,
    /// The font family asked for; others step in for letters it lacks.
    pub font: String,
    /// All capitals.
    pub uppercase: bool,
    /// What is shown when; never over a scene's boundary.
    pub cues: Vec<Cue>,
}

/// The video's title, drawn large at its beginning and on the cover.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Title {
    /// What it says.
    pub text: String,
    /// When it is shown; an empty span leaves it to the cover alone.
    pub span: Span,
    /// The box that holds every drawn pixel of it; no caption lies there meanwhile.
    pub area: Rect,
}

/// What lies over the picture besides captions and title.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Extras {
    /// A line that makes people stay, drawn like a title while the video begins.
    pub hook: Option<Title>,
    /// What is said at the end, drawn like a title over the darkened picture.
    pub end_card: Option<Title>,
    /// A bar that shows how much of the video has passed.
    pub progress: Option<Progress>,
    /// Whose video it is.
    pub watermark: Option<Watermark>,
}

/// A bar that grows from left to right as the video goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Where it lies when it is full; all edges even.
    pub area: Rect,
    /// Its colour.
    pub color: Color,
}

/// A name or a logo in a corner, all the time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Watermark {
    /// The name; empty where there is only a logo.
    pub text: String,
    /// The logo's picture in the store, transparent where it is.
    pub logo: Option<Digest>,
    /// The box it lies in, in the corner of it that `corner` names.
    pub area: Rect,
    /// Where in its box it lies.
    pub corner: Corner,
    /// How much of it is seen, 0 ..= 1.
    pub opacity: f32,
}

/// A corner of a box.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Corner {
    /// Above, at the left.
    TopLeft,
    /// Above, at the right.
    TopRight,
    /// Below, at the left.
    BottomLeft,
    /// Below, at the right.
    BottomRight,
}

/// The frozen edit of a video.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Timeline {
    /// The finished video's size.
    pub frame_size: Size,
    /// Its frame rate.
    pub frame_rate: FrameRate,
    /// Its length: the narration and the tail after it, rounded up to a frame.
    pub frames: u64,
    /// The stills in order.
    pub clips: Vec<Clip>,
    /// The text on them.
    pub captions: Captions,
    /// The title, if the script has one.
    pub title: Option<Title>,
    /// What else lies over the picture.
    pub extras: Extras,
    /// The colour look of every still.
    pub grade: Grade,
    /// The table of colours that is part of it: a `.cube` file in the store.
    pub lut: Option<Digest>,
    /// The narration's sound in the store (WAV, 48 kHz).
    pub narration: Digest,
    /// What is played under it.
    pub music: Option<Music>,
    /// Short sounds of what is seen.
    pub effects: Vec<Effect>,
    /// The seed of whatever is random in rendering.
    pub seed: Seed,
}

impl Timeline {
    /// The video's length.
    pub fn duration(&self) -> Time {
        Time::of_frame(self.frames, self.frame_rate)
    }
}

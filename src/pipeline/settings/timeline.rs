//! The `timeline` stage.

use std::path::PathBuf;

use serde::Serialize;

use super::{Card, Effects, Music, ProgressBar, Watermark};
use crate::{
    pipeline::{
        fields::Fields,
        kind::{Kind, color, count, file, name, number, share, truth, variant},
        presets::read_grade,
    },
    story::{CameraKind, CaptionStyle, Color, Grade, Style, TransitionKind},
};

/// Settings of the `timeline` stage.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Timeline {
    /// How the camera moves over a still.
    pub camera: CameraKind,
    /// How far a move goes: the zoom at its near end, where 1 shows the whole still.
    pub zoom: f64,
    /// How one scene gives way to the next.
    pub transition: TransitionKind,
    /// How long that takes, in seconds.
    pub transition_seconds: f64,
    /// What decides when it happens.
    pub transition_on: TransitionOn,
    /// The text on the picture.
    pub captions: Captions,
    /// The colour look.
    pub grade: Grade,
    /// A `.cube` file whose colours the grade ends with.
    pub lut: Option<PathBuf>,
    /// What is played under the voice.
    pub music: Music,
    /// Short sounds of what is seen.
    pub effects: Effects,
    /// A line that makes people stay, while the video begins.
    pub hook: Card,
    /// What is said at the end, over the darkened picture.
    pub end_card: Card,
    /// A bar that shows how much has passed.
    pub progress: ProgressBar,
    /// Whose video it is.
    pub watermark: Watermark,
}

/// What decides when one scene gives way to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TransitionOn {
    /// The words alone.
    Words,
    /// The music's beats, as far as the silence between two words goes.
    Beats,
}

/// How captions look.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Captions {
    /// How they are drawn.
    pub style: CaptionStyle,
    /// The font family.
    pub font: String,
    /// The largest size in pixels for a frame 1080 across its shorter side.
    pub font_size: f32,
    /// The text's colour.
    pub color: Color,
    /// The colour at the letters' feet; `None` where they are of one colour.
    pub gradient: Option<Color>,
    /// The colour of the word being spoken.
    pub highlight: Color,
    /// All capitals.
    pub uppercase: bool,
    /// The most words on screen at once.
    pub max_words: u32,
    /// Where their middle sits in the platform's safe box: 0 is its top, 1 its bottom.
    pub position: f64,
}

impl Timeline {
    pub(crate) fn read(fields: &mut Fields<'_>, style: &Style) -> Option<Self> {
        let camera = fields.get("camera", &variant().or_auto(style.camera));
        let zoom = fields.get("zoom", &number(1.0..=2.0));
        let transition = fields.group("transition", |fields| {
            let kind = fields.get("kind", &variant().or_auto(style.transition));
            let seconds = fields.get("seconds", &number(0.0..=3.0));
            let on = fields.get("on", &variant());
            Some((kind?, seconds?, on?))
        });
        let captions = fields.group("captions", |fields| Captions::read(fields, style));
        let grade = if fields.is_mapping("grade") {
            fields.group("grade", |fields| read_grade(fields, &style.grade))
        } else {
            fields.get(
                "grade",
                &Kind::word("auto", "a mapping such as `{ saturation: 0.8 }`", style.grade.clone()),
            )
        };
        let lut = fields.optional("lut", &file("the path of a .cube file"));
        let music = fields.group("music", |fields| Music::read(fields, style));
        let effects = fields.group("effects", Effects::read);
        let hook = fields.group("hook", Card::read);
        let end_card = fields.group("end_card", Card::read);
        let progress = fields.get("progress", &variant());
        let watermark = fields.group("watermark", Watermark::read);
        let (transition, transition_seconds, transition_on) = transition?;
        Some(Self {
            camera: camera?,
            zoom: zoom?,
            transition,
            transition_seconds,
            transition_on,
            captions: captions?,
            grade: grade?,
            lut: lut?,
            music: music?,
            effects: effects?,
            hook: hook?,
            end_card: end_card?,
            progress: progress?,
            watermark: watermark?,
        })
    }
}

impl Captions {
    fn read(fields: &mut Fields<'_>, style: &Style) -> Option<Self> {
        let style = fields.get("style", &variant().or_auto(style.captions));
        let font = fields.get("font", &name("the name of a font family"));
        let font_size = fields.get("font_size", &number(24.0..=200.0));
        let text_color = fields.get("color", &color());
        let gradient = fields.get("gradient", &color().or_off());
        let highlight = fields.get("highlight", &color());
        let uppercase = fields.get("uppercase", &truth());
        let max_words = fields.get("max_words", &count(1..=12));
        let position = fields.get("position", &share());
        Some(Self {
            style: style?,
            font: font?,
            font_size: font_size? as f32,
            color: text_color?,
            gradient: gradient?,
            highlight: highlight?,
            uppercase: uppercase?,
            max_words: max_words?,
            position: position?,
        })
    }
}

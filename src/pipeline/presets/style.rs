//! Style files.

use crate::pipeline::{
    fields::Fields,
    kind::{name, number, text, variant},
};
use crate::story::{Grade, Style};

/// Reads a style.
pub(crate) fn read_style(fields: &mut Fields<'_>) -> Option<Style> {
    let style_name = fields.get("name", &name("the style's name"));
    let summary = fields.get("summary", &text());
    let prompt_prefix = fields.get("prompt_prefix", &text());
    let prompt_suffix = fields.get("prompt_suffix", &text());
    let negative_prompt = fields.get("negative_prompt", &text());
    let camera = fields.get("camera", &variant());
    let transition = fields.get("transition", &variant());
    let captions = fields.get("captions", &variant());
    let music = fields.optional("music", &variant());
    let grade = fields.group("grade", |fields| read_grade(fields, &Grade::default()));
    Some(Style {
        name: style_name?,
        summary: summary?,
        prompt_prefix: prompt_prefix?,
        prompt_suffix: prompt_suffix?,
        negative_prompt: negative_prompt?,
        camera: camera?,
        transition: transition?,
        captions: captions?,
        music: music?.unwrap_or_default(),
        grade: grade?,
    })
}

/// Reads a colour look; what it leaves out stays as `below` has it.
pub(crate) fn read_grade(fields: &mut Fields<'_>, below: &Grade) -> Option<Grade> {
    let lift = channels(fields, "lift", -0.2, 0.2, below.lift);
    let gamma = channels(fields, "gamma", 0.5, 2.0, below.gamma);
    let gain = channels(fields, "gain", 0.5, 1.5, below.gain);
    let saturation = fields.optional("saturation", &number(0.0..=2.0));
    let brightest = fields.optional("brightest", &number(0.3..=1.0));
    let vignette = fields.optional("vignette", &number(0.0..=1.0));
    let grain = fields.optional("grain", &number(0.0..=1.0));
    let letterbox = fields.optional("letterbox", &number(0.0..=0.3));
    Some(Grade {
        lift: lift?,
        gamma: gamma?,
        gain: gain?,
        saturation: saturation?.map_or(below.saturation, |value| value as f32),
        brightest: brightest?.map_or(below.brightest, |value| value as f32),
        vignette: vignette?.map_or(below.vignette, |value| value as f32),
        grain: grain?.map_or(below.grain, |value| value as f32),
        letterbox: letterbox?.map_or(below.letterbox, |value| value as f32),
    })
}

/// Red, green and blue.
fn channels(
    fields: &mut Fields<'_>,
    name: &'static str,
    least: f64,
    most: f64,
    below: [f32; 3],
) -> Option<[f32; 3]> {
    if !fields.has(name) {
        return Some(below);
    }
    let values = fields.list(name, &number(least..=most))?;
    match <[f64; 3]>::try_from(values) {
        Ok(values) => Some(values.map(|value| value as f32)),
        Err(values) => {
            let spot = fields.spot(name)?;
            let wrong = format!("is a list of {}", values.len());
            fields.problem(name, &wrong, &spot, "expected three numbers: red, green and blue".to_owned());
            None
        }
    }
}

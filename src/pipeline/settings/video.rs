//! The `video` stage.

use serde::Serialize;

use crate::{
    pipeline::{
        fields::Fields,
        kind::{frame_rate, variant},
    },
    story::{FrameRate, Platform, Quality, VideoEncoder},
};

/// Settings of the `video` stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Video {
    /// Who encodes.
    pub encoder: VideoEncoder,
    /// How much care it takes.
    pub quality: Quality,
    /// Frames a second.
    pub frame_rate: FrameRate,
}

impl Video {
    pub(crate) fn read(fields: &mut Fields<'_>, platform: &Platform) -> Option<Self> {
        let encoder = variant::<VideoEncoder>().later(&["vaapi", "qsv", "amf"]);
        let encoder = fields.get("encoder", &encoder);
        let codecs = &platform.video.codecs.value;
        if let Some(codec) = encoder.map(VideoEncoder::codec).filter(|codec| !codecs.contains(codec))
            && let Some(spot) = fields.spot("encoder")
        {
            let wrong = format!("writes {}, which {} does not list", codec.name(), platform.title);
            let names: Vec<&str> = codecs.iter().map(|codec| codec.name()).collect();
            let expected = format!("expected an encoder of one of: {}", names.join(", "));
            fields.problem("encoder", &wrong, &spot, expected);
        }
        let quality = fields.get("quality", &variant());
        let rate = fields.get("fps", &frame_rate().or_auto(platform.video.frame_rate))?;
        let (least, most) = (&platform.video.min_fps, &platform.video.max_fps);
        if !(least.value..=most.value).contains(&rate.fps()) {
            let spot = fields.spot("fps")?;
            let expected = format!("expected {} to {} frames a second", least.value, most.value);
            fields.problem(
                "fps",
                &format!("is {}, which {} does not accept", rate.fps(), platform.title),
                &spot,
                expected,
            );
            return None;
        }
        Some(Self { encoder: encoder?, quality: quality?, frame_rate: rate })
    }
}

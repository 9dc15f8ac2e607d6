//! The video's sound: as long as the picture, and at the platform's loudness after the codec.

use super::{Error, Kind};
use crate::{
    audio::{self, Measurement},
    media,
    story::{Platform, SAMPLE_RATE, Samples},
};

/// How far the loudness may be from its target, in LU: a verified file may be 0.5 off.
const TOLERANCE: f64 = 0.3;
/// What a codec raises the peaks of most mixes by, in dB.
const HEADROOM: f64 = 0.4;
/// Levelled again at most so often.
const ROUNDS: usize = 6;

/// The finished sound, and how loud it is once it went through the codec.
pub(super) struct Mastered {
    pub(super) sound: Samples,
    pub(super) heard: Measurement,
    /// How often it had to be levelled again.
    pub(super) rounds: usize,
}

/// Makes `mix` the sound of a video of `length` samples; `leveled` says that it is at its loudness already.
///
/// A codec moves peaks and loudness, so the coded sound is measured, and the mix is
/// levelled again, with a lower ceiling, only where that breaks the platform's figures.
pub(super) fn master(
    mix: Samples,
    leveled: bool,
    length: usize,
    platform: &Platform,
) -> Result<Mastered, Error> {
    let target = platform.loudness.integrated.value;
    let most = platform.loudness.true_peak.value;
    let mix = match mix.rate {
        SAMPLE_RATE => mix,
        _ => audio::resample(&mix, SAMPLE_RATE).map_err(failed)?,
    };
    // What is levelled here for the first time leaves the codec room at once.
    let (mut aim, mut ceiling) = (target, if leveled { most } else { most - HEADROOM });
    let mut rounds = 0;
    loop {
        let mut sound = mix.clone();
        if rounds > 0 || !leveled {
            audio::level(&mut sound, aim, ceiling).map_err(failed)?;
        }
        if platform.audio.channels.value > 1 {
            sound = audio::stereo(sound);
        }
        for channel in &mut sound.channels {
            channel.resize(length.max(channel.len()), 0.0);
        }
        let coded = media::coded(&sound, platform.audio.bitrate.value).map_err(failed)?;
        let heard = audio::measure(&coded).map_err(failed)?;
        let short = target - heard.integrated_lufs;
        let over = heard.true_peak_dbtp - most;
        if (short.abs() <= TOLERANCE && over <= 0.0) || rounds == ROUNDS {
            return Ok(Mastered { sound, heard, rounds });
        }
        if rounds > 0 || !leveled {
            aim += short;
        }
        // A little more than what it was over: the same overshoot follows from a lower peak.
        if over > 0.0 || leveled {
            ceiling -= over.max(0.0) + 0.1;
        }
        rounds += 1;
    }
}

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(Kind::Failed, "", error)
}

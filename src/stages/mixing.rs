//! The voice, the music and the effects become one sound.

use std::io::Write;

use super::{Context, Error, Kind};
use crate::{
    audio::{self, Track},
    media,
    story::{Effect, Music, SAMPLE_RATE, Samples, Seed, Timeline, Tune},
};

/// A song is not read farther than a video can be long, in seconds.
const LONGEST: f64 = 3_600.0;

/// The sound of `timeline` in stereo, `length` samples long, not yet levelled; `None` where the voice is alone.
///
/// # Errors
/// When the music cannot be read or is silent.
pub(super) fn mix(
    timeline: &Timeline,
    voice: &Samples,
    length: usize,
    ctx: &mut Context<'_>,
) -> Result<Option<Samples>, Error> {
    if timeline.music.is_none() && timeline.effects.is_empty() {
        return Ok(None);
    }
    let voice = audio::stereo(at_rate(voice.clone())?);
    let mut sounds: Vec<(Samples, f64, usize)> = Vec::new();
    if let Some(music) = &timeline.music {
        let level = audio::measure(&voice).map_err(failed)?.integrated_lufs;
        sounds.push(under(music, timeline.seed, level, length, ctx)?);
    }
    for (index, effect) in timeline.effects.iter().enumerate() {
        sounds.push(placed(effect, timeline.seed.derive("effect", index as u64)));
    }
    let voice = Track { samples: &voice, gain_db: 0.0, start: 0 };
    let others =
        sounds.iter().map(|(samples, gain_db, start)| Track { samples, gain_db: *gain_db, start: *start });
    let tracks: Vec<Track<'_>> = std::iter::once(voice).chain(others).collect();
    let mixed = audio::mix(&tracks).map_err(failed)?;
    Ok(Some(audio::trim(&mixed, 0..length)))
}

/// The music as long as the video and down wherever somebody speaks, its gain and where it begins;
/// `voice` is how loud the voice is, in LUFS.
fn under(
    music: &Music,
    seed: Seed,
    voice: f64,
    length: usize,
    ctx: &mut Context<'_>,
) -> Result<(Samples, f64, usize), Error> {
    let (tune, seamless) = match music.tune {
        Tune::Bed(mood) => {
            ctx.note(format!("music: `{}`, played by the program itself", mood.name()));
            (audio::bed(mood, seed), true)
        }
        Tune::File(digest) => (song(digest, ctx)?, false),
    };
    let mut tune = audio::stereo(at_rate(tune)?);
    if tune.channels.len() > 2 {
        tune.channels.truncate(2);
    }
    let level = audio::measure(&tune).map_err(failed)?.integrated_lufs;
    let mut tune = audio::looped(&tune, length, seamless).map_err(failed)?;
    audio::duck(&mut tune, &music.spoken, music.ducking_db);
    Ok((tune, voice - level + music.gain_db + music.ducking_db, 0))
}

/// A file of the user's out of the store.
pub(super) fn song(digest: crate::digest::Digest, ctx: &Context<'_>) -> Result<Samples, Error> {
    let unreadable = |error: &dyn std::fmt::Display| {
        Error::new(Kind::Invalid, "timeline.music.file", format!("the music cannot be played: {error}"))
    };
    let bytes = ctx.store.get(digest)?.ok_or_else(|| unreadable(&"it is no longer in the store"))?;
    let mut file = ctx.store.temporary()?;
    file.write_all(&bytes).map_err(|error| unreadable(&error))?;
    media::beginning(file.path(), LONGEST).map_err(|error| unreadable(&error))
}

/// An effect, its gain and where it begins so that it is loudest at its moment.
fn placed(effect: &Effect, seed: Seed) -> (Samples, f64, usize) {
    let (samples, peak) = audio::effect(effect.kind, effect.length.seconds(), seed);
    let at = effect.at.0 as usize;
    if peak <= at {
        return (samples, effect.gain_db, at - peak);
    }
    let length = samples.len();
    (audio::trim(&samples, peak - at..length), effect.gain_db, 0)
}

fn at_rate(samples: Samples) -> Result<Samples, Error> {
    if samples.rate == SAMPLE_RATE {
        Ok(samples)
    } else {
        audio::resample(&samples, SAMPLE_RATE).map_err(failed)
    }
}

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(Kind::Failed, "", error)
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use super::{super::mastering::master, *};
    use crate::{
        compose::camera_move,
        digest::Digest,
        pipeline::Presets,
        stages::{Cancel, Stage},
        store::Store,
        story::{
            CameraKind, CaptionStyle, Captions, Clip, EffectKind, Extras, FrameRate, Grade, Mood, Rect, Size,
            Span, Time,
        },
    };

    const LENGTH: usize = 4 * SAMPLE_RATE as usize;

    /// Syllables of a voice from 1 s to 3 s, of a pitch and a loudness of its own.
    fn voice(pitch: f64, level: f64) -> Samples {
        let wave = |i: usize| {
            let t = i as f64 / 48_000.0;
            let speaks = if (1.0..3.0).contains(&t) { (TAU * 2.5 * t).sin().abs().powf(0.7) } else { 0.0 };
            let body = (TAU * pitch * t).sin()
                + 0.5 * (TAU * 2.0 * pitch * t).sin()
                + 0.3 * (TAU * 9.3 * pitch * t).sin();
            (level * speaks * body) as f32
        };
        Samples::mono(SAMPLE_RATE, (0..LENGTH).map(wave).collect())
    }

    fn timeline(music: Option<Music>, effects: Vec<Effect>, seed: u64) -> Timeline {
        let white = "#ffffff".parse().unwrap();
        let clip = Clip {
            scene: 0,
            still: Digest::of(b""),
            span: Span::new(Time::ZERO, Time(LENGTH as u64)),
            camera: camera_move(CameraKind::Hold, 1.0, Seed(0), 0),
            transition: None,
        };
        Timeline {
            frame_size: Size::new(16, 16),
            frame_rate: FrameRate::new(30, 1),
            frames: 120,
            clips: vec![clip],
            captions: Captions {
                style: CaptionStyle::Off,
                area: Rect { left: 0, top: 0, right: 16, bottom: 16 },
                color: white,
                gradient: None,
                highlight: white,
                font_size: 8.0,
                font: String::new(),
                uppercase: false,
                cues: Vec::new(),
            },
            title: None,
            extras: Extras::default(),
            grade: Grade::default(),
            lut: None,
            narration: Digest::of(b""),
            music,
            effects,
            seed: Seed(seed),
        }
    }

    fn music(mood: Mood, gain_db: f64, ducking_db: f64) -> Music {
        let span = |start: f64, end: f64| Span::new(Time::from_seconds(start), Time::from_seconds(end));
        // Words with gaps that are none for the music.
        Music { tune: Tune::Bed(mood), gain_db, ducking_db, spoken: vec![span(1.0, 2.0), span(2.3, 3.0)] }
    }

    /// `timeline` mixed with `voice`.
    fn mixed(timeline: &Timeline, voice: &Samples) -> Samples {
        let folder = tempfile::tempdir().unwrap();
        mixed_in(&Store::open(folder.path()).unwrap(), timeline, voice)
    }

    fn mixed_in(store: &Store, timeline: &Timeline, voice: &Samples) -> Samples {
        let mut ctx = Context {
            stage: Stage::Video,
            store,
            models_dir: None,
            draft: false,
            cancel: Cancel::default(),
            tell: &mut |_, _| {},
        };
        mix(timeline, voice, LENGTH, &mut ctx).unwrap().unwrap()
    }

    #[test]
    fn fifty_mixes_reach_the_loudness_under_the_ceiling() {
        let platform = Presets::built_in().platform("tiktok").unwrap();
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        // Songs as a user would give them: as files, at a rate of their own.
        let songs = [Mood::Lofi, Mood::Uplifting, Mood::Epic, Mood::Calm].map(|mood| {
            let song = audio::resample(&audio::trim(&audio::bed(mood, Seed(9)), 0..LENGTH), 44_100).unwrap();
            store.put(&audio::encode_wav(&song, audio::SampleFormat::Int16).unwrap()).unwrap()
        });
        let kinds = [EffectKind::Whoosh, EffectKind::Swell, EffectKind::Pop, EffectKind::Impact];
        for n in 0..50u64 {
            let share = |what: &str| Seed(n).fraction(what, 0);
            let music = Music {
                tune: Tune::File(songs[n as usize % 4]),
                ..music(Mood::Calm, -26.0 + 20.0 * share("gain"), 12.0 + 3.0 * share("ducking"))
            };
            let effect = |i: u64| Effect {
                kind: kinds[(n + i) as usize % 4],
                at: Time::from_seconds(0.9 * i as f64),
                length: Time::from_seconds(0.4),
                gain_db: -18.0 + 15.0 * Seed(n).fraction("effect", i),
            };
            let timeline = timeline(Some(music), (0..4).map(effect).collect(), n);
            let voice = voice(90.0 + 160.0 * share("pitch"), 0.05 + 0.4 * share("level"));
            let mastered = master(mixed_in(&store, &timeline, &voice), false, LENGTH, &platform).unwrap();
            let heard = mastered.heard;
            assert!((heard.integrated_lufs + 14.0).abs() <= 0.3, "mix {n}: {heard:?}");
            assert!(heard.true_peak_dbtp <= -1.5, "mix {n}: {heard:?}");
            assert_eq!((mastered.sound.channels.len(), mastered.sound.len()), (2, LENGTH));
        }
    }

    #[test]
    fn music_is_so_far_down_under_words_as_it_says_and_there_from_the_start() {
        let voice = voice(140.0, 0.3);
        let alone = audio::stereo(voice.clone());
        for (mood, depth) in [(Mood::Calm, 12.0), (Mood::Uplifting, 15.0)] {
            // The same music, once never lowered and as loud as it is where nobody speaks.
            let music_of = |gain_db: f64, ducking_db: f64| {
                let mixed = mixed(&timeline(Some(music(mood, gain_db, ducking_db)), Vec::new(), 5), &voice);
                let mut rest = mixed.channels[0].clone();
                rest.iter_mut().zip(&alone.channels[0]).for_each(|(m, v)| *m -= v);
                rest
            };
            let (ducked, plain) = (music_of(-20.0, depth), music_of(-20.0 + depth, 0.0));
            let power = |samples: &[f32], from: f64, to: f64| {
                let range = (from * 48_000.0) as usize..(to * 48_000.0) as usize;
                10.0 * samples[range].iter().map(|s| f64::from(*s).powi(2)).sum::<f64>().log10()
            };
            let below = |from, to| power(&plain, from, to) - power(&ducked, from, to);
            assert!((below(0.9, 3.3) - depth).abs() < 0.1, "{mood:?}: {} dB under words", below(0.9, 3.3));
            assert!(
                below(0.0, 0.7).abs() < 0.1 && below(3.75, 3.95).abs() < 0.1,
                "{mood:?}: where nobody speaks"
            );
        }
    }

    #[test]
    fn an_effect_is_loudest_at_its_moment() {
        let silence = Samples::silence(SAMPLE_RATE, 1, LENGTH);
        for kind in [EffectKind::Whoosh, EffectKind::Pop, EffectKind::Impact] {
            let at = Time::from_seconds(2.0);
            let effect = Effect { kind, at, length: Time::from_seconds(0.4), gain_db: -6.0 };
            let mixed = mixed(&timeline(None, vec![effect], 1), &silence);
            let window = 2_400;
            let power = |n: usize| {
                mixed
                    .channels
                    .iter()
                    .flat_map(|c| &c[n * window..(n + 1) * window])
                    .map(|s| s * s)
                    .sum::<f32>()
            };
            let loudest = (0..LENGTH / window).max_by(|&a, &b| power(a).total_cmp(&power(b))).unwrap();
            let off = (loudest as f64 * 0.05 + 0.025 - 2.0).abs();
            assert!(off < 0.12, "{kind:?} is loudest {off} s off");
        }
    }
}

//! The stage: from a timeline to a verified video in the store.

use std::f64::consts::TAU;

use shortform::{
    audio,
    compose::camera_move,
    digest::Digest,
    media::{self, Options},
    pipeline::{self, Pipeline, Request},
    stages::{self, Cancel, Context, Happening, Kind, Stage, video::Rendered},
    store::Store,
    story::{
        CameraKind, CaptionStyle, Captions, Clip, Effect, EffectKind, Extras, Grade, Mood, Music, Progress,
        Quality, Rect, Samples, Seed, Size, Span, Time, Timeline, Transition, TransitionKind, Tune,
    },
};

use crate::material::*;

/// A pipeline for small frames, and a store.
struct Studio {
    pipeline: Pipeline,
    store: Store,
    _folder: tempfile::TempDir,
}

impl Studio {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut pipeline = pipeline::load(&Request::default()).unwrap();
        pipeline.platform.generation.delivery = Size::new(270, 480);
        pipeline.video.quality = Quality::Draft;
        Self { pipeline, store: Store::open(folder.path()).unwrap(), _folder: folder }
    }

    /// Three stills with a moving camera, over `sound`.
    fn timeline(&self, sound: &Samples, camera: CameraKind) -> Timeline {
        let size = self.pipeline.platform.generation.delivery;
        let at = |scene: usize| Time::from_seconds(scene as f64 * 1.4);
        let clip = |scene: usize| {
            let picture = image::RgbImage::from_fn(size.width, size.height, |x, y| {
                image::Rgb([(x * 7 % 256) as u8, (y * 3 % 256) as u8, (80 * scene) as u8])
            });
            let mut png = std::io::Cursor::new(Vec::new());
            picture.write_to(&mut png, image::ImageFormat::Png).unwrap();
            Clip {
                scene,
                still: self.store.put(png.get_ref()).unwrap(),
                span: Span::new(at(scene), at(scene + 1)),
                camera: camera_move(camera, 1.2, Seed(3), scene),
                transition: Some(Transition {
                    kind: TransitionKind::Crossfade,
                    length: Time::from_seconds(0.2),
                }),
            }
        };
        let wav = audio::encode_wav(sound, audio::SampleFormat::Int16).unwrap();
        Timeline {
            frame_size: size,
            frame_rate: FPS,
            frames: at(3).frame(FPS),
            clips: (0..3).map(clip).collect(),
            captions: Captions {
                style: CaptionStyle::Off,
                area: Rect { left: 20, top: 260, right: 250, bottom: 350 },
                color: "#ffffff".parse().unwrap(),
                gradient: None,
                highlight: "#ffe500".parse().unwrap(),
                font_size: 96.0,
                font: self.pipeline.timeline.captions.font.clone(),
                uppercase: false,
                cues: Vec::new(),
            },
            title: None,
            extras: Extras::default(),
            grade: Grade::default(),
            lut: None,
            narration: self.store.put(&wav).unwrap(),
            music: None,
            effects: Vec::new(),
            seed: Seed(3),
        }
    }

    fn run(
        &self,
        timeline: &Timeline,
        stop_at: Option<u64>,
    ) -> (Result<Rendered, stages::Error>, Vec<Happening>) {
        let mut happenings = Vec::new();
        let cancel = Cancel::default();
        let stop = cancel.clone();
        let mut tell = |_, happening: Happening| {
            if matches!(&happening, Happening::Progress(progress) if Some(progress.done) == stop_at) {
                stop.cancel();
            }
            happenings.push(happening);
        };
        let mut ctx = Context {
            stage: Stage::Video,
            store: &self.store,
            models_dir: None,
            draft: false,
            cancel,
            tell: &mut tell,
        };
        let rendered = stages::video::run(&self.pipeline, timeline, &mut ctx);
        (rendered, happenings)
    }
}

/// Speech as a meter sees it: short bursts of a tone at quite different levels.
fn bursts() -> Samples {
    let wave = |i: usize| {
        let t = i as f64 / RATE as f64;
        let syllable =
            (TAU * 2.2 * t).sin().max(0.0).powi(2) * if (t * 0.9).fract() < 0.3 { 1.0 } else { 0.35 };
        (0.2 * syllable * (TAU * (180.0 + 40.0 * (TAU * t).sin()) * t).sin()) as f32
    };
    Samples::mono(48_000, (0..4 * RATE).map(wave).collect())
}

#[test]
fn the_stage_makes_a_verified_video_once() {
    let studio = Studio::new();
    let timeline = studio.timeline(&bursts(), CameraKind::KenBurns);
    let (rendered, happenings) = studio.run(&timeline, None);
    let rendered = rendered.unwrap();
    assert!(happenings.contains(&Happening::Step { hit: false }));
    assert!((rendered.loudness.integrated_lufs + 14.0).abs() <= 0.3, "{:?}", rendered.loudness);
    assert!(rendered.measured.true_peak.unwrap() <= -1.49, "{:?}", rendered.measured);
    let path = studio._folder.path().join("out.mp4");
    assert!(studio.store.copy_to(rendered.video, &path).unwrap());
    let report = media::verify(&path, &studio.pipeline.platform, Options::default()).unwrap();
    assert!(report.flawless(), "{:?}", report.checks);
    assert_eq!(report.measured.frames, 126);
    assert!((report.measured.integrated.unwrap() - rendered.loudness.integrated_lufs).abs() < 0.01);
    let cover = image::load_from_memory(&studio.store.get(rendered.cover).unwrap().unwrap()).unwrap();
    assert_eq!((cover.width(), cover.height()), (270, 480));

    let (again, happenings) = studio.run(&timeline, None);
    assert_eq!(again.unwrap(), rendered);
    assert!(happenings.contains(&Happening::Step { hit: true }));
}

#[test]
fn music_effects_and_extras_make_a_video_that_keeps_every_rule() {
    let studio = Studio::new();
    let size = studio.pipeline.platform.generation.delivery;
    let mut timeline = studio.timeline(&bursts(), CameraKind::Handheld);
    let seconds = Time::from_seconds;
    timeline.music = Some(Music {
        tune: Tune::Bed(Mood::Tense),
        gain_db: -18.0,
        ducking_db: 13.0,
        spoken: vec![Span::new(seconds(0.3), seconds(3.0))],
    });
    timeline.effects = [EffectKind::Whoosh, EffectKind::Pop]
        .iter()
        .zip([1.4, 2.8])
        .map(|(kind, at)| Effect { kind: *kind, at: seconds(at), length: seconds(0.2), gain_db: -12.0 })
        .collect();
    timeline.grade = Grade { grain: 0.2, letterbox: 0.05, ..Grade::default() };
    // Red and blue change places.
    let cube = "LUT_3D_SIZE 2\n0 0 0\n0 0 1\n0 1 0\n0 1 1\n1 0 0\n1 0 1\n1 1 0\n1 1 1\n";
    timeline.lut = Some(studio.store.put(cube.as_bytes()).unwrap());
    timeline.extras.progress = Some(Progress {
        area: Rect { left: 0, top: 0, right: size.width, bottom: 4 },
        color: "#ffe500".parse().unwrap(),
    });
    timeline.clips[1].transition =
        Some(Transition { kind: TransitionKind::WhipPan, length: Time::from_seconds(0.2) });
    let (rendered, happenings) = studio.run(&timeline, None);
    let rendered = rendered.unwrap();
    assert!((rendered.loudness.integrated_lufs + 14.0).abs() <= 0.3, "{:?}", rendered.loudness);
    assert!(rendered.measured.true_peak.unwrap() <= -1.49, "{:?}", rendered.measured);
    let told =
        |word: &str| happenings.iter().any(|h| matches!(h, Happening::Note { text } if text.contains(word)));
    assert!(told("`tense`"), "{happenings:?}");
    let path = studio._folder.path().join("out.mp4");
    studio.store.copy_to(rendered.video, &path).unwrap();
    // The sound is in stereo, and there before anybody speaks.
    let heard = media::sound(&path).unwrap();
    let power = |channel: &[f32]| channel.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>();
    assert!(power(&heard.channels[0][9_000..14_000]) > 1e-4, "no music at the beginning");
    assert!(heard.channels[0] != heard.channels[1]);
    // The last frame: bars at both ends, the progress full, colours as the table says.
    let last = media::Video::open(&path).unwrap().last().unwrap().unwrap();
    assert!(last.y.row(size.height as usize - 4).iter().all(|&luma| luma < 24));
    assert!(last.y.row(1)[size.width as usize - 8] > 150);

    let broken = Timeline { lut: Some(studio.store.put(b"LUT_3D_SIZE 3\n").unwrap()), ..timeline };
    let (error, _) = studio.run(&broken, None);
    let error = error.unwrap_err();
    assert!(error.kind == Kind::Invalid && error.to_string().contains("LUT_3D_SIZE asks for 27"), "{error}");
}

#[test]
fn the_stage_stops_and_rejects() {
    let studio = Studio::new();
    let timeline = studio.timeline(&bursts(), CameraKind::KenBurns);
    let (stopped, _) = studio.run(&timeline, Some(40));
    assert_eq!(stopped.unwrap_err().kind, Kind::Cancelled);

    // Two seconds and a half are too short for every platform.
    let mut short = timeline.clone();
    short.frames = 75;
    let short = Timeline { clips: short.clips[..2].to_vec(), ..short };
    let mut sound = bursts();
    sound.channels[0].truncate(2 * RATE);
    let short = Timeline { narration: studio.timeline(&sound, CameraKind::KenBurns).narration, ..short };
    let error = studio.run(&short, None).0.unwrap_err();
    assert_eq!(error.kind, Kind::Rejected);
    assert!(error.to_string().contains("length: 2.500 s, expected 3 to"), "{error}");

    let gone = Timeline { narration: Digest::of(b"gone"), ..timeline };
    assert!(studio.run(&gone, None).0.unwrap_err().to_string().contains("no longer in the store"));
}

//! Which clips are seen on which frame, and how far each is on its way.

use super::{Error, camera::Moment, transition::Passage};
use crate::story::{Clip, FrameRate, Timeline};
use std::ops::Range;

/// A clip in frames.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Shot {
    /// Where it belongs, without transitions; the ranges of all shots tile the video.
    pub(super) frames: Range<u64>,
    /// From the first frame it is seen on to the first it is not, transitions included.
    pub(super) seen: Range<u64>,
    /// How it comes in.
    pub(super) passage: Passage,
}

impl Shot {
    /// Where its camera is at `frame`, `closer` than its way has it.
    pub(super) fn moment(&self, frame: u64, rate: FrameRate, closer: f64) -> Moment {
        let seconds = frame.saturating_sub(self.seen.start) as f64 / rate.fps();
        Moment { progress: self.progress(frame), seconds, closer }
    }

    /// How far its camera is at `frame`: 0 on the first frame it is seen on, 1 on the last.
    fn progress(&self, frame: u64) -> f64 {
        let way = (self.seen.end - self.seen.start).saturating_sub(1).max(1);
        (frame.saturating_sub(self.seen.start)) as f64 / way as f64
    }
}

/// The shots of `timeline`, one for each clip.
pub(super) fn shots(timeline: &Timeline) -> Result<Vec<Shot>, Error> {
    let starts = starts(timeline)?;
    let range = |i: usize| starts[i]..starts.get(i + 1).copied().unwrap_or(timeline.frames);
    let length = |i: usize| range(i).end - range(i).start;
    let passages: Vec<Passage> = timeline
        .clips
        .iter()
        .enumerate()
        .map(|(i, clip): (usize, &Clip)| {
            let transition = clip.transition.filter(|_| i > 0);
            let frames = transition.map_or(0, |t| t.length.frame(timeline.frame_rate));
            let shortest = if i > 0 { length(i).min(length(i - 1)) } else { 0 };
            Passage::new(transition, frames, starts[i], shortest)
        })
        .collect();
    let seen = |i: usize| {
        passages[i].frames.start..passages.get(i + 1).map_or(timeline.frames, |next| next.frames.end)
    };
    Ok((0..starts.len())
        .map(|i| Shot { frames: range(i), seen: seen(i), passage: passages[i].clone() })
        .collect())
}

/// The first frame of each clip.
fn starts(timeline: &Timeline) -> Result<Vec<u64>, Error> {
    let mut starts: Vec<u64> =
        timeline.clips.iter().map(|clip| clip.span.start.frame(timeline.frame_rate)).collect();
    let first = starts.first_mut().ok_or_else(|| Error::Timeline(String::from("it has no clip")))?;
    *first = 0;
    let ends = starts[1..].iter().chain([&timeline.frames]);
    let empty = starts.iter().zip(ends).position(|(start, end)| start >= end);
    empty.map_or(Ok(starts), |i| {
        Err(Error::Timeline(format!("the clip of scene {} lasts no frame", timeline.clips[i].scene)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        digest::Digest,
        story::{
            CameraKind, CaptionStyle, Captions, Color, Extras, Grade, Rect, Seed, Size, Span, Time,
            Transition, TransitionKind,
        },
    };

    fn timeline(seconds: &[f64], transition: TransitionKind) -> Timeline {
        let mut start = Time::ZERO;
        let clips = seconds.iter().enumerate().map(|(scene, &length)| {
            let span = Span::new(start, start + Time::from_seconds(length));
            start = span.end;
            Clip {
                scene,
                still: Digest::of(b""),
                span,
                camera: crate::compose::camera_move(CameraKind::Hold, 1.2, Seed(0), scene),
                transition: Some(Transition { kind: transition, length: Time::from_seconds(0.4) }),
            }
        });
        let white = Color { r: 255, g: 255, b: 255, a: 255 };
        Timeline {
            frame_size: Size::new(16, 16),
            frame_rate: FrameRate::new(30, 1),
            clips: clips.collect(),
            frames: start.frame(FrameRate::new(30, 1)),
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
            music: None,
            effects: Vec::new(),
            seed: Seed(0),
        }
    }

    #[test]
    fn clips_are_seen_until_they_have_faded() {
        let shots = shots(&timeline(&[2.0, 3.0, 1.0], TransitionKind::Crossfade)).unwrap();
        assert_eq!(shots.iter().map(|s| s.frames.clone()).collect::<Vec<_>>(), [0..60, 60..150, 150..180]);
        assert_eq!(shots.iter().map(|s| s.seen.clone()).collect::<Vec<_>>(), [0..66, 54..156, 144..180]);
        assert_eq!((shots[1].progress(54), shots[1].progress(155)), (0.0, 1.0));
    }

    #[test]
    fn two_clips_at_most_are_seen_at_once() {
        let shots = shots(&timeline(&[0.1, 0.1, 0.15, 0.1, 2.0], TransitionKind::Wipe)).unwrap();
        for frame in 0..shots.last().unwrap().frames.end {
            let seen = shots.iter().filter(|shot| shot.seen.contains(&frame)).count();
            assert!((1..=2).contains(&seen), "frame {frame}: {seen}");
        }
    }

    #[test]
    fn a_clip_without_a_frame_is_an_error() {
        let error = shots(&timeline(&[2.0, 0.01, 1.0], TransitionKind::Cut)).unwrap_err();
        assert_eq!(error.to_string(), "the timeline cannot be drawn: the clip of scene 1 lasts no frame");
        assert!(shots(&timeline(&[], TransitionKind::Cut)).is_err());
    }
}

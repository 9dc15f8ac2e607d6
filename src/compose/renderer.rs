//! Draws one frame after the other.

use image::{RgbImage, RgbaImage};

use super::{
    Error, Fonts, Lut, Warning,
    camera::Moment,
    captions::{Mark, Painter, TitleCard},
    film::{Grain, letterbox},
    progress,
    reel::{Reel, Stills},
    schedule::{self, Shot},
    yuv,
};
use crate::story::{Frame, Plane, Timeline, Title};

/// Draws the frames of one timeline.
///
/// It holds the stills of the clips on screen, two at most, and the captions of one cue:
/// its memory does not grow with the video's length.
pub struct Renderer<'a> {
    timeline: &'a Timeline,
    shots: Vec<Shot>,
    reel: Reel<'a>,
    /// The clip that comes, while two are seen.
    coming: Frame,
    captions: Painter<'a>,
    title: Option<TitleCard<'a>>,
    hook: Option<TitleCard<'a>>,
    end_card: Option<TitleCard<'a>>,
    watermark: Option<Mark<'a>>,
    logo: Option<RgbaImage>,
    grain: Option<Grain>,
    fonts: &'a mut Fonts,
}

impl<'a> Renderer<'a> {
    /// Checks that all of `timeline` can be drawn; reads no still yet.
    pub fn new(timeline: &'a Timeline, stills: Stills<'a>, fonts: &'a mut Fonts) -> Result<Self, Error> {
        let size = timeline.frame_size;
        if [size.width, size.height].iter().any(|&side| side < 16 || side % 2 == 1) {
            return Err(Error::FrameSize(size));
        }
        let rate = timeline.frame_rate;
        let length = (rate, timeline.frames);
        let mut card = |title: &'a Option<Title>| {
            title.as_ref().map(|title| TitleCard::new(fonts, title, size, length)).transpose()
        };
        let extras = &timeline.extras;
        let (title, hook, end_card) = (card(&timeline.title)?, card(&extras.hook)?, card(&extras.end_card)?);
        let watermark = extras.watermark.as_ref();
        Ok(Self {
            captions: Painter::new(fonts, &timeline.captions, size, rate)?,
            title,
            hook,
            end_card,
            watermark: watermark.map(|mark| Mark::new(fonts, mark, size)).transpose()?,
            logo: None,
            grain: (timeline.grade.grain > 0.0).then(|| Grain::new(timeline.grade.grain, timeline.seed)),
            timeline,
            shots: schedule::shots(timeline)?,
            reel: Reel::new(timeline, stills),
            coming: Frame::black(size),
            fonts,
        })
    }

    /// The picture of the timeline's logo, which must be given before the first frame is drawn.
    pub fn with_logo(mut self, logo: RgbaImage) -> Self {
        self.logo = Some(logo);
        self
    }

    /// The timeline's table of colours, which must be given before the first frame is drawn.
    pub fn with_lut(mut self, lut: Lut) -> Self {
        self.reel.lut = Some(lut);
        self
    }

    /// What will be left out of the picture, for example symbols that no font has.
    pub fn warnings(&self) -> Vec<Warning> {
        let cards = [&self.title, &self.hook, &self.end_card];
        let cards = cards.into_iter().flatten().filter_map(TitleCard::warning);
        let mark = self.watermark.as_ref().and_then(Mark::warning);
        self.captions.warnings().into_iter().chain(cards).chain(mark).collect()
    }

    /// Draws frame `frame` into `out`; ask for frames in increasing order, so that each still
    /// is read once.
    pub fn render(&mut self, frame: u64, out: &mut Frame) -> Result<(), Error> {
        if out.size() != self.timeline.frame_size {
            return Err(Error::FrameSize(out.size()));
        }
        let clip = self.shots.partition_point(|shot| shot.seen.end <= frame);
        let Some(shot) = self.shots.get(clip) else {
            let message = format!("it has {} frames, there is no frame {frame}", self.timeline.frames);
            return Err(Error::Timeline(message));
        };
        if self.timeline.lut.is_some() && self.reel.lut.is_none() {
            return Err(Error::Timeline(String::from("its table of colours was not given")));
        }
        self.reel.forget_before(clip);
        let rate = self.timeline.frame_rate;
        match self.shots.get(clip + 1).filter(|next| next.seen.contains(&frame)) {
            None => self.reel.draw(clip, shot.moment(frame, rate, 1.0), out)?,
            Some(next) => {
                let progress = next.passage.progress(frame);
                let [going, coming] = next.passage.closer(progress);
                self.reel.draw(clip, shot.moment(frame, rate, going), out)?;
                self.reel.draw(clip + 1, next.moment(frame, rate, coming), &mut self.coming)?;
                next.passage.blend(progress, out, &self.coming);
            }
        }
        if let Some(grain) = &self.grain {
            grain.draw(frame, out);
        }
        if self.timeline.grade.letterbox > 0.0 {
            letterbox(self.timeline.grade.letterbox, out);
        }
        if let Some(card) = &self.end_card {
            darken(out, card.strength(frame) * END_DARKNESS);
        }
        if let Some(mark) = &mut self.watermark {
            let wanted = self.timeline.extras.watermark.as_ref().is_some_and(|mark| mark.logo.is_some());
            if wanted && self.logo.is_none() {
                return Err(Error::Timeline(String::from("the picture of its logo was not given")));
            }
            mark.draw(self.fonts, self.logo.as_ref(), out)?;
        }
        for card in [&mut self.title, &mut self.hook, &mut self.end_card].into_iter().flatten() {
            card.draw(self.fonts, frame, out)?;
        }
        self.captions.draw(self.fonts, frame, out)?;
        if let Some(bar) = &self.timeline.extras.progress {
            progress::draw(bar, (frame + 1) as f64 / self.timeline.frames as f64, out);
        }
        Ok(())
    }

    /// The picture that stands for the video: the liveliest of its first stills, with the title.
    ///
    /// Reads those stills anew; ask for it before the first frame or after the last.
    pub fn cover(&mut self) -> Result<RgbImage, Error> {
        const CANDIDATES: usize = 5;
        let mut best: Option<(f64, Frame)> = None;
        for clip in 0..self.shots.len().min(CANDIDATES) {
            let mut frame = Frame::black(self.timeline.frame_size);
            let halfway = Moment { progress: 0.5, seconds: 0.0, closer: 1.0 };
            self.reel.draw(clip, halfway, &mut frame)?;
            self.reel.forget_before(clip + 1);
            let score = liveliness(&frame.y);
            if best.as_ref().is_none_or(|(other, _)| score > *other) {
                best = Some((score, frame));
            }
        }
        let (_, mut cover) = best.ok_or_else(|| Error::Timeline(String::from("it has no clip")))?;
        if let Some(title) = &mut self.title {
            title.stamp(self.fonts, &mut cover, 1.0)?;
        }
        Ok(yuv::to_image(&cover))
    }
}

/// How dark the picture is behind an end card, 0 ..= 1.
const END_DARKNESS: f64 = 0.62;

/// Takes `share` (0 ..= 1) of the picture's light and colour away.
fn darken(picture: &mut Frame, share: f64) {
    let kept = 256 - (share.clamp(0.0, 1.0) * 256.0) as u16;
    if kept == 256 {
        return;
    }
    for (plane, black) in [(&mut picture.y, 16u16), (&mut picture.u, 128), (&mut picture.v, 128)] {
        for value in &mut plane.data {
            *value = ((u16::from(*value) * kept + black * (256 - kept) + 128) >> 8) as u8;
        }
    }
}

/// How much there is to see: the spread of light, and how much of it changes within a few pixels.
fn liveliness(luma: &Plane) -> f64 {
    const STEP: usize = 4;
    let (mut count, mut sum, mut squares, mut edges) = (0.0, 0.0, 0.0, 0.0);
    for y in (STEP..luma.height).step_by(STEP) {
        let (row, above) = (luma.row(y), luma.row(y - STEP));
        for x in (STEP..luma.width).step_by(STEP) {
            let value = f64::from(row[x]);
            count += 1.0;
            sum += value;
            squares += value * value;
            edges += (value - f64::from(row[x - STEP])).abs() + (value - f64::from(above[x])).abs();
        }
    }
    let count = f64::max(count, 1.0);
    let spread = (squares / count - (sum / count).powi(2)).max(0.0).sqrt();
    spread + 2.0 * (edges / count).min(40.0)
}

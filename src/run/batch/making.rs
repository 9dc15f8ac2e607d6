//! What the lanes do with one video.

use std::{path::Path, time::Instant};

use image::{ImageEncoder, codecs::jpeg::JpegEncoder, imageops::FilterType};

use super::{
    Asked, Batch, Done, Error, Finished, Lane, Told, Video,
    board::{Board, Step, Track},
    folder::{Folder, sweep_parts},
    wave,
};
use crate::{
    digest::Digest,
    run::{Event, Failed, StageRecord, local::Making},
    stages::{self, Cached, Cancel, Context, Happening, Kind, Stage, images, refine, upscale},
    store::Store,
};

/// Pixels across the small pictures of the report.
const THUMBNAIL: u32 = 216;
/// Lines kept of what was said on a video.
const LOG: usize = 40;

/// Who works: one worker of a lane, with a store of its own, so that its warnings are its video's.
pub(super) struct Worker<'a> {
    pub(super) batch: &'a Batch<'a>,
    pub(super) board: &'a Board,
    pub(super) folder: &'a Folder,
    pub(super) cancel: &'a Cancel,
    pub(super) store: Store,
    pub(super) lane: Lane,
    pub(super) number: usize,
    pub(super) tell: &'a (dyn Fn(&Told) + Sync),
}

impl Worker<'_> {
    /// Does one step; what comes next, or nothing when the video is finished.
    pub(super) fn work(&self, step: Step, video: usize) -> Result<Option<Step>, Failed> {
        match step {
            Step::Speak => self.speak(video).map(Some),
            Step::Direct => self.direct(video).map(Some),
            // Only what needs no model comes here.
            Step::Draw | Step::Edit => self.edit(video).map(Some),
            Step::Film => self.film(video).map(|()| None),
        }
    }

    fn video(&self, video: usize) -> &Video {
        &self.batch.videos[video]
    }

    fn last(&self, video: usize) -> Stage {
        self.video(video).job.stop_after.unwrap_or(Stage::Video)
    }

    fn speak(&self, video: usize) -> Result<Step, Failed> {
        self.stages(video, &[Stage::Narration])?;
        Ok(if self.last(video) == Stage::Narration { Step::Film } else { Step::Direct })
    }

    fn direct(&self, video: usize) -> Result<Step, Failed> {
        self.stages(video, &[Stage::Scenes])?;
        let last = self.last(video);
        if last < Stage::Images {
            return Ok(Step::Film);
        }
        let nothing_to_draw = self.is_drawn(video)?;
        Ok(if nothing_to_draw { Step::Edit } else { Step::Draw })
    }

    /// Whether the device lane has nothing to do for it: no models are asked for, or all lies in the store.
    fn is_drawn(&self, video: usize) -> Result<bool, Failed> {
        let job = &self.video(video).job;
        if job.machine.draft {
            return Ok(true);
        }
        let scenes = self.board.state().tracks[video].product.scenes.clone();
        let mut tell = |_: Stage, _: Happening| {};
        let mut ctx = Context {
            stage: Stage::Images,
            store: &self.store,
            models_dir: job.machine.models_dir.clone(),
            draft: false,
            cancel: self.cancel.clone(),
            tell: &mut tell,
        };
        let failed = |stage| move |error| Failed { stage, error };
        let drawn = images::cached(&job.pipeline, &scenes, &ctx).map_err(failed(Stage::Images))?;
        if !drawn.complete() || self.last(video) == Stage::Images {
            return Ok(drawn.complete());
        }
        let mut pictures = images::run(&job.pipeline, &scenes, &mut ctx).map_err(failed(Stage::Images))?;
        if job.pipeline.refine.is_some() {
            let drawn: Vec<_> = scenes.into_iter().zip(pictures).collect();
            let refined = refine::cached(&job.pipeline, &drawn, &ctx).map_err(failed(Stage::Refine))?;
            if !refined.complete() || self.last(video) == Stage::Refine {
                return Ok(refined.complete());
            }
            pictures = refine::run(&job.pipeline, &drawn, &mut ctx).map_err(failed(Stage::Refine))?;
        }
        let missing = |error| stages::Error::new(Kind::Missing, "", error);
        if wave::upscaler(job).map_err(missing).map_err(failed(Stage::Upscale))?.is_none() {
            return Ok(true);
        }
        let enlarged = upscale::cached(&job.pipeline, &pictures, &ctx);
        enlarged.map(Cached::complete).map_err(failed(Stage::Upscale))
    }

    fn edit(&self, video: usize) -> Result<Step, Failed> {
        let last = self.last(video);
        let of = Stage::of(&self.video(video).job.pipeline);
        let stages: Vec<Stage> =
            of.filter(|stage| (Stage::Images..=Stage::Timeline).contains(stage) && *stage <= last).collect();
        self.stages(video, &stages)?;
        Ok(Step::Film)
    }

    fn film(&self, video: usize) -> Result<(), Failed> {
        if self.last(video) == Stage::Video {
            self.stages(video, &[Stage::Video])?;
        }
        let stage = self.last(video);
        self.publish(video).map_err(|error| Failed { stage, error })
    }

    /// Takes a video through some of its stages, telling of each.
    fn stages(&self, video: usize, stages: &[Stage]) -> Result<(), Failed> {
        let Video { id, job, .. } = self.video(video);
        let last = self.last(video);
        let product = std::mem::take(&mut self.board.state().tracks[video].product);
        let mut log = Vec::new();
        let mut tell = |event: &Event| {
            log.extend(said(event));
            (self.tell)(&Told::Video { video: id.clone(), happened: event.clone() });
        };
        let mut making = Making::new(job, &self.store, self.cancel, &mut tell);
        making.product = product;
        let mut ended = Ok(());
        let mut seconds = 0.0;
        for &stage in stages {
            let (lane, worker, begun) = (self.lane, self.number, Instant::now());
            (self.tell)(&Told::StepStarted { video: id.clone(), lane, worker, stage });
            ended = making.go(stage, last);
            let took = begun.elapsed().as_secs_f64();
            let ok = ended.is_ok();
            (self.tell)(&Told::StepEnded { video: id.clone(), lane, worker, stage, seconds: took, ok });
            seconds += took;
            if !ok {
                break;
            }
        }
        let product = making.product;
        let mut state = self.board.state();
        let track = &mut state.tracks[video];
        track.product = product;
        track.seconds += seconds;
        track.remember(log);
        ended
    }

    /// Puts the video's files under their names and keeps that it is done.
    fn publish(&self, video: usize) -> Result<(), stages::Error> {
        let Video { id, job, key, .. } = self.video(video);
        let (mut product, device, seconds) = {
            let mut state = self.board.state();
            let track = &mut state.tracks[video];
            (std::mem::take(&mut track.product), std::mem::take(&mut track.device), track.seconds)
        };
        credit(&mut product.stages, device);
        product.seconds = seconds;
        let root = &self.batch.output;
        let folder = root.join(id);
        sweep_parts(&folder);
        let paths = (self.batch.hooks.publish)(job, &product, &self.store, &folder)?;
        let unreadable = |error: std::io::Error| stages::Error::new(Kind::Failed, "", error);
        let files = paths.iter().map(|path| {
            let digest = Digest::of_file(path)?;
            let bytes = path.metadata()?.len();
            Ok(Finished { path: path.strip_prefix(root).unwrap_or(path).to_owned(), bytes, digest })
        });
        let files = files.collect::<Result<Vec<_>, _>>().map_err(unreadable)?;
        let duration = product.timeline.as_ref().map_or(0.0, |timeline| timeline.duration().seconds());
        #[cfg(feature = "video")]
        let loudness = product.rendered.as_ref().map(|rendered| rendered.loudness);
        #[cfg(not(feature = "video"))]
        let loudness = None;
        let done = Done {
            key: *key,
            files,
            title: job.pipeline.title.clone().or_else(|| job.script.title.clone()),
            platform: job.pipeline.platform.name.clone(),
            duration,
            seconds,
            loudness,
            asked: Asked::of(job, &product.stages),
            stages: product.stages,
        };
        let thumbnail = thumbnail(&paths);
        let kept = self.folder.finish(id, &done, thumbnail.as_deref());
        kept.map_err(|error: Error| stages::Error::new(Kind::Failed, "", error))?;
        (self.tell)(&Told::VideoFinished { video: id.clone(), duration, seconds });
        Ok(())
    }
}

/// What the device lane made counts as made, although the product found it in the store.
fn credit(stages: &mut [StageRecord], device: std::collections::BTreeMap<Stage, StageRecord>) {
    for (stage, by_device) in device {
        let Some(record) = stages.iter_mut().find(|record| record.stage == stage) else { continue };
        record.made += by_device.made;
        record.hits = record.hits.saturating_sub(by_device.made);
        record.seconds += by_device.seconds;
        by_device.parts.iter().for_each(|measured| record.measured(measured));
        let texts = [
            (&mut record.notes, by_device.notes),
            (&mut record.warnings, by_device.warnings),
            (&mut record.fallbacks, by_device.fallbacks),
        ];
        for (all, new) in texts {
            for text in new {
                if !all.contains(&text) {
                    all.push(text);
                }
            }
        }
    }
}

impl Track {
    pub(super) fn remember(&mut self, lines: impl IntoIterator<Item = String>) {
        self.log.extend(lines);
        let too_many = self.log.len().saturating_sub(LOG);
        self.log.drain(..too_many);
    }
}

/// An event as a line of the log; nothing of what passes.
pub(super) fn said(event: &Event) -> Option<String> {
    match event {
        Event::Stage { stage, happening: Happening::Note { text } } => Some(format!("{stage}: {text}")),
        Event::Stage { stage, happening: Happening::Warning { text } | Happening::Fallback { text } } => {
            Some(format!("{stage}: warning: {text}"))
        }
        Event::StageFinished { stage, summary, .. } => Some(format!("{stage}: {summary}")),
        _ => None,
    }
}

/// The cover, small; nothing where there is none.
fn thumbnail(paths: &[std::path::PathBuf]) -> Option<Vec<u8>> {
    let is_cover = |path: &&std::path::PathBuf| path.extension().is_some_and(|ending| ending == "jpg");
    let cover: &Path = paths.iter().find(is_cover)?;
    let cover = image::open(cover).ok()?;
    let height = u64::from(cover.height()) * u64::from(THUMBNAIL) / u64::from(cover.width().max(1));
    let small = cover.resize_exact(THUMBNAIL, height as u32, FilterType::Triangle).into_rgb8();
    let mut bytes = Vec::new();
    let (width, height) = small.dimensions();
    JpegEncoder::new_with_quality(&mut bytes, 80)
        .write_image(&small, width, height, image::ExtendedColorType::Rgb8)
        .ok()?;
    Some(bytes)
}

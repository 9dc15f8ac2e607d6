//! The pictures of a file, one after the other.

use std::path::Path;

use ffmpeg_next::{self as ff, format::Pixel, frame, media, software::scaling};

use super::{
    Error, Probe, Result, error, probe,
    source::{Decoder, Source},
};
use crate::story::{Frame, Plane, Size};

/// A video being decoded: an iterator over its frames in the order they are shown.
///
/// Frames come as 8-bit 4:2:0; files of another pixel format are converted, with
/// the file's own colour matrix left as it is. Damage is an error, after which
/// the iterator ends.
pub struct Video {
    source: Source,
    probe: Probe,
    decoder: Decoder,
    decoded: frame::Video,
    converter: Option<Converter>,
    state: State,
}

/// From the file's pixel format to 4:2:0.
struct Converter {
    context: scaling::Context,
    output: frame::Video,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Reading,
    Draining,
    Done,
}

impl Video {
    /// Opens a video file.
    pub fn open(path: &Path) -> Result<Self> {
        let source = Source::open(path)?;
        let stream = source
            .stream(media::Type::Video)
            .ok_or_else(|| Error::NoStream { path: path.into(), kind: "picture" })?;
        let decoder = source.decoder(&stream)?;
        let probe = probe::describe(&source, 0);
        let decoded = frame::Video::empty();
        Ok(Self { source, probe, decoder, decoded, converter: None, state: State::Reading })
    }

    /// What the file says about itself; its size in bytes is left out.
    pub fn probe(&self) -> &Probe {
        &self.probe
    }

    fn advance(&mut self) -> Result<Option<Frame>> {
        loop {
            if self.decoder.receive(&mut self.decoded).map_err(|error| self.damage(error))? {
                return self.picture().map(Some);
            }
            if self.state == State::Draining {
                return Ok(None);
            }
            let packet = self.source.packet()?;
            match packet {
                Some(packet) if packet.stream() != self.decoder.stream => continue,
                Some(packet) => self.decoder.send(Some(&packet)),
                None => {
                    self.state = State::Draining;
                    self.decoder.send(None)
                }
            }
            .map_err(|error| self.damage(error))?;
        }
    }

    fn damage(&self, error: ff::Error) -> Error {
        Error::Unreadable { path: self.source.path.clone(), reason: error::reason(error) }
    }

    /// The decoded frame as planes without padding.
    fn picture(&mut self) -> Result<Frame> {
        if self.decoded.format() == Pixel::YUV420P {
            return Ok(planes(&self.decoded));
        }
        let (format, width, height) = (self.decoded.format(), self.decoded.width(), self.decoded.height());
        let convert = |error| Error::libav("convert the pixel format", error);
        let same = |converter: &Converter| {
            let input = converter.context.input();
            (input.format, input.width, input.height) == (format, width, height)
        };
        let converter = match self.converter.take().filter(same) {
            Some(converter) => converter,
            None => Converter {
                context: scaling::Context::get(
                    format,
                    width,
                    height,
                    Pixel::YUV420P,
                    width,
                    height,
                    scaling::Flags::BILINEAR,
                )
                .map_err(convert)?,
                output: frame::Video::empty(),
            },
        };
        let converter = self.converter.insert(converter);
        converter.context.run(&self.decoded, &mut converter.output).map_err(convert)?;
        Ok(planes(&converter.output))
    }
}

impl Iterator for Video {
    type Item = Result<Frame>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.state == State::Done {
            return None;
        }
        let next = self.advance().transpose();
        if !matches!(next, Some(Ok(_))) {
            self.state = State::Done;
        }
        next
    }
}

/// Copies the planes of a 4:2:0 frame; sides that are odd round up in chroma.
fn planes(frame: &frame::Video) -> Frame {
    let Size { width, height } = Size::new(frame.width(), frame.height());
    let plane = |index: usize, width: u32, height: u32| {
        let (width, height) = (width as usize, height as usize);
        let rows = frame.data(index).chunks(frame.stride(index)).take(height);
        Plane { width, height, data: rows.flat_map(|row| &row[..width]).copied().collect() }
    };
    let (half_width, half_height) = (width.div_ceil(2), height.div_ceil(2));
    Frame {
        y: plane(0, width, height),
        u: plane(1, half_width, half_height),
        v: plane(2, half_width, half_height),
    }
}

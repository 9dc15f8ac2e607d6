//! MP4 as all platforms want it: no edit lists, `moov` first, both streams from zero.

use std::path::Path;

use ffmpeg_next::{self as ff, format::context::Output};

use super::{Error, Result, source};

/// Which of the two streams a packet belongs to.
#[derive(Clone, Copy)]
pub(super) enum Track {
    Picture = 0,
    Sound = 1,
}

/// An MP4 being written.
pub(super) struct Muxer {
    output: Output,
    /// Of each track: its encoder's time base and, after the header, the container's.
    time_bases: [(ff::Rational, ff::Rational); 2],
}

impl Muxer {
    /// Creates the file and writes its header.
    pub(super) fn create(
        path: &Path,
        picture: &ff::codec::Context,
        sound: &ff::codec::Context,
        title: Option<&str>,
    ) -> Result<Self> {
        let create = |error| Error::libav("create the video file", error);
        let mut output = ff::format::output_as(&source::url(path)?, "mp4").map_err(create)?;
        let mut time_bases = [(ff::Rational(0, 1), ff::Rational(0, 1)); 2];
        for (context, bases) in [picture, sound].into_iter().zip(&mut time_bases) {
            let mut stream = output.add_stream_with(context).map_err(create)?;
            stream.set_time_base(context.time_base());
            bases.0 = context.time_base();
        }
        if let Some(title) = title {
            output.set_metadata([("title", title.replace('\0', "").as_str())].into_iter().collect());
        }
        // Pictures before their own decoding time are what edit lists would hide:
        // negative offsets from decoding to display time say the same without one.
        let options: ff::Dictionary =
            [("movflags", "+faststart+negative_cts_offsets"), ("use_editlist", "0"), ("fflags", "+bitexact")]
                .into_iter()
                .collect();
        let rest = output.write_header_with(options).map_err(create)?;
        if let Some((option, _)) = rest.iter().next() {
            return Err(Error::UnknownOption { part: "mp4".into(), option: option.into() });
        }
        drop(rest);
        for (index, bases) in time_bases.iter_mut().enumerate() {
            // Writing the header chooses the container's own time base.
            bases.1 = output.stream(index).map_or(bases.0, |stream| stream.time_base());
        }
        Ok(Self { output, time_bases })
    }

    /// Writes a packet whose times are in its encoder's time base.
    pub(super) fn write(&mut self, track: Track, packet: &mut ff::Packet) -> Result<()> {
        let (from, to) = self.time_bases[track as usize];
        packet.set_stream(track as usize);
        packet.rescale_ts(from, to);
        packet
            .write_interleaved(&mut self.output)
            .map_err(|error| Error::libav("write the video file", error))
    }

    /// Writes the index and moves it to the front.
    pub(super) fn finish(mut self) -> Result<()> {
        self.output.write_trailer().map_err(|error| Error::libav("finish the video file", error))
    }
}

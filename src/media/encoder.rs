//! The encoders of picture and sound as libav offers them.

use ffmpeg_next::{self as ff, codec, encoder, format, frame};

use super::{
    Encoding, Error, Result,
    codecs::{self, Codec},
    ffi,
};
use crate::story::{Frame, SAMPLE_RATE, Samples};

/// Samples the AAC encoder puts before the first it is given.
pub(super) const PRIMING: usize = 1024;

/// Opens `codec` and turns an unknown option into an error.
fn open(context: &mut codec::Context, codec: ff::Codec, options: &[(&str, String)]) -> Result<()> {
    ffi::open(context, codec, options).map_err(|error| match error {
        ffi::OpenError::Option(option) => Error::UnknownOption { part: codec.name().into(), option },
        ffi::OpenError::Libav(error) => Error::libav("open the encoder", error),
    })
}

/// Gives every packet that is ready to `write`.
fn drain(encoder: &mut encoder::Encoder, write: &mut dyn FnMut(&mut ff::Packet) -> Result<()>) -> Result<()> {
    let mut packet = ff::Packet::empty();
    loop {
        match encoder.receive_packet(&mut packet) {
            Ok(()) => write(&mut packet)?,
            Err(ff::Error::Eof | ff::Error::Other { errno: ff::error::EAGAIN }) => return Ok(()),
            Err(error) => return Err(Error::libav("encode", error)),
        }
    }
}

/// The picture's encoder: 4:2:0, BT.709, constant frame rate, closed groups of pictures.
pub(super) struct Picture {
    encoder: encoder::video::Encoder,
    frame: frame::Video,
    sent: i64,
    name: &'static str,
}

impl Picture {
    /// Opens the first of the encoders that `encoding` allows; those refused, with their reasons.
    ///
    /// # Errors
    /// When the last of them cannot be opened either.
    pub(super) fn open(encoding: &Encoding) -> Result<(Self, Vec<String>)> {
        let mut refused = Vec::new();
        let choices = codecs::choices(encoding.encoder);
        for (n, choice) in choices.iter().enumerate() {
            match Self::open_one(encoding, *choice) {
                Ok(picture) => return Ok((picture, refused)),
                Err(error) if n + 1 == choices.len() => return Err(error),
                // An encoder that this libav was not built with is nothing to tell.
                Err(Error::NoEncoder(_)) => {}
                Err(error) => refused.push(format!("{}: {error}", choice.name())),
            }
        }
        Err(Error::NoEncoder("libx264"))
    }

    fn open_one(encoding: &Encoding, choice: Codec) -> Result<Self> {
        let name = choice.name();
        let codec = encoder::find_by_name(name).ok_or(Error::NoEncoder(name))?;
        // A context without its codec would miss the codec's own defaults.
        let mut context = codec::Context::new_with_codec(codec)
            .encoder()
            .video()
            .map_err(|error| Error::libav("prepare the encoder", error))?;
        let rate = encoding.frame_rate;
        context.set_width(encoding.size.width);
        context.set_height(encoding.size.height);
        context.set_format(format::Pixel::YUV420P);
        context.set_time_base((rate.den as i32, rate.num as i32));
        context.set_frame_rate(Some((rate.num as i32, rate.den as i32)));
        context.set_aspect_ratio((1, 1));
        context.set_colorspace(ff::color::Space::BT709);
        context.set_color_range(ff::color::Range::MPEG);
        context.set_color_primaries(ff::color::Primaries::BT709);
        context.set_color_transfer_characteristic(ff::color::TransferCharacteristic::BT709);
        context.set_gop(encoding.keyframe_interval);
        context.set_max_b_frames(encoding.b_frames as usize);
        context.set_max_bit_rate(encoding.max_bitrate as usize);
        if let Some(bitrate) = choice.bitrate(encoding) {
            context.set_bit_rate(bitrate as usize);
        }
        if choice == Codec::X265 {
            // What players of Apple's ask for; the muxer's own choice is `hev1`.
            ffi::set_tag(&mut context, *b"hvc1");
        }
        // This overwrites all flags: without CLOSED_GOP here groups would be open.
        context.set_flags(codec::Flags::GLOBAL_HEADER | codec::Flags::CLOSED_GOP | codec::Flags::BITEXACT);
        open(&mut context, codec, &choice.options(encoding))?;
        let frame = frame::Video::new(format::Pixel::YUV420P, encoding.size.width, encoding.size.height);
        Ok(Self { encoder: encoder::video::Encoder(context), frame, sent: 0, name })
    }

    /// The name of the encoder in libav.
    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    pub(super) fn context(&self) -> &codec::Context {
        self.encoder.as_ref()
    }

    /// Encodes the next picture.
    pub(super) fn send(
        &mut self,
        picture: &Frame,
        write: &mut dyn FnMut(&mut ff::Packet) -> Result<()>,
    ) -> Result<()> {
        ffi::make_writable(&mut self.frame).map_err(|error| Error::libav("allocate a frame", error))?;
        for (index, plane) in [&picture.y, &picture.u, &picture.v].into_iter().enumerate() {
            // libav's rows are padded, ours are not.
            let stride = self.frame.stride(index);
            for (row, source) in
                self.frame.data_mut(index).chunks_mut(stride).zip(plane.data.chunks(plane.width))
            {
                row[..plane.width].copy_from_slice(source);
            }
        }
        self.frame.set_pts(Some(self.sent));
        self.sent += 1;
        self.encoder.send_frame(&self.frame).map_err(|error| Error::libav("encode a frame", error))?;
        drain(&mut self.encoder, &mut timed(write))
    }

    /// Encodes what is still held back.
    pub(super) fn finish(&mut self, write: &mut dyn FnMut(&mut ff::Packet) -> Result<()>) -> Result<()> {
        self.encoder.send_eof().map_err(|error| Error::libav("finish the picture", error))?;
        drain(&mut self.encoder, &mut timed(write))
    }
}

/// x264 leaves a packet's duration open; at a constant frame rate it is one tick.
fn timed<'a>(
    write: &'a mut dyn FnMut(&mut ff::Packet) -> Result<()>,
) -> impl FnMut(&mut ff::Packet) -> Result<()> + 'a {
    |packet| {
        packet.set_duration(1);
        write(packet)
    }
}

/// AAC-LC at 48 kHz, starting where the picture starts without an edit list.
///
/// The encoder puts [`PRIMING`] samples before the first it is given. So the
/// first [`PRIMING`] samples of the sound are left out and the rest begins at
/// that time: the first packet then starts at zero and every sample keeps its
/// place. What is left out (21 ms) is heard as silence.
pub(super) struct Sound<'a> {
    encoder: encoder::audio::Encoder,
    samples: &'a Samples,
    length: usize,
    sent: usize,
}

impl<'a> Sound<'a> {
    /// Sound of `length` samples: `samples`, then silence.
    pub(super) fn open(samples: &'a Samples, length: usize, bitrate: u64) -> Result<Self> {
        let layout = match (samples.rate, samples.channels.len()) {
            (SAMPLE_RATE, 1) => ff::ChannelLayout::MONO,
            (SAMPLE_RATE, 2) => ff::ChannelLayout::STEREO,
            (rate, channels) => {
                let found = format!(
                    "has {channels} channels at {rate} Hz: one or two at {SAMPLE_RATE} Hz are needed"
                );
                return Err(Error::Sound(found));
            }
        };
        if samples.channels.iter().any(|channel| channel.len() != samples.len()) {
            return Err(Error::Sound("has channels of different lengths".into()));
        }
        if samples.len() > length {
            let found = format!("is longer than the video: {} samples, {length} fit", samples.len());
            return Err(Error::Sound(found));
        }
        if let Some(at) =
            samples.channels.iter().find_map(|channel| channel.iter().position(|s| !s.is_finite()))
        {
            return Err(Error::Sound(format!("is not a number at sample {at}")));
        }
        let codec = encoder::find_by_name("aac").ok_or(Error::NoEncoder("aac"))?;
        let mut context = codec::Context::new_with_codec(codec)
            .encoder()
            .audio()
            .map_err(|error| Error::libav("prepare the encoder", error))?;
        context.set_rate(SAMPLE_RATE as i32);
        context.set_format(format::Sample::F32(format::sample::Type::Planar));
        context.set_channel_layout(layout);
        context.set_time_base((1, SAMPLE_RATE as i32));
        context.set_bit_rate(bitrate as usize);
        context.set_flags(codec::Flags::GLOBAL_HEADER | codec::Flags::BITEXACT);
        open(&mut context, codec, &[("profile", "aac_low".to_owned())])?;
        Ok(Self { encoder: encoder::audio::Encoder(context), samples, length, sent: PRIMING })
    }

    pub(super) fn context(&self) -> &codec::Context {
        self.encoder.as_ref()
    }

    /// What a decoder of this sound must know.
    pub(super) fn parameters(&self) -> codec::Parameters {
        codec::Parameters::from(&self.encoder)
    }

    /// Encodes up to sample `until`, in whole frames.
    pub(super) fn send(
        &mut self,
        until: usize,
        write: &mut dyn FnMut(&mut ff::Packet) -> Result<()>,
    ) -> Result<()> {
        let block = self.encoder.frame_size() as usize;
        let until = until.min(self.length);
        while self.sent + block <= until || (until == self.length && self.sent < until) {
            let count = block.min(self.length - self.sent);
            let mut frame = frame::Audio::new(self.encoder.format(), count, self.encoder.channel_layout());
            frame.set_rate(SAMPLE_RATE);
            frame.set_pts(Some(self.sent as i64));
            for (index, channel) in self.samples.channels.iter().enumerate() {
                let rest = channel.get(self.sent..).unwrap_or_default();
                let have = rest.len().min(count);
                let plane = frame.plane_mut::<f32>(index);
                plane[..have].copy_from_slice(&rest[..have]);
                plane[have..].fill(0.0);
            }
            self.sent += count;
            self.encoder.send_frame(&frame).map_err(|error| Error::libav("encode the sound", error))?;
            drain(&mut self.encoder, write)?;
        }
        Ok(())
    }

    /// Encodes the rest.
    pub(super) fn finish(&mut self, write: &mut dyn FnMut(&mut ff::Packet) -> Result<()>) -> Result<()> {
        self.send(self.length, write)?;
        self.encoder.send_eof().map_err(|error| Error::libav("finish the sound", error))?;
        drain(&mut self.encoder, write)
    }
}

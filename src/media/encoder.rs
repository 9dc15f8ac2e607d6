//! x264 and AAC as libav offers them.

use ffmpeg_next::{self as ff, codec, encoder, format, frame};

use super::{Encoding, Error, Result, ffi};
use crate::story::{Frame, SAMPLE_RATE, Samples, VideoEncoder};

/// Samples the AAC encoder puts before the first it is given.
pub(super) const PRIMING: usize = 1024;

/// Opens `codec` and turns an unknown option into an error.
fn open(context: &mut codec::Context, codec: ff::Codec, options: &[(&str, String)]) -> Result<()> {
    ffi::open(context, codec, options).map_err(|error| match error {
        ffi::OpenError::Option(option) => Error::UnknownOption { part: codec.name().into(), option },
        ffi::OpenError::Libav(error) => Error::libav("open the encoder", error),
    })
}

/// Parameters under which x264 makes the same bytes each time.
///
/// Its AVX-512 code for macroblock trees (seen in build 164 r3095) lets memory that nobody wrote
/// decide about bits. Its AVX2 code does not, and takes the same time.
fn repeatable() -> Option<&'static str> {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx512f") {
        return Some("asm=avx2");
    }
    None
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

/// H.264 High, 4:2:0, BT.709, constant frame rate, closed groups of pictures.
pub(super) struct Picture {
    encoder: encoder::video::Encoder,
    frame: frame::Video,
    sent: i64,
}

impl Picture {
    pub(super) fn open(encoding: &Encoding) -> Result<Self> {
        let name = match encoding.encoder {
            VideoEncoder::Auto | VideoEncoder::X264 => "libx264",
        };
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
        // This overwrites all flags: without CLOSED_GOP here groups would be open.
        context.set_flags(codec::Flags::GLOBAL_HEADER | codec::Flags::CLOSED_GOP | codec::Flags::BITEXACT);
        let (preset, crf) = encoding.rate_control();
        let mut options = vec![
            ("preset", preset.to_owned()),
            ("crf", crf.to_string()),
            ("bufsize", (2 * encoding.max_bitrate).to_string()),
            ("threads", encoding.threads.max(1).to_string()),
            // `profile` is only a ceiling: the fastest preset would fall below High without this.
            ("profile", "high".to_owned()),
            ("8x8dct", "1".to_owned()),
        ];
        if preset != "ultrafast" {
            // Spends bits on dark gradients, where banding shows first.
            options.push(("aq-mode", "autovariance-biased".to_owned()));
        }
        options.extend(repeatable().map(|parameters| ("x264-params", parameters.to_owned())));
        open(&mut context, codec, &options)?;
        let frame = frame::Video::new(format::Pixel::YUV420P, encoding.size.width, encoding.size.height);
        Ok(Self { encoder: encoder::video::Encoder(context), frame, sent: 0 })
    }

    /// The name of the encoder in libav.
    pub(super) fn name(&self) -> &'static str {
        "libx264"
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

//! One pass over a file: every packet read, every frame decoded, everything measured.

use ebur128::{Channel, EbuR128, Mode};
use ffmpeg_next::{self as ff, format::Pixel, frame, media, picture};

use super::motion::Motion;
use crate::{
    media::{
        Result, error, sound,
        source::{Decoder, Source},
    },
    story::Samples,
};

/// More frames than any decoder holds back.
const MAX_FRAMES_HELD: u32 = 1_000;

/// One frame as the container holds it.
pub(super) struct Packet {
    pub(super) pts: i64,
    pub(super) key: bool,
}

/// What a pass over the file found.
#[derive(Default)]
pub(super) struct Pass {
    /// The picture's packets in decoding order.
    pub(super) packets: Vec<Packet>,
    /// Packets of the picture without a time.
    pub(super) untimed: u64,
    /// Bytes of picture.
    pub(super) video_bytes: u64,
    /// Frames decoded.
    pub(super) frames: u64,
    /// The most B-frames in a row.
    pub(super) b_frames: u32,
    /// Whether any frame was interlaced.
    pub(super) interlaced: bool,
    /// Black and frozen runs; none where the pixel format is not one that is looked at.
    pub(super) motion: Option<Motion>,
    /// The first damage and how many in all.
    pub(super) damage: Option<(String, u64)>,
    /// Samples decoded in each channel.
    pub(super) samples: u64,
    /// Integrated loudness in LUFS; none for silence.
    pub(super) integrated: Option<f64>,
    /// True peak in dBTP; none for silence.
    pub(super) true_peak: Option<f64>,
}

impl Pass {
    /// Reads `source` to its end. Damage does not end the pass: it is counted.
    pub(super) fn over(source: &mut Source) -> Result<Self> {
        let mut pass = Self { motion: Some(Motion::default()), ..Self::default() };
        let mut video = match source.stream(media::Type::Video) {
            Some(stream) => Some(source.decoder(&stream)?),
            None => None,
        };
        let mut audio = match source.stream(media::Type::Audio) {
            Some(stream) => Some(source.decoder(&stream)?),
            None => None,
        };
        let mut run = 0;
        let mut meter = None;
        loop {
            let packet = match source.packet() {
                Ok(packet) => packet,
                Err(error) => {
                    pass.damaged(error.to_string());
                    None
                }
            };
            if let Some(decoder) = &mut video {
                if let Some(packet) = packet.as_ref().filter(|packet| packet.stream() == decoder.stream) {
                    pass.count(packet);
                    pass.look(decoder, Some(packet), &mut run);
                } else if packet.is_none() {
                    pass.look(decoder, None, &mut run);
                }
            }
            if let Some(decoder) = &mut audio
                && packet.as_ref().is_none_or(|packet| packet.stream() == decoder.stream)
            {
                pass.listen(decoder, packet.as_ref(), &mut meter);
            }
            if packet.is_none() {
                break;
            }
        }
        if let Some(mut meter) = meter {
            pass.read(&mut meter);
        }
        Ok(pass)
    }

    fn damaged(&mut self, what: String) {
        self.damage.get_or_insert((what, 0)).1 += 1;
    }

    fn count(&mut self, packet: &ff::Packet) {
        self.video_bytes += packet.size() as u64;
        match packet.pts() {
            Some(pts) => self.packets.push(Packet { pts, key: packet.is_key() }),
            None => self.untimed += 1,
        }
    }

    /// Decodes pictures; `run` is the current run of B-frames.
    fn look(&mut self, decoder: &mut Decoder, packet: Option<&ff::Packet>, run: &mut u32) {
        if let Err(error) = decoder.send(packet) {
            self.damaged(error::reason(error));
        }
        let mut frame = frame::Video::empty();
        // A decoder that is being drained may report damage frame by frame and go on; it must not go on for ever.
        for _ in 0..MAX_FRAMES_HELD {
            match decoder.receive(&mut frame) {
                Ok(true) => self.see(&frame, run),
                Ok(false) => return,
                Err(error) => self.damaged(error::reason(error)),
            }
        }
    }

    fn see(&mut self, frame: &frame::Video, run: &mut u32) {
        self.frames += 1;
        self.interlaced |= frame.is_interlaced();
        *run = if frame.kind() == picture::Type::B { *run + 1 } else { 0 };
        self.b_frames = self.b_frames.max(*run);
        match frame.format() {
            Pixel::YUV420P | Pixel::YUVJ420P | Pixel::YUV422P | Pixel::YUV444P | Pixel::NV12 => {
                if let Some(motion) = &mut self.motion {
                    motion.see(frame.data(0), frame.stride(0), frame.width() as usize);
                }
            }
            _ => self.motion = None,
        }
    }

    /// Decodes sound into the loudness `meter`.
    fn listen(&mut self, decoder: &mut Decoder, packet: Option<&ff::Packet>, meter: &mut Option<EbuR128>) {
        let mut samples = Samples { rate: 0, channels: Vec::new() };
        let heard = decoder.send(packet).and_then(|()| sound::receive(decoder, &mut samples));
        if let Err(error) = heard {
            self.damaged(error::reason(error));
        }
        if samples.is_empty() {
            return;
        }
        self.samples += samples.len() as u64;
        if meter.is_none() {
            *meter = new_meter(&samples).ok();
        }
        let channels: Vec<&[f32]> = samples.channels.iter().map(Vec::as_slice).collect();
        let measured = meter.as_mut().is_some_and(|meter| {
            meter.channels() as usize == channels.len()
                && meter.rate() == samples.rate
                && meter.add_frames_planar_f32(&channels).is_ok()
        });
        if !measured {
            self.damaged(
                "the sound changes its rate or channels, or has some that cannot be measured".into(),
            );
        }
    }

    fn read(&mut self, meter: &mut EbuR128) {
        // The interpolator looks ahead: a peak at the very end needs something to follow it.
        let silence = vec![&[0.0_f32; 64][..]; meter.channels() as usize];
        let _ = meter.add_frames_planar_f32(&silence);
        self.integrated = meter.loudness_global().ok().filter(|lufs| lufs.is_finite());
        let peak =
            (0..meter.channels()).filter_map(|channel| meter.true_peak(channel).ok()).fold(0.0, f64::max);
        self.true_peak = (peak > 0.0).then(|| 20.0 * peak.log10());
    }
}

/// A meter for sound like `samples`; one channel counts as heard from two speakers.
fn new_meter(samples: &Samples) -> Result<EbuR128, ebur128::Error> {
    let channels = samples.channels.len() as u32;
    let mut meter = EbuR128::new(channels, samples.rate, Mode::I | Mode::TRUE_PEAK)?;
    if channels == 1 {
        meter.set_channel(0, Channel::DualMono)?;
    }
    Ok(meter)
}

//! The sound of a file, whole.

use std::path::Path;

use ffmpeg_next::{
    self as ff, codec,
    format::{Sample, sample::Type},
    frame, media,
};

use super::{
    Error, Result, encoder, error, ffi,
    source::{Decoder, Source},
};
use crate::story::Samples;

/// Decodes the sound of the file at `path`, at its own rate and with its own channels.
///
/// Anything libav reads: music in MP3, FLAC or Ogg, a WAV, the sound of a video.
pub fn sound(path: &Path) -> Result<Samples> {
    beginning(path, f64::INFINITY)
}

/// The same, but not much more of it than `seconds`.
pub fn beginning(path: &Path, seconds: f64) -> Result<Samples> {
    let mut source = Source::open(path)?;
    let stream = source
        .stream(media::Type::Audio)
        .ok_or_else(|| Error::NoStream { path: path.into(), kind: "sound" })?;
    let mut decoder = source.decoder(&stream)?;
    let damage = |error| Error::Unreadable { path: path.into(), reason: error::reason(error) };
    let mut samples = Samples { rate: 0, channels: Vec::new() };
    loop {
        let packet = source.packet()?;
        match &packet {
            Some(packet) if packet.stream() != decoder.stream => continue,
            packet => decoder.send(packet.as_ref()).map_err(damage)?,
        }
        receive(&mut decoder, &mut samples).map_err(damage)?;
        if packet.is_none() || samples.len() as f64 > seconds * f64::from(samples.rate.max(1)) {
            break;
        }
    }
    if samples.is_empty() { Err(Error::NoStream { path: path.into(), kind: "sound" }) } else { Ok(samples) }
}

/// The sound as a finished video will play it: through AAC at `bitrate` and back, of the same length.
///
/// A lossy codec moves peaks and loudness a little; this tells by how much before a video is encoded.
/// [`encode`](super::encode) makes exactly the same of the same sound.
pub fn coded(samples: &Samples, bitrate: u64) -> Result<Samples> {
    ffi::start();
    ffi::take_log();
    let damage = |error| Error::libav("decode the sound again", error);
    let mut encoder = encoder::Sound::open(samples, samples.len(), bitrate)?;
    let codec = ff::decoder::find(codec::Id::AAC).ok_or(Error::NoEncoder("aac"))?;
    let mut context = codec::Context::new_with_codec(codec);
    context.set_parameters(encoder.parameters()).map_err(damage)?;
    let mut decoder = Decoder { decoder: context.decoder().open_as(codec).map_err(damage)?, stream: 0 };
    let mut coded = Samples { rate: samples.rate, channels: Vec::new() };
    encoder.finish(&mut |packet| {
        decoder.send(Some(packet)).and_then(|()| receive(&mut decoder, &mut coded)).map_err(damage)
    })?;
    decoder.send(None).and_then(|()| receive(&mut decoder, &mut coded)).map_err(damage)?;
    for channel in &mut coded.channels {
        channel.resize(samples.len(), 0.0);
    }
    Ok(coded)
}

/// Appends every frame that is ready.
pub(super) fn receive(decoder: &mut Decoder, samples: &mut Samples) -> Result<(), ff::Error> {
    let mut frame = frame::Audio::empty();
    while decoder.receive(&mut frame)? {
        append(&frame, samples)?;
    }
    Ok(())
}

/// Appends a decoded frame; the first one decides rate and channels.
fn append(frame: &frame::Audio, samples: &mut Samples) -> Result<(), ff::Error> {
    if samples.channels.is_empty() {
        samples.rate = frame.rate();
        samples.channels = vec![Vec::new(); usize::from(frame.channels())];
    }
    let changed = frame.rate() != samples.rate || usize::from(frame.channels()) != samples.channels.len();
    if changed || frame.planes() == 0 {
        return Err(ff::Error::InputChanged);
    }
    let out = &mut samples.channels;
    match frame.format() {
        Sample::U8(kind) => copy::<u8>(frame, kind, out, |s| (f32::from(s) - 128.0) / 128.0),
        Sample::I16(kind) => copy::<i16>(frame, kind, out, |s| f32::from(s) / 32_768.0),
        Sample::I32(kind) => copy::<i32>(frame, kind, out, |s| (f64::from(s) / 2_147_483_648.0) as f32),
        Sample::F32(kind) => copy::<f32>(frame, kind, out, |s| s),
        Sample::F64(kind) => copy::<f64>(frame, kind, out, |s| s as f32),
        Sample::I64(_) | Sample::None => return Err(ff::Error::PatchWelcome),
    }
    Ok(())
}

fn copy<T: frame::audio::Sample + Copy>(
    frame: &frame::Audio,
    kind: Type,
    out: &mut [Vec<f32>],
    float: impl Fn(T) -> f32,
) {
    let step = if kind == Type::Packed { out.len() } else { 1 };
    for (index, channel) in out.iter_mut().enumerate() {
        let (plane, first) = if kind == Type::Packed { (0, index) } else { (index, 0) };
        channel.extend(frame.plane::<T>(plane).iter().skip(first).step_by(step).map(|&sample| float(sample)));
    }
}

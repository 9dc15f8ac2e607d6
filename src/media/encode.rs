//! One pass from pictures and sound to a finished file.

use std::{
    fs,
    panic::resume_unwind,
    path::Path,
    sync::mpsc::{self, Receiver, Sender},
    thread,
};

use super::{
    Encoding, Error, Result, encoder, ffi,
    muxer::{Muxer, Track},
};
use crate::story::{Frame, Samples, Time};

/// Pictures that may wait for the encoder.
const QUEUE: usize = 4;

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    /// The name of the encoder in libav.
    pub encoder: &'static str,
    /// Encoders that were tried first, each with why it could not be used.
    pub refused: Vec<String>,
    /// The file's size.
    pub bytes: u64,
}

/// Writes a video to `path` in one pass and syncs it to the disk.
///
/// `draw` is called on this thread for each frame in order, with its index and a
/// picture of `encoding.size` whose content is left over from an earlier frame:
/// every pixel must be set. The encoder works on a thread of its own, at most
/// a few frames behind. An error of `draw` ends the encoding and comes back as
/// it is: that is also how a caller cancels. What is then at `path` is no video;
/// give a temporary name and rename it after success.
///
/// `sound` is at 48 kHz, in one or two channels, not longer than
/// [`Encoding::samples`]; silence fills the rest. Its first 1024 samples (21 ms)
/// are heard as silence: without an edit list AAC cannot hold them.
///
/// The file is H.264 High (HEVC or AV1 where `encoding` asks for x265 or SVT-AV1) in MP4 with AAC-LC, BT.709 limited range, square
/// pixels, constant frame rate, closed groups of pictures; `moov` comes first,
/// there are no edit lists and both streams start at zero. Equal input gives
/// equal bytes.
pub fn encode<E: From<Error>>(
    path: &Path,
    encoding: &Encoding,
    sound: &Samples,
    mut draw: impl FnMut(u64, &mut Frame) -> Result<(), E>,
) -> Result<Encoded, E> {
    encoding.check()?;
    let (drawn, to_encode) = mpsc::sync_channel(QUEUE);
    let (used, to_draw) = mpsc::channel();
    for _ in 0..QUEUE + 2 {
        // Cannot fail: both ends are here.
        let _ = used.send(Frame::black(encoding.size));
    }
    thread::scope(|scope| {
        let writer = thread::Builder::new()
            .name("encode".into())
            .spawn_scoped(scope, move || write(path, encoding, sound, &to_encode, &used))
            .map_err(|source| Error::File { doing: "start a thread for", path: path.into(), source })?;
        let pictures = (0..encoding.frames).try_for_each(|index| -> Result<(), E> {
            // Closed channels mean that the encoder has given up: its error follows below.
            let Ok(mut frame) = to_draw.recv() else { return Ok(()) };
            draw(index, &mut frame)?;
            let _ = drawn.send(frame);
            Ok(())
        });
        drop(drawn);
        let written = writer.join().unwrap_or_else(|panic| resume_unwind(panic));
        pictures?;
        Ok(written?)
    })
}

/// The encoder's thread: takes pictures until there are no more.
fn write(
    path: &Path,
    encoding: &Encoding,
    sound: &Samples,
    pictures: &Receiver<Frame>,
    used: &Sender<Frame>,
) -> Result<Encoded> {
    ffi::start();
    ffi::take_log();
    let (mut picture, refused) = encoder::Picture::open(encoding)?;
    let mut sound = encoder::Sound::open(sound, encoding.samples(), encoding.audio_bitrate)?;
    let mut muxer = Muxer::create(path, picture.context(), sound.context(), encoding.title.as_deref())?;
    let mut index = 0;
    while let Ok(frame) = pictures.recv() {
        if frame.size() != encoding.size {
            return Err(Error::FrameSize { index, expected: encoding.size, found: frame.size() });
        }
        picture.send(&frame, &mut |packet| muxer.write(Track::Picture, packet))?;
        // The other side may have stopped drawing; then nobody needs the frame.
        let _ = used.send(frame);
        index += 1;
        let shown = Time::of_frame(index, encoding.frame_rate).0 as usize;
        sound.send(shown, &mut |packet| muxer.write(Track::Sound, packet))?;
    }
    if index != encoding.frames {
        return Err(Error::Unfinished { expected: encoding.frames, found: index });
    }
    picture.finish(&mut |packet| muxer.write(Track::Picture, packet))?;
    sound.finish(&mut |packet| muxer.write(Track::Sound, packet))?;
    muxer.finish()?;
    let sync = |doing| move |source| Error::File { doing, path: path.into(), source };
    let file = fs::OpenOptions::new().write(true).open(path).map_err(sync("open"))?;
    file.sync_all().map_err(sync("sync"))?;
    let bytes = file.metadata().map_err(sync("read"))?.len();
    Ok(Encoded { encoder: picture.name(), refused, bytes })
}

//! A media file being read, with the care that files of unknown origin need.

use std::{
    fs,
    path::{Path, PathBuf},
};

use ffmpeg_next::{self as ff, codec, format::context::Input, media};

use super::{Error, Result, error, ffi};

/// Containers that are read: none of them opens other files by itself.
const CONTAINERS: &str = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,mpegts,avi,wav,w64,aiff,caf,mp3,aac,flac,ogg";

/// The largest picture that is decoded: 8192 x 8192.
const MAX_PIXELS: &str = "67108864";

/// `path` as libav wants it: nothing in it can name a protocol.
pub(super) fn url(path: &Path) -> Result<String> {
    match path.to_str() {
        Some(path) if !path.contains('\0') => Ok(format!("file:{path}")),
        _ => Err(Error::Path(path.into())),
    }
}

/// An open file.
pub(super) struct Source {
    pub(super) path: PathBuf,
    pub(super) input: Input,
}

impl Source {
    /// Opens a file and reads what it says about its streams.
    pub(super) fn open(path: &Path) -> Result<Self> {
        ffi::start();
        ffi::take_log();
        let file = |source| Error::File { doing: "open", path: path.into(), source };
        fs::File::open(path).map_err(file)?;
        let options = [("protocol_whitelist", "file"), ("format_whitelist", CONTAINERS)];
        let input = ff::format::input_with_dictionary(&url(path)?, options.into_iter().collect())
            .map_err(|error| Error::Unreadable { path: path.into(), reason: error::reason(error) })?;
        Ok(Self { path: path.into(), input })
    }

    /// The main stream of a kind.
    pub(super) fn stream(&self, kind: media::Type) -> Option<ff::Stream<'_>> {
        self.input.streams().best(kind)
    }

    /// A decoder for a stream; strict, so that damage is an error and not a guess.
    pub(super) fn decoder(&self, stream: &ff::Stream) -> Result<Decoder> {
        let open = |error| Error::libav("open the decoder", error);
        let codec = ff::decoder::find(stream.parameters().id()).ok_or_else(|| Error::NoDecoder {
            path: self.path.clone(),
            codec: ffi::parameters(stream).codec,
        })?;
        let mut context = codec::Context::new_with_codec(codec);
        context.set_parameters(stream.parameters()).map_err(open)?;
        for (name, value) in [("threads", "0"), ("err_detect", "crccheck+bitstream+buffer+explode")] {
            ffi::set_option(&mut context, name, value).map_err(open)?;
        }
        ffi::set_option(&mut context, "max_pixels", MAX_PIXELS).map_err(open)?;
        let mut decoder = context.decoder();
        decoder.set_packet_time_base(stream.time_base());
        let decoder = decoder.open_as(codec).map_err(open)?;
        Ok(Decoder { decoder, stream: stream.index() })
    }

    /// The next packet; none at the end of the file.
    pub(super) fn packet(&mut self) -> Result<Option<ff::Packet>> {
        let mut packet = ff::Packet::empty();
        match packet.read(&mut self.input) {
            Ok(()) => Ok(Some(packet)),
            Err(ff::Error::Eof) => Ok(None),
            Err(error) => Err(Error::Unreadable { path: self.path.clone(), reason: error::reason(error) }),
        }
    }
}

/// A decoder of one stream.
pub(super) struct Decoder {
    pub(super) decoder: ff::decoder::Opened,
    pub(super) stream: usize,
}

impl Decoder {
    /// Gives the decoder a packet, or the end.
    pub(super) fn send(&mut self, packet: Option<&ff::Packet>) -> Result<(), ff::Error> {
        match packet {
            Some(packet) => self.decoder.send_packet(packet),
            None => self.decoder.send_eof(),
        }
    }

    /// Takes the next decoded frame into `frame`; false when a packet is needed first or nothing is left.
    pub(super) fn receive(&mut self, frame: &mut ff::Frame) -> Result<bool, ff::Error> {
        match self.decoder.receive_frame(frame) {
            Ok(()) => Ok(true),
            Err(ff::Error::Eof | ff::Error::Other { errno: ff::error::EAGAIN }) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

//! The encoders of the picture, each with what it is told.

use super::{Encoding, cards};
use crate::story::{Quality, VideoEncoder};

/// An encoder of libav.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Codec {
    X264,
    X265,
    SvtAv1,
    Nvenc,
    VideoToolbox,
}

/// Those that may serve for `wanted`, the best first; NVIDIA's is none of several where there is no card of theirs.
pub(super) fn choices(wanted: VideoEncoder) -> &'static [Codec] {
    match wanted {
        VideoEncoder::Auto if !cards::may_have_nvidia() => &[Codec::VideoToolbox, Codec::X264],
        VideoEncoder::Auto => &[Codec::Nvenc, Codec::VideoToolbox, Codec::X264],
        VideoEncoder::X264 => &[Codec::X264],
        VideoEncoder::X265 => &[Codec::X265],
        VideoEncoder::Av1 => &[Codec::SvtAv1],
        VideoEncoder::Nvenc => &[Codec::Nvenc],
        VideoEncoder::VideoToolbox => &[Codec::VideoToolbox],
    }
}

impl Codec {
    /// Its name in libav.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::X264 => "libx264",
            Self::X265 => "libx265",
            Self::SvtAv1 => "libsvtav1",
            Self::Nvenc => "h264_nvenc",
            Self::VideoToolbox => "h264_videotoolbox",
        }
    }

    /// Bits a second to aim at, where it aims at any.
    pub(super) fn bitrate(self, encoding: &Encoding) -> Option<u64> {
        // Constant quality is for Macs with chips of Apple's own only.
        (self == Self::VideoToolbox).then(|| match encoding.quality {
            Quality::Draft => encoding.max_bitrate / 3,
            Quality::Standard => encoding.max_bitrate * 2 / 3,
            Quality::High => encoding.max_bitrate * 9 / 10,
        })
    }

    /// What it is told besides size, rate and colours.
    pub(super) fn options(self, encoding: &Encoding) -> Vec<(&'static str, String)> {
        let mut options: Vec<(&'static str, String)> = match self {
            Self::X264 => x264(encoding),
            Self::X265 => x265(encoding),
            Self::SvtAv1 => svt_av1(encoding),
            Self::Nvenc => {
                let (preset, quality) = match encoding.quality {
                    Quality::Draft => ("p2", "29"),
                    Quality::Standard => ("p5", "23"),
                    Quality::High => ("p7", "20"),
                };
                let told = [
                    ("preset", preset),
                    ("tune", "hq"),
                    ("rc", "vbr"),
                    ("cq", quality),
                    ("profile", "high"),
                    ("spatial-aq", "1"),
                    ("forced-idr", "1"),
                ];
                told.map(|(name, value)| (name, value.to_owned())).to_vec()
            }
            Self::VideoToolbox => {
                let told = [("profile", "high"), ("allow_sw", "0"), ("realtime", "0")];
                told.map(|(name, value)| (name, value.to_owned())).to_vec()
            }
        };
        options.push(("bufsize", (2 * encoding.max_bitrate).to_string()));
        options
    }
}

fn x264(encoding: &Encoding) -> Vec<(&'static str, String)> {
    let (preset, crf) = encoding.rate_control();
    let mut options = vec![
        ("preset", preset.to_owned()),
        ("crf", crf.to_string()),
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
    options
}

fn x265(encoding: &Encoding) -> Vec<(&'static str, String)> {
    let (preset, crf) = match encoding.quality {
        Quality::Draft => ("ultrafast", 29),
        Quality::Standard => ("veryfast", 24),
        Quality::High => ("medium", 22),
    };
    // x265 does not hear libav's flags for closed groups and quiet headers, and makes as many threads as it likes.
    let parameters = format!(
        "log-level=error:open-gop=0:info=0:pools={}:frame-threads=2:aq-mode=3",
        encoding.threads.max(1)
    );
    vec![
        ("preset", preset.to_owned()),
        ("crf", crf.to_string()),
        ("profile", "main".to_owned()),
        ("x265-params", parameters),
    ]
}

fn svt_av1(encoding: &Encoding) -> Vec<(&'static str, String)> {
    let (preset, crf) = match encoding.quality {
        Quality::Draft => ("12", 42),
        Quality::Standard => ("10", 33),
        Quality::High => ("7", 27),
    };
    // Tune 0 is for eyes, not for meters. More threads change no byte, but take memory of their own.
    let parameters = format!("tune=0:lp={}", encoding.threads.max(1));
    vec![("preset", preset.to_owned()), ("crf", crf.to_string()), ("svtav1-params", parameters)]
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

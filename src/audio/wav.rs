//! WAV files in memory.

use std::io::Cursor;

use super::Error;
use crate::story::Samples;

/// How samples are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SampleFormat {
    /// 32-bit floats: nothing is lost, and nothing clips.
    Float,
    /// 16-bit integers: half the size, what every program reads; louder than full scale clips.
    Int16,
}

/// Writes a WAV file.
///
/// # Errors
/// When the sound has no channel, or channels of different lengths.
pub fn encode_wav(samples: &Samples, format: SampleFormat) -> Result<Vec<u8>, Error> {
    let length = samples.len();
    if samples.channels.is_empty() || samples.channels.iter().any(|channel| channel.len() != length) {
        return Err(Error::Shape);
    }
    let (bits_per_sample, sample_format) = match format {
        SampleFormat::Float => (32, hound::SampleFormat::Float),
        SampleFormat::Int16 => (16, hound::SampleFormat::Int),
    };
    let channels = u16::try_from(samples.channels.len()).map_err(|_| Error::Shape)?;
    let spec = hound::WavSpec { channels, sample_rate: samples.rate, bits_per_sample, sample_format };
    let mut bytes = Cursor::new(Vec::new());
    let wrong = |error: hound::Error| Error::Wav(error.to_string());
    let mut writer = hound::WavWriter::new(&mut bytes, spec).map_err(wrong)?;
    for at in 0..length {
        for channel in &samples.channels {
            match format {
                SampleFormat::Float => writer.write_sample(channel[at]),
                // A saturating cast.
                SampleFormat::Int16 => writer.write_sample((channel[at] * 32_768.0).round() as i16),
            }
            .map_err(wrong)?;
        }
    }
    writer.finalize().map_err(wrong)?;
    Ok(bytes.into_inner())
}

/// Reads a WAV file of 8 to 32-bit integers or 32-bit floats.
///
/// # Errors
/// When the bytes are no such file.
pub fn decode_wav(bytes: &[u8]) -> Result<Samples, Error> {
    let wrong = |error: hound::Error| Error::Wav(error.to_string());
    let mut reader = hound::WavReader::new(Cursor::new(bytes)).map_err(wrong)?;
    let hound::WavSpec { channels, sample_rate, bits_per_sample, sample_format } = reader.spec();
    let interleaved: Vec<f32> = match sample_format {
        hound::SampleFormat::Float => reader.samples::<f32>().collect::<Result<_, _>>(),
        hound::SampleFormat::Int => {
            let full_scale = f64::from(bits_per_sample.saturating_sub(1)).exp2();
            let float = |sample: i32| (f64::from(sample) / full_scale) as f32;
            reader.samples::<i32>().map(|sample| sample.map(float)).collect::<Result<_, _>>()
        }
    }
    .map_err(wrong)?;
    let count = usize::from(channels);
    let channel = |at: usize| interleaved.iter().copied().skip(at).step_by(count).collect();
    Ok(Samples { rate: sample_rate, channels: (0..count).map(channel).collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sound() -> Samples {
        let left: Vec<f32> = (0..999).map(|i| (i as f32 * 0.05).sin() * 0.8).collect();
        let right = left.iter().map(|sample| -sample).collect();
        Samples { rate: 44_100, channels: vec![left, right] }
    }

    #[test]
    fn floats_read_back_exactly() {
        let bytes = encode_wav(&sound(), SampleFormat::Float).unwrap();
        assert_eq!(decode_wav(&bytes).unwrap(), sound());
    }

    #[test]
    fn integers_read_back_within_half_a_step_and_clip() {
        let mut loud = sound();
        loud.channels[0][0] = 1.5;
        loud.channels[0][1] = -1.5;
        let read = decode_wav(&encode_wav(&loud, SampleFormat::Int16).unwrap()).unwrap();
        assert_eq!(read.channels[0][0], 32_767.0 / 32_768.0);
        assert_eq!(read.channels[0][1], -1.0);
        for (a, b) in read.channels[1].iter().zip(&loud.channels[1]) {
            assert!((a - b).abs() <= 0.5 / 32_768.0 + 1e-7);
        }
    }

    #[test]
    fn what_is_no_wav_file_is_an_error() {
        assert!(matches!(decode_wav(b"RIFFxxxx"), Err(Error::Wav(_))));
        let ragged = Samples { rate: 8_000, channels: vec![vec![0.0; 3], vec![0.0; 2]] };
        assert_eq!(encode_wav(&ragged, SampleFormat::Int16), Err(Error::Shape));
    }
}

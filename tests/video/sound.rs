//! Sound read from files of other programs.

use shortform::media;

use crate::material::*;

#[test]
fn sound_is_read_from_other_files() {
    let folder = tempfile::tempdir().unwrap();
    let sound = tones(90);
    let wav = folder.path().join("tone.wav");
    let format = hound::WavSpec {
        channels: 2,
        sample_rate: 48_000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(&wav, format).unwrap();
    for index in 0..sound.len() {
        for channel in &sound.channels {
            writer.write_sample((channel[index] * 32_768.0) as i16).unwrap();
        }
    }
    writer.finalize().unwrap();
    for name in ["tone.flac", "tone.mp3", "tone.ogg", "tone.m4a", "tone.u8.wav"] {
        let path = folder.path().join(name);
        let codec: &[&str] = if name.contains("u8") { &["-c:a", "pcm_u8"] } else { &[] };
        ffmpeg(&[&["-i", text(&wav)], codec, &[text(&path)]].concat());
        let heard = media::sound(&path).unwrap();
        assert_eq!((heard.rate, heard.channels.len()), (48_000, 2), "{name}");
        assert!(heard.len().abs_diff(sound.len()) < 3_000, "{name}: {}", heard.len());
        // The delay of each encoder is taken away: the tones still agree sample by sample.
        let middle = 40_000..60_000;
        let error = middle
            .map(|i| f64::from(heard.channels[1][i] - sound.channels[1][i]).powi(2))
            .sum::<f64>()
            .sqrt()
            / (20_000.0_f64).sqrt();
        assert!(error < 0.02, "{name}: {error}");
    }
}

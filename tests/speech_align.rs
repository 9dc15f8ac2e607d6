//! The forced aligner against voices that know their own times.

use shortform::{
    speech::{Align, Espeak, Piper, SpokenWord, Token, Utterance, Voice, tokens},
    story::{EspeakVoice, Samples, TimingQuality},
};

const SENTENCES: &[(&str, &str, &str)] = &[
    ("en-US", "en-us", "The old lighthouse stands above the bay, and nobody knows who built it."),
    ("en-US", "en-us", "In 1984 it cost $5M; today you can buy one for a few hundred dollars."),
    ("en-US", "en-us", "Wait. She opened the door, looked around, and then she ran as fast as she could."),
    ("de-DE", "de", "Der alte Leuchtturm steht über der Bucht, und niemand weiß, wer ihn gebaut hat."),
    ("es-ES", "es", "El viejo faro se alza sobre la bahía, y nadie sabe quién lo construyó."),
    ("fr-FR", "fr-fr", "Le vieux phare domine la baie, et personne ne sait qui l'a construit."),
    ("hi-IN", "hi", "पुराना प्रकाशस्तंभ खाड़ी के ऊपर खड़ा है, और कोई नहीं जानता किसने बनाया।"),
];

fn espeak(voice: &str, variant: Option<&str>, pitch: u8, words_per_minute: u16) -> Espeak {
    let variant = variant.map(str::to_owned);
    Espeak::open(&EspeakVoice { voice: voice.into(), variant, pitch, range: 50, words_per_minute }).unwrap()
}

/// The distance of each word's start and of each word's end, in milliseconds.
fn errors(found: &[SpokenWord], known: &[SpokenWord], rate: u32) -> Vec<f64> {
    assert_eq!(found.len(), known.len());
    let milliseconds = |a: usize, b: usize| a.abs_diff(b) as f64 * 1e3 / f64::from(rate);
    let exact = found.iter().zip(known).filter(|(_, known)| known.quality == TimingQuality::Exact);
    exact.flat_map(|(f, k)| [milliseconds(f.start, k.start), milliseconds(f.end, k.end)]).collect()
}

fn mean(errors: &[f64]) -> f64 {
    errors.iter().sum::<f64>() / errors.len() as f64
}

fn percentile(errors: &[f64], share: f64) -> f64 {
    let mut sorted = errors.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[((sorted.len() - 1) as f64 * share) as usize]
}

#[test]
fn words_are_found_in_voices_that_the_aligner_does_not_use() {
    let mut all = Vec::new();
    for (language, voice, text) in SENTENCES {
        let tokens = tokens(text, language);
        for (variant, pitch, speed) in [
            (Some("f2"), 60, 165),
            (Some("m3"), 35, 140),
            (Some("f5"), 70, 210),
            (Some("croak"), 50, 180),
            (None, 20, 120),
        ] {
            let known = espeak(voice, variant, pitch, speed)
                .speak(&Utterance { tokens: &tokens, rate: 1.0 })
                .unwrap();
            let found = Align::new(language).unwrap().words(&tokens, &known.samples).unwrap();
            assert!(
                found.iter().all(|word| word.quality == TimingQuality::Aligned && word.start <= word.end)
            );
            assert!(found.windows(2).all(|pair| pair[0].end <= pair[1].start));
            let errors = errors(&found, &known.words, known.samples.rate);
            println!(
                "{language} {variant:?} {speed}: mean {:.1} ms, 95 % {:.1} ms",
                mean(&errors),
                percentile(&errors, 0.95)
            );
            all.extend(errors);
        }
    }
    let (mean, most) = (mean(&all), percentile(&all, 0.95));
    println!("all: {} edges, mean {mean:.1} ms, 95 % {most:.1} ms", all.len());
    assert!(mean <= 30.0 && most <= 80.0, "mean {mean:.1} ms, 95 % {most:.1} ms");
}

/// A Piper network made of pieces of speech (`python/voices/speaking.py`): its alignments are known to the sample.
#[test]
fn words_are_found_in_a_piper_voice() {
    let fixtures = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/voices");
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("speaking.onnx");
    std::fs::copy(fixtures.join("speaking.onnx"), &model).unwrap();
    let config = std::fs::read_to_string(fixtures.join("speaking.onnx.json")).unwrap();
    let mut all = Vec::new();
    for (language, voice, text) in
        SENTENCES.iter().filter(|(_, voice, _)| ["en-us", "es", "de"].contains(voice))
    {
        let config = config.replace("\"voice\": \"en-us\"", &format!("\"voice\": \"{voice}\""));
        std::fs::write(folder.path().join("speaking.onnx.json"), config).unwrap();
        // Not slower than its pieces are: silence would follow each of them inside of its phoneme, as in no voice.
        for rate in [1.0, 1.25] {
            let tokens = tokens(text, language);
            let mut piper = Piper::open(&model, None, 0.0, language).unwrap();
            let known = piper.speak(&Utterance { tokens: &tokens, rate }).unwrap();
            let found = Align::new(language).unwrap().words(&tokens, &known.samples).unwrap();
            let errors = errors(&found, &known.words, known.samples.rate);
            println!(
                "{language} at {rate}: mean {:.1} ms, 95 % {:.1} ms",
                mean(&errors),
                percentile(&errors, 0.95)
            );
            all.extend(errors);
        }
    }
    let (mean, most) = (mean(&all), percentile(&all, 0.95));
    println!("Piper: {} edges, mean {mean:.1} ms, 95 % {most:.1} ms", all.len());
    assert!(mean <= 30.0 && most <= 80.0, "mean {mean:.1} ms, 95 % {most:.1} ms");
}

/// Lets the words stand and puts silence where a speaker might: pauses are what recordings differ in most.
#[test]
fn pauses_and_noise_of_a_recording_move_no_word_far() {
    let (language, voice, text) = SENTENCES[2];
    let tokens = tokens(text, language);
    let known = espeak(voice, Some("f2"), 60, 150).speak(&Utterance { tokens: &tokens, rate: 1.0 }).unwrap();
    let rate = known.samples.rate as usize;
    let mut samples = vec![0.0; rate];
    let mut words: Vec<SpokenWord> = Vec::new();
    let mut at = 0;
    for (index, word) in known.words.iter().enumerate() {
        samples.extend(&known.samples.channels[0][at..word.start]);
        at = word.start;
        // A long breath before the third and before the eighth word.
        if index == 3 || index == 8 {
            samples.extend(vec![0.0; rate * 7 / 10]);
        }
        let moved = samples.len() - at;
        words.push(SpokenWord { start: word.start + moved, end: word.end + moved, ..*word });
    }
    samples.extend(&known.samples.channels[0][at..]);
    samples.extend(vec![0.0; rate]);
    let mut noise = 1u32;
    for sample in &mut samples {
        noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        *sample += (f64::from(noise) / f64::from(u32::MAX) - 0.5) as f32 * 0.002;
    }
    let samples = Samples::mono(known.samples.rate, samples);
    let found = Align::new(language).unwrap().words(&tokens, &samples).unwrap();
    let errors = errors(&found, &words, samples.rate);
    assert!(mean(&errors) <= 35.0 && percentile(&errors, 0.95) <= 90.0, "{errors:.0?}\n{found:?}\n{words:?}");
}

#[test]
fn silence_holds_no_words() {
    let tokens = tokens("Hello there.", "en-US");
    let found = Align::new("en-US").unwrap().words(&tokens, &Samples::silence(24_000, 1, 24_000)).unwrap();
    assert_eq!(found, []);
    let nothing: Vec<Token> = Vec::new();
    let tone = Samples::mono(8_000, (0..8_000).map(|i| (i as f32 * 0.3).sin()).collect());
    assert_eq!(Align::new("en-US").unwrap().words(&nothing, &tone).unwrap(), []);
}

/// Two voices of Festival (a diphone voice and a statistical one, made of recordings of a man and a woman),
/// with the times that Festival itself gives to its words.
#[cfg(feature = "video")]
#[test]
fn words_are_found_in_voices_of_another_engine() {
    #[derive(serde::Deserialize)]
    struct Spoken {
        file: String,
        text: String,
        words: Vec<(String, f64, f64)>,
    }
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/voices/festival");
    let all: Vec<Spoken> =
        serde_json::from_str(&std::fs::read_to_string(folder.join("words.json")).unwrap()).unwrap();
    let mut errors: Vec<f64> = Vec::new();
    for spoken in all {
        let samples = shortform::media::sound(&folder.join(&spoken.file)).unwrap();
        let tokens = tokens(&spoken.text, "en-US");
        let found = Align::new("en-US").unwrap().words(&tokens, &samples).unwrap();
        assert_eq!(found.len(), spoken.words.len(), "{}", spoken.text);
        let milliseconds =
            |sample: usize, seconds: f64| (sample as f64 / f64::from(samples.rate) - seconds).abs() * 1e3;
        let own: Vec<f64> = found
            .iter()
            .zip(&spoken.words)
            .flat_map(|(found, (_, start, end))| {
                [milliseconds(found.start, *start), milliseconds(found.end, *end)]
            })
            .collect();
        println!("{}: mean {:.1} ms, 95 % {:.1} ms", spoken.file, mean(&own), percentile(&own, 0.95));
        errors.extend(own);
    }
    let (mean, most) = (mean(&errors), percentile(&errors, 0.95));
    println!("Festival: {} edges, mean {mean:.1} ms, 95 % {most:.1} ms", errors.len());
    assert!(mean <= 30.0 && most <= 80.0, "mean {mean:.1} ms, 95 % {most:.1} ms");
}

/// A sound file beside the script is the narration.
#[cfg(feature = "video")]
#[test]
fn a_recording_beside_the_script_becomes_the_narration() {
    let fixtures = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/voices/festival");
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("mine.md");
    std::fs::write(
        &script,
        "# Mine\n\nThe old lighthouse stands above the bay,\nand nobody knows who built it.\n",
    )
    .unwrap();
    let run = || {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_shortform"))
            .args([
                "speak",
                script.to_str().unwrap(),
                "--set",
                "narration.engine=recording",
                "--set",
                "narration.lead=0s",
            ])
            .args(["-o", folder.path().join("out.wav").to_str().unwrap()])
            .args(["--timings", folder.path().join("out.json").to_str().unwrap()])
            .env("SHORTFORM_CACHE_DIR", folder.path().join("cache"))
            .output()
            .unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, told) = run();
    assert_eq!(code, Some(4), "{told}");
    assert!(told.contains("put a WAV, MP3 or M4A file"), "{told}");
    std::fs::copy(fixtures.join("slt-0.flac"), folder.path().join("mine.flac")).unwrap();
    let (code, told) = run();
    assert_eq!(code, Some(0), "{told}");
    let timings: serde_json::Value =
        serde_json::from_slice(&std::fs::read(folder.path().join("out.json")).unwrap()).unwrap();
    let words: Vec<&serde_json::Value> = timings["beats"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|beat| beat["words"].as_array().unwrap())
        .collect();
    assert_eq!(words.len(), 13);
    assert!(words.iter().all(|word| word["quality"] == "aligned"));
    // Festival says that `nobody` begins 2.65 s after `The`.
    let start = |at: usize| words[at]["span"]["start"].as_f64().unwrap();
    assert!((start(8) - start(0) - 2.65).abs() < 0.08, "{}", start(8) - start(0));
}

//! Piper and Kokoro against their own packages, on voices made for this whose tokens are tones.
//!
//! `python/voices/reference.py` writes the figures compared with.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use shortform::{
    speech::{Error, Kokoro, Piper, SpokenWord, Token, Utterance, Voice},
    story::TimingQuality,
};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/voices").join(name)
}

/// espeak-ng voice, text, digest of Piper's ids, digest of Kokoro's tokens: five hundred in each of five languages.
fn rows() -> Vec<[String; 4]> {
    let text = std::fs::read_to_string(fixture("phonemes.tsv")).unwrap();
    let row = |line: &str| line.split('\t').map(str::to_owned).collect::<Vec<_>>().try_into().unwrap();
    let rows: Vec<[String; 4]> = text.lines().map(row).collect();
    for voice in ["en-us", "de", "es", "fr", "it"] {
        assert_eq!(rows.iter().filter(|row| row[0] == voice).count(), 500, "{voice}");
    }
    rows
}

/// The words as they stand, spoken as written.
fn words(text: &str) -> Vec<Token> {
    let token = |word: &str| Token { text: word.into(), spoken: word.into(), space_before: true };
    text.split_whitespace().map(token).collect()
}

fn digest(ids: &[i64]) -> String {
    let bytes: Vec<u8> = ids.iter().flat_map(|id| id.to_le_bytes()).collect();
    Sha256::digest(&bytes).iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

/// The Piper voice with another reader in its file.
fn piper(reader: &str, folder: &Path) -> Piper {
    let model = folder.join(format!("{reader}.onnx"));
    std::fs::copy(fixture("piper.onnx"), &model).unwrap();
    let config = std::fs::read_to_string(fixture("piper.onnx.json")).unwrap();
    let config = config.replace("\"voice\": \"en-us\"", &format!("\"voice\": \"{reader}\""));
    std::fs::write(folder.join(format!("{reader}.onnx.json")), config).unwrap();
    Piper::open(&model, None, 0.0, reader).unwrap()
}

#[test]
fn piper_reads_five_hundred_sentences_a_language_as_its_package_does() {
    let folder = tempfile::tempdir().unwrap();
    let mut wrong = Vec::new();
    let (mut reader, mut voice) = (String::new(), None);
    for [language, text, expected, _] in rows() {
        if reader != language {
            voice = Some(piper(&language, folder.path()));
            reader.clone_from(&language);
        }
        let ids = voice.as_ref().unwrap().ids(&words(&text)).unwrap();
        if digest(&ids.concat()) != expected {
            wrong.push(format!("{language}: {text}\n  ours {ids:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} of 2500 differ:\n{}", wrong.len(), wrong[..wrong.len().min(5)].join("\n"));
}

#[test]
fn kokoro_reads_five_hundred_sentences_a_language_as_its_package_does() {
    let mut wrong = Vec::new();
    let (mut reader, mut voice) = (String::new(), None);
    for [language, text, _, expected] in rows() {
        if reader != language {
            voice = Some(Kokoro::open(&fixture("kokoro/model.onnx"), "af_toy", &language).unwrap());
            reader.clone_from(&language);
        }
        let ids = voice.as_ref().unwrap().ids(&words(&text)).unwrap();
        if digest(&ids) != expected {
            wrong.push(format!("{language}: {text}\n  ours {ids:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} of 2500 differ:\n{}", wrong.len(), wrong[..wrong.len().min(5)].join("\n"));
}

#[derive(Deserialize)]
struct Spoken {
    piper: Vec<Sounds>,
    kokoro: Vec<Sounds>,
}

#[derive(Deserialize)]
struct Sounds {
    voice: String,
    text: String,
    samples: usize,
    /// Every 499th sample.
    thin: Vec<f32>,
    spans: Vec<Vec<serde_json::Value>>,
}

fn spoken() -> Spoken {
    serde_json::from_str(&std::fs::read_to_string(fixture("spoken.json")).unwrap()).unwrap()
}

fn compare(sounds: &Sounds, samples: &[f32]) {
    assert_eq!(samples.len(), sounds.samples, "{}", sounds.text);
    let ours = samples.iter().step_by(499);
    let worst = ours.zip(&sounds.thin).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(worst <= 1e-4, "{}: {worst}", sounds.text);
}

/// Where each word begins and ends by the package's own spans: a space or the end divides words.
fn word_edges(spans: &[(String, usize, usize)]) -> Vec<(usize, usize)> {
    let mut words = Vec::new();
    let mut open: Option<(usize, usize)> = None;
    for (phoneme, start, end) in spans {
        let sounds = !phoneme.trim().is_empty() && !".,;:!?^$_".contains(phoneme.as_str());
        match (sounds, &mut open) {
            (true, Some(word)) => word.1 = *end,
            (true, None) => open = Some((*start, *end)),
            (false, _) if phoneme.trim().is_empty() => words.extend(open.take()),
            (false, _) => {}
        }
    }
    words.extend(open);
    words
}

/// Whether every word that the package knows begins and ends where one of ours does.
fn same_edges(theirs: &[(usize, usize)], ours: &[SpokenWord], text: &str) {
    for (start, end) in theirs {
        let starts = ours.iter().any(|word| word.start.abs_diff(*start) <= 1);
        let ends = ours.iter().any(|word| word.end.abs_diff(*end) <= 1);
        assert!(starts && ends, "{text}: {start}..{end} in {ours:?}");
    }
}

#[test]
fn piper_sounds_and_times_are_those_of_its_package() {
    let folder = tempfile::tempdir().unwrap();
    for sounds in spoken().piper {
        let tokens = words(&sounds.text);
        let mut voice = piper(&sounds.voice, folder.path());
        let speech = voice.speak(&Utterance { tokens: &tokens, rate: 1.0 }).unwrap();
        compare(&sounds, &speech.samples.channels[0]);
        assert_eq!(speech.words.len(), tokens.len());
        assert!(speech.words.iter().all(|word| word.quality == TimingQuality::Exact), "{:?}", speech.words);
        let mut at = 0;
        let spans: Vec<(String, usize, usize)> = sounds
            .spans
            .iter()
            .map(|span| {
                let start = at;
                at += span[1].as_u64().unwrap() as usize;
                (span[0].as_str().unwrap().to_owned(), start, at)
            })
            .collect();
        same_edges(&word_edges(&spans), &speech.words, &sounds.text);
    }
}

#[test]
fn kokoro_sounds_and_times_are_those_of_its_package() {
    for sounds in spoken().kokoro {
        let tokens = words(&sounds.text);
        let mut voice = Kokoro::open(&fixture("kokoro/model.onnx"), "af_toy", &sounds.voice).unwrap();
        let speech = voice.speak(&Utterance { tokens: &tokens, rate: 1.0 }).unwrap();
        compare(&sounds, &speech.samples.channels[0]);
        let number = |value: &serde_json::Value| value.as_u64().unwrap() as usize;
        let span = |span: &Vec<serde_json::Value>| {
            (span[0].as_str().unwrap().to_owned(), number(&span[1]), number(&span[2]))
        };
        let spans: Vec<_> = sounds.spans.iter().map(span).collect();
        same_edges(&word_edges(&spans), &speech.words, &sounds.text);
    }
}

#[test]
fn rate_speaker_and_style_reach_the_network() {
    let tokens = words("The old lighthouse stands above the bay.");
    let speak = |voice: &mut dyn Voice, rate| voice.speak(&Utterance { tokens: &tokens, rate }).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut voice = piper("en-us", folder.path());
    let (slow, fast) = (speak(&mut voice, 1.0), speak(&mut voice, 2.0));
    assert!(fast.samples.len() * 10 < slow.samples.len() * 7);
    assert_eq!(slow, speak(&mut voice, 1.0));

    let two = fixture("piper-two.onnx");
    let named = |speaker: Option<&str>| Piper::open(&two, speaker, 1.0, "en");
    assert_ne!(named(Some("b")).unwrap().identity(), named(None).unwrap().identity());
    let error = named(Some("c")).unwrap_err().to_string();
    assert!(error.contains("no speaker `c`") && error.contains("0 to 1"), "{error}");
    assert!(speak(&mut named(Some("1")).unwrap(), 1.0).samples.len() > 10_000);

    // The style changes the level of these voices: a blend of both lies between them.
    let loud = |name: &str| {
        let mut voice = Kokoro::open(&fixture("kokoro/untimed.onnx"), name, "en-US").unwrap();
        let tokens = words("One, two, three.");
        let heard = voice.speak(&Utterance { tokens: &tokens, rate: 1.0 }).unwrap();
        heard.samples.channels[0].iter().copied().fold(0.0, f32::max)
    };
    let (toy, other, blend) = (loud("af_toy"), loud("af_other"), loud("af_toy+af_other"));
    assert!(toy > blend && blend > other, "{toy} {blend} {other}");
    let error = Kokoro::open(&fixture("kokoro/model.onnx"), "af_tiy", "en-US").unwrap_err().to_string();
    assert!(error.contains("no voice `af_tiy`") && error.contains("af_toy"), "{error}");
}

#[test]
fn damaged_voices_say_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("v.onnx");
    let open = || Piper::open(&model, None, 1.0, "en");
    std::fs::write(&model, b"nonsense").unwrap();
    let told = |error: Error| {
        let Error::Model { reason, .. } = error else { panic!("{error}") };
        reason
    };
    assert!(told(open().unwrap_err()).contains("two files"));
    let config = std::fs::read_to_string(fixture("piper.onnx.json")).unwrap();
    std::fs::write(
        folder.path().join("v.onnx.json"),
        config.replace("\"espeak\", \"num", "\"pinyin\", \"num"),
    )
    .unwrap();
    assert!(told(open().unwrap_err()).contains("pinyin"));
    std::fs::write(folder.path().join("v.onnx.json"), &config).unwrap();
    assert!(told(open().unwrap_err()).contains("no ONNX file"));
    let whole = std::fs::read(fixture("piper.onnx")).unwrap();
    for length in (0..whole.len()).step_by(64) {
        std::fs::write(&model, &whole[..length]).unwrap();
        assert!(open().is_err(), "{length}");
    }
}

/// Runs `shortform speak` on two sentences with these settings.
fn program(folder: &Path, sets: &[&str]) -> (Option<i32>, String, Option<serde_json::Value>) {
    let timings = folder.join("out.json");
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_shortform"));
    command.args([
        "speak",
        "--text",
        "It cost $5M. Nobody knows why.",
        "--timings",
        timings.to_str().unwrap(),
    ]);
    command.args(["-o", folder.join("out.wav").to_str().unwrap(), "--models-dir", folder.to_str().unwrap()]);
    for set in sets {
        command.args(["--set", set]);
    }
    let output = command.env("SHORTFORM_CACHE_DIR", folder.join("cache")).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    let read = std::fs::read(&timings).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    (output.status.code(), told, read)
}

#[test]
fn the_program_finds_voices_in_the_folder_of_models() {
    let folder = tempfile::tempdir().unwrap();
    let models = folder.path();
    let (code, told, _) = program(models, &["narration.engine=piper"]);
    assert_eq!(code, Some(4), "{told}");
    assert!(told.contains("en_US-hfc_female-medium") && told.contains("narration.model"), "{told}");
    let (code, told, _) = program(models, &["narration.engine=piper", "narration.voice=ja"]);
    assert_eq!(code, Some(3), "{told}");
    assert!(told.contains("`ja` has no Piper voice"), "{told}");

    std::fs::create_dir_all(models.join("piper")).unwrap();
    for ending in ["onnx", "onnx.json"] {
        let from = fixture(&format!("piper.{ending}"));
        std::fs::copy(from, models.join(format!("piper/en_US-hfc_female-medium.{ending}"))).unwrap();
    }
    let (code, told, timings) = program(models, &["narration.engine=piper"]);
    assert_eq!(code, Some(0), "{told}");
    let timings = timings.unwrap();
    let word = &timings["beats"][0]["words"][2];
    assert_eq!((word["text"].as_str(), word["quality"].as_str()), (Some("$5M."), Some("exact")), "{word}");
    assert_eq!(word["spoken"], "five million dollars");

    std::fs::create_dir_all(models.join("kokoro")).unwrap();
    std::fs::copy(fixture("kokoro/model.onnx"), models.join("kokoro/model.onnx")).unwrap();
    let table = std::fs::read(fixture("kokoro/voices.bin")).unwrap();
    std::fs::write(models.join("kokoro/voices.bin"), table).unwrap();
    let (code, told, _) = program(models, &["narration.engine=kokoro"]);
    assert_eq!(code, Some(4), "{told}");
    assert!(told.contains("no voice `af_nova`"), "{told}");
}

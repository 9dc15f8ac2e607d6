//! What SSML, other voices and emoji make of what is said: judged by the words, and by measuring the sound.

use std::{path::Path, process::Command};

use serde_json::Value;
use shortform::{
    audio::{decode_wav, measure},
    speech::{Error, Kokoro, Lexicon, Piper, Reading, Said, said, tokens},
    story::{Samples, Script},
};

fn reading<'a>(language: &'a str, lexicon: &'a Lexicon, emoji: bool) -> Reading<'a> {
    Reading { language, lexicon, emoji }
}

/// The beats of a script as they are to be said.
fn read(text: &str, language: &str, emoji: bool) -> Result<Vec<Said>, Error> {
    let script = Script::parse(text).unwrap_or_else(|errors| panic!("{text}: {errors:?}"));
    let lexicon = Lexicon::default();
    script.beats.iter().map(|beat| said(beat, &reading(language, &lexicon, emoji))).collect()
}

fn spoken(text: &str, language: &str) -> String {
    let beats = read(text, language, false).unwrap_or_else(|error| panic!("{text}: {error}"));
    let words = beats.iter().flat_map(|beat| &beat.tokens).map(|token| token.spoken.as_str());
    words.filter(|words| !words.is_empty()).collect::<Vec<_>>().join(" ")
}

#[test]
fn text_is_read_as_the_kind_it_says() {
    let as_kind = |kind: &str, text: &str| format!("It is <say-as interpret-as={kind}>{text}</say-as>.");
    let mut wrong = Vec::new();
    for (language, kind, text, expected) in [
        ("en-US", "\"characters\"", "ABC", "eigh B C"),
        ("en-US", "\"spell-out\"", "K9", "K nine"),
        ("en-US", "\"digits\"", "2041", "two zero four one"),
        ("en-US", "\"telephone\"", "+1-555-0199", "plus one, five five five, zero one nine nine"),
        ("en-US", "\"cardinal\"", "1984", "one thousand nine hundred eighty-four"),
        ("en-US", "\"cardinal\"", "XIV", "fourteen"),
        ("en-US", "\"ordinal\"", "21", "twenty-first"),
        ("en-US", "\"ordinal\"", "VIII", "eighth"),
        ("en-US", "\"date\" format=\"dmy\"", "10/5/2020", "May tenth, twenty twenty"),
        ("en-US", "\"date\" format=\"mdy\"", "10/5/2020", "October fifth, twenty twenty"),
        ("en-US", "\"date\"", "2024-05-10", "May tenth, twenty twenty-four"),
        ("en-US", "\"date\" format=\"my\"", "5/1999", "May nineteen ninety-nine"),
        ("en-US", "\"date\" format=\"y\"", "1984", "nineteen eighty-four"),
        ("en-US", "\"time\"", "1430", "fourteen thirty"),
        ("en-US", "\"time\"", "2:30pm", "two thirty PM"),
        ("en-US", "\"currency\"", "USD 45.30", "forty-five dollars and thirty cents"),
        ("en-US", "\"currency\"", "45 EUR", "forty-five euros"),
        ("de-DE", "\"characters\"", "AB1", "A B 1"),
        ("de-DE", "\"ordinal\"", "3", "dritte"),
        ("de-DE", "\"ordinal\"", "32", "zweiunddreißigste"),
        ("de-DE", "\"cardinal\"", "1984", "1984"),
        ("de-DE", "\"date\" format=\"ymd\"", "2020-10-03", "dritter Oktober 2020"),
        ("de-DE", "\"currency\"", "5 EUR", "5 Euro"),
        ("es-ES", "\"date\" format=\"dmy\"", "3/10/2020", "3 de octubre de 2020"),
        ("es-ES", "\"ordinal\"", "2", "segundo"),
        ("fr-FR", "\"date\" format=\"dmy\"", "3.10.2020", "3 octobre 2020"),
        ("fr-FR", "\"ordinal\"", "21", "vingt et unième"),
        ("it-IT", "\"ordinal\"", "4", "quarto"),
        ("pt-BR", "\"currency\"", "BRL 20", "20 reais"),
        ("pt-BR", "\"digits\"", "190", "1 9 0"),
        ("zh-CN", "\"ordinal\"", "3", "第3"),
    ] {
        let found = spoken(&as_kind(kind, text), language);
        let found = found.trim_start_matches("It is").trim().trim_end_matches('.');
        if found != expected {
            wrong.push(format!("{language} {kind} {text}: {found} instead of {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn elements_change_what_is_said_and_not_what_is_shown() {
    let shown = |text: &str| {
        let beats = read(text, "en-US", false).unwrap();
        beats.iter().flat_map(|b| &b.tokens).map(|t| t.text.clone()).collect::<Vec<_>>().join(" ")
    };
    for (written, expected_shown, expected_spoken) in [
        (
            "The <sub alias=\"World Wide Web Consortium\">W3C</sub>'s rules.",
            "The W3C's rules.",
            "The World Wide Web Consortiums rules.",
        ),
        (
            "A <phoneme alphabet=\"ipa\" ph=\"təˈmɑːtoʊ\">tomato</phoneme>, please.",
            "A tomato, please.",
            "A [[təˈmɑːtoʊ]], please.",
        ),
        ("I <emphasis>really</emphasis> mean it.", "I really mean it.", "I really mean it."),
        (
            "<speak>Call <say-as interpret-as='digits'>911</say-as>!</speak>",
            "Call 911!",
            "Call nine one one!",
        ),
        ("<p>One.</p><p>Two<sub>2</sub>.</p>", "One. Two2.", "One. Two two."),
    ] {
        assert_eq!(shown(written), expected_shown);
        assert_eq!(spoken(written, "en-US"), expected_spoken, "{written}");
    }
    // Prosody may reach over sentences and pauses; each has its part of it.
    let text = "One <prosody rate=\"slow\">two. Three <break time=\"1s\"/> four</prosody> five.";
    let runs: Vec<_> =
        read(text, "en-US", false).unwrap().iter().map(|beat| beat.prosody[0].0.clone()).collect();
    assert_eq!(runs, [1..2, 0..1, 0..1]);
}

#[test]
fn mistakes_name_their_line() {
    let parse = |text: &str| {
        let errors = Script::parse(text).unwrap_err();
        (errors[0].line, format!("{} | {}", errors[0].message, errors[0].help))
    };
    for (text, line, told) in [
        (
            "One.\n\nTwo <emphasys>three</emphasys>.",
            3,
            "there is no tag `<emphasys>` | did you mean `<emphasis>`",
        ),
        ("One <emphasis>two.\n\nThree.", 1, "never closed"),
        ("One.\nTwo</prosody>.", 2, "`</prosody>` closes nothing"),
        ("<prosody rate='slow'><emphasis>a</prosody></emphasis> b", 1, "close `<emphasis>` first"),
        ("Say <say-as interpret-as='digits'>1. 2.</say-as> It is so.", 1, "over the end of a sentence"),
        ("Hello <name>, how are you?", 1, "write `\\<`"),
    ] {
        let (found, message) = parse(text);
        assert!(found == line && message.contains(told), "{text}: line {found}: {message}");
    }
    for (text, line, told) in [
        ("One.\n\nIt is\n<say-as interpret-as=\"ordinal\">many</say-as>.", 4, "`many` is no number"),
        ("A <phoneme alphabet='ipa' ph='ж'>b</phoneme>.", 1, "`ж` in `ж` is no symbol"),
        ("A <say-as interpret-as='date' format='dmy'>40/1/2020</say-as>.", 1, "no date of that order"),
    ] {
        let error = read(text, "en-US", false).unwrap_err();
        let Error::Saying { line: found, reason } = error else { panic!("{error}") };
        assert!(found == line && reason.contains(told), "{text}: line {found}: {reason}");
    }
}

/// Emoji of every kind: faces, flags, families, skin tones, keycaps, signs.
const EMOJI: &str = "😀 🔥 ❤️ 👩‍🚀 👩🏽‍🚀 👨‍👩‍👧‍👦 🇩🇪 🏳️‍🌈 1️⃣ ☀️ ⚡ ✅ ➡️ ♻️ ⭐ 🤷🏾‍♀️ 🫠 🪿 ™️";

#[test]
fn emoji_are_silent_or_named_and_never_garbage() {
    for language in ["en-US", "de-DE", "es-ES", "fr-FR", "it-IT", "pt-BR"] {
        for emoji in EMOJI.split(' ') {
            let text = format!("So {emoji} good.");
            let silent = read(&text, language, false).unwrap();
            let named = read(&text, language, true).unwrap();
            let said = |beats: &[Said]| beats[0].tokens[0].spoken.clone();
            assert_eq!(said(&silent), "So", "{language} {emoji}");
            let name = said(&named);
            assert!(name.len() > 3 && name.starts_with("So "), "{language} {emoji}: {name}");
            assert!(
                name.chars().all(|c| c.is_alphanumeric() || " ,.'’-".contains(c)),
                "{language} {emoji}: {name}"
            );
            let shown: Vec<&str> = named[0].tokens.iter().map(|token| token.text.as_str()).collect();
            assert_eq!(shown.join(" "), text);
        }
    }
    for (text, expected) in [
        ("🔥🔥🔥 Hot!", "fire Hot!"),
        ("Good 🎉 — really.", "Good party popper, really."),
        ("Yes 👍🏿!", "Yes thumbs up!"),
    ] {
        let beats = read(text, "en-US", true).unwrap();
        let words: Vec<&str> = beats[0].tokens.iter().map(|token| token.spoken.as_str()).collect();
        assert_eq!(words.join(" "), expected);
    }
    // Every emoji that has a name is silent unless names are wanted.
    let table = std::fs::read_to_string("assets/spoken/emoji.tsv").unwrap();
    let loud: Vec<&str> = table
        .lines()
        .skip(2)
        .filter_map(|line| line.split('\t').next())
        .filter(|emoji| {
            tokens(&format!("So {emoji}\u{fe0f}"), "en-US").iter().any(|token| token.spoken != "So")
        })
        .collect();
    assert!(table.lines().count() > 1_500 && loud.is_empty(), "{loud:?}");
}

/// `shortform speak` on a script: the sound, its timings, and what was told.
fn speak(folder: &Path, script: &str, sets: &[&str]) -> (Samples, Value, String) {
    let (code, told) = program(folder, script, sets);
    assert_eq!(code, Some(0), "{told}");
    let sound = decode_wav(&std::fs::read(folder.join("out.wav")).unwrap()).unwrap();
    let timings = serde_json::from_slice(&std::fs::read(folder.join("out.json")).unwrap()).unwrap();
    (sound, timings, told)
}

fn program(folder: &Path, script: &str, sets: &[&str]) -> (Option<i32>, String) {
    let file = folder.join("script.md");
    std::fs::write(&file, script).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_shortform"));
    command.args(["speak", file.to_str().unwrap(), "-v", "--timings"]).arg(folder.join("out.json"));
    command.arg("-o").arg(folder.join("out.wav"));
    for set in sets {
        command.args(["--set", set]);
    }
    let output = command.env("SHORTFORM_CACHE_DIR", folder.join("cache")).output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// Begin and end of the words of all beats, in samples.
fn words(timings: &Value) -> Vec<(String, usize, usize)> {
    let at = |word: &Value, edge: &str| (word["span"][edge].as_f64().unwrap() * 48_000.0).round() as usize;
    let beats = timings["beats"].as_array().unwrap().iter();
    let all = beats.flat_map(|beat| beat["words"].as_array().unwrap());
    all.map(|word| (word["text"].as_str().unwrap().to_owned(), at(word, "start"), at(word, "end"))).collect()
}

fn part(sound: &Samples, start: usize, end: usize) -> &[f32] {
    &sound.channels[0][start..end.min(sound.len())]
}

fn decibels(sound: &[f32]) -> f64 {
    10.0 * (sound.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / sound.len().max(1) as f64).log10()
}

/// The median pitch of what is loud, by the strongest autocorrelation of every 40 ms.
fn hertz(sound: &[f32]) -> f64 {
    let loudest = sound.chunks(1_920).map(decibels).fold(f64::MIN, f64::max);
    let mut found: Vec<f64> = sound
        .windows(1_920)
        .step_by(480)
        .filter(|window| decibels(window) > loudest - 15.0)
        .map(|window| {
            let like = |lag: usize| {
                let product: f64 = window.iter().zip(&window[lag..]).map(|(a, b)| f64::from(a * b)).sum();
                product / (window.len() - lag) as f64
            };
            let lag = (120..480).max_by(|a, b| like(*a).total_cmp(&like(*b))).unwrap();
            48_000.0 / lag as f64
        })
        .collect();
    found.sort_by(f64::total_cmp);
    found[found.len() / 2]
}

#[test]
fn speed_pitch_and_loudness_are_heard_where_they_are_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let text = |before: &str, after: &str| {
        format!("The river runs {before}slowly down the mountain{after} and rests in the valley below.")
    };
    let (plain, timings, _) = speak(folder.path(), &text("", ""), &[]);
    let known = words(&timings);
    let span = |words: &[(String, usize, usize)]| (words[3].1, words[6].2);
    let (start, end) = span(&known);
    for (tag, name, rate, semitones, louder) in [
        ("<prosody rate=\"50%\">", "prosody", 0.5, 0.0, 0.0),
        ("<prosody rate=\"150%\">", "prosody", 1.5, 0.0, 0.0),
        ("<prosody pitch=\"+4st\">", "prosody", 1.0, 4.0, 0.0),
        ("<prosody pitch=\"-3st\" rate=\"120%\">", "prosody", 1.2, -3.0, 0.0),
        ("<prosody volume=\"-8dB\">", "prosody", 1.0, 0.0, -8.0),
        ("<emphasis level=\"strong\">", "emphasis", 0.85, 1.0, 4.0),
        ("<emphasis level=\"reduced\">", "emphasis", 1.1, -0.5, -3.0),
    ] {
        let (sound, timings, _) = speak(folder.path(), &text(tag, &format!("</{name}>")), &[]);
        let found = words(&timings);
        let shown: Vec<&str> = found.iter().map(|word| word.0.as_str()).collect();
        assert_eq!(shown, known.iter().map(|word| word.0.as_str()).collect::<Vec<_>>(), "{tag}");
        let (from, to) = span(&found);
        let length = (to - from) as f64 * rate / (end - start) as f64;
        assert!((length - 1.0).abs() < 0.02, "{tag}: {length:.3} of its length");
        // The level of the whole is the platform's either way, so what is around it is the measure.
        let around = |sound: &Samples, words: &[(String, usize, usize)]| {
            decibels(part(sound, words[7].1, words[12].2))
        };
        let inner = decibels(part(&sound, from, to)) - around(&sound, &found);
        let before = decibels(part(&plain, start, end)) - around(&plain, &known);
        // The limiter of the whole holds the peaks of what is made louder.
        let least = if louder > 2.0 { louder - 1.5 } else { louder - 1.0 };
        let gained = inner - before;
        assert!((least..louder + 1.0).contains(&gained), "{tag}: {gained:.2} dB louder");
        let (own, changed) = (hertz(part(&plain, start, end)), hertz(part(&sound, from, to)));
        let moved = 12.0 * (changed / own).log2();
        assert!(
            (moved - semitones).abs() < 0.6,
            "{tag}: {own:.0} Hz to {changed:.0} Hz, {moved:.2} semitones"
        );
        // Words behind begin as long after it as before.
        assert!((found[7].1 - to).abs_diff(known[7].1 - end) < 480, "{tag}");
    }
}

/// Two voices of very different level, and quotes inside of a sentence.
#[test]
fn several_voices_speak_one_script_at_one_level() {
    let folder = tempfile::tempdir().unwrap();
    let script = "The captain looked up and said nothing for a while.\n\n\
        [voice: onyx] The storm will be here before the evening comes. [voice: shimmer] Then we should turn around while we can. \
        [voice: echo] Nobody is going to turn around today. [voice: default] So they sailed on into the dark water.\n\n\
        She cried: [voice: shimmer] \"We will never see the land again!\" [voice: default] and she was right.\n";
    let (sound, timings, _) = speak(folder.path(), script, &[]);
    let beats = timings["beats"].as_array().unwrap();
    assert_eq!(beats.len(), 8);
    let at = |beat: &Value, span: &str, edge: &str| (beat[span][edge].as_f64().unwrap() * 48_000.0) as usize;
    let mut levels = Vec::new();
    for beat in beats {
        let (start, end) = (at(beat, "voiced", "start"), at(beat, "voiced", "end"));
        let voiced = Samples::mono(48_000, part(&sound, start, end).to_vec());
        let words = beat["words"].as_array().unwrap();
        let inside = |word: &Value| at(word, "span", "start") >= start && at(word, "span", "end") <= end + 1;
        assert!(words.iter().all(inside), "{beat}");
        if end - start > 48_000 {
            levels.push(measure(&voiced).unwrap().integrated_lufs);
        }
        // The ends are faded: no click.
        assert!(voiced.channels[0][0].abs() < 1e-3 && voiced.channels[0].last().unwrap().abs() < 1e-3);
        // Silence is trimmed: something is heard within 60 ms of either end.
        let whole = decibels(&voiced.channels[0]);
        assert!(decibels(&voiced.channels[0][..2_880]) > whole - 40.0, "{beat}");
    }
    let spread = |levels: &[f64]| {
        levels.iter().copied().fold(f64::MIN, f64::max) - levels.iter().copied().fold(f64::MAX, f64::min)
    };
    assert!(levels.len() >= 6 && spread(&levels) < 1.0, "{levels:.2?}");
    // The quote inside of a sentence comes after a breath, a sentence after its pause.
    let gap = |index: usize| at(&beats[index + 1], "voiced", "start") - at(&beats[index], "voiced", "end");
    assert_eq!((gap(1), gap(5)), (12_000, 7_200));
    // A voice that says another sentence speaks only that one again.
    let (_, _, told) = speak(folder.path(), &script.replace("today", "tonight"), &[]);
    assert!(told.contains("7 of 8"), "{told}");
}

#[test]
fn what_an_engine_cannot_do_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/voices");
    let letters = folder.path().join("letters.onnx");
    std::fs::copy(fixtures.join("piper.onnx"), &letters).unwrap();
    let config = std::fs::read_to_string(fixtures.join("piper.onnx.json")).unwrap();
    let config = config.replace("\"phoneme_type\": \"espeak\"", "\"phoneme_type\": \"text\"");
    assert!(config.contains("\"text\""), "{config}");
    std::fs::write(folder.path().join("letters.onnx.json"), config).unwrap();
    let script = "A <phoneme ph=\"təˈmɑːtoʊ\">tomato</phoneme> is <prosody rate=\"slow\">red</prosody>.";
    let model = format!("narration.model={}", letters.display());
    let (_, timings, told) = speak(folder.path(), script, &["narration.engine=piper", &model]);
    assert!(told.contains("this voice reads letters alone") && told.contains("(line 1)"), "{told}");
    assert_eq!(words(&timings)[1].0, "tomato");
    let (_, _, told) = speak(folder.path(), script, &[]);
    assert!(!told.contains("reads letters alone"), "{told}");
    let (_, _, told) =
        speak(folder.path(), "Hello 🔥 there.", &["narration.emoji=speak", "narration.language=pl"]);
    assert!(told.contains("the names of emoji are not known here in pl"), "{told}");
    let (code, told) = program(folder.path(), "One.\n\nTwo <say-as interpret-as='ordinal'>x</say-as>.", &[]);
    assert!(code == Some(3) && told.contains("line 3") && told.contains("`x` is no number"), "{told}");
}

/// The sounds given reach the networks that read sounds.
#[test]
fn sounds_given_are_those_that_networks_read() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/voices");
    let ids = |text: &str| {
        let said = read(text, "en-US", false).unwrap();
        let piper = Piper::open(&fixtures.join("piper.onnx"), None, 0.0, "en-US").unwrap();
        let kokoro = Kokoro::open(&fixtures.join("kokoro/model.onnx"), "af_toy", "en-US").unwrap();
        (piper.ids(&said[0].tokens).unwrap(), kokoro.ids(&said[0].tokens).unwrap())
    };
    let own = ids("Peter and <phoneme alphabet=\"ipa\" ph=\"hˈæɹi\">xqz</phoneme> ran.");
    assert_eq!(own, ids("Peter and <phoneme alphabet=\"ipa\" ph=\"hˈæɹi\">Voltaire</phoneme> ran."));
    assert_ne!(own, ids("Peter and Voltaire ran."));
}

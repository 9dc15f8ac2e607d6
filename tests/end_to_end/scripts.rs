//! Whatever is given as a script becomes the right video, or an error that says what is wrong.

use std::{fmt::Write, fs};

use super::{
    film::Film,
    program::{fail, ffprobe, folder, shortform, succeed, words},
};

/// One short script in each language, with the word that must be heard first and last.
const LANGUAGES: [(&str, &str, &str, &str, &str); 6] = [
    ("de", "de", "Der Leuchtturm weist den Schiffen nachts den Weg.", "Der", "Weg."),
    ("es", "es", "El faro guía a los barcos por la noche.", "El", "noche."),
    ("hi", "hi", "रात में जहाज़ तारों को देखते हैं।", "रात", "हैं।"),
    ("ar", "ar", "في الليل تنظر السفن إلى النجوم.", "في", "النجوم."),
    ("ja", "ja", "夜、船は星を見て進みます。", "", ""),
    ("zh", "zh", "夜里,船看着星星前进。", "", ""),
];

#[test]
fn every_language_becomes_a_video() {
    for (language, voice, text, first, last) in LANGUAGES {
        let film = Film::make(&folder(language), text, &format!("--voice {voice} --platform shorts"));
        let spoken = film.words();
        assert!(spoken.len() > 3, "{language}: {} words", spoken.len());
        assert!(
            spoken.windows(2).all(|pair| pair[0].start < pair[1].start),
            "{language}: words out of order"
        );
        if !first.is_empty() {
            assert_eq!((&*spoken[0].text, &*spoken.last().unwrap().text), (first, last), "{language}");
        }
        let all: String = spoken.iter().flat_map(|word| word.text.split_whitespace()).collect();
        assert_eq!(all, text.split_whitespace().collect::<String>(), "{language}: every letter is shown");
        let picture = &ffprobe(&film.video, "-show_streams -select_streams v")["streams"][0];
        assert_eq!(picture["width"], 1080, "{language}");
    }
}

#[test]
fn emoji_are_shown_and_do_not_break_the_voice() {
    let film = Film::make(&folder("emoji"), "We sail at night 🌙 and smile 😀 at the stars ✨.", "");
    let text: String = film.words().iter().map(|word| format!("{} ", word.text)).collect();
    for part in ["sail", "🌙", "😀", "stars", "✨"] {
        assert!(text.contains(part), "{part} is missing from: {text}");
    }
}

#[test]
fn line_ends_and_byte_order_marks_change_nothing() {
    let unix = "# The sea\n\nThe sea is wide. The sea is deep.\n\nIt never sleeps.\n";
    let folder = folder("line ends");
    let mut timings = Vec::new();
    for (name, text) in [
        ("unix.md", unix.to_owned()),
        ("windows.md", unix.replace('\n', "\r\n")),
        ("marked.md", format!("\u{feff}{unix}")),
    ] {
        fs::write(folder.join(name), text).unwrap();
        let timing = format!("{name}.json");
        succeed(shortform(&folder).args(["speak", name, "-o", "sea.wav", "--timings", &timing]));
        timings.push(fs::read(folder.join(timing)).unwrap());
    }
    assert!(timings[0] == timings[1], "CRLF changes the narration");
    assert!(timings[0] == timings[2], "a byte order mark changes the narration");
}

#[test]
fn a_paragraph_of_4000_words_is_cut_into_scenes() {
    let sentence = "The old lighthouse sends its light across the dark sea until the morning comes";
    let mut text = String::new();
    while text.split_whitespace().count() < 4_000 {
        write!(text, "{sentence}. ").unwrap();
    }
    let folder = folder("long");
    fs::write(folder.join("long.md"), &text).unwrap();
    succeed(shortform(&folder).args(words("generate long.md --draft --stop-after scenes -o long.mp4")));
    let description: serde_json::Value =
        serde_json::from_slice(&fs::read(folder.join("long.json")).unwrap()).unwrap();
    let spoken = description["narration"]["words"].as_array().unwrap().len();
    assert_eq!(spoken, text.split_whitespace().count());
    let scenes = description["scenes"].as_array().unwrap();
    assert!(scenes.len() > 200, "{} scenes", scenes.len());
    assert!(!folder.join("long.mp4").exists());

    // Longer than the platform takes: said before a picture is drawn.
    let said = fail(shortform(&folder).args(words("generate long.md --draft -o long.mp4")), 3);
    assert!(said.contains("TikTok takes at most 600 s"), "{said}");
    assert!(!said.contains("images"), "{said}");
    assert!(!folder.join("long.mp4").exists());
}

#[test]
fn what_is_no_script_is_refused_with_its_reason() {
    let folder = folder("no scripts");
    for (name, bytes, reason) in [
        ("empty.md", &b""[..], "empty"),
        ("blank.md", b" \n\t\n", "empty"),
        ("silent.md", b"# Only a title\n", "spoken"),
        ("binary.md", b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0>\0", "text"),
        ("latin1.md", b"Caf\xe9 au lait.\n", "UTF-8"),
        ("utf16.md", b"\xff\xfeT\0h\0e\0 \0s\0e\0a\0.\0", "UTF-16"),
        ("front.md", b"---\nvoice: [nova\n---\nThe sea.\n", "voice"),
    ] {
        fs::write(folder.join(name), bytes).unwrap();
        let said = fail(shortform(&folder).args(["generate", name, "-o", "never.mp4"]), 3);
        assert!(said.contains(name), "{name} is not named:\n{said}");
        assert!(said.to_lowercase().contains(&reason.to_lowercase()), "{name}: no `{reason}` in:\n{said}");
    }
    assert!(!folder.join("never.mp4").exists());
}

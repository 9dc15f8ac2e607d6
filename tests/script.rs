//! Scripts as people write them, and as nobody should.

use proptest::prelude::*;
use shortform::story::{Pause, Script, ScriptError};
use std::time::Duration;

fn parse(text: &str) -> Script {
    Script::parse(text).unwrap_or_else(|errors| panic!("{errors:?}"))
}

fn spoken(text: &str) -> Vec<String> {
    parse(text).beats.into_iter().map(|beat| beat.text).collect()
}

fn refused(text: &str) -> Vec<ScriptError> {
    Script::parse(text).unwrap_err()
}

#[test]
fn a_whole_script() {
    let text = "---\ntitle: ignored here\nvoice: nova\n---\n\n# The *Red* Bicycle\n\n\
        Mia found it in the snow. It was [note: not a directive? no] red.\n";
    // `[note: ...]` is a directive that does not exist.
    assert_eq!(refused(text).len(), 1);

    let text = "---\ntitle: ignored here\nvoice: nova\n---\n\n# The *Red* Bicycle\n\n\
        [scene: a red bicycle in the snow]\nMia found it in the snow. It was [laughs] **red**.\n\n\
        [pause: 1.5s]\n[voice: onyx]\nNobody knew whose it was.\n## Later\nShe kept [the bell](https://example.org).\n";
    let script = parse(text);
    assert_eq!(script.title.as_deref(), Some("The Red Bicycle"));
    let settings = script.front_matter.unwrap();
    assert_eq!((settings.text.as_str(), settings.line), ("title: ignored here\nvoice: nova\n", 2));
    let beats: Vec<_> = script
        .beats
        .iter()
        .map(|b| (b.text.as_str(), b.line, b.voice.as_deref(), b.scene.as_deref(), b.pause))
        .collect();
    let picture = Some("a red bicycle in the snow");
    assert_eq!(
        beats,
        [
            ("Mia found it in the snow.", 9, None, picture, Pause::Sentence),
            ("It was red.", 9, None, None, Pause::Exactly(Duration::from_millis(1500))),
            ("Nobody knew whose it was.", 13, Some("onyx"), None, Pause::Paragraph),
            ("She kept the bell.", 15, Some("onyx"), None, Pause::Sentence),
        ]
    );
}

#[test]
fn markdown_becomes_plain_text() {
    for (written, expected) in [
        ("It is **very** _good_, `really` ~~not~~ *so*.", "It is very good, really not so."),
        ("***Both*** at once, **bold with *inner* text**.", "Both at once, bold with inner text."),
        ("2 * 3 is 6 and snake_case_name stays, 5*.", "2 * 3 is 6 and snake_case_name stays, 5*."),
        ("![a photo](x.png) Look at [this [nice] page](http://a.b/(c)).", "Look at this page."),
        (
            "See <https://example.org> or <b>bold</b>, 1 < 2 > 0.",
            "See https://example.org or bold, 1 < 2 > 0.",
        ),
        ("> quoted\n> words", "quoted words"),
        ("\\[spoken\\] and \\*starred\\*", "[spoken] and *starred*"),
        ("Fish &amp; chips&nbsp;now", "Fish & chips now"),
        ("one\ttwo\u{a0}\u{a0}three\u{200b} fo\u{ad}ur", "one two three four"),
        ("before <!-- not\n\nthis --> after", "before after"),
        ("[^1] noted[^1].\n\n[^1]: not spoken\n[home]: https://example.org", "noted."),
        ("**unclosed", "unclosed"),
        ("| a | b |\n|---|---|", "a b"),
        ("[sigh][laughs] Fine.", "Fine."),
    ] {
        let found = spoken(written).join(" ").split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(found, expected, "{written}");
    }
}

#[test]
fn lists_and_lines_are_sentences_of_their_own() {
    assert_eq!(
        spoken("Three tips:\n- Sleep more\n* Drink *water*\n1. Walk. Often.\n2) Rest\n- [ ] Smile"),
        ["Three tips:", "Sleep more", "Drink water", "1. Walk.", "Often.", "2) Rest", "Smile"]
    );
    assert_eq!(
        spoken("Did you know this\nThe moon is leaving us\nEvery year a little more"),
        ["Did you know this", "The moon is leaving us", "Every year a little more"]
    );
    assert_eq!(
        spoken(
            "In the summer of nineteen sixty-nine, three men left the\nEarth and went to the Moon, where no one had ever been\nbefore them."
        ),
        [
            "In the summer of nineteen sixty-nine, three men left the Earth and went to the Moon, where no one had ever been before them."
        ]
    );
    assert_eq!(spoken("今日は\n晴れです。明日は雨。"), ["今日は", "晴れです。", "明日は雨。"]);
    assert_eq!(spoken("One.\r\n\r\nTwo.\rThree."), ["One.", "Two.", "Three."]);
    let pauses: Vec<_> = parse("One.\n\n***\n\nTwo.\nThree.").beats.iter().map(|b| b.pause).collect();
    assert_eq!(pauses, [Pause::Paragraph, Pause::Sentence, Pause::Sentence]);
}

#[test]
fn directives_act_where_they_stand() {
    let script = parse("Hello [voice: onyx] there [pause: 1s][pause: 500ms] friend. [voice: default] Bye.");
    let beats: Vec<_> = script.beats.iter().map(|b| (b.text.as_str(), b.voice.as_deref(), b.pause)).collect();
    let pause = Pause::Exactly(Duration::from_millis(1500));
    assert_eq!(
        beats,
        [
            ("Hello", None, Pause::Exactly(Duration::from_millis(150))),
            ("there", Some("onyx"), pause),
            ("friend.", Some("onyx"), Pause::Sentence),
            ("Bye.", None, Pause::Sentence),
        ]
    );
    let script = parse("First. The [scene: the moon] moon rises. [scene: a\n[full] sun]\n\nThen the sun.");
    let scenes: Vec<_> = script.beats.iter().map(|b| b.scene.as_deref()).collect();
    assert_eq!(scenes, [None, Some("the moon"), Some("a [full] sun")]);
    assert_eq!(script.beats[1].text, "The moon rises.");
}

#[test]
fn every_mistake_is_told_at_once_with_its_place() {
    let text = "One. [scnee: x] Two.\n\n[pause: 5]\n\nThree [never closed\n\nFour.\n\n[scene: a][scene: b] Five.\n<!-- open";
    let errors = refused(text);
    let told: Vec<_> =
        errors.iter().map(|e| (e.line, &text[e.range.0..e.range.1], e.message.as_str())).collect();
    assert_eq!(
        told,
        [
            (1, "[scnee: x]", "there is no directive `scnee`"),
            (3, "[pause: 5]", "`5` is not a length with its unit"),
            (5, "[", "this bracket is never closed"),
            (9, "[scene: a]", "nothing is spoken while this picture would be shown"),
            (10, "<!--", "the comment that begins here never ends"),
        ]
    );
    assert!(errors.iter().all(|error| !error.help.is_empty()));
}

#[test]
fn what_is_no_script_is_refused() {
    for (text, message) in [
        ("", "the script is empty"),
        (" \n\t\u{feff}\n", "the script is empty"),
        ("# Only a title", "nothing in the script is spoken"),
        ("[laughs]\n<!-- x -->\n---\n...", "nothing in the script is spoken"),
        ("---\nvoice: nova\n\nHello.", "the settings that begin here never end"),
        ("[pause: 1s] Hello.", "nothing is spoken before this pause"),
        ("Hello\0there", "this is not a text file"),
        ("\u{1}\u{2}\u{3}ab\u{4}", "this is not a text file"),
    ] {
        let errors = refused(text);
        assert_eq!(errors[0].message, message, "{text:?}");
        assert!(text.get(errors[0].range.0..errors[0].range.1).is_some());
    }
    assert_eq!(refused("[scene: x]").len(), 1);
    assert_eq!(refused("One. [scene: x]\n\n")[0].range, (5, 15));
    assert_eq!(spoken("\u{feff}---\na: 1\n---\nHi."), ["Hi."]);
}

#[test]
fn bytes_that_are_no_utf8_are_told_apart() {
    let message = |bytes: &[u8]| {
        let errors = Script::read_bytes(bytes).unwrap_err();
        format!("{} {:?}", errors[0], errors[0].range)
    };
    assert_eq!(message(b"One.\nCaf\xe9 two."), "line 2: byte 0xe9 at offset 8 is not UTF-8 (8, 9)");
    assert_eq!(message(b"\xff\xfeH\0i\0"), "line 1: the file is UTF-16 (0, 2)");
    assert_eq!(message(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"), "line 1: this is not a text file (0, 1)");
    assert_eq!(message(b"cut \xe2\x82"), "line 1: byte 0xe2 at offset 4 is not UTF-8 (4, 6)");
    assert_eq!(Script::read_bytes("Größe zählt.".as_bytes()).unwrap().beats.len(), 1);
}

#[test]
fn a_paragraph_without_full_stops_is_divided() {
    let words: Vec<String> =
        (0..4_000).map(|i| format!("word{i}{}", if i % 17 == 0 { "," } else { "" })).collect();
    let text = words.join(" ");
    let beats = spoken(&text);
    assert_eq!(beats.join(" "), text);
    assert!(beats.iter().all(|beat| beat.split(' ').count() <= 40));
    assert!(beats.len() < 250);
}

#[test]
fn marks_that_never_pair_take_no_time() {
    for piece in ["*a ", "a*b_c~~d ", "[[", "![a](", "_a* ", "<a ", "\\", "> > ", "[a](b ", "<!--", "&a;"] {
        let start = std::time::Instant::now();
        let _ = Script::parse(&piece.repeat(100_000));
        assert!(start.elapsed() < Duration::from_secs(2), "{piece}: {:?}", start.elapsed());
    }
}

/// Text made of what scripts are made of, which finds more than arbitrary characters do.
fn script_like() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "Hello",
        "Dr.",
        "the U.S.",
        " ",
        " ",
        "\n",
        "\n\n",
        "\r\n",
        ". ",
        "! ",
        "?",
        "...",
        "\"",
        "”",
        "[",
        "]",
        "[scene: a b]",
        "[pause: 1s]",
        "[voice: x]",
        "[voice: default]",
        "[note]",
        "(",
        ")",
        "](",
        "![",
        "*",
        "**",
        "_",
        "~~",
        "`",
        "```",
        "# ",
        "- ",
        "1. ",
        "> ",
        "|",
        "---",
        "---\n",
        "<b>",
        "<br>",
        "<",
        "<!--",
        "-->",
        "\\",
        "\\[",
        "今日",
        "。",
        "「",
        "यह",
        "।",
        "هل",
        "؟",
        "é",
        "🎉",
        "👩‍🚀",
        "\u{a0}",
        "\u{feff}",
        "\u{200d}",
        "3.14",
        ",",
        "; ",
        "\t",
        "word",
        "I",
        "A.",
    ]);
    prop::collection::vec(pieces, 0..40).prop_map(|pieces| pieces.concat())
}

fn check(text: &str) {
    match Script::parse(text) {
        Ok(script) => {
            assert!(!script.beats.is_empty());
            // What is spoken was written, in this order.
            let mut written = text.chars();
            for c in script.beats.iter().flat_map(|beat| beat.text.chars()).filter(|c| !c.is_whitespace()) {
                assert!(written.any(|w| w == c), "`{c}` was not written there: {text:?} {:?}", script.beats);
            }
            let lines = 1 + text.matches(['\n', '\r']).count() as u32;
            for beat in &script.beats {
                assert!(beat.text.contains(char::is_alphanumeric), "{beat:?}");
                assert_eq!(beat.text.trim(), beat.text);
                assert!((1..=lines).contains(&beat.line));
            }
            assert!(script.beats.is_sorted_by_key(|beat| beat.line));
        }
        Err(errors) => {
            assert!(!errors.is_empty());
            for error in errors {
                let range = text.get(error.range.0..error.range.1);
                assert!(range.is_some(), "{error:?} points beside a character of {text:?}");
                assert_eq!(
                    error.line as usize,
                    1 + lines_before(text, error.range.0),
                    "{error:?} in {text:?}"
                );
            }
        }
    }
}

fn lines_before(text: &str, at: usize) -> usize {
    let before = &text[..at];
    let split = before.ends_with('\r') && text[at..].starts_with('\n');
    before.replace("\r\n", "\n").matches(['\n', '\r']).count() - usize::from(split)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3_000))]

    #[test]
    fn only_what_was_written_is_spoken(text in script_like()) {
        check(&text);
    }

    #[test]
    fn no_text_makes_it_panic(text in any::<String>().prop_map(|text| text.replace('&', ""))) {
        check(&text);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        let _ = Script::read_bytes(&bytes);
    }
}

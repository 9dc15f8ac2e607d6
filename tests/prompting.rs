//! The rules director on scripts as people write them.

use shortform::{
    prompting::{Brief, Direction, Director, Error, Rules},
    story::{
        Narration, Pause, Script, Seed, Span, SpokenBeat, Style, Time, TimingQuality, VoicePreset, WordTiming,
    },
};
use std::{collections::BTreeMap, fs};

const SCRIPTS: [&str; 20] = [
    "science",
    "history",
    "finance",
    "motivation",
    "travel",
    "horror",
    "recipe",
    "news",
    "poem",
    "joke",
    "listicle",
    "health",
    "space",
    "sport",
    "technology",
    "animals",
    "love",
    "psychology",
    "mystery",
    "business",
];

/// A narration of the script at an even 160 words a minute.
fn narrate(script: &Script, language: &str) -> Narration {
    let seconds = Time::from_seconds;
    let mut now = seconds(0.1);
    let mut beats = Vec::new();
    for (beat, written) in script.beats.iter().enumerate() {
        let start = now;
        let mut words = Vec::new();
        for word in written.text.split(' ') {
            let end = now + seconds(0.15 + 0.05 * word.chars().count() as f64);
            words.push(WordTiming {
                text: word.to_owned(),
                spoken: word.to_owned(),
                span: Span::new(now, end),
                space_before: true,
                quality: TimingQuality::Exact,
            });
            now = end;
        }
        let voiced = Span::new(start, now);
        now = now
            + match written.pause {
                Pause::Sentence => seconds(0.25),
                Pause::Paragraph => seconds(0.5),
                Pause::Exactly(pause) => seconds(pause.as_secs_f64()),
            };
        beats.push(SpokenBeat { beat, span: Span::new(start, now), voiced, words });
    }
    Narration { language: language.to_owned(), beats, duration: now + seconds(0.4) }
}

fn style(name: &str) -> Style {
    let text = fs::read_to_string(format!("assets/styles/{name}.yaml")).unwrap();
    serde_yaml::from_str(&text).unwrap()
}

struct Setting {
    language: &'static str,
    style: &'static str,
    seconds: [f64; 2],
    suffix: &'static str,
    characters: BTreeMap<String, String>,
    limit: usize,
    knows_any_word: bool,
    seed: u64,
}

impl Default for Setting {
    fn default() -> Self {
        Self {
            language: "en-US",
            style: "cinematic",
            seconds: [2.5, 6.0],
            suffix: "",
            characters: BTreeMap::new(),
            limit: 77,
            knows_any_word: false,
            seed: 7,
        }
    }
}

fn direct(text: &str, setting: &Setting) -> Result<(Narration, Direction), Error> {
    let script = Script::parse(text).unwrap();
    let narration = narrate(&script, setting.language);
    let direction = Rules::new()?.direct(&Brief {
        script: &script,
        narration: &narration,
        seconds: setting.seconds,
        style: &style(setting.style),
        prompt_suffix: setting.suffix,
        negative_prompt: "text, hands",
        characters: &setting.characters,
        token_count: &|prompt| {
            prompt.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).count() + 2
        },
        token_limit: setting.limit,
        knows_any_word: setting.knows_any_word,
        seed: Seed(setting.seed),
    })?;
    Ok((narration, direction))
}

fn script(name: &str) -> String {
    fs::read_to_string(format!("tests/scripts/{name}.md")).unwrap()
}

/// The subjects of the scenes in which these words are spoken.
fn shown_with<'a>(direction: &'a Direction, words: &str) -> &'a str {
    let found = direction.scenes.iter().find(|scene| scene.text.contains(words));
    &found.unwrap_or_else(|| panic!("no scene says `{words}`")).subject
}

/// Words of a sentence, and the subjects a person might pick for it.
type Picks<'a> = (&'a str, &'a [&'a str]);

/// What a person would pick, for the sentences where that is beyond doubt.
#[test]
fn pictures_are_those_a_person_would_pick() {
    let expected: [(&str, &[Picks<'_>]); 5] = [
        (
            "science",
            &[
                ("molecules of air", &["space", "network", "particles"]),
                ("On Mars", &["desert", "space"]),
                ("from the Moon", &["space", "moon surface"]),
                ("look at the ocean", &["sea", "beach", "underwater"]),
            ],
        ),
        (
            "history",
            &[
                ("North Atlantic", &["sea", "harbour"]),
                ("the sea was as calm", &["sea"]),
                ("The ice opened the hull", &["sea", "underwater"]),
                ("the ship broke in two", &["sea", "harbour"]),
                ("the Carpathia", &["sea", "harbour"]),
            ],
        ),
        (
            "finance",
            &[
                ("five dollars", &["coins"]),
                ("stock market", &["rising chart"]),
                ("coffee money", &["coins", "rising chart"]),
                ("Your money earns", &["coins", "rising chart"]),
                ("let the clock work", &["clock"]),
            ],
        ),
        (
            "motivation",
            &[
                ("run alone in the rain", &["person", "road"]),
                ("The mountain does not care", &["mountains"]),
                ("Every oak", &["single tree"]),
                ("no road ahead", &["road"]),
                ("the whole valley", &["mountains", "river", "meadow"]),
            ],
        ),
        (
            "travel",
            &[
                ("by the sea", &["sea", "beach", "harbour"]),
                ("forest of bamboo", &["forest"]),
                ("camel across the dunes", &["desert"]),
                ("tent by the campfire", &["campfire"]),
                ("next vacation", &["beach"]),
            ],
        ),
    ];
    for (name, cases) in expected {
        let (_, direction) = direct(&script(name), &Setting::default()).unwrap();
        for (words, subjects) in cases {
            let shown = shown_with(&direction, words);
            assert!(subjects.contains(&shown), "{name}: `{words}` is shown with {shown}");
        }
        assert_eq!(direction.notes, [], "{name}");
    }
    let (_, history) = direct(&script("history"), &Setting::default()).unwrap();
    let prompt = |words: &str| {
        let scene = history.scenes.iter().find(|scene| scene.text.contains(words));
        scene.unwrap().prompt.clone()
    };
    assert!(prompt("The ice opened the hull").contains("at night"), "the light is carried on");
    assert!(prompt("the Carpathia").contains("at dawn") && prompt("the Carpathia").contains("fog"));
    assert!(prompt("After that night").contains("at night"));
}

#[test]
fn scenes_tile_the_narration_in_even_lengths() {
    let long = "word ".repeat(150);
    for (text, most_outside) in SCRIPTS
        .iter()
        .enumerate()
        // Where a sentence is a little too long for one scene and too short for two, one scene is.
        .map(|(index, name)| (script(name), usize::from(index >= 5)))
        .chain([(format!("{long}. Short. {long}."), 0), ("Hi.".into(), 1)])
    {
        let (narration, direction) = direct(&text, &Setting::default()).unwrap();
        let scenes = &direction.scenes;
        assert_eq!(scenes[0].span.start, Time::ZERO);
        assert_eq!(scenes.last().unwrap().span.end, narration.duration);
        assert!(scenes.windows(2).all(|pair| pair[0].span.end == pair[1].span.start));
        let lengths: Vec<f64> = scenes.iter().map(|scene| scene.span.length().seconds()).collect();
        let outside = lengths.iter().filter(|length| !(2.5..=6.0).contains(*length)).count();
        assert!(outside <= most_outside, "{lengths:?}");
        let spoken: String = scenes.iter().map(|scene| scene.text.replace(char::is_whitespace, "")).collect();
        let written: String =
            Script::parse(&text).unwrap().beats.iter().map(|beat| beat.text.clone()).collect();
        assert_eq!(spoken, written.replace(char::is_whitespace, ""), "every word is in one scene");
        assert!(scenes.iter().enumerate().all(|(index, scene)| scene.index == index));
        let seeds: std::collections::BTreeSet<u64> = scenes.iter().map(|scene| scene.seed.0).collect();
        assert_eq!(seeds.len(), scenes.len());
    }
}

#[test]
fn no_picture_is_asked_for_twice_in_a_row() {
    let same = "The sea was calm and wide. ".repeat(12);
    for text in SCRIPTS.iter().map(|name| script(name)).chain([same]) {
        let (_, direction) = direct(&text, &Setting::default()).unwrap();
        for pair in direction.scenes.windows(2) {
            assert_ne!(pair[0].prompt, pair[1].prompt);
        }
    }
}

#[test]
fn the_same_brief_gives_the_same_scenes() {
    let first = direct(&script("travel"), &Setting::default()).unwrap();
    assert_eq!(first, direct(&script("travel"), &Setting::default()).unwrap());
    let other = direct(&script("travel"), &Setting { seed: 8, ..Setting::default() }).unwrap();
    assert_ne!(first.1.scenes[0].seed, other.1.scenes[0].seed);
}

#[test]
fn a_picture_asked_for_begins_a_scene_and_is_taken_word_for_word() {
    let text =
        "It was late. [scene: a red bicycle in the snow] Then she came home to the castle. It was over.";
    let (narration, direction) = direct(text, &Setting::default()).unwrap();
    let scene = direction.scenes.iter().find(|scene| scene.subject == "a red bicycle in the snow").unwrap();
    assert_eq!(scene.span.start, narration.beats[1].span.start);
    assert!(
        scene.prompt.starts_with("cinematic film still, a red bicycle in the snow, "),
        "{}",
        scene.prompt
    );
    assert!(!scene.prompt.contains("castle"));
}

#[test]
fn characters_look_the_same_wherever_they_are() {
    let characters: BTreeMap<_, _> =
        [("Mia", "a girl of ten in a yellow coat"), ("Old Tom", "a sailor with a white beard")]
            .map(|(name, description)| (name.to_owned(), description.to_owned()))
            .into();
    let text = "Mia's boat left the harbor at dawn, long before anybody woke up.\n\n\
        She sailed far out over the ocean until the island was gone.\n\n\
        Miami was far away. Nobody in the big city knew about it.\n\n\
        Old Tom waited for Mia at the lighthouse until the evening came.";
    let (_, direction) = direct(text, &Setting { characters, ..Setting::default() }).unwrap();
    let with = |words: &str, look: &str| {
        let mut scenes = direction.scenes.iter().filter(|scene| scene.text.contains(words));
        let scene = scenes.next().unwrap();
        scene.prompt.contains(look)
    };
    assert!(with("Mia's boat", "a girl of ten in a yellow coat"));
    assert!(with("She sailed", "a girl of ten in a yellow coat"));
    assert!(!with("Miami", "yellow coat"));
    assert!(with("Old Tom waited", "a sailor with a white beard") && with("Old Tom waited", "yellow coat"));
}

#[test]
fn a_prompt_fits_the_text_encoder_and_says_what_it_lacks() {
    let setting = Setting { limit: 14, suffix: "sharp focus, no people", ..Setting::default() };
    let (_, direction) = direct("The ship sailed over the stormy ocean at night.", &setting).unwrap();
    let scene = &direction.scenes[0];
    assert!(scene.prompt.contains("the open sea with waves"), "{}", scene.prompt);
    assert!(scene.prompt.contains("cinematic film still"), "{}", scene.prompt);
    assert!(!scene.prompt.contains("teal and orange"), "{}", scene.prompt);
    let told = direction.notes.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    assert!(told.contains("scene 1 (line 1): the text encoder reads 14 tokens"), "{told}");
    assert!(told.contains("dramatic lighting, teal and orange"), "{told}");

    let picture = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen";
    let (_, direction) = direct(&format!("[scene: {picture}] Go."), &setting).unwrap();
    assert_eq!(direction.scenes[0].prompt, picture, "the subject is never cut");
    assert!(direction.notes.iter().any(|note| note.text.contains("say it in fewer words")));
}

#[test]
fn other_languages_are_read_or_it_is_said() {
    let german = "Das Schiff fuhr über das Meer. In der Nacht sah der König die Sterne.";
    let (_, direction) = direct(german, &Setting { language: "de-DE", ..Setting::default() }).unwrap();
    assert!(["sea", "harbour"].contains(&direction.scenes[0].subject.as_str()));
    assert_eq!(direction.notes, []);
    let polish = "Statek płynął przez morze. W nocy król zobaczył gwiazdy.";
    let (_, direction) = direct(polish, &Setting { language: "pl-PL", ..Setting::default() }).unwrap();
    assert!(direction.notes[0].text.contains("no word list for `pl-PL`"));
    assert!(direction.notes[1].text.contains("no word leads to a picture"));
}

/// A sentence, the subjects a person might pick for it, and the light or weather that it names.
type Named<'a> = (&'a str, &'a [&'a str], &'a str);

/// Sentences as people write them, and what a person would pick; light or weather where the sentence names it.
#[test]
fn nine_languages_lead_to_what_they_name() {
    let cases: [(&str, &[Named<'_>]); 9] = [
        (
            "de-DE",
            &[
                ("Nachts warnte der alte Leuchtturm die Schiffe im Nebel.", &["lighthouse", "sea"], "fog"),
                ("Tief in der Höhle fanden sie Zeichnungen.", &["cave"], ""),
                ("Die Astronauten landeten auf dem Mond.", &["moon surface", "space"], ""),
                ("In der Winternacht fiel Schnee auf das Dorf.", &["house", "street"], "snow"),
                ("Die Aktien stiegen, und der Markt jubelte.", &["rising chart"], ""),
                ("Ein Schwarm Vögel zog bei Sonnenuntergang vorbei.", &["birds"], "sunset"),
            ],
        ),
        (
            "es-MX",
            &[
                ("El viejo faro se alza sobre la bahía.", &["lighthouse"], ""),
                ("Los caballos cruzaron el campo al amanecer.", &["horse", "meadow"], "dawn"),
                (
                    "Llovía: la lluvia cayó sobre las calles de la ciudad.",
                    &["street", "city skyline"],
                    "rain",
                ),
                ("Guardó sus monedas y su dinero en el banco.", &["coins", "city skyline"], ""),
                ("Las ballenas cantan bajo el agua.", &["whale", "sea"], ""),
                ("El tren salió de la estación.", &["train"], ""),
            ],
        ),
        (
            "fr-FR",
            &[
                ("Le château du roi domine la vallée.", &["castle"], ""),
                ("Au fond de la grotte, le silence.", &["cave"], ""),
                ("Les étoiles brillent dans la galaxie.", &["space"], ""),
                ("Le pont traverse la rivière dans la brume.", &["bridge", "river"], "fog"),
                ("Elle lisait un livre à la bibliothèque.", &["book", "library"], ""),
                ("La fusée décolle à l'aube.", &["rocket"], "dawn"),
            ],
        ),
        (
            "it-IT",
            &[
                ("Le barche dormono nel porto.", &["harbour", "sea"], ""),
                ("Un gatto guarda dalla finestra.", &["cat", "room with window"], ""),
                ("Il razzo partì verso la luna di notte.", &["rocket", "moon surface"], "night"),
                ("La neve cade sulle montagne.", &["mountains"], "snow"),
                ("La cascata precipita tra le rocce.", &["waterfall"], ""),
                ("Il cuore batte per amore.", &["heart"], ""),
            ],
        ),
        (
            "pt-BR",
            &[
                ("A cachoeira cai no meio da floresta.", &["waterfall", "forest"], ""),
                ("O farol guiava os navios na tempestade.", &["lighthouse", "sea"], "storm"),
                ("As ações subiram na bolsa de valores.", &["rising chart"], ""),
                ("A multidão encheu o estádio ao entardecer.", &["crowd"], "sunset"),
                ("O cachorro esperou na estação de trem.", &["dog", "train"], ""),
                ("Os foguetes levam astronautas ao espaço.", &["rocket", "space"], ""),
            ],
        ),
        (
            "hi-IN",
            &[
                ("पुराना किला पहाड़ी पर खड़ा है।", &["castle", "meadow"], ""),
                ("समुद्र में लहरें उठती हैं।", &["sea"], ""),
                ("गुफा के अंदर अंधेरा था।", &["cave"], ""),
                ("बारिश में बच्चे सड़क पर दौड़े।", &["road", "street", "house"], "rain"),
                ("रात को तारे आकाशगंगा में चमकते हैं।", &["space"], ""),
                ("उसने पुस्तकालय में किताब पढ़ी।", &["library", "book"], ""),
            ],
        ),
        (
            "ar",
            &[
                ("السفينة تبحر في البحر.", &["sea", "harbour"], ""),
                ("وقف القصر فوق التل.", &["castle", "meadow"], ""),
                ("في الكهف وجدوا كنزا.", &["cave"], ""),
                ("هطل المطر على المدينة.", &["city skyline"], "rain"),
                ("القطار يغادر المحطة.", &["train"], ""),
                ("الجمهور يملأ الملعب.", &["crowd"], ""),
            ],
        ),
        (
            "zh-CN",
            &[
                ("古老的灯塔照亮了大海。", &["lighthouse", "sea"], ""),
                ("我们在山洞里过夜。", &["cave"], ""),
                ("火箭飞向太空。", &["rocket", "space"], ""),
                ("下雨了，街道很安静。", &["street"], "rain"),
                ("他在图书馆看书。", &["library", "book"], ""),
                ("上海是一座美丽的城市。", &["city skyline"], ""),
            ],
        ),
        (
            "ja-JP",
            &[
                ("静かな森の中で鳥が鳴く。", &["forest", "birds"], ""),
                ("灯台は港を見守っている。", &["lighthouse", "harbour"], ""),
                ("洞窟の奥に湖があった。", &["cave", "lake"], ""),
                ("夜、星が輝く。", &["space"], ""),
                ("彼女は図書館で本を読んだ。", &["library", "book"], ""),
                ("電車が駅に着いた。", &["train"], ""),
            ],
        ),
    ];
    let mut wrong = Vec::new();
    for (language, sentences) in cases {
        for (text, subjects, mood) in sentences {
            let (_, direction) = direct(text, &Setting { language, ..Setting::default() }).unwrap();
            let scene = &direction.scenes[0];
            if !subjects.contains(&scene.subject.as_str()) || !scene.prompt.contains(mood) {
                wrong.push(format!("{language}: {text}\n  [{}] {}", scene.subject, scene.prompt));
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn a_brief_that_contradicts_itself_is_refused() {
    for seconds in [[0.0, 6.0], [6.0, 2.0], [3.0, 3.0], [1.0, f64::INFINITY], [f64::NAN, 2.0]] {
        let refused = direct("Hi.", &Setting { seconds, ..Setting::default() });
        assert!(matches!(refused, Err(Error::Lengths { .. })), "{seconds:?}");
    }
}

#[test]
fn every_style_and_voice_preset_reads() {
    let count = |folder: &str, read: &dyn Fn(&str) -> Result<String, String>| {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let files: Vec<_> = entries.filter(|path| path.extension().is_some_and(|e| e == "yaml")).collect();
        for path in &files {
            let name = read(&fs::read_to_string(path).unwrap()).unwrap_or_else(|e| panic!("{path:?}: {e}"));
            assert_eq!(Some(name.as_str()), path.file_stem().and_then(|stem| stem.to_str()));
        }
        files.len()
    };
    let styles = count("assets/styles", &|text| {
        let style: Style = serde_yaml::from_str(text).map_err(|e| e.to_string())?;
        assert!(!style.prompt_prefix.is_empty() && !style.negative_prompt.is_empty());
        Ok(style.name)
    });
    let voices = count("assets/voices", &|text| {
        let voice: VoicePreset = serde_yaml::from_str(text).map_err(|e| e.to_string())?;
        assert!((80..=450).contains(&voice.espeak.words_per_minute) && voice.espeak.pitch < 100);
        Ok(voice.name)
    });
    assert!(styles >= 8 && voices >= 25, "{styles} styles, {voices} voices");
}

/// The subjects of every scene as they were read by eye, sentence by sentence, and found to be in the sentence or to follow
/// from it. When the lists of words change, `SHORTFORM_REVIEWED=write` writes them anew: read what differs.
#[test]
fn reviewed_subjects_stay() {
    let mut board = String::new();
    for name in SCRIPTS {
        let (_, direction) = direct(&script(name), &Setting::default()).unwrap();
        for scene in &direction.scenes {
            board.push_str(&format!("{name}\t{}\t{}\n", scene.subject, scene.text));
        }
    }
    let path = "tests/scripts/reviewed.tsv";
    if std::env::var("SHORTFORM_REVIEWED").is_ok_and(|value| value == "write") {
        fs::write(path, &board).unwrap();
    }
    let reviewed = fs::read_to_string(path).unwrap();
    let differ: Vec<String> = board
        .lines()
        .zip(reviewed.lines())
        .filter(|(now, then)| now != then)
        .map(|(now, then)| format!("{then}\n  now {now}"))
        .collect();
    assert!(differ.is_empty() && board.lines().count() == reviewed.lines().count(), "{}", differ.join("\n"));
}

/// Every scene of every script, one line each: to be read by eye when the lists of words change.
#[test]
fn scenes_show_what_is_said_or_what_follows_from_it() {
    let mut board = String::new();
    for name in SCRIPTS {
        for (knows_any_word, mark) in [(false, '='), (true, '+')] {
            let setting = Setting { knows_any_word, ..Setting::default() };
            let (_, direction) = direct(&script(name), &setting).unwrap();
            for scene in &direction.scenes {
                let prompt = scene.prompt.replace("cinematic film still, ", "");
                board.push_str(&format!("{name} {mark} [{}] {} <- {}\n", scene.subject, prompt, scene.text));
            }
            assert_eq!(direction.notes, [], "{name}");
        }
    }
    fs::write(std::env::temp_dir().join("shortform-storyboards.txt"), board).unwrap();
}

/// What a reader of the storyboards would not forgive.
#[test]
fn words_with_two_meanings_lead_to_the_one_meant() {
    for (name, words, subjects) in [
        ("horror", "I climbed the stairs", &["room with window", "house"][..]),
        ("recipe", "Mix flour, water, salt", &["room with window"]),
        ("recipe", "heat an iron pot", &["room with window"]),
        ("sport", "The crowd went wild", &["crowd"]),
        ("space", "on top of a rocket", &["rocket"]),
        ("listicle", "the coral is turning white", &["underwater"]),
        ("poem", "a train carries somebody", &["train"]),
        ("love", "on a bridge in Paris", &["bridge"]),
        ("news", "the Klamath River", &["river"]),
    ] {
        let (_, direction) = direct(&script(name), &Setting::default()).unwrap();
        let shown = shown_with(&direction, words);
        assert!(subjects.contains(&shown), "{name}: `{words}` is shown with {shown}");
    }
    let (_, joke) = direct(&script("joke"), &Setting::default()).unwrap();
    assert!(joke.scenes.iter().all(|scene| !scene.prompt.contains("rain")), "nobody weeps in the joke");
}

/// A model that was taught more than our lists hold is told the names, and sees one shot after another.
#[test]
fn names_and_shots_are_for_models_that_know_them() {
    let setting = Setting { knows_any_word: true, ..Setting::default() };
    let (_, direction) = direct(&script("mystery"), &setting).unwrap();
    let prompts: Vec<&str> = direction.scenes.iter().map(|scene| scene.prompt.as_str()).collect();
    assert!(prompts[0].contains("Mary Celeste") && prompts[0].contains("wide view"), "{prompts:#?}");
    assert!(prompts[1].contains("medium view"), "{prompts:#?}");
    let (_, plain) = direct(&script("mystery"), &Setting::default()).unwrap();
    assert!(plain.scenes.iter().all(|scene| !scene.prompt.contains("Celeste")));
}

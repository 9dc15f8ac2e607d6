//! The rules director on scripts as people write them.

use shortform::{
    prompting::{Brief, Direction, Director, Error, Rules},
    story::{
        Narration, Pause, Script, Seed, Span, SpokenBeat, Style, Time, TimingQuality, WordTiming,
    },
};
use std::{collections::BTreeMap, fs};

const SCRIPTS: [&str; 5] = ["science", "history", "finance", "motivation", "travel"];

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
        seed: Seed(setting.seed),
    })?;
    Ok((narration, direction))
}

fn script(name: &str) -> String {
    fs::read_to_string(format!("tests/scripts/{name}.md")).unwrap()
}

#[test]
fn prints() {
    for name in SCRIPTS {
        let (_, direction) = direct(&script(name), &Setting::default()).unwrap();
        println!("== {name}");
        for scene in &direction.scenes {
            println!(
                "{:5.2} {} [{}]\n      {}",
                scene.span.length().seconds(),
                scene.text,
                scene.subject,
                scene.prompt
            );
        }
        for note in &direction.notes {
            println!("   ! {note}");
        }
    }
}

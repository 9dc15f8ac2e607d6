//! A storyboard: which picture is seen from which word on, as a file that people and programs write.
//!
//! ```yaml
//! characters: { Mia: "a girl of nine with red boots" }
//! scenes:
//!   - sentence: 1            # it begins with this sentence of the script, counted from 1
//!     subject: a lighthouse on a cliff
//!     light: at night
//!     characters: [Mia]
//!   - { sentence: 3, word: 4, prompt: "a whole prompt, taken as it is" }
//! ```
//!
//! A scene lasts until the next one begins.

use std::{collections::BTreeMap, fmt::Write};

use serde::{Deserialize, Serialize};

use super::{
    Brief, Direction, Error, Note,
    prompt::{Weight, negative, write},
    stretch::{Stretch, divided},
};
use crate::story::{Likeness, Narration, Scene, Script, Seed};

/// Scenes with what they show, and what the video is called.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Storyboard {
    /// The video's title.
    #[serde(default)]
    pub title: Option<String>,
    /// What the video is about, for where it is published.
    #[serde(default)]
    pub description: Option<String>,
    /// Words without spaces, without `#`.
    #[serde(default)]
    pub hashtags: Vec<String>,
    /// Who the people are: name to description; the pipeline's own come first.
    #[serde(default)]
    pub characters: BTreeMap<String, String>,
    /// The scenes in order.
    pub scenes: Vec<BoardScene>,
}

/// One scene of a storyboard.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BoardScene {
    /// The sentence that it begins with, from 1.
    pub sentence: usize,
    /// The word of that sentence that it begins with, from 1.
    #[serde(default = "first")]
    pub word: usize,
    /// What is said meanwhile: for reading, not read back.
    #[serde(default)]
    pub text: String,
    /// What the picture is of.
    #[serde(default)]
    pub subject: String,
    /// `wide view`, `close view`, ...
    #[serde(default)]
    pub shot: String,
    /// `at night`, `at golden hour`, ...
    #[serde(default)]
    pub light: String,
    /// `tense`, `calm`, ...
    #[serde(default)]
    pub mood: String,
    /// Who is in it, by name.
    #[serde(default)]
    pub characters: Vec<String>,
    /// How much the picture of the first of them counts, 0 to 1; what the pipeline says where it is not there.
    #[serde(default)]
    pub likeness: Option<f64>,
    /// The whole prompt; where it is there, nothing is written around it.
    #[serde(default)]
    pub prompt: Option<String>,
    /// What the picture must not show; the style's and the pipeline's where it is not there.
    #[serde(default)]
    pub negative_prompt: Option<String>,
    /// Fixes its initial latents; the pipeline's where it is not there.
    #[serde(default)]
    pub seed: Option<u64>,
}

fn first() -> usize {
    1
}

/// Longer storyboards are no storyboards.
pub const LONGEST_STORYBOARD: u64 = 4 << 20;

impl Storyboard {
    /// Reads the text of a file.
    ///
    /// # Errors
    /// In words: what is wrong, and where.
    pub fn parse(text: &str) -> Result<Self, String> {
        serde_yaml::from_str(text).map_err(|error| error.to_string())
    }

    /// The storyboard of scenes that were directed already: reading it back gives exactly these.
    pub fn of(scenes: &[Scene], narration: &Narration, script: &Script) -> Self {
        let scene = |scene: &Scene| {
            let (sentence, word) = begins(scene, narration);
            BoardScene {
                sentence: sentence + 1,
                word: word + 1,
                text: scene.text.clone(),
                subject: scene.subject.clone(),
                prompt: Some(scene.prompt.clone()),
                negative_prompt: Some(scene.negative_prompt.clone()),
                seed: Some(scene.seed.0),
                characters: scene.characters.clone(),
                likeness: scene.likeness.map(|likeness| f64::from(likeness.0) / 1000.0),
                ..BoardScene::default()
            }
        };
        Self { title: script.title.clone(), scenes: scenes.iter().map(scene).collect(), ..Self::default() }
    }

    /// The text of a file that [`parse`](Self::parse) reads, made to be read and changed by people.
    pub fn to_yaml(&self) -> String {
        // Every JSON string is a YAML string, whatever it holds.
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        let mut yaml = String::from(
            "# What is seen when. A scene begins with `word` of `sentence` (both from 1) and lasts until the next one.\n\
             # Change a prompt and only that picture is drawn again. Use it with `--set scenes.engine=file`.\n\
             # In place of `prompt` you may write `shot`, `light`, `mood` and `characters` beside `subject`:\n\
             # the prompt is then written from them, in the style of the pipeline.\n",
        );
        let _ = self.title.iter().try_for_each(|title| writeln!(yaml, "title: {}", quoted(title)));
        let _ = self.description.iter().try_for_each(|text| writeln!(yaml, "description: {}", quoted(text)));
        if !self.hashtags.is_empty() {
            let tags: Vec<String> = self.hashtags.iter().map(|tag| quoted(tag)).collect();
            let _ = writeln!(yaml, "hashtags: [{}]", tags.join(", "));
        }
        if !self.characters.is_empty() {
            yaml.push_str("characters:\n");
            for (name, description) in &self.characters {
                let _ = writeln!(yaml, "  {}: {}", quoted(name), quoted(description));
            }
        }
        yaml.push_str("scenes:\n");
        for scene in &self.scenes {
            let _ = writeln!(yaml, "  - sentence: {}", scene.sentence);
            if scene.word > 1 {
                let _ = writeln!(yaml, "    word: {}", scene.word);
            }
            let texts = [
                ("text", Some(&scene.text)),
                ("subject", Some(&scene.subject)),
                ("shot", Some(&scene.shot)),
                ("light", Some(&scene.light)),
                ("mood", Some(&scene.mood)),
                ("prompt", scene.prompt.as_ref()),
                ("negative_prompt", scene.negative_prompt.as_ref()),
            ];
            for (name, text) in texts {
                if let Some(text) = text.filter(|text| !text.is_empty() || name == "negative_prompt") {
                    let _ = writeln!(yaml, "    {name}: {}", quoted(text));
                }
            }
            if !scene.characters.is_empty() {
                let names: Vec<String> = scene.characters.iter().map(|name| quoted(name)).collect();
                let _ = writeln!(yaml, "    characters: [{}]", names.join(", "));
            }
            if let Some(likeness) = scene.likeness {
                let _ = writeln!(yaml, "    likeness: {likeness}");
            }
            if let Some(seed) = scene.seed {
                let _ = writeln!(yaml, "    seed: {seed}");
            }
        }
        yaml
    }

    /// Everything about it that cannot be filmed.
    pub fn faults(&self, script: &Script) -> Vec<String> {
        let mut faults = Vec::new();
        let sentences = script.beats.len();
        if self.scenes.is_empty() {
            faults.push("it has no scenes".to_owned());
        }
        let mut before = (0, 0);
        for (index, scene) in self.scenes.iter().enumerate() {
            let name = format!("scene {}", index + 1);
            let place = (scene.sentence, scene.word);
            if index == 0 && place != (1, 1) {
                faults.push(format!(
                    "{name} begins with sentence {}: the first scene begins with sentence 1",
                    scene.sentence
                ));
            } else if scene.sentence == 0 || scene.sentence > sentences || scene.word == 0 {
                faults.push(format!("{name} begins with word {} of sentence {}: the script has sentences 1 to {sentences}, and words count from 1", scene.word, scene.sentence));
            } else if place <= before {
                faults.push(format!(
                    "{name} begins with word {} of sentence {}, not after the scene before it",
                    scene.word, scene.sentence
                ));
            }
            before = before.max(place);
            let blank = scene.subject.trim().is_empty()
                && scene.prompt.as_deref().unwrap_or_default().trim().is_empty();
            if blank {
                faults.push(format!("{name} has neither `subject` nor `prompt`"));
            }
            if let Some(likeness) = scene.likeness.filter(|likeness| !(0.0..=1.0).contains(likeness)) {
                faults.push(format!("the likeness of {name} is {likeness}, expected 0 to 1"));
            }
            if scene.subject.chars().count() > 400 {
                faults.push(format!("the subject of {name} is longer than 400 characters"));
            }
        }
        faults
    }

    /// The scenes that it describes.
    ///
    /// # Errors
    /// When it does not fit the script or the narration.
    pub fn direct(&self, brief: &Brief<'_>) -> Result<Direction, Error> {
        let faults = self.faults(brief.script);
        if !faults.is_empty() {
            return Err(Error::Storyboard { reason: faults.join("; ") });
        }
        let starts: Vec<(usize, usize)> =
            self.scenes.iter().map(|scene| (scene.sentence - 1, scene.word - 1)).collect();
        let stretches = divided(brief.script, brief.narration, &starts)?;
        let mut direction = Direction { scenes: Vec::new(), notes: Vec::new() };
        let lists = [brief.style.negative_prompt.as_str(), brief.negative_prompt];
        let usual = negative(&lists, brief.token_count, brief.token_limit).prompt;
        for (index, (scene, stretch)) in self.scenes.iter().zip(stretches).enumerate() {
            let made = self.scene(index, scene, stretch, &usual, brief, &mut direction.notes);
            direction.scenes.push(made);
        }
        Ok(direction)
    }

    fn scene(
        &self,
        index: usize,
        scene: &BoardScene,
        stretch: Stretch,
        usual: &str,
        brief: &Brief<'_>,
        notes: &mut Vec<Note>,
    ) -> Scene {
        let mut note = |text: String| notes.push(Note { scene: index, line: stretch.line, text });
        let prompt = match &scene.prompt {
            Some(prompt) => {
                let tokens = (brief.token_count)(prompt);
                if tokens > brief.token_limit {
                    note(format!(
                        "its prompt takes {tokens} tokens and the text encoder reads {}: the end is not read",
                        brief.token_limit
                    ));
                }
                prompt.clone()
            }
            None => {
                // What the script itself asks for with `[scene: ...]` is not the storyboard's to change.
                let subject = stretch.directed.as_deref().unwrap_or(&scene.subject);
                let people: Vec<&str> =
                    scene.characters.iter().filter_map(|name| self.look(name, brief)).collect();
                let mut parts = vec![(Weight::StylePrefix, brief.style.prompt_prefix.as_str())];
                parts.push((Weight::Subject, subject));
                parts.extend(people.iter().map(|description| (Weight::Character, *description)));
                parts.push((Weight::Light, &scene.light));
                parts.push((Weight::Weather, &scene.mood));
                parts.push((Weight::Shot, &scene.shot));
                parts.push((Weight::StyleSuffix, &brief.style.prompt_suffix));
                parts.push((Weight::UserSuffix, brief.prompt_suffix));
                let written = write(&parts, brief.token_count, brief.token_limit);
                if !written.left_out.is_empty() {
                    note(format!(
                        "the text encoder reads {} tokens: left out of the prompt: {}",
                        brief.token_limit,
                        written.left_out.join(", ")
                    ));
                }
                written.prompt
            }
        };
        Scene {
            index,
            span: stretch.span,
            beats: stretch.beats,
            text: stretch.text,
            subject: stretch
                .directed
                .filter(|_| scene.prompt.is_none())
                .unwrap_or_else(|| scene.subject.clone()),
            prompt,
            negative_prompt: scene.negative_prompt.clone().unwrap_or_else(|| usual.to_owned()),
            characters: scene.characters.clone(),
            likeness: scene.likeness.map(Likeness::of),
            seed: scene.seed.map_or_else(|| brief.seed.derive("scene", index as u64), Seed),
            line: stretch.line,
        }
    }

    /// How somebody looks: the pipeline's word counts before the storyboard's.
    fn look<'a>(&'a self, name: &str, brief: &Brief<'a>) -> Option<&'a str> {
        let find = |list: &'a BTreeMap<String, String>| {
            list.iter()
                .find(|(known, _)| known.eq_ignore_ascii_case(name))
                .map(|(_, description)| description.as_str())
        };
        find(brief.characters).or_else(|| find(&self.characters))
    }
}

/// The sentence and the word, from 0, that a scene begins with.
fn begins(scene: &Scene, narration: &Narration) -> (usize, usize) {
    let spoken = narration.beats.iter().find(|spoken| spoken.beat == scene.beats.start);
    let word =
        spoken.and_then(|spoken| spoken.words.iter().position(|word| word.span.start >= scene.span.start));
    (scene.beats.start, word.unwrap_or(0))
}

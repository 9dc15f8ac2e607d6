use std::collections::BTreeMap;

use super::{
    Brief, Direction, Director, Error, Note,
    choice::{Chooser, Grounds},
    lexicon::{Lexicon, primary},
    named::named,
    prompt::{Weight, negative, write},
    reading::Reading,
    stretch::{Stretch, stretches},
    words::{forms, tokens},
};
use crate::story::Scene;

/// The director that follows written rules: no model, no download, the same answer every time.
#[derive(Debug)]
pub struct Rules {
    lexicon: Lexicon,
}

impl Rules {
    /// Reads the word lists.
    ///
    /// # Errors
    /// When one of the embedded lists is damaged.
    pub fn new() -> Result<Self, Error> {
        Ok(Self { lexicon: Lexicon::load()? })
    }
}

impl Director for Rules {
    fn direct(&self, brief: &Brief<'_>) -> Result<Direction, Error> {
        let stretches = stretches(brief.script, brief.narration, brief.seconds)?;
        let mut direction = Direction { scenes: Vec::new(), notes: Vec::new() };
        let mut scene_writer = SceneWriter::new(&self.lexicon, brief, &mut direction.notes);
        for (index, stretch) in stretches.into_iter().enumerate() {
            direction.scenes.push(scene_writer.scene(index, stretch));
        }
        Ok(direction)
    }
}

struct SceneWriter<'a> {
    lexicon: &'a Lexicon,
    brief: &'a Brief<'a>,
    chooser: Chooser<'a>,
    /// The words of the characters' names: people, not things.
    names: Vec<String>,
    /// Who was meant last.
    present: Vec<&'a str>,
    negative_prompt: String,
    notes: &'a mut Vec<Note>,
}

impl<'a> SceneWriter<'a> {
    fn new(lexicon: &'a Lexicon, brief: &'a Brief<'a>, notes: &'a mut Vec<Note>) -> Self {
        let language = &brief.narration.language;
        let names: Vec<String> = brief.characters.keys().flat_map(|name| tokens(name)).collect();
        let title = brief.script.title.as_deref().unwrap_or_default();
        let texts: Vec<&str> = brief.script.beats.iter().map(|beat| beat.text.as_str()).collect();
        let whole = Reading::of(&format!("{title}. {title}. {}", texts.join(" ")), language, lexicon, &names);
        let title = Reading::of(title, language, lexicon, &names);
        let chooser = Chooser::new(lexicon, &whole, &title, &brief.style.name, brief.seed);
        let line = brief.script.beats.first().map_or(1, |beat| beat.line);
        let mut note = |text: String| notes.push(Note { scene: 0, line, text });
        if primary(language) != "en" && lexicon.dictionary(language).is_none() {
            note(format!(
                "there is no word list for `{language}`, so words lead to no pictures: \
                 direct them with `[scene: ...]` in English"
            ));
        }
        let lists = [brief.style.negative_prompt.as_str(), brief.negative_prompt];
        let negative = negative(&lists, brief.token_count, brief.token_limit);
        if !negative.left_out.is_empty() {
            note(format!(
                "the text encoder reads {} tokens: left out of the negative prompt: {}",
                brief.token_limit,
                negative.left_out.join(", ")
            ));
        }
        Self { lexicon, brief, chooser, names, present: Vec::new(), negative_prompt: negative.prompt, notes }
    }

    fn scene(&mut self, index: usize, stretch: Stretch) -> Scene {
        if stretch.opens_paragraph {
            self.chooser.paragraph();
        }
        let (prompt, subject, characters) = match &stretch.directed {
            Some(picture) => {
                let (prompt, characters) = self.directed(index, &stretch, picture);
                (prompt, picture.clone(), characters)
            }
            None => self.chosen(index, &stretch),
        };
        Scene {
            index,
            span: stretch.span,
            beats: stretch.beats,
            text: stretch.text,
            subject,
            prompt,
            negative_prompt: self.negative_prompt.clone(),
            characters: characters.into_iter().map(str::to_owned).collect(),
            likeness: None,
            seed: self.brief.seed.derive("scene", index as u64),
            line: stretch.line,
        }
    }

    /// The prompt of a picture that the script asks for, word for word, and who is in it.
    fn directed(&mut self, index: usize, stretch: &Stretch, picture: &str) -> (String, Vec<&'a str>) {
        // Directions are read as English where they are: what they name in other languages is not lost.
        let language = if picture.is_ascii() { "en" } else { &self.brief.narration.language };
        let reading = Reading::of(picture, language, self.lexicon, &self.names);
        let light = self.chooser.directed(&reading).map(|light| self.lexicon.lights[light].prompt.as_str());
        let named = self.named(picture);
        if !named.is_empty() {
            self.present = named.clone();
        }
        let people = self.descriptions(&named);
        let mut parts = vec![(Weight::StylePrefix, self.brief.style.prompt_prefix.as_str())];
        parts.push((Weight::Subject, picture));
        parts.extend(people.iter().map(|description| (Weight::Character, *description)));
        parts.push((Weight::Light, light.unwrap_or_default()));
        (self.fit(index, stretch, parts), named)
    }

    /// The prompt and the subject that the scene's words lead to, and who is in it.
    fn chosen(&mut self, index: usize, stretch: &Stretch) -> (String, String, Vec<&'a str>) {
        let lexicon = self.lexicon;
        let reading = Reading::of(&stretch.text, &self.brief.narration.language, lexicon, &self.names);
        let choice = self.chooser.next(&reading);
        let subject = &lexicon.subjects[choice.subject];
        if choice.grounds == Grounds::Nothing {
            let text = format!("no word leads to a picture: it shows {}", subject.prompt);
            self.notes.push(Note { scene: index, line: stretch.line, text });
        }
        let people = self.people(&stretch.text);
        let descriptions = self.descriptions(&people);
        let stand_in = !people.is_empty() && lexicon.composition.people.contains(&subject.name);
        let called = if self.brief.knows_any_word { self.called(&stretch.text) } else { Vec::new() };
        let mut parts = vec![(Weight::StylePrefix, self.brief.style.prompt_prefix.as_str())];
        let weight = if stand_in { Weight::Subject } else { Weight::Character };
        parts.extend(descriptions.iter().map(|description| (weight, *description)));
        if !stand_in {
            parts.push((Weight::Subject, &subject.prompt));
            let said = |word: &&String| !subject.prompt.contains(word.as_str());
            let told = |word: &&String| {
                !called.iter().any(|name: &String| name.to_lowercase().contains(word.as_str()))
            };
            let keywords = reading.keywords[choice.subject].iter().filter(said).filter(told).take(2);
            parts.extend(keywords.map(|word| (Weight::Keyword, word.as_str())));
        }
        parts.extend(called.iter().map(|name| (Weight::Named, name.as_str())));
        let light = choice.light.map(|light| lexicon.lights[light].prompt.as_str());
        let weather = choice.weather.map(|weather| lexicon.weathers[weather].prompt.as_str());
        let shot = match choice.shot {
            Some(shot) => lexicon.composition.shots.get(shot),
            // Wide, medium, close: three pictures taken alike tire the eye.
            None if self.brief.knows_any_word => {
                lexicon.composition.turns.get(index % lexicon.composition.turns.len().max(1))
            }
            None => None,
        };
        let shot = shot.map(String::as_str);
        parts.push((Weight::Light, light.unwrap_or_default()));
        parts.push((Weight::Weather, weather.unwrap_or_default()));
        parts.push((Weight::Shot, shot.unwrap_or_default()));
        let shown = people.iter().copied().chain((!stand_in).then_some(subject.name.as_str()));
        let shown = shown.collect::<Vec<_>>().join(", ");
        (self.fit(index, stretch, parts), shown, people)
    }

    /// Adds the suffixes, and leaves out what the text encoder would not read.
    fn fit<'p>(&mut self, index: usize, stretch: &Stretch, mut parts: Vec<(Weight, &'p str)>) -> String
    where
        'a: 'p,
    {
        parts.push((Weight::StyleSuffix, &self.brief.style.prompt_suffix));
        parts.push((Weight::UserSuffix, self.brief.prompt_suffix));
        let limit = self.brief.token_limit;
        let written = write(&parts, self.brief.token_count, limit);
        let mut note = |text| self.notes.push(Note { scene: index, line: stretch.line, text });
        if !written.left_out.is_empty() {
            note(format!(
                "the text encoder reads {limit} tokens: left out of the prompt: {}",
                written.left_out.join(", ")
            ));
        }
        if written.tokens > limit {
            note(format!(
                "its picture takes {} tokens and the text encoder reads {limit}: the end is not read; \
                 say it in fewer words",
                written.tokens
            ));
        }
        written.prompt
    }

    /// Who is in a scene: whom its words name, or whoever was named before when they say `she`.
    fn people(&mut self, text: &str) -> Vec<&'a str> {
        let named = self.named(text);
        if named.is_empty() {
            let pronouns = &self.lexicon.english.pronouns;
            let meant = tokens(text).iter().any(|word| pronouns.contains(word));
            return if meant { self.present.clone() } else { Vec::new() };
        }
        self.present.clone_from(&named);
        named
    }

    /// What a text calls by name besides the characters.
    fn called(&self, text: &str) -> Vec<String> {
        let shows = |word: &str| self.lexicon.leads(&forms(word)).is_some();
        let language = &self.brief.narration.language;
        let mut called = named(text, language, &self.lexicon.english, &shows);
        called.retain(|name| !tokens(name).iter().any(|word| self.names.contains(word)));
        called
    }

    fn named(&self, text: &str) -> Vec<&'a str> {
        let characters: &'a BTreeMap<String, String> = self.brief.characters;
        characters.keys().filter(|name| names(text, name)).map(String::as_str).collect()
    }

    fn descriptions(&self, people: &[&str]) -> Vec<&'a str> {
        let characters: &'a BTreeMap<String, String> = self.brief.characters;
        people.iter().filter_map(|name| characters.get(*name)).map(String::as_str).collect()
    }
}

/// Whether `text` holds `name` as a word of its own; in scripts without spaces, anywhere.
fn names(text: &str, name: &str) -> bool {
    let (text, name) = (text.to_lowercase(), name.trim().to_lowercase());
    let joins = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() && c < '\u{3040}');
    !name.is_empty()
        && text.match_indices(&name).any(|(at, _)| {
            !joins(text[..at].chars().next_back()) && !joins(text[at + name.len()..].chars().next())
        })
}

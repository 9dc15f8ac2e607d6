use std::{collections::BTreeMap, fmt};

use super::Error;
use crate::story::{Narration, Scene, Script, Seed, Style};

/// Turns what is said into what is seen.
pub trait Director {
    /// The scenes of a video: their spans tile the narration from zero to its duration.
    ///
    /// # Errors
    /// When the brief contradicts itself, or a director that asks another program gets no answer.
    fn direct(&self, brief: &Brief<'_>) -> Result<Direction, Error>;
}

/// What a director is given.
pub struct Brief<'a> {
    /// What is said.
    pub script: &'a Script,
    /// When it is said.
    pub narration: &'a Narration,
    /// The shortest and the longest scene in seconds.
    pub seconds: [f64; 2],
    /// How the video looks.
    pub style: &'a Style,
    /// Put at the end of every prompt, after the style's; may be empty.
    pub prompt_suffix: &'a str,
    /// What no picture shows, after the style's; may be empty.
    pub negative_prompt: &'a str,
    /// Who the people of the script are: name to description.
    pub characters: &'a BTreeMap<String, String>,
    /// How many tokens of the text encoder a prompt takes, markers included.
    pub token_count: &'a dyn Fn(&str) -> usize,
    /// How many it reads.
    pub token_limit: usize,
    /// Whether the image model was taught more words than the lists of subjects hold.
    pub knows_any_word: bool,
    /// Fixes every random choice.
    pub seed: Seed,
}

/// What a director answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Direction {
    /// The scenes in order.
    pub scenes: Vec<Scene>,
    /// What the user should know about them.
    pub notes: Vec<Note>,
}

/// Something about a scene that the user should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// The scene, from 0.
    pub scene: usize,
    /// The script's line, from 1.
    pub line: u32,
    /// What there is to know.
    pub text: String,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "scene {} (line {}): {}", self.scene + 1, self.line, self.text)
    }
}

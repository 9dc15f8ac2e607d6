//! The whole pipeline.

use serde::Serialize;

use std::{collections::BTreeMap, path::Path};

use super::{
    Delivery, Images, Memory, Narration, Play, Refine, Scenes, Timeline, TransitionOn, Upscale, Video,
    delivery::{read_deliveries, read_format},
};
use crate::{
    pipeline::{
        fields::Fields,
        kind::{Kind, Wrong, name, preset, text, whole},
        presets::{Family, Presets},
        problem::Problems,
    },
    story::{Format, Platform, Seed, Size, Style, VoicePreset},
};

/// A pipeline as run: every setting of every stage for one video.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Pipeline {
    /// Its name, for example `story`.
    pub name: String,
    /// Where the video will be shown.
    pub platform: Platform,
    /// Its shape; `None` is the platform's own.
    pub format: Option<Format>,
    /// What else is delivered of the same edit.
    pub deliver: Vec<Delivery>,
    /// How it looks.
    pub style: Style,
    /// Fixes every random choice.
    pub seed: Seed,
    /// The video's title; `None` leaves it to the script's heading.
    pub title: Option<String>,
    /// Without `#`.
    pub hashtags: Vec<String>,
    /// Script to sound.
    pub narration: Narration,
    /// Sound to scenes.
    pub scenes: Scenes,
    /// Scenes to pictures.
    pub images: Images,
    /// A second model over the pictures, where one is named.
    pub refine: Option<Refine>,
    /// Pictures to stills of the delivered size.
    pub upscale: Upscale,
    /// Stills and sound to the edit.
    pub timeline: Timeline,
    /// The edit to a file.
    pub video: Video,
    /// Where and in how much memory the models run.
    pub memory: Memory,
}

impl Pipeline {
    /// Reads the merged settings; `name` is the pipeline's.
    pub(crate) fn read(name: String, fields: &mut Fields<'_>, presets: &Presets) -> Option<Self> {
        let voices = presets.voices().map_err(|problems| fields.problems().extend(problems)).ok();
        let voices: Option<BTreeMap<String, VoicePreset>> =
            voices.map(|list| list.into_iter().map(|voice| (voice.name.clone(), voice)).collect());
        let platform =
            choose(fields, "platform", presets.names(Family::Platforms), |name| presets.platform(name));
        let style = choose(fields, "style", presets.names(Family::Styles), |name| presets.style(name));
        // What depends on a broken preset is not read at all: its problems would be echoes.
        let format = platform.as_ref().and_then(|platform| read_format(fields, platform));
        let deliver = platform
            .as_ref()
            .and_then(|platform| read_deliveries(fields, platform, format.flatten(), presets));
        // Beyond 2^53 readers of JSON round.
        let seed = fields.get("seed", &whole(0..=(1 << 53) - 1));
        let title = fields.optional("title", &text());
        let hashtags = fields.list("hashtags", &hashtag());
        let narration =
            voices.and_then(|voices| fields.group("narration", |fields| Narration::read(fields, &voices)));
        let scenes = fields.group("scenes", Scenes::read);
        let images = fields.group("images", Images::read);
        let refine = match fields.has("refine") {
            true => fields.group("refine", Refine::read).map(Some),
            false => Some(None),
        };
        let upscale = fields.group("upscale", Upscale::read);
        let timeline =
            style.as_ref().and_then(|style| fields.group("timeline", |fields| Timeline::read(fields, style)));
        let video = platform
            .as_ref()
            .and_then(|platform| fields.group("video", |fields| Video::read(fields, platform)));
        let memory = fields.group("memory", Memory::read);
        for name in ["format", "deliver", "narration", "timeline", "video"] {
            fields.expect(name);
        }
        let pipeline = Self {
            name,
            platform: platform?,
            format: format?,
            deliver: deliver?,
            style: style?,
            seed: Seed(seed?),
            title: title?,
            hashtags: hashtags?,
            narration: narration?,
            scenes: scenes?,
            images: images?,
            refine: refine?,
            upscale: upscale?,
            timeline: timeline?,
            video: video?,
            memory: memory?,
        };
        pipeline.agrees(fields).then_some(pipeline)
    }

    /// The size of the video.
    pub fn frame_size(&self) -> Size {
        self.platform.frame_size(self.format)
    }

    /// This video as one of its deliveries.
    pub fn delivery(&self) -> Delivery {
        Delivery { platform: self.platform.name.clone(), format: self.format }
    }

    /// Looks beside the script for what settings leave to `auto`: a recording of the same name, its
    /// storyboard (`NAME.scenes.yaml`), and `lexicon.yaml`.
    pub fn look_beside(&mut self, script: &Path) {
        let beside = |ending: &str| {
            let path = script.with_extension(ending);
            path.is_file().then_some(path)
        };
        let recording = || ["wav", "mp3", "m4a", "flac", "ogg", "opus", "aac"].into_iter().find_map(beside);
        self.narration.recording = self.narration.recording.take().or_else(recording);
        self.scenes.file = self.scenes.file.take().or_else(|| beside("scenes.yaml"));
        let lexicon = script.with_file_name("lexicon.yaml");
        self.narration.lexicon =
            self.narration.lexicon.take().or_else(|| lexicon.is_file().then_some(lexicon));
    }

    /// Forbids every server.
    pub fn forbid_network(&mut self) {
        self.narration.remote.server.offline = true;
        self.scenes.llm.server.offline = true;
    }

    /// Whether settings that are each right are right together.
    fn agrees(&self, fields: &mut Fields<'_>) -> bool {
        let before = fields.problems().len();
        let shortest = self.scenes.seconds[0];
        if self.timeline.transition_seconds > shortest
            && let Some(spot) = fields.spot_at(&["timeline", "transition", "seconds"])
        {
            let wrong = format!("is longer than the shortest scene ({shortest} s)");
            fields.problem(
                "timeline.transition.seconds",
                &wrong,
                &spot,
                format!("expected at most {shortest}"),
            );
        }
        let pictured = self.scenes.characters.iter().find(|(_, character)| character.image.is_some());
        if let (Some((name, _)), None) = (pictured, &self.images.ip_adapter)
            && let Some(spot) = fields.spot_at(&["scenes", "characters", name, "image"])
        {
            let path = format!("scenes.characters.{name}.image");
            let expected = "nothing looks at it: set `images.ip_adapter` to an IP-Adapter, or leave it out";
            fields.problem(&path, "is given, and `images.ip_adapter` is off", &spot, expected.to_owned());
        }
        if self.timeline.transition_on == TransitionOn::Beats
            && self.timeline.music.play == Play::Off
            && let Some(spot) = fields.spot_at(&["timeline", "transition", "on"])
        {
            let wrong = "is beats, and no music is played";
            let expected = "expected `words`, or music: `music: { mood: auto }`".to_owned();
            fields.problem("timeline.transition.on", wrong, &spot, expected);
        }
        let most = &self.platform.text.hashtags.value;
        if self.hashtags.len() as u64 > u64::from(*most)
            && let Some(spot) = fields.spot_at(&["hashtags"])
        {
            let wrong = format!("has {} entries", self.hashtags.len());
            let expected = format!("expected at most {most}: {} takes no more", self.platform.title);
            fields.problem("hashtags", &wrong, &spot, expected);
        }
        if let Some(title) = &self.title
            && title.chars().count() as u64 > u64::from(self.platform.text.title.value)
            && let Some(spot) = fields.spot_at(&["title"])
        {
            let wrong = format!("has {} characters", title.chars().count());
            let expected = format!(
                "expected at most {}: {} takes no more",
                self.platform.text.title.value, self.platform.title
            );
            fields.problem("title", &wrong, &spot, expected);
        }
        fields.problems().len() == before
    }
}

/// The preset that field `name` chooses.
fn choose<T>(
    fields: &mut Fields<'_>,
    field: &'static str,
    names: Vec<String>,
    read: impl FnOnce(&str) -> Result<T, Problems>,
) -> Option<T> {
    let name = fields.get(field, &preset(field, names))?;
    read(&name).map_err(|problems| fields.problems().extend(problems)).ok()
}

/// A hashtag with or without its `#`.
fn hashtag() -> Kind<String> {
    let word = name("a word without spaces");
    Kind::new(word.expected.clone(), move |node| {
        let text = word.read(node)?;
        let tag = text.trim_start_matches('#');
        if tag.is_empty() || tag.contains(|c: char| c.is_whitespace() || c == '#') {
            return Err(Wrong::new(format!("holds {}", node.kind())));
        }
        Ok(tag.to_owned())
    })
}

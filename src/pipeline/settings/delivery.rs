//! In which shape, and where else, a video is delivered.

use serde::Serialize;

use crate::{
    pipeline::{
        fields::Fields,
        kind::{Kind, Wrong, name, preset, variant},
        node::Node,
        presets::{Family, Presets},
    },
    story::{Format, Platform},
};

/// One more video of the same edit: the same words and pictures, laid out anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Delivery {
    /// Where it will be shown.
    pub platform: String,
    /// Its shape; `None` is the platform's own.
    pub format: Option<Format>,
}

impl Delivery {
    /// What the files of a video called `name` are called in this delivery, `first` being the video itself.
    pub fn name_of(&self, name: &str, first: &Delivery) -> String {
        let mut name = name.to_owned();
        if self.platform != first.platform {
            name = format!("{name}-{}", self.platform);
        }
        if let Some(format) = self.format.filter(|_| self.format != first.format) {
            name = format!("{name}-{}", format.plain_name());
        }
        name
    }
}

/// The `format` of a video for `platform`.
pub(super) fn read_format(fields: &mut Fields<'_>, platform: &Platform) -> Option<Option<Format>> {
    let format = fields.get("format", &variant().map(Some).or_auto(None))?;
    match format.filter(|format| !platform.formats.value.contains(format)) {
        None => Some(format),
        Some(format) => {
            let spot = fields.spot("format")?;
            let wrong = format!("is {}, which {} does not take", format.name(), platform.title);
            fields.problem("format", &wrong, &spot, format!("expected {}", taken(platform)));
            None
        }
    }
}

/// The entries of `deliver`, beside the video for `platform` in `format`.
pub(super) fn read_deliveries(
    fields: &mut Fields<'_>,
    platform: &Platform,
    format: Option<Format>,
    presets: &Presets,
) -> Option<Vec<Delivery>> {
    let own = platform.name.clone();
    let deliveries = fields.list("deliver", &delivery(own.clone(), presets.names(Family::Platforms)))?;
    let mut known = vec![Delivery { platform: own, format }];
    for delivery in &deliveries {
        let wrong = match presets.platform(&delivery.platform) {
            Err(problems) => {
                fields.problems().extend(problems);
                return None;
            }
            Ok(other) => conflict(delivery, &other, platform, &known),
        };
        if let Some((wrong, expected)) = wrong {
            let spot = fields.spot("deliver")?;
            fields.problem("deliver", &wrong, &spot, expected);
            return None;
        }
        known.push(delivery.clone());
    }
    Some(deliveries)
}

/// What keeps `delivery`, to be shown on `other`, from being made beside `known`; and what was expected.
fn conflict(
    delivery: &Delivery,
    other: &Platform,
    platform: &Platform,
    known: &[Delivery],
) -> Option<(String, String)> {
    let said = match delivery.format {
        Some(format) => format!("`{} {}`", delivery.platform, format.name()),
        None => format!("`{}`", delivery.platform),
    };
    let size =
        |delivery: &Delivery, on: &Platform| (delivery.platform.clone(), on.frame_size(delivery.format));
    let same =
        |one: &&Delivery| one.platform == delivery.platform && size(one, other) == size(delivery, other);
    if known.iter().any(|one| same(&one)) {
        return Some((format!("names {said}, which is delivered already"), "expected each once".into()));
    }
    let refused = delivery.format.filter(|format| !other.formats.value.contains(format));
    if refused.is_some() {
        return Some((
            format!("names {said}, which {} does not take", other.title),
            format!("expected {}", taken(other)),
        ));
    }
    let (ours, theirs) = (&platform.generation, &other.generation);
    (ours != theirs).then(|| {
        let wrong = format!(
            "names {said}, whose pictures are {} and not {}: it would draw its own",
            theirs.size, ours.size
        );
        (wrong, format!("expected a platform that draws {} for {}", ours.size, ours.delivery))
    })
}

/// The formats that `platform` takes, in words.
fn taken(platform: &Platform) -> String {
    let names: Vec<&str> = platform.formats.value.iter().map(|format| format.name()).collect();
    format!("one of: {}", names.join(", "))
}

/// `reels`, `1:1` (on platform `own`), `shorts 1:1`.
fn delivery(own: String, platforms: Vec<String>) -> Kind<Delivery> {
    let words = name("a platform, a format or both, as `reels`, `1:1` or `shorts 1:1`");
    let platform = preset("platform", platforms);
    let format = variant::<Format>();
    Kind::new(words.expected.clone(), move |node| {
        let text = words.read(node)?;
        let mut read = Delivery { platform: own.clone(), format: None };
        let mut said = [false; 2];
        for word in text.split_whitespace() {
            let node = Node::plain(word, &node.spot);
            let is_format = word.contains(':');
            match is_format {
                true => read.format = Some(format.read(&node)?),
                false => read.platform = platform.read(&node)?,
            }
            if std::mem::replace(&mut said[usize::from(is_format)], true) {
                let twice = if is_format { "two formats" } else { "two platforms" };
                return Err(Wrong::new(format!("has an entry with {twice}, `{text}`")));
            }
        }
        Ok(read)
    })
}

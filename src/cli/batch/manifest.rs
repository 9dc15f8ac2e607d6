//! A manifest: videos as a list, in YAML, JSONL or CSV.
//!
//! One entry is one script; with several `platforms` it becomes as many videos, which share everything
//! up to the delivery format. Keys that are not named here are settings, as `--set` takes them.

use std::{collections::BTreeMap, path::Path};

use serde_json::{Map, Value};

use super::{
    super::{
        args::PipelineArgs,
        exit::{Exit, Failure},
    },
    wish::{ScriptAt, Wish, name_of, name_of_file},
};

/// The largest manifest read: a hundred thousand entries.
const LARGEST: u64 = 64 << 20;

/// Reads the manifest at `path`; scripts in it are named from its own folder.
pub(super) fn read(path: &Path, pipeline: &PipelineArgs) -> Result<Vec<Wish>, Failure> {
    let name = path.display().to_string();
    let unreadable = |error: &dyn std::fmt::Display| invalid(format!("{name} cannot be read: {error}"));
    let size = path.metadata().map_err(|error| unreadable(&error))?.len();
    if size > LARGEST {
        return Err(invalid(format!("{name} is larger than {} MiB: that is no manifest", LARGEST >> 20)));
    }
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(&error))?;
    let ending = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    let entries = match ending.as_str() {
        "csv" => csv_entries(&name, &text)?,
        "jsonl" | "ndjson" => jsonl_entries(&name, &text)?,
        _ => yaml_entries(&name, &text)?,
    };
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut wishes = Vec::new();
    for (place, entry) in entries {
        wishes.extend(videos(&place, entry, folder, pipeline)?);
    }
    if wishes.is_empty() {
        return Err(invalid(format!("{name} lists no videos")));
    }
    Ok(wishes)
}

fn invalid(message: String) -> Failure {
    Failure::new(Exit::Invalid, message)
}

/// Entries with the words that name their place.
type Entries = Vec<(String, Map<String, Value>)>;

fn yaml_entries(name: &str, text: &str) -> Result<Entries, Failure> {
    let wrong = |error: &dyn std::fmt::Display| invalid(format!("{name} is no manifest: {error}"));
    let whole: Value = serde_yaml::from_str(text).map_err(|error| wrong(&error))?;
    let list = match whole {
        Value::Array(list) => list,
        Value::Object(mut map) if map.contains_key("videos") => {
            match (map.remove("videos"), map.is_empty()) {
                (Some(Value::Array(list)), true) => list,
                (_, true) => return Err(wrong(&"`videos` is no list")),
                (_, false) => {
                    return Err(wrong(&"beside `videos` nothing is known; settings belong to the entries"));
                }
            }
        }
        _ => return Err(wrong(&"expected a list of videos, each with `script:` or `text:`")),
    };
    list.into_iter()
        .enumerate()
        .map(|(index, entry)| {
            let place = format!("{name}, entry {}", index + 1);
            match entry {
                Value::Object(map) => Ok((place, map)),
                // `- scripts/one.md` says all there is to say.
                Value::String(script) => Ok((place, Map::from_iter([("script".into(), script.into())]))),
                _ => Err(invalid(format!("{place}: expected a mapping with `script:` or `text:`"))),
            }
        })
        .collect()
}

fn jsonl_entries(name: &str, text: &str) -> Result<Entries, Failure> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(index, line)| {
            let place = format!("{name}, line {}", index + 1);
            let entry = serde_json::from_str(line).map_err(|error| invalid(format!("{place}: {error}")))?;
            Ok((place, entry))
        })
        .collect()
}

fn csv_entries(name: &str, text: &str) -> Result<Entries, Failure> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
    let wrong = |error: csv::Error| invalid(format!("{name}: {error}"));
    let headers = reader.headers().map_err(wrong)?.clone();
    reader
        .records()
        .map(|record| {
            let record = record.map_err(wrong)?;
            let line = record.position().map_or(0, csv::Position::line);
            let cells = headers.iter().zip(record.iter()).filter(|(_, cell)| !cell.is_empty());
            let entry = cells.map(|(header, cell)| (header.to_owned(), Value::from(cell))).collect();
            Ok((format!("{name}, line {line}"), entry))
        })
        .collect()
}

/// The videos of one entry: one a platform.
fn videos(
    place: &str,
    mut entry: Map<String, Value>,
    folder: &Path,
    pipeline: &PipelineArgs,
) -> Result<Vec<Wish>, Failure> {
    let wrong = |what: String| invalid(format!("{place}: {what}"));
    let mut text_of = |key: &str| match entry.remove(key) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => plain(&value).map(Some).ok_or_else(|| wrong(format!("`{key}` is no plain value"))),
    };
    let (script, text, name) = (text_of("script")?, text_of("text")?, text_of("name")?);
    let priority = match text_of("priority")? {
        None => 0,
        Some(priority) => priority
            .parse()
            .map_err(|_| wrong(format!("`priority` is `{priority}`, expected a whole number")))?,
    };
    let mut pipeline = pipeline.clone();
    // What an entry says of its own video counts more than what the command line says of all.
    for (key, target) in [
        ("pipeline", &mut pipeline.pipeline),
        ("style", &mut pipeline.style),
        ("voice", &mut pipeline.voice),
        ("seed", &mut pipeline.seed),
    ] {
        if let Some(value) = text_of(key)? {
            *target = Some(value);
        }
    }
    let platforms = platforms(&mut entry).map_err(wrong)?;
    let mut sets = BTreeMap::new();
    if let Some(set) = entry.remove("set") {
        let Value::Object(map) = set else { return Err(wrong("`set` is no mapping of settings".to_owned())) };
        sets.extend(flat("", map));
    }
    sets.extend(flat("", entry));
    pipeline.sets.retain(|set| set.split_once('=').is_none_or(|(path, _)| !sets.contains_key(path.trim())));
    pipeline.sets.extend(sets.into_iter().map(|(path, value)| format!("{path}={value}")));

    let (script, id) = match (script, text) {
        (Some(script), None) => {
            let path = folder.join(script);
            let id = name.map_or_else(|| name_of_file(&path), |name| name_of(&name));
            (ScriptAt::File(path), id)
        }
        (None, Some(text)) => {
            let name = name.ok_or_else(|| wrong("a `text` needs a `name` for its video".to_owned()))?;
            (ScriptAt::Text { place: place.to_owned(), text }, name_of(&name))
        }
        _ => return Err(wrong("expected either `script:` (a file) or `text:`".to_owned())),
    };
    let wish = |id: String, platform: Option<String>| Wish {
        id,
        script: script.clone(),
        pipeline: PipelineArgs { platform: platform.or(pipeline.platform.clone()), ..pipeline.clone() },
        priority,
    };
    Ok(match &platforms[..] {
        [] => vec![wish(id, None)],
        [one] => vec![wish(id, Some(one.clone()))],
        several => several.iter().map(|one| wish(format!("{id}-{one}"), Some(one.clone()))).collect(),
    })
}

/// `platform: reels`, `platforms: [tiktok, reels]`, or, in a CSV, `tiktok reels`.
fn platforms(entry: &mut Map<String, Value>) -> Result<Vec<String>, String> {
    match (entry.remove("platform"), entry.remove("platforms")) {
        (None, None) => Ok(Vec::new()),
        (Some(_), Some(_)) => Err("`platform` and `platforms` are both there".to_owned()),
        (Some(one), None) | (None, Some(one)) => match one {
            Value::Array(list) => {
                let words = list.iter().map(|value| value.as_str().map(str::to_owned));
                words.collect::<Option<_>>().ok_or_else(|| "`platforms` is no list of names".to_owned())
            }
            Value::String(words) => {
                let words = words.split(|c: char| c.is_whitespace() || ",;+".contains(c));
                Ok(words.filter(|word| !word.is_empty()).map(str::to_owned).collect())
            }
            Value::Null => Ok(Vec::new()),
            _ => Err("`platforms` is no list of names".to_owned()),
        },
    }
}

/// Settings by their paths, as `--set` takes them: `images: { seed: 1 }` and `images.seed: 1` are the same.
fn flat(path: &str, map: Map<String, Value>) -> Vec<(String, String)> {
    let mut sets = Vec::new();
    for (key, value) in map {
        let path = if path.is_empty() { key } else { format!("{path}.{key}") };
        match value {
            Value::Object(map) => sets.extend(flat(&path, map)),
            Value::Null => {}
            value => {
                let text = plain(&value).unwrap_or_else(|| value.to_string());
                sets.push((path, text));
            }
        }
    }
    sets
}

/// A single value as it is written.
fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_as(ending: &str, text: &str) -> Result<Vec<Wish>, Failure> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(format!("list.{ending}"));
        std::fs::write(&path, text).unwrap();
        let common =
            PipelineArgs { sets: vec!["video.quality=draft".into(), "seed=1".into()], ..Default::default() };
        read(&path, &common)
    }

    #[test]
    fn the_three_kinds_say_the_same() {
        let yaml = "- script: a.md\n  platforms: [tiktok, reels]\n  voice: onyx\n  priority: 2\n  images: { inference_steps: 8 }\n  seed: 7\n";
        let jsonl = r#"{"script":"a.md","platforms":["tiktok","reels"],"voice":"onyx","priority":2,"images.inference_steps":8,"seed":7}"#;
        let csv =
            "script,platforms,voice,priority,images.inference_steps,seed\na.md, tiktok reels ,onyx,2,8,7\n";
        for (ending, text) in [("yaml", yaml), ("jsonl", jsonl), ("csv", csv)] {
            let wishes = read_as(ending, text).unwrap();
            let ids: Vec<_> = wishes.iter().map(|wish| wish.id.as_str()).collect();
            assert_eq!(ids, ["a-tiktok", "a-reels"], "{ending}");
            for wish in &wishes {
                assert_eq!((wish.pipeline.voice.as_deref(), wish.priority), (Some("onyx"), 2), "{ending}");
                assert_eq!(wish.pipeline.seed.as_deref(), Some("7"), "{ending}");
                assert!(wish.pipeline.sets.contains(&"images.inference_steps=8".to_owned()), "{ending}");
                assert!(wish.pipeline.sets.contains(&"video.quality=draft".to_owned()), "{ending}");
            }
        }
    }

    #[test]
    fn mistakes_name_their_place() {
        for (ending, text, said) in [
            ("yaml", "- { voice: nova }", "entry 1: expected either `script:`"),
            ("yaml", "videos: 3", "`videos` is no list"),
            ("yaml", "- { text: Hello. }", "needs a `name`"),
            ("jsonl", "{\"script\":\"a.md\"}\n{", "line 2"),
            ("csv", "script,priority\na.md,soon\n", "line 2: `priority` is `soon`"),
            ("csv", "script\n", "lists no videos"),
        ] {
            let failure = read_as(ending, text).unwrap_err();
            assert!(failure.message.contains(said), "{}", failure.message);
            assert_eq!(failure.exit, Exit::Invalid);
        }
    }
}

//! From what the user names to a job: the script read, the pipeline resolved.

use std::{io::Read, path::Path};

use super::{
    args::{MachineArgs, OutputArgs, PipelineArgs},
    exit::{Exit, Failure, chain},
};
use crate::{
    pipeline::{self, Pipeline, Problems},
    run::{Job, Machine},
    stages::Stage,
    store,
    story::Script,
};

/// The largest script read, in bytes: hours of speech.
const MAX_SCRIPT: u64 = 4 << 20;

/// A script as the user gave it.
pub(crate) struct Source {
    /// What messages call it: a path, or `the text given`.
    pub(crate) name: String,
    /// What files are called after.
    pub(crate) stem: String,
    /// The script itself.
    pub(crate) bytes: Vec<u8>,
}

/// Reads INPUT: a script file, `-` for standard input, or the text itself.
pub(crate) fn read(input: &str) -> Result<Source, Failure> {
    let path = Path::new(input);
    if input == "-" {
        let mut bytes = Vec::new();
        std::io::stdin().lock().take(MAX_SCRIPT + 1).read_to_end(&mut bytes).map_err(|error| {
            Failure::new(Exit::Invalid, format!("standard input cannot be read: {error}"))
        })?;
        return sized(Source { name: "standard input".into(), stem: "video".into(), bytes });
    }
    if path.is_dir() {
        return Err(Failure::new(
            Exit::Invalid,
            format!("{input} is a folder, not a script: name one of the files in it"),
        ));
    }
    if path.exists() || looks_like_a_path(input) {
        return read_file(path);
    }
    sized(Source { name: "the text given".into(), stem: slug(input), bytes: input.as_bytes().to_vec() })
}

/// Reads a script file.
pub(crate) fn read_file(path: &Path) -> Result<Source, Failure> {
    let name = path.display().to_string();
    let size = std::fs::metadata(path).map_or(0, |meta| meta.len());
    if size > MAX_SCRIPT {
        return Err(too_large(&name));
    }
    let bytes = std::fs::read(path)
        .map_err(|error| Failure::new(Exit::Invalid, format!("the script {name} cannot be read: {error}")))?;
    let stem = path.file_stem().map_or_else(|| "video".into(), |stem| stem.to_string_lossy().into_owned());
    sized(Source { name, stem, bytes })
}

fn sized(source: Source) -> Result<Source, Failure> {
    if source.bytes.len() as u64 > MAX_SCRIPT { Err(too_large(&source.name)) } else { Ok(source) }
}

fn too_large(name: &str) -> Failure {
    Failure::new(Exit::Invalid, format!("{name} is larger than {} MiB: that is no script", MAX_SCRIPT >> 20))
}

/// A text that was meant as a file: no spaces, and a folder or a known ending.
fn looks_like_a_path(input: &str) -> bool {
    let one_word = !input.contains(char::is_whitespace);
    one_word && (input.contains(['/', '\\']) || input.ends_with(".md") || input.ends_with(".txt"))
}

/// The first words of a text as a file name.
fn slug(text: &str) -> String {
    let words: Vec<String> = text
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .take(6)
        .map(str::to_lowercase)
        .collect();
    let mut slug: String = words.join("-").chars().take(60).collect();
    if slug.is_empty() {
        slug.push_str("video");
    }
    slug
}

/// Reads the script, draws its mistakes if there are any.
pub(crate) fn script(source: &Source, output: &OutputArgs) -> Result<Script, Failure> {
    Script::read_bytes(&source.bytes).map_err(|errors| {
        let text = String::from_utf8_lossy(&source.bytes);
        let problems = Problems::of_script(&source.name, &text, &errors);
        Failure::drawn(Exit::Invalid, problems.draw(output.color.wanted()))
    })
}

/// Resolves the pipeline for a script: default, file, presets, front matter, environment, flags.
pub(crate) fn pipeline(
    args: &PipelineArgs,
    script: Option<(&Source, &Script)>,
    output: &OutputArgs,
) -> Result<Pipeline, Failure> {
    let drawn = |exit| move |problems: Problems| Failure::drawn(exit, problems.draw(output.color.wanted()));
    let sets = args.sets().map_err(drawn(Exit::Usage))?;
    let text = script.map(|(source, _)| String::from_utf8_lossy(&source.bytes));
    let request = pipeline::Request {
        pipeline: args.pipeline.as_deref(),
        script: script.zip(text.as_deref()).and_then(|((source, script), text)| {
            let front_matter = script.front_matter.as_ref()?;
            Some(pipeline::ScriptSource { name: &source.name, text, front_matter })
        }),
        environment: std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .filter(|(name, _)| name.starts_with("SHORTFORM_"))
            .collect(),
        sets,
    };
    pipeline::load(&request).map_err(drawn(Exit::Invalid))
}

/// Everything of a video and of its further deliveries but the making.
pub(crate) fn jobs(
    input: &str,
    pipeline_args: &PipelineArgs,
    machine: &MachineArgs,
    draft: bool,
    stop_after: Option<Stage>,
    output: &OutputArgs,
) -> Result<Vec<Job>, Failure> {
    let source = read(input)?;
    let job = |args: &PipelineArgs| -> Result<Job, Failure> {
        let script = script(&source, output)?;
        let mut pipeline = pipeline(args, Some((&source, &script)), output)?;
        pipeline.look_beside(Path::new(&source.name));
        if machine.offline {
            pipeline.forbid_network();
        }
        let machine = Machine { models_dir: machine.models_dir.clone(), draft };
        Ok(Job { name: source.stem.clone(), script, pipeline, machine, stop_after })
    };
    let first = job(pipeline_args)?;
    let mut jobs = Vec::new();
    for (name, args) in deliveries(&first, pipeline_args) {
        jobs.push(Job { name, ..job(&args)? });
    }
    jobs.insert(0, first);
    Ok(jobs)
}

/// The names of a video's further deliveries, each with what is said over the pipeline for it alone; none
/// where it ends before anything is laid out.
pub(crate) fn deliveries(first: &Job, args: &PipelineArgs) -> Vec<(String, PipelineArgs)> {
    let pipeline = &first.pipeline;
    let laid_out = first.stop_after.is_none_or(|last| last >= Stage::Timeline);
    let deliveries = pipeline.deliver.iter().filter(|_| laid_out);
    let one = pipeline.delivery();
    deliveries
        .map(|delivery| (delivery.name_of(&first.name, &one), args.delivering(delivery, pipeline)))
        .collect()
}

/// A failure that names what was being done.
pub(crate) fn failed(doing: &str, error: &dyn std::error::Error) -> Failure {
    Failure::new(Exit::Failed, format!("{doing}: {}", chain(error)))
}

/// Writes a picture whole or not at all, as the ending of its name says.
pub(crate) fn write_picture(path: &Path, picture: &image::RgbImage) -> Result<(), Failure> {
    let format = image::ImageFormat::from_path(path).map_err(|_| {
        let message = format!("--output {}: write a name ending in .png or .jpg", path.display());
        Failure::new(Exit::Usage, message)
    })?;
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture
        .write_to(&mut bytes, format)
        .map_err(|error| failed(&format!("{} cannot be encoded", path.display()), &error))?;
    store::write_atomically(path, bytes.get_ref())
        .map_err(|error| failed(&format!("{} cannot be written", path.display()), &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_paths_are_told_apart() {
        assert!(looks_like_a_path("scripts/one.md"));
        assert!(looks_like_a_path("missing.txt"));
        assert!(!looks_like_a_path("Whales sing. And/or dance."));
        assert!(!looks_like_a_path("Hello"));
        assert!(read("missing.txt").is_err_and(|failure| failure.exit == Exit::Invalid));
    }

    #[test]
    fn a_text_names_its_video() {
        assert_eq!(slug("Why do whales sing? Nobody knows for sure."), "why-do-whales-sing-nobody-knows");
        assert_eq!(slug("¿?"), "video");
    }
}

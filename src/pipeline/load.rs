//! From what the user wrote to the pipeline as run.

use std::path::Path;

use super::{
    fields::read_fields,
    layers::{self, apply},
    node::{Key, Node, quote},
    pipeline_file::{self, BASE},
    presets::{Family, Presets},
    problem::{Problem, Problems},
    settings::Pipeline,
    source::{Source, Spot},
    stages::Chain,
};
use crate::story::FrontMatter;

/// A script whose front matter counts.
#[derive(Debug, Clone, Copy)]
pub struct ScriptSource<'a> {
    /// What to call it in messages, for example its path.
    pub name: &'a str,
    /// All of its text, front matter included.
    pub text: &'a str,
    /// Its front matter.
    pub front_matter: &'a FrontMatter,
}

/// Everything that has a say in the settings, the lowest layer first.
#[derive(Debug, Clone, Default)]
pub struct Request<'a> {
    /// The name of a pipeline or the path of its file; `default` where there is none.
    pub pipeline: Option<&'a str>,
    /// The script this pipeline is for.
    pub script: Option<ScriptSource<'a>>,
    /// Environment variables; those that do not begin with `SHORTFORM_` are passed over.
    pub environment: Vec<(String, String)>,
    /// Options in their order: origin (`--set`, `--voice`), path of the setting, value.
    pub sets: Vec<(String, String, String)>,
}

/// One setting as merged, before `auto` is resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// Its path, as `--set` takes it.
    pub path: String,
    /// Its value, as YAML on one line.
    pub value: String,
    /// The file and line, the environment or the command line that had the last word.
    pub origin: String,
}

/// The pipeline that `request` asks for, with the presets of this machine.
///
/// # Errors
/// Everything that is wrong with it, at once.
pub fn load(request: &Request<'_>) -> Result<Pipeline, Problems> {
    Presets::installed()?.load(request)
}

/// Takes `path=value` of `--set` apart.
///
/// # Errors
/// Where there is no `=` in it.
pub fn split_set(argument: &str) -> Result<(String, String), Problems> {
    match argument.split_once('=') {
        Some((path, value)) => Ok((path.trim().to_owned(), value.trim().to_owned())),
        None => {
            let source = Source::new("command line", format!("--set {argument}"));
            let spot = Spot::new(&source, "--set ".len()..source.text().len());
            Err(Problem::new(format!("{} sets nothing", quote(argument)))
                .at(&spot, "expected `path=value`")
                .help("write for example `--set images.inference_steps=12`")
                .into())
        }
    }
}

impl Presets {
    /// The pipeline that `request` asks for: `default`, then the pipeline file and what it extends, the
    /// script's front matter, the environment, and the command line, each over the one before. A platform
    /// or a style lies directly beneath the layer that chooses it.
    ///
    /// # Errors
    /// Everything that is wrong with it, at once.
    pub fn load(&self, request: &Request<'_>) -> Result<Pipeline, Problems> {
        let mut problems = Problems::default();
        let pipeline = self.merge(request, &mut problems).and_then(|(name, settings)| {
            read_fields(&settings, "", &mut problems, |fields| Pipeline::read(name, fields, self))
        });
        problems.unless_any(pipeline)
    }

    /// Where each setting of `request` comes from, in the order of `default`.
    ///
    /// # Errors
    /// What stands in the way of merging; values are not judged.
    pub fn explain(&self, request: &Request<'_>) -> Result<Vec<Setting>, Problems> {
        let mut problems = Problems::default();
        let settings = self.merge(request, &mut problems).map(|(_, settings)| {
            let explain = |(path, node): (Vec<&str>, &Node)| Setting {
                path: path.join("."),
                value: node.to_string(),
                origin: node.spot.origin(),
            };
            settings.settings().into_iter().map(explain).collect()
        });
        problems.unless_any(settings)
    }

    /// The pipeline's name and its merged settings.
    fn merge(&self, request: &Request<'_>, problems: &mut Problems) -> Option<(String, Node)> {
        let wanted = request.pipeline.unwrap_or(BASE);
        let asked = Source::new("command line", format!("--pipeline {wanted}"));
        let asked = Spot::new(&asked, "--pipeline ".len()..asked.text().len());
        let files = pipeline_file::read_with_ancestors(wanted, &asked, self, problems)?;
        let name = files.last()?.name.clone();
        let mut layers = files.into_iter().map(pipeline_file::PipelineFile::into_layer);
        let (mut settings, mut chain) = layers.next()?;
        let base = settings.clone();
        for (layer, own_chain) in layers {
            apply(&mut settings, layer, problems);
            chain = own_chain.or(chain);
        }
        if let Some(chain) = &chain {
            leave_out_upscaling(&mut settings, chain, problems);
            if !chain.has("refine") {
                settings.remove("refine");
            }
        }
        let script = request
            .script
            .map(|script| layers::front_matter(script.name, script.text, script.front_matter, problems));
        let environment = layers::environment(&request.environment, &base, problems);
        let options = layers::options(&request.sets, &base, problems);
        for layer in script.into_iter().chain([environment, options]) {
            let layer = layer.into_node();
            if let Some(chain) = &chain {
                refuse_stages_left_out(&layer, chain, problems);
            }
            apply(&mut settings, layer, problems);
        }
        Some((name, settings))
    }

    /// Every problem of a pipeline or preset file.
    ///
    /// What the file is, its folder says (`platforms`, `styles`, `voices`); anywhere else it is a pipeline.
    ///
    /// # Errors
    /// Everything that is wrong with it, at once.
    pub fn check_file(&self, path: &Path) -> Result<(), Problems> {
        let folder = path.parent().and_then(Path::file_name).unwrap_or_default();
        let family = [Family::Platforms, Family::Styles, Family::Voices];
        match family.into_iter().find(|family| folder == family.folder()) {
            Some(family) => {
                let mut problems = Problems::default();
                Self::check(family, path, &mut problems);
                problems.unless_any(Some(()))
            }
            None => {
                // A path without a slash could be taken for a name.
                let path =
                    if path.components().count() == 1 { Path::new(".").join(path) } else { path.to_owned() };
                let path = path.to_string_lossy();
                self.load(&Request { pipeline: Some(&path), ..Request::default() }).map(drop)
            }
        }
    }
}

/// Every problem of a pipeline or preset file, as [`Presets::check_file`] with the presets of this machine.
///
/// # Errors
/// Everything that is wrong with it, at once.
pub fn check_file(path: &Path) -> Result<(), Problems> {
    Presets::installed()?.check_file(path)
}

/// Without its stage, enlarging means resampling and no model.
fn leave_out_upscaling(settings: &mut Node, chain: &Chain, problems: &mut Problems) {
    if !chain.has("upscale") {
        let key = |name: &str| Key { name: name.to_owned(), spot: chain.spot.clone() };
        let engine = Node::map(vec![(key("engine"), Node::plain("lanczos", &chain.spot))], &chain.spot);
        apply(settings, Node::map(vec![(key("upscale"), engine)], &chain.spot), problems);
    }
}

/// Settings of a stage that does not run would have no effect, and nobody would know.
fn refuse_stages_left_out(layer: &Node, chain: &Chain, problems: &mut Problems) {
    for stage in super::stages::CHAIN.iter().filter(|stage| !stage.required && !chain.has(stage.name)) {
        if let Some(key) = layer.key(stage.name) {
            problems.push(
                Problem::new(format!("the stage `{}` is not part of this pipeline", stage.name))
                    .at(&key.spot, "sets something of a stage that does not run")
                    .help("add it to the `stages` of the pipeline file"),
            );
        }
    }
}

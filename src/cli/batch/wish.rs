//! One video as the user asks for it, and the job it becomes.

use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

use super::super::{
    args::{OutputArgs, PipelineArgs},
    exit::{Exit, Failure},
    input::{self, Source},
};
use crate::{
    run::{Job, Machine},
    stages::{Kind, Stage},
};

/// Bytes a video's name may have: with endings added it must still be a file name everywhere.
const LONGEST_NAME: usize = 120;

/// One video as asked for: a script and what is said over the pipeline, for this video alone.
#[derive(Debug, Clone)]
pub(in super::super) struct Wish {
    /// Its name: of its folder, and of the files in it.
    pub(in super::super) id: String,
    /// Where the script comes from.
    pub(in super::super) script: ScriptAt,
    /// What is said over the pipeline.
    pub(in super::super) pipeline: PipelineArgs,
    /// The higher, the sooner.
    pub(in super::super) priority: i64,
}

/// Where a script comes from.
#[derive(Debug, Clone)]
pub(in super::super) enum ScriptAt {
    /// A file.
    File(PathBuf),
    /// The text, and where it stands: `list.yaml, entry 3`.
    Text { place: String, text: String },
}

/// A video as the process that draws is told of it: everything a job is made of.
///
/// The script is passed on as it was read, so both processes speak of the same text.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Spec {
    id: String,
    name: String,
    text: Vec<u8>,
    pipeline: PipelineArgs,
    draft: bool,
    stop_after: Option<Stage>,
    models_dir: Option<PathBuf>,
    offline: bool,
}

/// What holds for all videos of a batch.
#[derive(Debug, Clone)]
pub(in super::super) struct Common {
    pub(in super::super) draft: bool,
    pub(in super::super) stop_after: Option<Stage>,
    pub(in super::super) models_dir: Option<PathBuf>,
    pub(in super::super) offline: bool,
}

impl Wish {
    /// Reads the script.
    fn spec(&self, common: &Common) -> Result<Spec, Failure> {
        let source = match &self.script {
            ScriptAt::File(path) => input::read_file(path)?,
            ScriptAt::Text { place, text } => {
                Source { name: place.clone(), stem: self.id.clone(), bytes: text.clone().into_bytes() }
            }
        };
        Ok(Spec {
            id: self.id.clone(),
            name: source.name,
            text: source.bytes,
            pipeline: self.pipeline.clone(),
            draft: common.draft,
            stop_after: common.stop_after,
            models_dir: common.models_dir.clone(),
            offline: common.offline,
        })
    }

    /// Reads the script and resolves the pipeline, of the video and of each of its further deliveries.
    pub(in super::super) fn jobs(&self, common: &Common, output: &OutputArgs) -> Result<Vec<Job>, Failure> {
        Ok(self.specs(common, output)?.into_iter().map(|(_, job)| job).collect())
    }

    /// The same with what the process that draws is told of each.
    pub(super) fn specs(&self, common: &Common, output: &OutputArgs) -> Result<Vec<(Spec, Job)>, Failure> {
        let spec = self.spec(common)?;
        let job = spec.job(output)?;
        let deliveries = input::deliveries(&job, &self.pipeline);
        let mut specs = vec![(spec, job)];
        for (id, pipeline) in deliveries {
            let spec = Self { id: name_of(&id), pipeline, ..self.clone() }.spec(common)?;
            let job = spec.job(output)?;
            specs.push((spec, job));
        }
        Ok(specs)
    }
}

impl Spec {
    /// Resolves the pipeline.
    pub(super) fn job(&self, output: &OutputArgs) -> Result<Job, Failure> {
        let source = Source { name: self.name.clone(), stem: self.id.clone(), bytes: self.text.clone() };
        let script = input::script(&source, output)?;
        let mut pipeline = input::pipeline(&self.pipeline, Some((&source, &script)), output)?;
        pipeline.look_beside(Path::new(&source.name));
        if self.offline {
            pipeline.forbid_network();
        }
        let machine = Machine { models_dir: self.models_dir.clone(), draft: self.draft };
        Ok(Job { name: self.id.clone(), script, pipeline, machine, stop_after: self.stop_after })
    }
}

/// A name for a video that is a file name everywhere.
pub(super) fn name_of(text: &str) -> String {
    let plain = |c: char| if c.is_control() || "/\\:*?\"<>|".contains(c) { '-' } else { c };
    let mut name: String = text.chars().map(plain).collect();
    while name.len() > LONGEST_NAME {
        name.pop();
    }
    let name = name.trim().trim_matches('.').trim();
    if name.is_empty() { "video".to_owned() } else { name.to_owned() }
}

/// The name of the video that a script file becomes.
pub(super) fn name_of_file(path: &Path) -> String {
    name_of(&path.file_stem().unwrap_or_default().to_string_lossy())
}

/// What kind of trouble a refused video is in.
pub(super) fn kind(exit: Exit) -> Kind {
    match exit {
        Exit::Missing => Kind::Missing,
        Exit::Network => Kind::Network,
        Exit::OutOfMemory => Kind::OutOfMemory,
        Exit::Failed => Kind::Failed,
        _ => Kind::Invalid,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_file_names() {
        assert_eq!(name_of("../../etc/passwd"), "-..-etc-passwd");
        assert_eq!(name_of("Ursprung: Wo?"), "Ursprung- Wo-");
        assert_eq!(name_of(".."), "video");
        assert_eq!(name_of(&"ä".repeat(200)).len(), LONGEST_NAME);
    }
}

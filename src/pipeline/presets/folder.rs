//! Where presets are found.

use include_dir::{Dir, include_dir};
use std::{
    collections::{BTreeMap, btree_map::Entry},
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{platform::read_platform, style::read_style, voice::read_voice};
use crate::pipeline::{
    fields::{Fields, read_fields},
    pipeline_file,
    problem::{Problem, Problems},
    source::Source,
    tree,
};
use crate::story::{Platform, Style, VoicePreset};

static PLATFORMS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/assets/platforms");
static STYLES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/assets/styles");
static VOICES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/assets/voices");
static PIPELINES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/pipelines");

/// A kind of preset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Family {
    Platforms,
    Styles,
    Voices,
    Pipelines,
}

impl Family {
    const ALL: [Self; 4] = [Self::Platforms, Self::Styles, Self::Voices, Self::Pipelines];

    /// The folder they lie in.
    pub(crate) fn folder(self) -> &'static str {
        match self {
            Self::Platforms => "platforms",
            Self::Styles => "styles",
            Self::Voices => "voices",
            Self::Pipelines => "pipelines",
        }
    }

    fn embedded(self) -> &'static Dir<'static> {
        match self {
            Self::Platforms => &PLATFORMS,
            Self::Styles => &STYLES,
            Self::Voices => &VOICES,
            Self::Pipelines => &PIPELINES,
        }
    }
}

/// Where a preset comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Built into the program: its path in the project, and its text.
    BuiltIn { path: String, text: &'static str },
    /// A file; `canonical` tells whether two paths mean the same.
    File { path: PathBuf, canonical: PathBuf },
}

impl Origin {
    /// The file at `path`.
    pub(crate) fn file(path: PathBuf) -> Self {
        let canonical = path.canonicalize().unwrap_or_else(|_| path.clone());
        Self::File { path, canonical }
    }

    /// Its text.
    pub(crate) fn read(&self) -> Result<Arc<Source>, Problem> {
        match self {
            Self::BuiltIn { path, text } => Ok(Source::new(format!("built-in {path}"), *text)),
            Self::File { path, .. } => Source::read(path),
        }
    }

    /// The file's name without `.yaml`.
    pub(crate) fn stem(&self) -> String {
        let path = match self {
            Self::BuiltIn { path, .. } => Path::new(path),
            Self::File { path, .. } => path,
        };
        path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// The folder that paths in a file are relative to.
    pub(crate) fn folder(&self) -> Option<PathBuf> {
        match self {
            Self::BuiltIn { .. } => None,
            Self::File { path, .. } => path.parent().map(Path::to_owned),
        }
    }

    /// Whether it is the built-in preset `name`.
    pub(crate) fn is_built_in(&self, name: &str) -> bool {
        matches!(self, Self::BuiltIn { .. }) && self.stem() == name
    }
}

/// A line of `shortform presets pipelines`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PipelineSummary {
    /// What `--pipeline` calls it.
    pub name: String,
    /// What it is for.
    pub summary: String,
}

/// The presets that names can mean.
#[derive(Debug, Clone)]
pub struct Presets {
    found: BTreeMap<(Family, String), Origin>,
}

impl Presets {
    /// Those built into the program.
    pub fn built_in() -> Self {
        let mut found = BTreeMap::new();
        for family in Family::ALL {
            for file in family.embedded().files().filter(|file| is_yaml(file.path())) {
                let name = stem(file.path());
                let root = if family == Family::Pipelines { "" } else { "assets/" };
                let path = format!("{root}{}/{name}.yaml", family.folder());
                // `include_dir` hands out bytes; a built-in that is not UTF-8 would be found by any test.
                let text = file.contents_utf8().unwrap_or_default();
                found.insert((family, name), Origin::BuiltIn { path, text });
            }
        }
        Self { found }
    }

    /// Those built in and those of the user's configuration folder.
    pub fn installed() -> Result<Self, Problems> {
        match directories::ProjectDirs::from("", "", "shortform") {
            Some(folders) => Self::built_in().with_folder(folders.config_dir()),
            None => Ok(Self::built_in()),
        }
    }

    /// Adds the YAML files in `platforms/`, `styles/`, `voices/` and `pipelines/` of `folder`.
    ///
    /// A folder that is not there adds nothing; a name that is taken already is a problem.
    pub fn with_folder(mut self, folder: &Path) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        for family in Family::ALL {
            let folder = folder.join(family.folder());
            let entries = match folder.read_dir() {
                Ok(entries) => entries,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                Err(error) => {
                    problems.push(Problem::new(format!("cannot read `{}`: {error}", folder.display())));
                    continue;
                }
            };
            let mut paths: Vec<_> =
                entries.flatten().map(|entry| entry.path()).filter(|p| is_yaml(p)).collect();
            paths.sort();
            for path in paths {
                match self.found.entry((family, stem(&path))) {
                    Entry::Occupied(taken) => {
                        let what = format!("`{}`: the name `{}` is taken", path.display(), taken.key().1);
                        problems.push(Problem::new(what).help("rename the file"));
                    }
                    Entry::Vacant(free) => {
                        free.insert(Origin::file(path));
                    }
                }
            }
        }
        problems.unless_any(Some(self))
    }

    /// The preset called `name`.
    pub(crate) fn find(&self, family: Family, name: &str) -> Option<Origin> {
        self.found.get(&(family, name.to_owned())).cloned()
    }

    /// The names there are.
    pub(crate) fn names(&self, family: Family) -> Vec<String> {
        self.of(family).map(|(name, _)| name.to_owned()).collect()
    }

    fn of(&self, family: Family) -> impl Iterator<Item = (&str, &Origin)> {
        self.found
            .iter()
            .filter(move |((of, _), _)| *of == family)
            .map(|((_, name), origin)| (name.as_str(), origin))
    }

    /// Every platform.
    pub fn platforms(&self) -> Result<Vec<Platform>, Problems> {
        self.all(Family::Platforms, read_platform)
    }

    /// Every style.
    pub fn styles(&self) -> Result<Vec<Style>, Problems> {
        self.all(Family::Styles, read_style)
    }

    /// Every voice.
    pub fn voices(&self) -> Result<Vec<VoicePreset>, Problems> {
        self.all(Family::Voices, read_voice)
    }

    /// Every pipeline.
    pub fn pipelines(&self) -> Result<Vec<PipelineSummary>, Problems> {
        let mut problems = Problems::default();
        let list = self.of(Family::Pipelines).filter_map(|(name, origin)| {
            let source = origin.read().map_err(|problem| problems.push(problem)).ok()?;
            let file = pipeline_file::read(&source, name, &mut problems)?;
            Some(PipelineSummary { name: name.to_owned(), summary: file.summary })
        });
        let list = list.collect();
        problems.unless_any(Some(list))
    }

    fn all<T>(
        &self,
        family: Family,
        read: impl Fn(&mut Fields<'_>) -> Option<T>,
    ) -> Result<Vec<T>, Problems> {
        let mut problems = Problems::default();
        let list =
            self.of(family).filter_map(|(_, origin)| read_preset(origin, &mut problems, &read)).collect();
        problems.unless_any(Some(list))
    }

    /// Reads the platform called `name`.
    pub fn platform(&self, name: &str) -> Result<Platform, Problems> {
        self.one(Family::Platforms, name, read_platform)
    }

    /// Reads the style called `name`.
    pub fn style(&self, name: &str) -> Result<Style, Problems> {
        self.one(Family::Styles, name, read_style)
    }

    fn one<T>(
        &self,
        family: Family,
        name: &str,
        read: impl Fn(&mut Fields<'_>) -> Option<T>,
    ) -> Result<T, Problems> {
        let Some(origin) = self.find(family, name) else {
            return Err(Problem::new(format!("there is no `{name}` among the {}", family.folder())).into());
        };
        let mut problems = Problems::default();
        let preset = read_preset(&origin, &mut problems, read);
        problems.unless_any(preset)
    }

    /// Reads the file at `path` as a preset of `family`, for its problems alone.
    pub(crate) fn check(family: Family, path: &Path, problems: &mut Problems) {
        let origin = Origin::file(path.to_owned());
        match family {
            Family::Platforms => drop(read_preset(&origin, problems, read_platform)),
            Family::Styles => drop(read_preset(&origin, problems, read_style)),
            Family::Voices => drop(read_preset(&origin, problems, read_voice)),
            Family::Pipelines => {}
        }
    }
}

/// Reads one preset file; its `name` is the file's.
fn read_preset<T>(
    origin: &Origin,
    problems: &mut Problems,
    read: impl Fn(&mut Fields<'_>) -> Option<T>,
) -> Option<T> {
    let source = origin.read().map_err(|problem| problems.push(problem)).ok()?;
    let before = problems.len();
    let root = tree::parse(&source, 0..source.text().len(), problems);
    let Some(root) = root else {
        if problems.len() == before {
            problems.push(Problem::new(format!("`{}` is empty", source.name())));
        }
        return None;
    };
    let stem = origin.stem();
    read_fields(&root, "", problems, |fields| {
        fields.check_name(&stem);
        read(fields)
    })
}

fn is_yaml(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml")
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

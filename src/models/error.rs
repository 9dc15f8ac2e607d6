//! What can be wrong with a model folder, and what to do about it.

use std::path::PathBuf;

use crate::engine;

use super::HubError;

/// An error of the models room.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No model of that name.
    #[error("there is no model `{name}` in `{}`{}", folder.display(), known(installed))]
    Missing {
        /// The name asked for.
        name: String,
        /// The folder that was looked at.
        folder: PathBuf,
        /// What is there, the embedded model included.
        installed: Vec<String>,
    },
    /// The model that comes with the program is not in this build.
    #[error(
        "the model `{0}` is not built into this program: `assets/models/{0}` was empty when it was built; build from a full checkout, or name another model"
    )]
    NotBuiltIn(String),
    /// A folder that lacks something a model needs.
    #[error("`{}` is not a model that can be used: {reason}", path.display())]
    Unusable {
        /// The folder.
        path: PathBuf,
        /// What is missing or wrong.
        reason: String,
    },
    /// A JSON file that cannot be read as one.
    #[error("cannot read `{}`: {reason}", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// Where and why.
        reason: String,
    },
    /// A file that is no ONNX model.
    #[error("`{}` is not an ONNX model: {reason}; if it is a Git LFS pointer, fetch the real file", path.display())]
    NotOnnx {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// An ONNX file whose weights lie in another file that is missing, too short, or elsewhere.
    #[error("`{}` cannot be opened: its weights lie in `{location}`, {reason}", path.display())]
    External {
        /// The ONNX file.
        path: PathBuf,
        /// The file it names.
        location: String,
        /// What is wrong with that.
        reason: String,
    },
    /// What is neither a name of the catalog nor a repository of the hub.
    #[error(
        "`{0}` is neither a model of the catalog (see `shortform models list`) nor a repository of the hub: those are called owner/name"
    )]
    Unknown(String),
    /// A repository or folder without a model in it that could be used.
    #[error("`{place}` has no ONNX model that can be used: {reason}")]
    Nothing {
        /// Which repository or folder.
        place: String,
        /// What was looked for.
        reason: String,
    },
    /// A name that a model cannot have.
    #[error("a model cannot be called `{name}`: {reason}; choose a name with --name")]
    Name {
        /// The name.
        name: String,
        /// Why not.
        reason: &'static str,
    },
    /// Another model has the name.
    #[error(
        "there is a model `{name}` already, from {origin}: choose another name with --name, or `shortform models remove {name}` first"
    )]
    Taken {
        /// The name.
        name: String,
        /// Where the other one comes from.
        origin: String,
    },
    /// The model inside the program.
    #[error("`{0}` is built into this program and cannot be removed")]
    BuiltIn(String),
    /// A part that does not work.
    #[error("`{}` does not work: {reason}", path.display())]
    Broken {
        /// Its ONNX file.
        path: PathBuf,
        /// What happened when it was run.
        reason: String,
    },
    /// A model whose files are not the ones that were installed.
    #[error("model `{name}` is not what was installed: {}; {remedy}", wrong.join("; "))]
    Changed {
        /// Which model.
        name: String,
        /// What is wrong, file by file.
        wrong: Vec<String>,
        /// What to do.
        remedy: String,
    },
    /// The hub, or the way to it.
    #[error(transparent)]
    Hub(#[from] HubError),
    /// The engine that runs parts.
    #[error(transparent)]
    Engine(#[from] engine::Error),
    /// A file that cannot be read or written.
    #[error("cannot {action} `{}`: {source}", path.display())]
    Io {
        /// `read`, `write`, ...
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

impl Error {
    pub(super) fn io(action: &'static str, path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }
}

fn known(installed: &[String]) -> String {
    match installed {
        [] => ": no model is installed; `shortform models pull` gets one, or give the path of a folder in the diffusers ONNX layout, or set --models-dir".into(),
        names => format!(": installed are {}; `shortform models list` shows what can be had, and a path to a folder does too", names.join(", ")),
    }
}

//! What can be wrong with a model folder, and what to do about it.

use std::path::PathBuf;

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
        [] => ": no model is installed; give the path of a folder in the diffusers ONNX layout, or set --models-dir".into(),
        names => format!(": installed are {}; a path to a folder does too", names.join(", ")),
    }
}

//! Whose voice a cue is spoken by: the files and names that an engine knows it under.

use std::path::{Path, PathBuf};

use super::super::{Context, Error, Kind};
use crate::{
    digest::Digest,
    models::Catalog,
    pipeline::{Narration as Settings, VoiceEngine},
    store::KeyBuilder,
    story::VoicePreset,
};

/// A voice as its engine knows it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Source {
    /// Tones.
    Draft,
    /// espeak-ng.
    Espeak,
    /// A Piper network and one of its speakers.
    Piper { path: PathBuf, speaker: Option<String>, digest: Digest },
    /// A Kokoro network and the name of a voice beside it.
    Kokoro { path: PathBuf, voice: String, digest: Digest },
    /// The name of a voice at a server.
    Remote { voice: String },
}

/// The name of the folder that Kokoro lies in unless somebody says otherwise.
const KOKORO: &str = "kokoro";

impl Source {
    /// Finds the voice of `preset`; `place` is the line that asks for it.
    pub(super) fn of(
        preset: &VoicePreset,
        settings: &Settings,
        place: &str,
        ctx: &Context<'_>,
    ) -> Result<Self, Error> {
        if ctx.draft {
            return Ok(Self::Draft);
        }
        let nameless = |engine: &str, field: &str| {
            let message = format!(
                "voice `{}` has no {engine} voice: choose another voice (`shortform presets voices`), or say `{field}` in its preset",
                preset.name
            );
            Error::new(Kind::Invalid, place, message)
        };
        let catalog = Catalog::new(ctx.models_dir.clone());
        Ok(match settings.engine {
            // A recording speaks for itself; what it does not cover would be espeak-ng's to time.
            VoiceEngine::Espeak | VoiceEngine::Recording => Self::Espeak,
            VoiceEngine::Piper => {
                // A network named in the pipeline is that of the pipeline's voice alone.
                let own = settings.model.as_deref().filter(|_| preset.name == settings.voice.name);
                let name = own.or(preset.piper.as_deref()).ok_or_else(|| nameless("Piper", "piper"))?;
                let (name, speaker) = match name.split_once('#') {
                    Some((name, speaker)) => (name, Some(speaker.to_owned())),
                    None => (name, None),
                };
                let path = network(&catalog, name, "piper")
                    .map_err(|help| missing("Piper voice", name, &help, &catalog))?;
                let digest = digest(&path, &[path.with_extension("onnx.json")])?;
                Self::Piper { path, speaker, digest }
            }
            VoiceEngine::Kokoro => {
                let name = settings.model.as_deref().unwrap_or(KOKORO);
                let voice = preset.kokoro.clone().ok_or_else(|| nameless("Kokoro", "kokoro"))?;
                let path = network(&catalog, name, KOKORO)
                    .map_err(|help| missing("Kokoro network", name, &help, &catalog))?;
                let folder = path.parent().unwrap_or(Path::new("."));
                let digest = digest(
                    &path,
                    &[folder.join("config.json"), folder.join("voices.bin"), folder.join("voices-v1.0.bin")],
                )?;
                Self::Kokoro { path, voice, digest }
            }
            VoiceEngine::Remote => {
                Self::Remote { voice: preset.remote.clone().ok_or_else(|| nameless("server's", "remote"))? }
            }
        })
    }

    /// Adds all that its sound depends on.
    pub(super) fn describe(
        &self,
        key: KeyBuilder,
        preset: &VoicePreset,
        settings: &Settings,
        language: &str,
    ) -> KeyBuilder {
        match self {
            Self::Draft => key.field("engine", &"draft"),
            Self::Espeak => key
                .field("engine", &VoiceEngine::Espeak)
                .field("voice", &preset.espeak)
                .field("language", &language),
            Self::Piper { speaker, digest, .. } => key
                .field("engine", &VoiceEngine::Piper)
                .field("voice", digest)
                .field("speaker", speaker)
                .field("variation", &settings.variation)
                .field("language", &language),
            Self::Kokoro { voice, digest, .. } => key
                .field("engine", &VoiceEngine::Kokoro)
                .field("network", digest)
                .field("voice", voice)
                .field("language", &language),
            Self::Remote { voice } => {
                let remote = &settings.remote;
                key.field("engine", &VoiceEngine::Remote)
                    .field("url", &remote.server.url)
                    .field("model", &remote.server.model)
                    .field("voice", voice)
                    .field("instructions", &remote.instructions)
                    .field("format", &remote.format)
                    .field("timings", &remote.timings)
                    .field("language", &language)
            }
        }
    }
}

/// Bytes of the file of the network that speaks for `settings`; 0 where none does, or it is not there.
pub(super) fn weight(settings: &Settings, catalog: &Catalog) -> u64 {
    let found = match settings.engine {
        VoiceEngine::Piper => {
            let name = settings.model.as_deref().or(settings.voice.piper.as_deref()).unwrap_or_default();
            network(catalog, name.split('#').next().unwrap_or_default(), "piper")
        }
        VoiceEngine::Kokoro => network(catalog, settings.model.as_deref().unwrap_or(KOKORO), KOKORO),
        VoiceEngine::Espeak | VoiceEngine::Remote | VoiceEngine::Recording => return 0,
    };
    found.ok().and_then(|path| path.metadata().ok()).map_or(0, |file| file.len())
}

/// The ONNX file that `name` means: a path, or a file or folder in the folder of models or in its part `shelf`.
fn network(catalog: &Catalog, name: &str, shelf: &str) -> Result<PathBuf, String> {
    let models = catalog.folder();
    let is_path = name.starts_with('.') || name.contains(std::path::is_separator) || name.ends_with(".onnx");
    let candidates: Vec<PathBuf> = if is_path {
        vec![PathBuf::from(name), models.join(name)]
    } else {
        let file = format!("{name}.onnx");
        vec![
            models.join(name),
            models.join(&file),
            models.join(shelf).join(name),
            models.join(shelf).join(file),
        ]
    };
    let looked_for: Vec<String> = candidates.iter().map(|path| path.display().to_string()).collect();
    for path in candidates {
        if path.is_file() {
            return Ok(path);
        }
        if path.is_dir() {
            let whole = [path.join("model.onnx"), path.join("onnx").join("model.onnx")];
            if let Some(found) = whole.into_iter().find(|path| path.is_file()) {
                return Ok(found);
            }
            let mut found: Vec<PathBuf> = std::fs::read_dir(&path)
                .into_iter()
                .flatten()
                .flatten()
                .map(|entry| entry.path())
                .filter(|path| path.extension().is_some_and(|ending| ending == "onnx"))
                .collect();
            found.sort();
            return match found.as_slice() {
                [only] => Ok(only.clone()),
                [] => Err(format!("{} holds no .onnx file", path.display())),
                several => Err(format!(
                    "{} holds {} .onnx files: name one of them as `narration.model`",
                    path.display(),
                    several.len()
                )),
            };
        }
    }
    Err(format!("looked for {}", looked_for.join(", ")))
}

fn missing(what: &str, name: &str, help: &str, catalog: &Catalog) -> Error {
    let message = format!(
        "there is no {what} `{name}` ({help}): put its files into {}, or name their path as `narration.model`",
        catalog.folder().display()
    );
    Error::new(Kind::Missing, "", message)
}

/// The digest of a network and of those of `beside` that are there.
fn digest(path: &Path, beside: &[PathBuf]) -> Result<Digest, Error> {
    let unreadable = |path: &Path, error: std::io::Error| {
        Error::new(Kind::Missing, "", format!("{} cannot be read: {error}", path.display()))
    };
    let mut all = String::new();
    for path in std::iter::once(path).chain(beside.iter().map(PathBuf::as_path).filter(|path| path.is_file()))
    {
        all.push_str(&Digest::of_file(path).map_err(|error| unreadable(path, error))?.to_string());
    }
    Ok(Digest::of(all.as_bytes()))
}

//! Finds ONNX Runtime at run time.

use std::{
    env, fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, OnceLock},
};

use super::{Error, allocator, version::version_of};

/// The ONNX Runtime this process uses; there is one a process.
#[derive(Debug)]
pub struct Library {
    /// Its version, for example `1.31.1`.
    pub version: String,
    /// The file, or the bare name if the system's loader found it.
    pub path: PathBuf,
    environment: ort::environment::Environment,
}

impl Library {
    pub(super) fn environment(&self) -> &ort::environment::Environment {
        &self.environment
    }
}

static LIBRARY: OnceLock<Library> = OnceLock::new();

/// Loads ONNX Runtime, once a process, from the first of: `ORT_DYLIB_PATH`, the folder of this
/// executable, `lib` in our data folder (where `just setup` puts it), the system's loader.
///
/// A library that is there but unusable is an error: the next place is not tried in silence.
pub fn load() -> Result<&'static Library, Error> {
    static LOADING: Mutex<()> = Mutex::new(());
    let _one_at_a_time = LOADING.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    if let Some(library) = LIBRARY.get() {
        return Ok(library);
    }
    let library = open(find()?)?;
    Ok(LIBRARY.get_or_init(|| library))
}

fn file_name() -> String {
    format!("{}onnxruntime{}", env::consts::DLL_PREFIX, env::consts::DLL_SUFFIX)
}

/// The file to load, or the bare file name when only the system's loader is left to ask.
fn find() -> Result<PathBuf, Error> {
    if let Some(path) = env::var_os("ORT_DYLIB_PATH").filter(|path| !path.is_empty()) {
        let path = PathBuf::from(path);
        return match path.is_file() {
            true => Ok(path),
            false => Err(Error::LibraryBroken { path, reason: "ORT_DYLIB_PATH names no file".into() }),
        };
    }
    let mut tried = vec!["ORT_DYLIB_PATH, which is not set".to_owned()];
    for folder in folders() {
        if let Some(path) = library_in(&folder) {
            return Ok(path);
        }
        tried.push(format!("`{}`", folder.display()));
    }
    let name = PathBuf::from(file_name());
    match version_of(&name) {
        Ok(_) => Ok(name),
        Err(_) => {
            tried.push(format!("the system's loader for {}", name.display()));
            Err(Error::LibraryMissing { tried })
        }
    }
}

fn folders() -> Vec<PathBuf> {
    let beside = env::current_exe().ok().and_then(|exe| Some(exe.parent()?.to_owned()));
    let data = directories::ProjectDirs::from("", "", "shortform").map(|dirs| dirs.data_dir().join("lib"));
    beside.into_iter().chain(data).collect()
}

/// The library in `folder`: the plain name first, else the newest name with a version
/// (`libonnxruntime.so.1.31.1`, as the Python wheel has it; `libonnxruntime.1.31.1.dylib` on macOS).
fn library_in(folder: &Path) -> Option<PathBuf> {
    let plain = folder.join(file_name());
    if plain.is_file() {
        return Some(plain);
    }
    let prefix = format!("{}onnxruntime.", env::consts::DLL_PREFIX);
    let names = fs::read_dir(folder).ok()?.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    names
        .filter(|name| name.starts_with(&prefix) && name.contains(env::consts::DLL_SUFFIX))
        .max_by_key(|name| numbers(name))
        .map(|name| folder.join(name))
}

fn numbers(text: &str) -> Vec<u32> {
    text.split(|c: char| !c.is_ascii_digit()).filter_map(|part| part.parse().ok()).collect()
}

fn open(path: PathBuf) -> Result<Library, Error> {
    let broken = |reason: String| Error::LibraryBroken { path: path.clone(), reason };
    let version = version_of(&path).map_err(broken)?;
    let needed = ort::MINOR_VERSION;
    if numbers(&version).get(..2) < Some(&[1, needed]) {
        return Err(Error::LibraryTooOld { path, version, needed });
    }
    let mut builder = ort::init_from(&path).map_err(|e| broken(e.to_string()))?.with_telemetry(false);
    // What goes wrong comes back as an error; the rest is ONNX Runtime talking to itself on our
    // standard error. Whoever sets ORT_LOG wants to hear it.
    if env::var_os("ORT_LOG").is_none() {
        builder = builder.with_logger(Arc::new(|_, _: &str, _: &str, _: &str, _: &str| {}));
    }
    let environment = builder.build().map_err(|e| Error::Start(e.to_string()))?;
    allocator::register(&environment).map_err(Error::Start)?;
    Ok(Library { version, path, environment })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_of_several_versions_is_taken_and_the_plain_name_before_all() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(library_in(folder.path()), None);
        let (prefix, suffix) = (env::consts::DLL_PREFIX, env::consts::DLL_SUFFIX);
        for version in ["1.9.2", "1.31.1", "1.4.0"] {
            fs::write(folder.path().join(format!("{prefix}onnxruntime{suffix}.{version}")), b"").unwrap();
        }
        fs::write(folder.path().join(format!("{prefix}onnxruntime_providers_shared{suffix}")), b"").unwrap();
        let newest = folder.path().join(format!("{prefix}onnxruntime{suffix}.1.31.1"));
        assert_eq!(library_in(folder.path()), Some(newest));
        let plain = folder.path().join(file_name());
        fs::write(&plain, b"").unwrap();
        assert_eq!(library_in(folder.path()), Some(plain));
    }

    #[test]
    fn a_file_that_is_no_library_is_told_by_its_path() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("libonnxruntime.so");
        fs::write(&path, b"not a library").unwrap();
        let error = open(path.clone()).unwrap_err();
        assert!(matches!(&error, Error::LibraryBroken { path: at, .. } if *at == path), "{error}");
        assert!(error.to_string().contains("just setup"), "{error}");
    }

    #[test]
    fn loads_once() {
        let library = load().unwrap();
        assert!(numbers(&library.version) >= vec![1, ort::MINOR_VERSION], "{}", library.version);
        assert!(std::ptr::eq(library, load().unwrap()));
    }
}

//! Weights beside an ONNX file: only in plain files of the same folder.
//!
//! An ONNX file names the files its weights lie in. A hostile one names `/etc/passwd` or `../../secret`;
//! whoever opens it would read that into a tensor.

use std::{
    collections::BTreeMap,
    fs,
    path::{Component, Path},
};

use super::Error;

/// Files that hold weights, and how many bytes of each are needed.
pub type External = BTreeMap<String, u64>;

/// Whether every file that `onnx` names is a plain name, is there, and is long enough.
pub(super) fn check(onnx: &Path, external: &External) -> Result<(), Error> {
    for (location, needed) in external {
        let wrong =
            |reason: String| Error::External { path: onnx.to_owned(), location: location.clone(), reason };
        plain(onnx, location)?;
        let file = onnx.with_file_name(location);
        let metadata = match fs::metadata(&file) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(wrong("which is not there; get the whole model again".into()));
            }
            Err(error) => return Err(Error::io("read", &file)(error)),
        };
        if !metadata.is_file() {
            return Err(wrong("which is not a file".into()));
        }
        stays(onnx, &file).map_err(|reason| wrong(reason.into()))?;
        let found = metadata.len();
        if found < *needed {
            return Err(wrong(format!(
                "which has {found} bytes of the {needed} it needs; get the whole model again"
            )));
        }
    }
    Ok(())
}

/// Whether `location` is nothing but a file's name.
pub(super) fn plain(onnx: &Path, location: &str) -> Result<(), Error> {
    let mut components = Path::new(location).components();
    let is_name = matches!((components.next(), components.next()), (Some(Component::Normal(_)), None));
    // Other systems' ways to say the same are refused on all of them, so that a model is fine everywhere or nowhere.
    if is_name && !location.contains(['/', '\\', ':', '\0']) {
        return Ok(());
    }
    Err(Error::External {
        path: onnx.to_owned(),
        location: location.to_owned(),
        reason: "but weights may only lie in a file of the same folder; do not trust this model".into(),
    })
}

/// A link may only lead to where the ONNX file lies itself, or to where its own link leads: so are the
/// caches of the hub's clients built.
fn stays(onnx: &Path, file: &Path) -> Result<(), &'static str> {
    let folder_of = |path: &Path| Some(fs::canonicalize(path).ok()?.parent()?.to_owned());
    let beside =
        onnx.parent().map(|folder| if folder.as_os_str().is_empty() { Path::new(".") } else { folder });
    let lies = folder_of(file);
    let fine = lies.is_some()
        && (lies == folder_of(onnx) || lies == beside.and_then(|folder| fs::canonicalize(folder).ok()));
    if fine { Ok(()) } else { Err("a link that leads out of the folder; do not trust this model") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_plain_name_is_taken() {
        let onnx = Path::new("m/unet/model.onnx");
        for fine in ["model.onnx_data", "weights.pb", "a b", "onnx__MatMul_1", "..data"] {
            assert!(plain(onnx, fine).is_ok(), "{fine}");
        }
        for wrong in
            ["", ".", "..", "/etc/passwd", "../x", "a/b", "./a", "a/", "a\\b", "C:x", "x\0", "..\\x", "//h/x"]
        {
            assert!(plain(onnx, wrong).is_err(), "{wrong:?}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn links_lead_nowhere_else() {
        use std::os::unix::fs::symlink;
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        for folder in ["blobs", "model", "elsewhere"] {
            fs::create_dir(at(folder)).unwrap();
        }
        fs::write(at("elsewhere/secret"), [0; 8]).unwrap();
        fs::write(at("model/model.onnx"), "x").unwrap();
        symlink(at("elsewhere/secret"), at("model/data")).unwrap();
        let needs = |bytes| External::from([("data".to_owned(), bytes)]);
        let said = check(&at("model/model.onnx"), &needs(8)).unwrap_err().to_string();
        assert!(said.contains("leads out of the folder"), "{said}");

        // As the hub's clients lay out their cache: both are links into one folder.
        fs::write(at("blobs/one"), "x").unwrap();
        fs::write(at("blobs/two"), [0; 8]).unwrap();
        for (link, blob) in [("model/model.onnx", "blobs/one"), ("model/data", "blobs/two")] {
            fs::remove_file(at(link)).unwrap();
            symlink(at(blob), at(link)).unwrap();
        }
        check(&at("model/model.onnx"), &needs(8)).unwrap();
        let said = check(&at("model/model.onnx"), &needs(9)).unwrap_err().to_string();
        assert!(said.contains("has 8 bytes of the 9"), "{said}");
    }
}

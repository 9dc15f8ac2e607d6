use std::{
    ffi::OsString,
    fs::{self, File},
    path::{Path, PathBuf},
};

use super::{Error, fault};

/// Where a file is written before [`publish`] gives it its name: `.video.mp4.part` beside `video.mp4`.
///
/// The name is always the same, so what a killed process left is written over by the next.
pub fn part_path(target: &Path) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(target.file_name().unwrap_or_default());
    name.push(".part");
    target.with_file_name(name)
}

/// Gives the finished file `part` the name `target`, in one step and durably.
///
/// # Errors
/// When the part cannot be synced or renamed; the part is left where it is then.
pub fn publish(part: &Path, target: &Path) -> Result<(), Error> {
    // In this order, or a power cut could leave the new name with none of the bytes: first the bytes,
    // then the name, then the folder that holds it.
    fault::at("publish.sync").and_then(|()| File::open(part)?.sync_all()).map_err(Error::io("sync", part))?;
    fault::at("publish.rename")
        .and_then(|()| fs::rename(part, target))
        .map_err(Error::io("rename the finished file to", target))?;
    fault::at("publish.sync-folder").map_err(Error::io("sync the folder of", target))?;
    sync_folder_of(target)
}

/// Writes `bytes` as `target`: readers see the old file or the whole new one, never a part.
///
/// # Errors
/// When writing fails; what was written so far is removed then.
pub fn write_atomically(target: &Path, bytes: &[u8]) -> Result<(), Error> {
    let part = part_path(target);
    let written = fault::at("publish.create")
        .and_then(|()| fault::write_all("publish.write", &mut File::create(&part)?, bytes))
        .map_err(Error::io("write", target))
        .and_then(|()| publish(&part, target));
    if written.is_err() {
        // The write's own error is the one to tell; the part may not even exist.
        let _ = fs::remove_file(&part);
    }
    written
}

/// Makes the folder's entry for `path` durable.
pub(super) fn sync_folder_of(path: &Path) -> Result<(), Error> {
    // A folder cannot be opened as a file everywhere (Windows), and needs no sync there.
    if cfg!(unix) {
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(Error::io("sync", folder))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_appears_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("video.json");
        write_atomically(&target, b"one").unwrap();
        fs::write(part_path(&target), b"left by a killed process, and longer").unwrap();
        write_atomically(&target, b"two").unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"two");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);

        let nowhere = folder.path().join("absent").join("video.json");
        let error = write_atomically(&nowhere, b"x").unwrap_err();
        assert!(error.to_string().contains("absent"), "{error}");
    }
}

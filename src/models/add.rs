//! Installing a model from a folder of this machine.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{Read, Write},
    path::Path,
};

use crate::engine::DeviceChoice;

use super::{
    Catalog, Error, Header, HubError, Listed, Lock, Locked, LockedFile, Provenance, content,
    content::Checksums,
    lock::{alone, unwritable},
    progress::{Count, Watch},
    pull::free_name,
    select::{self, Wanted},
    space,
    staging::{Staging, discard},
    trial,
};

/// How a folder is taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taking {
    /// Its files are copied: what happens to the folder afterwards does not matter.
    Copy,
    /// A link leads to it: it takes no room, and must stay where it is.
    Link,
}

impl Catalog {
    /// Installs the model in `folder` as `name`, or under the folder's own name, and answers that name.
    /// Each part is run once on `device` before.
    pub fn add(
        &self,
        folder: &Path,
        name: Option<&str>,
        taking: Taking,
        device: DeviceChoice,
        watch: &mut Watch<'_>,
    ) -> Result<String, Error> {
        let folder = fs::canonicalize(folder).map_err(Error::io("read", folder))?;
        let own = || folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let name = name.map_or_else(own, str::to_owned);
        self.check_name(&name)?;
        let models = self.folder();
        fs::create_dir_all(models).map_err(Error::io("make", models))?;
        let nothing = |reason| Error::Nothing { place: folder.display().to_string(), reason };
        if fs::canonicalize(models).is_ok_and(|models| folder.starts_with(&models)) {
            return Err(nothing("it lies in the folder of models already".into()));
        }
        let files = files_of(&folder)?;
        let _alone = alone(models, &name, watch)?;
        let from = Provenance::Folder { path: folder.clone() };
        free_name(models, &name, &Lock::read(models)?, |found| *found == from)?;

        discard(models, &name)?;
        let staging = Staging::open(models, &name, "folder")?;
        let total = files.iter().map(|wanted| wanted.listed.size).fold(0, u64::saturating_add);
        let mut count = Count { total, before: 0 };
        let mut locked = BTreeMap::new();
        if taking == Taking::Copy {
            space::check(&staging.folder, total)?;
        } else if let Some(moved) = files.iter().find(|wanted| wanted.local != wanted.listed.path) {
            let reason = format!(
                "`{}` is not where it would be looked for; copy it without --link",
                moved.listed.path
            );
            return Err(nothing(reason));
        }
        for Wanted { listed, local } in &files {
            let (source, target) = (folder.join(&listed.path), staging.folder.join(local));
            if taking == Taking::Copy {
                copy(&source, &target, listed, &count, watch)?;
            }
            let lies = if taking == Taking::Copy { &target } else { &source };
            let sums = Checksums::of_file(lies, false).map_err(Error::io("read", lies))?;
            count.before += listed.size;
            count.say(&listed.path, 0, watch)?;
            locked.insert(local.clone(), LockedFile { size: sums.size, sha256: sums.sha256 });
        }
        trial::run(if taking == Taking::Copy { &staging.folder } else { &folder }, device, watch)?;
        if taking == Taking::Link {
            fs::remove_dir_all(&staging.folder).map_err(unwritable(&staging.folder))?;
            link(&folder, &staging.folder)?;
        }
        staging.finish(Locked::now(from, None, locked), watch)?;
        Ok(name)
    }
}

/// The files of the model in `folder`, the ones its networks name included; refuses what leads elsewhere.
fn files_of(folder: &Path) -> Result<Vec<Wanted>, Error> {
    let nothing = |reason| Error::Nothing { place: folder.display().to_string(), reason };
    let listed = content::listed_below(folder)?;
    let choice = select::choose(&listed, None).map_err(nothing)?;
    let mut files = choice.files;
    for wanted in files.clone().iter().filter(|wanted| wanted.local.ends_with(".onnx")) {
        // Reads where the weights lie, and refuses any place but this folder.
        let header = Header::read(&folder.join(&wanted.listed.path))?;
        if let Some(reason) = select::stranger(choice.layout, &wanted.local, &header) {
            return Err(nothing(reason));
        }
        files.extend(select::beside(&listed, wanted, &header).map_err(|name| {
            nothing(format!("`{}` has its weights in `{name}`, a hidden file", wanted.listed.path))
        })?);
    }
    files.sort_by(|a, b| a.local.cmp(&b.local));
    files.dedup();
    for wanted in &files {
        stays(folder, &wanted.listed)?;
    }
    Ok(files)
}

/// Whether a file is of this folder: links may lead within it, or, in a cache of the hub's clients, from
/// `snapshots/COMMIT` to `blobs` beside it.
fn stays(folder: &Path, listed: &Listed) -> Result<(), Error> {
    let file = folder.join(&listed.path);
    let real = fs::canonicalize(&file).map_err(Error::io("read", &file))?;
    let snapshots = folder.parent().filter(|parent| parent.ends_with("snapshots"));
    let blobs = snapshots.and_then(Path::parent).map(|cache| cache.join("blobs"));
    if real.starts_with(folder) || blobs.is_some_and(|blobs| real.starts_with(blobs)) {
        return Ok(());
    }
    let reason = format!("`{}` is a link that leads out of it; do not trust this model", listed.path);
    Err(Error::Nothing { place: folder.display().to_string(), reason })
}

fn copy(
    source: &Path,
    target: &Path,
    listed: &Listed,
    count: &Count,
    watch: &mut Watch<'_>,
) -> Result<(), Error> {
    if let Some(folder) = target.parent() {
        fs::create_dir_all(folder).map_err(unwritable(folder))?;
    }
    let mut from = File::open(source).map_err(Error::io("read", source))?;
    let mut to = File::create(target).map_err(unwritable(target))?;
    let mut buffer = vec![0; 1 << 20];
    let mut done = 0;
    loop {
        let read = match from.read(&mut buffer).map_err(Error::io("read", source))? {
            0 => break,
            read => read,
        };
        to.write_all(&buffer[..read]).map_err(unwritable(target))?;
        done += read as u64;
        count.say(&listed.path, done, watch)?;
    }
    to.sync_all().map_err(unwritable(target))
}

fn link(folder: &Path, target: &Path) -> Result<(), Error> {
    #[cfg(unix)]
    let linked = std::os::unix::fs::symlink(folder, target);
    #[cfg(windows)]
    let linked = std::os::windows::fs::symlink_dir(folder, target);
    linked.map_err(|source| HubError::Write { path: target.to_owned(), source }.into())
}

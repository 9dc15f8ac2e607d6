//! Looking through installed models: are the bytes still the ones, and does each part run?

use std::{fs, path::Path};

use crate::engine::DeviceChoice;

use super::{
    Catalog, Error, Event, Lock, Locked, Provenance,
    content::Checksums,
    progress::{Count, Watch},
    trial,
};

impl Catalog {
    /// Compares every file of the model `name` with `models.lock`, then runs each of its parts once on
    /// `device`.
    pub fn verify(&self, name: &str, device: DeviceChoice, watch: &mut Watch<'_>) -> Result<(), Error> {
        let folder = self.folder_of(name)?;
        // The one inside the program is in no list: it is compared with the program when it is unpacked.
        let is_own = folder.parent() == Some(self.folder());
        let lock = if is_own { Lock::read(self.folder())? } else { Lock::default() };
        let locked = lock.models.get(name);
        if let Some(locked) = locked {
            let wrong = compare(&folder, locked, watch)?;
            if !wrong.is_empty() {
                return Err(Error::Changed { name: name.to_owned(), wrong, remedy: remedy(name, locked) });
            }
        }
        trial::run(&folder, device, watch)?;
        let files = locked.map(|locked| locked.files.len());
        watch.say(Event::Verified { name: name.to_owned(), files })?;
        Ok(())
    }
}

/// What differs from what was installed, file by file.
fn compare(folder: &Path, locked: &Locked, watch: &mut Watch<'_>) -> Result<Vec<String>, Error> {
    let mut wrong = Vec::new();
    let mut count = Count { total: locked.bytes(), before: 0 };
    for (name, expected) in &locked.files {
        let path = folder.join(name);
        match fs::metadata(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                wrong.push(format!("`{name}` is missing"))
            }
            Err(error) => return Err(Error::io("read", &path)(error)),
            Ok(metadata) if metadata.len() != expected.size => {
                wrong.push(format!("`{name}` has {} bytes instead of {}", metadata.len(), expected.size));
            }
            Ok(_) => {
                let found = Checksums::of_file(&path, false).map_err(Error::io("read", &path))?.sha256;
                if found != expected.sha256 {
                    wrong.push(format!(
                        "`{name}` has the SHA-256 digest {found} instead of {}",
                        expected.sha256
                    ));
                }
            }
        }
        count.before += expected.size;
        count.say(name, 0, watch)?;
    }
    Ok(wrong)
}

fn remedy(name: &str, locked: &Locked) -> String {
    let again = match &locked.from {
        Provenance::Hub { repository, commit, .. } => {
            format!("shortform models pull {repository}@{commit} --name {name}")
        }
        Provenance::Folder { path } => format!("shortform models add {} --name {name}", path.display()),
    };
    format!("`shortform models remove {name}`, then `{again}` gets it back")
}

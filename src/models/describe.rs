//! What is known of an installed model.

use serde::Serialize;

use super::{Adapter, Catalog, Installed, Lock, Model, Origin, content, select::Layout, trial};

/// An installed model, described.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Description {
    /// Its name.
    pub name: String,
    /// What kind of model it is.
    pub family: Option<String>,
    /// What its files take.
    pub bytes: u64,
    /// Where it comes from: `built in`, `owner/name@commit`, a folder, or unknown.
    pub origin: Option<String>,
    /// Its licence, as its source names it.
    pub licence: Option<String>,
    /// Why it cannot be used, if it cannot.
    pub problem: Option<String>,
}

impl Catalog {
    /// Describes an installed model, by its folder and what stands about it in the list of models.
    pub fn describe(&self, installed: &Installed, lock: &Lock) -> Description {
        let name = &installed.name;
        let is_own = installed.origin == Origin::Folder;
        let locked = lock.models.get(name).filter(|_| is_own);
        let folder = self.folder_of(name);
        let family = folder.as_ref().map_err(ToString::to_string).and_then(|folder| {
            let layout = trial::choice(folder).map_err(|error| error.to_string())?.layout;
            Ok(match layout {
                Layout::Diffusion => {
                    Model::open(name, folder).map_err(|error| error.to_string())?.family.to_string()
                }
                Layout::Autoencoder => "tiny autoencoder".to_owned(),
                Layout::Adapter => {
                    Adapter::open(name, folder).map_err(|error| error.to_string())?;
                    "IP-Adapter".to_owned()
                }
                Layout::Network => "upscaler".to_owned(),
            })
        });
        Description {
            name: name.clone(),
            bytes: folder.map_or(0, |folder| content::bytes_below(&folder)),
            origin: match locked {
                Some(locked) => Some(locked.from.to_string()),
                None => (!is_own).then(|| "built in".to_owned()),
            },
            licence: match is_own {
                true => locked.and_then(|locked| locked.licence.clone()),
                false => Some("mit OR apache-2.0".to_owned()),
            },
            problem: family.as_ref().err().cloned(),
            family: family.ok(),
        }
    }
}

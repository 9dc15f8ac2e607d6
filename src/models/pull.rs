//! Fetching a model from the hub: only what is needed, checked, and installed whole.

use std::{collections::BTreeMap, fs, path::Path};

use super::{
    Catalog, Error, Event, Header, Hub, Listed, Lock, Locked, LockedFile, Offer, Provenance, Repository,
    Revision, Settings, content, external,
    lock::alone,
    progress::{Count, Watch},
    select::{self, Choice, Wanted},
    space,
    staging::Staging,
};

/// What came of asking for a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pulled {
    /// The name it has here.
    pub name: String,
    /// Whether it was installed before, in exactly this state.
    pub was_there: bool,
}

impl Catalog {
    /// Fetches `source` (a name of the catalog, or `owner/name` of the hub, either with `@revision`) and
    /// installs it as `name`, or under the catalog's or repository's own name.
    ///
    /// What was fetched stays where an interruption leaves it, hidden, and is gone on with the next time.
    pub fn pull(
        &self,
        source: &str,
        name: Option<&str>,
        settings: Settings,
        watch: &mut Watch<'_>,
    ) -> Result<Pulled, Error> {
        let source = Source::parse(source)?;
        let name = name.map_or_else(|| source.name(), str::to_owned);
        self.check_name(&name)?;
        let models = self.folder();
        if settings.offline && source.is_locked(&Lock::read(models)?, models, &name) {
            return Ok(Pulled { name, was_there: true });
        }
        let hub = Hub::new(settings, &format!("pulling `{}`", source.repository))?;
        let revision = hub.resolve(&source.repository, &source.revision, watch)?;
        fs::create_dir_all(models).map_err(Error::io("make", models))?;
        let _alone = alone(models, &name, watch)?;
        let lock = Lock::read(models)?;
        if let Some(locked) = lock.models.get(&name)
            && source.is_from(&locked.from, Some(&revision.commit))
            && is_whole(&models.join(&name), locked)
        {
            return Ok(Pulled { name, was_there: true });
        }
        free_name(models, &name, &lock, |from| source.is_from(from, None))?;
        let files = hub.list(&source.repository, &revision.commit, watch)?;
        let choice = select::choose(&files, source.offer.as_ref().and_then(|offer| offer.file.as_deref()))
            .map_err(|reason| Error::Nothing { place: source.repository.to_string(), reason })?;

        let staging = Staging::open(models, &name, &revision.commit)?;
        let pull = Pull { hub: &hub, source: &source, revision: &revision, folder: &staging.folder };
        let locked = pull.fetch(&name, &files, choice, watch)?;
        let from = Provenance::Hub {
            repository: source.repository.to_string(),
            revision: source.revision.clone(),
            commit: revision.commit.clone(),
        };
        staging.finish(Locked::now(from, revision.licence.clone(), locked), watch)?;
        Ok(Pulled { name, was_there: false })
    }
}

/// One model on its way.
struct Pull<'a> {
    hub: &'a Hub,
    source: &'a Source,
    revision: &'a Revision,
    folder: &'a Path,
}

impl Pull<'_> {
    /// Fetches the networks and what belongs to them, looks at them, then fetches the weights they name.
    fn fetch(
        &self,
        name: &str,
        files: &[Listed],
        choice: Choice,
        watch: &mut Watch<'_>,
    ) -> Result<BTreeMap<String, LockedFile>, Error> {
        let first: u64 = choice.files.iter().map(|wanted| wanted.listed.size).fold(0, u64::saturating_add);
        let mut count = Count { total: first.saturating_add(select::likely(files, &choice)), before: 0 };
        watch.say(Event::Resolved {
            name: name.to_owned(),
            repository: self.source.repository.to_string(),
            commit: self.revision.commit.clone(),
            licence: self.revision.licence.clone(),
            files: choice.files.len(),
            bytes: count.total,
        })?;
        space::check(self.folder, count.total.saturating_sub(content::bytes_below(self.folder)))?;
        let mut locked = BTreeMap::new();
        self.fetch_all(&choice.files, &mut locked, &mut count, watch)?;

        let mut beside: Vec<Wanted> = Vec::new();
        for wanted in choice.files.iter().filter(|wanted| wanted.local.ends_with(".onnx")) {
            let file = self.folder.join(&wanted.local);
            let header = self.header(&file, choice.layout, wanted)?;
            let found = select::beside(files, wanted, &header).map_err(|location| Error::External {
                path: file.clone(),
                location,
                reason: format!("which `{}` does not have", self.source.repository),
            })?;
            beside.extend(found);
        }
        beside.sort_by(|a, b| a.local.cmp(&b.local));
        beside.dedup();
        let second: u64 = beside.iter().map(|wanted| wanted.listed.size).fold(0, u64::saturating_add);
        count.total = first.saturating_add(second);
        space::check(self.folder, count.total.saturating_sub(content::bytes_below(self.folder)))?;
        self.fetch_all(&beside, &mut locked, &mut count, watch)?;
        // Whole now: what each network needs of its weights must be there.
        for local in locked.keys().filter(|local| local.ends_with(".onnx")) {
            Header::read(&self.folder.join(local))?;
        }
        Ok(locked)
    }

    fn fetch_all(
        &self,
        wanted: &[Wanted],
        locked: &mut BTreeMap<String, LockedFile>,
        count: &mut Count,
        watch: &mut Watch<'_>,
    ) -> Result<(), Error> {
        for Wanted { listed, local } in wanted {
            let target = self.folder.join(local);
            let (repository, commit) = (&self.source.repository, &self.revision.commit);
            let sha256 = self.hub.fetch(repository, commit, listed, &target, count, watch)?;
            count.before += listed.size;
            locked.insert(local.clone(), LockedFile { size: listed.size, sha256 });
        }
        Ok(())
    }

    /// The header of a fetched network, refused before its weights are fetched if nobody could use it.
    fn header(&self, file: &Path, layout: select::Layout, wanted: &Wanted) -> Result<Header, Error> {
        let header = Header::read_alone(file)?;
        for location in header.external.keys() {
            external::plain(file, location)?;
        }
        match select::stranger(layout, &wanted.local, &header) {
            Some(reason) => Err(Error::Nothing { place: self.source.repository.to_string(), reason }),
            None => Ok(header),
        }
    }
}

/// What to pull.
#[derive(Debug)]
struct Source {
    repository: Repository,
    revision: String,
    offer: Option<Offer>,
}

impl Source {
    fn parse(text: &str) -> Result<Self, Error> {
        let (id, revision) = match text.rsplit_once('@') {
            Some((id, revision)) if !revision.is_empty() => (id, Some(revision.to_owned())),
            _ => (text, None),
        };
        let offers = Offer::all()?;
        let offer = offers.into_iter().find(|offer| offer.name == id || offer.repository == id);
        let id = offer.as_ref().map_or(id, |offer| &offer.repository);
        let repository = id.parse().map_err(|_| Error::Unknown(text.to_owned()))?;
        let pinned = offer.as_ref().and_then(|offer| offer.revision.clone());
        let revision = revision.or(pinned).unwrap_or_else(|| "main".into());
        Ok(Self { repository, revision, offer })
    }

    fn name(&self) -> String {
        self.offer.as_ref().map_or_else(|| self.repository.name.clone(), |offer| offer.name.clone())
    }

    /// Whether `from` is this repository, at `commit` if one is said.
    fn is_from(&self, from: &Provenance, commit: Option<&str>) -> bool {
        match from {
            Provenance::Hub { repository, commit: found, .. } => {
                *repository == self.repository.to_string() && commit.is_none_or(|commit| commit == found)
            }
            Provenance::Folder { .. } => false,
        }
    }

    /// Whether what is asked for is installed, as far as can be said without the hub.
    fn is_locked(&self, lock: &Lock, models: &Path, name: &str) -> bool {
        lock.models.get(name).is_some_and(|locked| {
            let same = matches!(&locked.from, Provenance::Hub { revision, commit, .. }
                if *revision == self.revision || *commit == self.revision);
            same && self.is_from(&locked.from, None) && is_whole(&models.join(name), locked)
        })
    }
}

/// Whether every file is there with its size.
fn is_whole(folder: &Path, locked: &Locked) -> bool {
    let is_there = |(name, file): (&String, &LockedFile)| {
        fs::metadata(folder.join(name))
            .is_ok_and(|metadata| metadata.is_file() && metadata.len() == file.size)
    };
    locked.files.iter().all(is_there)
}

/// Whether a model may be installed as `name`: nothing else has the name.
pub(super) fn free_name(
    models: &Path,
    name: &str,
    lock: &Lock,
    is_same: impl FnOnce(&Provenance) -> bool,
) -> Result<(), Error> {
    if fs::symlink_metadata(models.join(name)).is_err() {
        return Ok(());
    }
    let taken = |origin: String| Err(Error::Taken { name: name.to_owned(), origin });
    match lock.models.get(name) {
        Some(locked) if is_same(&locked.from) => Ok(()),
        Some(locked) => taken(locked.from.to_string()),
        None => taken("a folder that was put there by hand".into()),
    }
}

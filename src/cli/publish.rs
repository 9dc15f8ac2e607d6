//! Where finished files go, and putting them there whole.

use std::path::{Path, PathBuf};

use super::{
    exit::{Exit, Failure},
    input,
};
use crate::{
    digest::Digest,
    prompting::Storyboard,
    run::{self, Job, Product},
    stages::{Stage, subtitles},
    store::{self, Store},
};

/// The finished video's path; its sidecars share all but the ending.
pub(crate) struct Target {
    video: PathBuf,
}

impl Target {
    /// The path that `-o` means for a video called `name`: a file ending in .mp4, or a folder.
    pub(crate) fn new(output: Option<&Path>, name: &str) -> Result<Self, Failure> {
        let video = match output {
            None => PathBuf::from(format!("{name}.mp4")),
            Some(path) if path.is_dir() || path.as_os_str().to_string_lossy().ends_with('/') => {
                path.join(format!("{name}.mp4"))
            }
            Some(path) => match path.extension().and_then(|ending| ending.to_str()) {
                Some("mp4") => path.to_owned(),
                _ => {
                    let message = format!(
                        "--output {}: write a name ending in .mp4, or a folder that exists (or ends in `/`)",
                        path.display()
                    );
                    return Err(Failure::new(Exit::Usage, message));
                }
            },
        };
        if let Some(folder) = video.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(|error| {
                Failure::new(Exit::Failed, format!("the folder {} cannot be made: {error}", folder.display()))
            })?;
        }
        Ok(Self { video })
    }

    /// The same place under another name.
    pub(crate) fn renamed(&self, name: impl FnOnce(&str) -> String) -> Self {
        let stem = self.video.file_stem().unwrap_or_default().to_string_lossy();
        Self { video: self.video.with_file_name(format!("{}.mp4", name(&stem))) }
    }

    fn beside(&self, ending: &str) -> PathBuf {
        self.video.with_extension(ending)
    }
}

/// Writes what the run has made: the video last, so that where it stands, all stands.
pub(crate) fn publish(
    job: &Job,
    product: &Product,
    store: &Store,
    target: &Target,
) -> Result<Vec<(PathBuf, u64)>, Failure> {
    let mut files: Vec<(PathBuf, Vec<u8>)> = Vec::new();
    let mut description =
        serde_json::to_vec_pretty(&run::description(job, product)).expect("a description is plain data");
    description.push(b'\n');
    files.push((target.beside("json"), description));

    if let Some(spoken) = &product.spoken {
        let cues = subtitles::cues(&spoken.narration);
        files.push((target.beside("srt"), subtitles::srt(&cues).into_bytes()));
        files.push((target.beside("vtt"), subtitles::vtt(&cues).into_bytes()));
        if job.stop_after == Some(Stage::Narration) {
            files.push((target.beside("wav"), object(store, spoken.sound)?));
        }
    }
    if let (Some(spoken), Some(Stage::Scenes)) = (&product.spoken, job.stop_after) {
        let mut board = Storyboard::of(&product.scenes, &spoken.narration, &job.script);
        if let Some(directed) = &product.directed {
            board.title = board.title.or_else(|| directed.title.clone());
            board.description.clone_from(&directed.description);
            board.hashtags.clone_from(&directed.hashtags);
        }
        files.push((target.beside("scenes.yaml"), board.to_yaml().into_bytes()));
    }
    let pictures = if product.stills.is_empty() { &product.images } else { &product.stills };
    if product.timeline.is_none() {
        for still in pictures {
            let path = target.beside(&format!("scene-{:02}.png", still.scene + 1));
            files.push((path, object(store, still.image)?));
        }
    }
    #[cfg(feature = "video")]
    if let Some(rendered) = &product.rendered {
        files.push((target.beside("jpg"), object(store, rendered.cover)?));
        files.push((target.video.clone(), object(store, rendered.video)?));
    }

    let mut published = Vec::new();
    for (path, bytes) in files {
        store::write_atomically(&path, &bytes)
            .map_err(|error| input::failed(&format!("{} cannot be written", path.display()), &error))?;
        published.push((path, bytes.len() as u64));
    }
    Ok(published)
}

/// An object the run has just put into the store.
pub(crate) fn object(store: &Store, digest: Digest) -> Result<Vec<u8>, Failure> {
    store.get(digest)?.ok_or_else(|| {
        let message =
            format!("object {} vanished from the store while the run went on: run it again", digest.short());
        Failure::new(Exit::Failed, message)
    })
}

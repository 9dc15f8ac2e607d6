//! Models come and go: fetched from a hub on this machine's own loopback that fails in every way hubs fail,
//! copied from folders, verified, removed. Parts run in the real ONNX Runtime.

mod command;
mod faults;
mod hub;
mod local;
mod onnx;
mod pull;

use std::{fs, ops::ControlFlow, path::Path};

use shortform::models::{Catalog, Event, Watch};

/// The models in `folder`.
fn catalog(folder: &Path) -> Catalog {
    Catalog::new(Some(folder.join("models")))
}

/// Does `work`, and hands back what was said meanwhile.
fn listening<T>(work: impl FnOnce(&mut Watch<'_>) -> T) -> (T, Vec<Event>) {
    let mut said = Vec::new();
    let mut listen = |event| {
        said.push(event);
        ControlFlow::Continue(())
    };
    let done = work(&mut Watch::new(&mut listen));
    (done, said)
}

/// Every file below `folder` with `/` between its parts, sorted; hidden ones too.
fn names(folder: &Path) -> Vec<String> {
    fn walk(root: &Path, folder: &Path, found: &mut Vec<String>) {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => walk(root, &path, found),
                false => found.push(path.strip_prefix(root).unwrap().to_str().unwrap().to_owned()),
            }
        }
    }
    let mut found = Vec::new();
    walk(folder, folder, &mut found);
    found.sort();
    found
}

//! What is fetched, what is not, and what is written down.

use std::{
    fs,
    ops::ControlFlow,
    path::Path,
    sync::{Arc, Barrier},
    thread,
};

use shortform::models::{Error, Event, HubError, Lock, Offer, Provenance, Settings, Watch};

use super::{
    catalog,
    hub::{COMMIT, Content, Fault, Hub, sha256},
    listening, names, onnx,
};

/// A model as it lies at the hub: beside the ONNX files everything that need not be fetched.
pub(crate) fn content() -> Content {
    Content::default()
        .file(".gitattributes", "*.onnx filter=lfs")
        .file("LICENSE.md", "do what you like")
        .file("README.md", "# It")
        .file("model_index.json", "{}")
        .file("scheduler/scheduler_config.json", "{}")
        .file("tokenizer/vocab.json", "{}")
        .large("it.safetensors", [7; 5000])
        .file("unet/config.json", r#"{"in_channels": 4}"#)
        .large("unet/diffusion_pytorch_model.safetensors", [7; 5000])
        .large("unet/model.onnx", onnx::denoiser("weights.pb"))
        .large("unet/openvino_model.bin", [7; 5000])
        .large("unet/weights.pb", onnx::weights(0.5, 300_000))
}

const FILES: [&str; 7] = [
    "LICENSE.md",
    "model_index.json",
    "scheduler/scheduler_config.json",
    "tokenizer/vocab.json",
    "unet/config.json",
    "unet/model.onnx",
    "unet/weights.pb",
];

/// The model is whole, listed, and nothing is left of its way here.
pub(crate) fn assert_installed(folder: &Path) {
    let models = folder.join("models");
    assert_eq!(names(&models.join("it")), FILES);
    for name in FILES {
        assert!(fs::read(models.join("it").join(name)).unwrap() == content().files[name], "{name} differs");
    }
    let locked = Lock::read(&models).unwrap().models.remove("it").unwrap();
    for (name, file) in &locked.files {
        let bytes = fs::read(models.join("it").join(name)).unwrap();
        assert_eq!((file.size, &file.sha256), (bytes.len() as u64, &sha256(&bytes)), "{name}");
    }
    assert_eq!(locked.files.len(), FILES.len());
    assert_eq!(names(&models.join(".staging")), ["it.lock"]);
}

/// Nothing is installed or listed.
pub(crate) fn assert_not_installed(folder: &Path) {
    assert!(!folder.join("models/it").exists());
    assert!(Lock::read(&folder.join("models")).unwrap().models.is_empty());
}

pub(crate) fn pull(folder: &Path, settings: Settings) -> (Result<bool, Error>, Vec<Event>) {
    let (pulled, said) = listening(|watch| catalog(folder).pull("them/it", None, settings, watch));
    (pulled.map(|pulled| pulled.was_there), said)
}

#[test]
fn what_is_needed_is_fetched_checked_and_written_down() {
    let folder = tempfile::tempdir().unwrap();
    let hub = Hub::new(content());
    let (pulled, said) = pull(folder.path(), hub.settings());
    assert!(!pulled.unwrap());
    assert_installed(folder.path());
    let locked = Lock::read(&folder.path().join("models")).unwrap().models.remove("it").unwrap();
    let from =
        Provenance::Hub { repository: "them/it".into(), revision: "main".into(), commit: COMMIT.into() };
    assert_eq!((locked.from, locked.licence.as_deref()), (from, Some("mit")));

    let wanted = ["api", "LICENSE", "json", "onnx", "weights.pb", "storage"];
    for request in hub.asked() {
        assert!(wanted.iter().any(|wanted| request.path.contains(wanted)), "{} was fetched", request.path);
        assert!(!request.path.contains("safetensors") && !request.path.contains("openvino"));
    }
    let progress = said.iter().filter_map(|event| match event {
        Event::Progress { done, total, .. } => Some((*done, *total)),
        _ => None,
    });
    let bytes: u64 = FILES.iter().map(|name| content().files[*name].len() as u64).sum();
    let progress: Vec<_> = progress.collect();
    assert!(progress.is_sorted(), "{progress:?}");
    assert_eq!(progress.last(), Some(&(bytes, bytes)));

    let asked = hub.asked().len();
    assert!(pull(folder.path(), hub.settings()).0.unwrap(), "it was there");
    assert_eq!(hub.asked().len(), asked + 1, "only the commit is asked for again");
}

#[test]
fn a_revision_is_pinned_to_its_commit_and_a_name_can_be_given() {
    let folder = tempfile::tempdir().unwrap();
    let hub = Hub::new(content());
    let (pulled, _) =
        listening(|watch| catalog(folder.path()).pull("them/it@v1.0", Some("mine"), hub.settings(), watch));
    assert_eq!(pulled.unwrap().name, "mine");
    let lock = Lock::read(&folder.path().join("models")).unwrap();
    assert!(
        matches!(&lock.models["mine"].from, Provenance::Hub { revision, commit, .. } if revision == "v1.0" && commit == COMMIT)
    );
    catalog(folder.path()).find("mine").unwrap();
    let (pulled, _) =
        listening(|watch| catalog(folder.path()).pull("them/it@v9", None, hub.settings(), watch));
    let said = pulled.unwrap_err().to_string();
    assert!(said.contains("no model `them/it` at revision `v9`"), "{said}");
}

#[test]
fn a_model_in_a_folder_of_the_repository_and_a_single_network_are_found() {
    let folder = tempfile::tempdir().unwrap();
    let inside = Content::default()
        .file("onnx/model_index.json", "{}")
        .large("onnx/unet/model.onnx", onnx::denoiser("weights.pb"))
        .large("onnx/unet/weights.pb", onnx::weights(0.5, 10));
    pull(folder.path(), Hub::new(inside).settings()).0.unwrap();
    assert_eq!(
        names(&folder.path().join("models/it")),
        ["model_index.json", "unet/model.onnx", "unet/weights.pb"]
    );

    let folder = tempfile::tempdir().unwrap();
    let single = Content::default()
        .large("RealESRGAN.onnx", onnx::denoiser("RealESRGAN.data"))
        .large("RealESRGAN.data", onnx::weights(0.5, 10));
    pull(folder.path(), Hub::new(single).settings()).0.unwrap();
    assert_eq!(names(&folder.path().join("models/it")), ["RealESRGAN.data", "RealESRGAN.onnx"]);
}

#[test]
fn what_nobody_here_can_use_is_refused_before_its_weights_are_fetched() {
    let refused = |content: Content, word: &str| {
        let folder = tempfile::tempdir().unwrap();
        let hub = Hub::new(content);
        let said = pull(folder.path(), hub.settings()).0.unwrap_err().to_string();
        assert!(said.contains(word), "{said}");
        assert_not_installed(folder.path());
        assert_eq!(hub.times("weights.pb"), 0, "{word}");
    };
    refused(Content::default().file("README.md", ""), "no .onnx file");
    refused(Content::default().file("unet/model.safetensors", ""), "exported to ONNX");
    refused(
        Content::default()
            .large("unet/model.onnx", onnx::stranger())
            .large("unet/weights.pb", onnx::weights(0.5, 9)),
        "no known family",
    );
    refused(Content::default().large("unet/model.onnx", "version https://git-lfs..."), "not an ONNX model");
    for location in ["../../../secret", "/etc/passwd", "a/weights.pb", "..\\x"] {
        refused(
            Content::default().large("unet/model.onnx", onnx::denoiser(location)),
            "file of the same folder",
        );
    }
    refused(Content::default().large("unet/model.onnx", onnx::denoiser("gone.pb")), "does not have");
}

#[test]
fn a_list_that_leads_out_of_the_folder_is_refused() {
    for path in ["../evil", "/etc/evil", "unet/../../../evil", "a\\..\\evil", "c:evil", "unet//evil"] {
        let folder = tempfile::tempdir().unwrap();
        let hub = Hub::new(content().file(path, "x"));
        let error = pull(folder.path(), hub.settings()).0.unwrap_err();
        assert!(matches!(error, Error::Hub(HubError::Path { .. })), "{path}: {error}");
        assert_eq!(hub.times("model.onnx"), 0);
        assert_not_installed(folder.path());
    }
}

#[test]
fn two_pulls_at_once_fetch_it_once() {
    let folder = tempfile::tempdir().unwrap();
    let hub = Hub::new(content());
    let start = Arc::new(Barrier::new(2));
    let were_there: Vec<bool> = thread::scope(|scope| {
        let both: Vec<_> = (0..2)
            .map(|_| {
                let (start, settings, folder) = (start.clone(), hub.settings(), folder.path());
                scope.spawn(move || {
                    start.wait();
                    pull(folder, settings).0.unwrap()
                })
            })
            .collect();
        both.into_iter().map(|pull| pull.join().unwrap()).collect()
    });
    assert_eq!(were_there.iter().filter(|was_there| **was_there).count(), 1, "{were_there:?}");
    assert_eq!(hub.times("resolve/1234567890abcdef1234567890abcdef12345678/unet/weights.pb"), 1);
    assert_installed(folder.path());
}

#[test]
fn offline_is_obeyed() {
    let folder = tempfile::tempdir().unwrap();
    let hub = Hub::new(content());
    let offline = || Settings { offline: true, ..hub.settings() };
    let error = pull(folder.path(), offline()).0.unwrap_err();
    assert!(matches!(error, Error::Hub(HubError::Offline { .. })), "{error}");
    assert!(hub.asked().is_empty());
    assert!(!folder.path().join("models").exists());

    pull(folder.path(), hub.settings()).0.unwrap();
    let asked = hub.asked().len();
    assert!(pull(folder.path(), offline()).0.unwrap(), "what is there needs no network");
    assert_eq!(hub.asked().len(), asked);
}

#[test]
fn a_disk_that_is_too_small_is_seen_before_anything_is_fetched() {
    let folder = tempfile::tempdir().unwrap();
    let mut content = content();
    content.lies.insert("unet/weights.pb".into(), (1 << 60, "b".repeat(64)));
    let hub = Hub::new(content);
    let error = pull(folder.path(), hub.settings()).0.unwrap_err();
    assert!(matches!(error, Error::Hub(HubError::Space { .. })), "{error}");
    assert!(error.to_string().contains("--models-dir"), "{error}");
    assert_eq!(hub.times("model_index.json"), 0);
    assert_not_installed(folder.path());
}

#[test]
fn an_interruption_leaves_what_came_and_no_model() {
    let folder = tempfile::tempdir().unwrap();
    let hub = Hub::new(content());
    let mut listen = |event| match event {
        Event::Progress { file, done, .. } if file == "unet/weights.pb" && done > 100_000 => {
            ControlFlow::Break(())
        }
        _ => ControlFlow::Continue(()),
    };
    let pulled = catalog(folder.path()).pull("them/it", None, hub.settings(), &mut Watch::new(&mut listen));
    assert!(matches!(pulled, Err(Error::Hub(HubError::Cancelled))));
    assert_not_installed(folder.path());
    let part = folder.path().join("models/.staging/it").join(COMMIT).join("unet/weights.pb.part");
    let have = fs::metadata(part).unwrap().len();
    assert!(have > 0);

    let asked = hub.asked().len();
    pull(folder.path(), hub.settings()).0.unwrap();
    assert_installed(folder.path());
    let again = &hub.asked()[asked..];
    assert!(again.iter().all(|request| !request.path.contains("json")), "finished files are kept");
    let range = format!("bytes={have}-");
    assert!(again.iter().any(|request| request.headers.get("range") == Some(&range)), "{again:?}");
}

#[test]
fn another_commit_replaces_the_model_and_another_source_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let models = folder.path().join("models");
    pull(folder.path(), Hub::new(content()).settings()).0.unwrap();
    // As if an earlier commit had been installed, with a file that is no longer there.
    let list = fs::read_to_string(models.join("models.lock")).unwrap();
    fs::write(models.join("models.lock"), list.replace(COMMIT, &"f".repeat(40))).unwrap();
    fs::write(models.join("it/old.txt"), "old").unwrap();
    assert!(!pull(folder.path(), Hub::new(content()).settings()).0.unwrap());
    assert_installed(folder.path());

    let list = fs::read_to_string(models.join("models.lock")).unwrap();
    fs::write(models.join("models.lock"), list.replace("them/it", "others/it")).unwrap();
    let error = pull(folder.path(), Hub::new(content()).settings()).0.unwrap_err();
    assert!(matches!(&error, Error::Taken { .. }) && error.to_string().contains("others/it"), "{error}");
}

#[test]
fn names_that_are_no_source_are_told_so() {
    let folder = tempfile::tempdir().unwrap();
    let hub = Hub::failing(content(), |_, _| Some(Fault::Status(500, Vec::new())));
    for source in ["nonsense", "a/b/c", "../x", "https://huggingface.co/a/b"] {
        let (pulled, _) = listening(|watch| catalog(folder.path()).pull(source, None, hub.settings(), watch));
        assert!(matches!(pulled, Err(Error::Unknown(_))), "{source}");
    }
    for name in ["../out", ".hidden", "pocket", "a/b"] {
        let (pulled, _) =
            listening(|watch| catalog(folder.path()).pull("them/it", Some(name), hub.settings(), watch));
        assert!(matches!(pulled, Err(Error::Name { .. })), "{name}");
    }
    assert!(hub.asked().is_empty());
    assert!(Offer::all().unwrap().iter().any(|offer| offer.name == "lcm-dreamshaper"));
}

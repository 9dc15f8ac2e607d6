//! Models of this machine: added, verified, listed, removed.

use std::{fs, path::Path};

use shortform::{
    engine::{Device, DeviceChoice},
    models::{Catalog, Error, Event, Header, Lock, Provenance, Taking},
};

use super::{catalog, hub::Hub, listening, names, onnx, pull};

const CPU: DeviceChoice = DeviceChoice::Only(Device::Cpu);

fn add(folder: &Path, model: &Path, taking: Taking) -> Result<Vec<Event>, Error> {
    let (added, said) = listening(|watch| catalog(folder).add(model, Some("it"), taking, CPU, watch));
    added.map(|_| said)
}

fn verify(catalog: &Catalog, name: &str) -> Result<Vec<Event>, Error> {
    let (verified, said) = listening(|watch| catalog.verify(name, CPU, watch));
    verified.map(|()| said)
}

fn tried(said: &[Event]) -> Vec<&str> {
    let parts = said.iter().filter_map(|event| match event {
        Event::Tried { part, skipped: None } => Some(part.as_str()),
        _ => None,
    });
    parts.collect()
}

pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (path, target) = (entry.as_ref().unwrap().path(), to.join(entry.unwrap().file_name()));
        match path.is_dir() {
            true => copy(&path, &target),
            false => drop(fs::copy(path, target).unwrap()),
        }
    }
}

/// The fixture of the diffusion tests: all parts of a model, made by diffusers.
fn whole_model(folder: &Path) {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/diffusion");
    copy(&fixtures.join("shared"), folder);
    copy(&fixtures.join("plain"), folder);
}

#[test]
fn a_folder_is_copied_in_after_each_part_has_run() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("whole");
    whole_model(&model);
    fs::write(model.join("unet/diffusion_pytorch_model.safetensors"), "twin").unwrap();
    let said = add(folder.path(), &model, Taking::Copy).unwrap();
    let mut parts = tried(&said);
    parts.sort_unstable();
    assert_eq!(parts, ["text_encoder/model.onnx", "unet/model.onnx", "vae_decoder/model.onnx"]);
    let found = names(&folder.path().join("models/it"));
    assert!(found.contains(&"tokenizer/merges.txt".to_owned()));
    assert!(!found.iter().any(|name| name.contains("safetensors") || name.contains("npy")), "{found:?}");
    let locked = Lock::read(&folder.path().join("models")).unwrap().models.remove("it").unwrap();
    assert_eq!(locked.from, Provenance::Folder { path: fs::canonicalize(&model).unwrap() });
    fs::remove_dir_all(model).unwrap();
    catalog(folder.path()).find("it").unwrap();
    verify(&catalog(folder.path()), "it").unwrap();
}

#[test]
fn every_family_can_be_added_and_each_of_its_parts_runs() {
    let reference = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/reference/models");
    let models: serde_json::Value =
        serde_json::from_slice(&fs::read(reference.join("models.json")).unwrap()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    for (name, model) in models.as_object().unwrap() {
        let whole = folder.path().join("from").join(name);
        copy(&reference.join(name), &whole);
        let parts = model["parts"].as_object().unwrap();
        for (part, shared) in parts {
            copy(&reference.join("parts").join(shared.as_str().unwrap()), &whole.join(part));
        }
        let (added, said) =
            listening(|watch| catalog(folder.path()).add(&whole, None, Taking::Copy, CPU, watch));
        assert_eq!(&added.unwrap_or_else(|error| panic!("{name}: {error}")), name);
        let networks = parts.keys().filter(|part| !part.starts_with("tokenizer"));
        assert_eq!(tried(&said).len(), networks.count(), "{name}: {said:?}");
        catalog(folder.path()).find(name).unwrap();
    }
    assert!(models.as_object().unwrap().len() >= 20);
}

#[test]
fn what_the_processor_runs_only_rewritten_is_added_untried_and_that_is_said() {
    let reference = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/reference/models");
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("mine");
    whole_model(&model);
    copy(&reference.join("bfloat16"), &model.join("unet"));
    let said = add(folder.path(), &model, Taking::Copy).unwrap();
    assert_eq!(tried(&said).len(), 2, "{said:?}");
    let is_said = |event: &Event| matches!(event, Event::Tried { part, skipped: Some(why) } if part == "unet/model.onnx" && why.contains("bfloat16"));
    assert!(said.iter().any(is_said), "{said:?}");
}

#[test]
fn a_folder_is_linked_and_unlinked() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("mine");
    onnx::write_model(&model, "weights.pb", 0.5);
    add(folder.path(), &model, Taking::Link).unwrap();
    assert!(folder.path().join("models/it").is_symlink());
    assert_eq!(tried(&verify(&catalog(folder.path()), "it").unwrap()), ["unet/model.onnx"]);
    listening(|watch| catalog(folder.path()).remove("it", watch)).0.unwrap();
    assert!(!folder.path().join("models/it").is_symlink());
    assert_eq!(names(&model).len(), 3, "what the link led to stays");
}

#[test]
fn a_folder_that_does_not_work_is_not_added() {
    let refused = |write: &dyn Fn(&Path), word: &str| {
        let folder = tempfile::tempdir().unwrap();
        let model = folder.path().join("mine");
        onnx::write_model(&model, "weights.pb", 0.5);
        write(&model);
        let said = add(folder.path(), &model, Taking::Copy).unwrap_err().to_string();
        assert!(said.contains(word), "{said}");
        pull::assert_not_installed(folder.path());
    };
    let onnx = "unet/model.onnx";
    refused(&|model| fs::remove_dir_all(model.join("unet")).unwrap(), "no .onnx file");
    refused(&|model| fs::write(model.join(onnx), "version https://git-lfs...").unwrap(), "not an ONNX model");
    refused(&|model| fs::write(model.join("unet/weights.pb"), [0; 7]).unwrap(), "has 7 bytes of the 8");
    refused(&|model| fs::remove_file(model.join("unet/weights.pb")).unwrap(), "is not there");
    refused(&|model| fs::write(model.join("unet/weights.pb"), onnx::weights(f32::NAN, 9)).unwrap(), "NaN");
    refused(&|model| fs::write(model.join(onnx), onnx::denoiser("../../secret")).unwrap(), "same folder");
    refused(&|model| fs::write(model.join(onnx), onnx::denoiser("/etc/passwd")).unwrap(), "same folder");
    refused(&|model| fs::write(model.join(onnx), onnx::stranger()).unwrap(), "no known family");
    // A file that ONNX Runtime itself refuses, though its outside is in order.
    let cut = |model: &Path| {
        let whole = onnx::denoiser("weights.pb");
        let at = whole.windows(3).position(|bytes| bytes == b"Add").unwrap();
        fs::write(model.join(onnx), [&whole[..at], b"Adx", &whole[at + 3..]].concat()).unwrap();
    };
    refused(&cut, "cannot open");
    #[cfg(unix)]
    refused(
        &|model| {
            fs::write(model.with_file_name("secret"), onnx::weights(0.5, 9)).unwrap();
            fs::remove_file(model.join("unet/weights.pb")).unwrap();
            std::os::unix::fs::symlink("../../secret", model.join("unet/weights.pb")).unwrap();
        },
        "leads out of the folder",
    );
    #[cfg(unix)]
    refused(
        &|model| {
            fs::write(model.with_file_name("secret"), "{}").unwrap();
            fs::remove_file(model.join("model_index.json")).unwrap();
            std::os::unix::fs::symlink("../secret", model.join("model_index.json")).unwrap();
        },
        "leads out of it",
    );
}

#[cfg(unix)]
#[test]
fn the_cache_of_another_client_can_be_added() {
    use std::os::unix::fs::symlink;
    let folder = tempfile::tempdir().unwrap();
    let (cache, blobs) =
        (folder.path().join("models--them--it"), folder.path().join("models--them--it/blobs"));
    let snapshot = cache.join("snapshots").join("abc");
    onnx::write_model(&snapshot, "weights.pb", 0.5);
    fs::create_dir_all(&blobs).unwrap();
    for (name, up) in
        [("model_index.json", "../.."), ("unet/model.onnx", "../../.."), ("unet/weights.pb", "../../..")]
    {
        let blob = name.replace('/', "-");
        fs::rename(snapshot.join(name), blobs.join(&blob)).unwrap();
        symlink(format!("{up}/blobs/{blob}"), snapshot.join(name)).unwrap();
    }
    add(folder.path(), &snapshot, Taking::Copy).unwrap();
    let copied = folder.path().join("models/it");
    assert_eq!(names(&copied), ["model_index.json", "unet/model.onnx", "unet/weights.pb"]);
    assert!(!copied.join("unet/weights.pb").is_symlink());
}

#[test]
fn weights_elsewhere_are_refused_when_a_model_is_opened() {
    let folder = tempfile::tempdir().unwrap();
    for (location, word) in [("../x", "same folder"), ("/etc/passwd", "same folder"), ("gone", "not there")] {
        onnx::write_model(&folder.path().join("models/it"), location, 0.5);
        let said = catalog(folder.path()).find("it").unwrap_err().to_string();
        assert!(said.contains(word), "{said}");
        assert!(verify(&catalog(folder.path()), "it").unwrap_err().to_string().contains(word));
    }
}

#[test]
fn no_byte_of_a_network_makes_reading_it_panic() {
    let folder = tempfile::tempdir().unwrap();
    onnx::write_model(folder.path(), "weights.pb", 0.5);
    let path = folder.path().join("unet/model.onnx");
    let whole = fs::read(&path).unwrap();
    let mut refused = 0;
    for at in 0..whole.len() {
        for other in [0x00, 0x7f, 0x80, 0xff, whole[at] ^ 1, whole[at] ^ 4] {
            let mut bytes = whole.clone();
            bytes[at] = other;
            fs::write(&path, &bytes).unwrap();
            refused += usize::from(Header::read(&path).is_err());
        }
        fs::write(&path, &whole[..at]).unwrap();
        assert!(Header::read(&path).is_err(), "cut at {at}");
    }
    assert!(refused > whole.len(), "{refused} of {}", 6 * whole.len());
}

#[test]
fn one_flipped_bit_is_found() {
    let folder = tempfile::tempdir().unwrap();
    pull::pull(folder.path(), Hub::new(pull::content()).settings()).0.unwrap();
    let catalog = catalog(folder.path());
    let said = verify(&catalog, "it").unwrap();
    assert!(matches!(said.last(), Some(Event::Verified { files: Some(7), .. })), "{said:?}");
    assert_eq!(tried(&said), ["unet/model.onnx"]);

    let path = folder.path().join("models/it/unet/weights.pb");
    let whole = fs::read(&path).unwrap();
    let mut flipped = whole.clone();
    flipped[200_000] ^= 4;
    fs::write(&path, flipped).unwrap();
    let said = verify(&catalog, "it").unwrap_err().to_string();
    assert!(
        said.contains("`unet/weights.pb` has the SHA-256 digest") && said.contains("models pull them/it@"),
        "{said}"
    );

    fs::write(&path, &whole[..whole.len() - 1]).unwrap();
    assert!(verify(&catalog, "it").unwrap_err().to_string().contains("300007 bytes instead of 300008"));
    fs::remove_file(&path).unwrap();
    assert!(verify(&catalog, "it").unwrap_err().to_string().contains("is missing"));
    // Pulling again heals it.
    assert!(!pull::pull(folder.path(), Hub::new(pull::content()).settings()).0.unwrap());
    verify(&catalog, "it").unwrap();
}

#[test]
fn the_model_inside_the_program_runs_and_cannot_be_removed() {
    let folder = tempfile::tempdir().unwrap();
    let said = verify(&catalog(folder.path()), "pocket").unwrap();
    assert!(tried(&said).len() >= 3, "{said:?}");
    let (removed, _) = listening(|watch| catalog(folder.path()).remove("pocket", watch));
    assert!(matches!(removed, Err(Error::BuiltIn(_))));
}

#[test]
fn removing_stays_in_the_folder_of_models() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("outside")).unwrap();
    onnx::write_model(&folder.path().join("mine"), "weights.pb", 0.5);
    add(folder.path(), &folder.path().join("mine"), Taking::Copy).unwrap();
    let remove = |name: &str| listening(|watch| catalog(folder.path()).remove(name, watch)).0;
    for name in ["../outside", "..", ".", "", ".staging", "/tmp", "it/unet", "models.lock"] {
        assert!(remove(name).is_err(), "{name}");
    }
    assert!(folder.path().join("outside").exists() && folder.path().join("models/it/unet").exists());
    assert!(matches!(remove("other"), Err(Error::Missing { .. })));
    remove("it").unwrap();
    pull::assert_not_installed(folder.path());
    assert!(matches!(remove("it"), Err(Error::Missing { .. })));
}

#[test]
fn a_name_is_given_once() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["one", "two"] {
        onnx::write_model(&folder.path().join(name), "weights.pb", 0.5);
    }
    add(folder.path(), &folder.path().join("one"), Taking::Copy).unwrap();
    let error = add(folder.path(), &folder.path().join("two"), Taking::Copy).unwrap_err();
    assert!(matches!(error, Error::Taken { .. }), "{error}");
    // The same folder again takes its new state in.
    fs::write(folder.path().join("one/unet/weights.pb"), onnx::weights(2.0, 9)).unwrap();
    add(folder.path(), &folder.path().join("one"), Taking::Copy).unwrap();
    verify(&catalog(folder.path()), "it").unwrap();
}

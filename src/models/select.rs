//! Which files of a repository or folder make up a model; never its PyTorch twins.

use super::{Family, Header, Listed, PartKind};

/// How a model's files are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// diffusers': a folder a part, a denoiser among them.
    Diffusion,
    /// A folder for a VAE's decoder, perhaps one for its encoder, nothing else.
    Autoencoder,
    /// An IP-Adapter: its weights as safetensors, and a folder for the image encoder.
    Adapter,
    /// One network, such as an upscaler.
    Network,
}

/// A file to have, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    /// The file, where it comes from.
    pub(super) listed: Listed,
    /// Its path below the model's folder.
    pub(super) local: String,
}

/// The files of a model but for those that its ONNX files name.
#[derive(Debug)]
pub(super) struct Choice {
    /// How they are laid out.
    pub(super) layout: Layout,
    /// The files to have first.
    pub(super) files: Vec<Wanted>,
}

/// Folders of parts; whatever else has an ONNX file (safety checker, image encoder) nobody here runs.
const PARTS: [&str; 7] =
    ["text_encoder", "text_encoder_2", "text_encoder_3", "unet", "transformer", "vae_decoder", "vae_encoder"];

/// What an adapter's folder has beside its weights.
const IMAGE_ENCODER: &str = "image_encoder/model.onnx";

/// Folders of small files that parts are used with.
const SMALL: [&str; 4] = ["scheduler", "tokenizer", "tokenizer_2", "tokenizer_3"];

/// Finds the model in `files`; `only` names the one network where there are several.
pub(super) fn choose(files: &[Listed], only: Option<&str>) -> Result<Choice, String> {
    if let Some(only) = only {
        let found = files.iter().find(|file| file.path == only);
        return found.map(|file| network(files, file)).ok_or_else(|| format!("it has no file `{only}`"));
    }
    for (part, layout) in [
        ("unet", Layout::Diffusion),
        ("transformer", Layout::Diffusion),
        ("vae_decoder", Layout::Autoencoder),
    ] {
        let name = format!("{part}/model.onnx");
        let roots: Vec<_> = files
            .iter()
            .filter_map(|file| file.path.strip_suffix(&name))
            .filter(|root| root.is_empty() || root.ends_with('/'))
            .collect();
        let root = roots.iter().find(|root| root.is_empty()).or(match roots[..] {
            [_] => roots.first(),
            _ => None,
        });
        match root {
            Some(root) => return Ok(parts(files, root, layout)),
            None if roots.is_empty() => {}
            None => {
                let roots: Vec<_> = roots.iter().map(|root| root.trim_end_matches('/')).collect();
                return Err(format!("it has several models: {}", roots.join(", ")));
            }
        }
    }
    let is_adapter = |file: &Listed| file.path.ends_with(".safetensors") && !file.path.contains('/');
    if files.iter().any(|file| file.path == IMAGE_ENCODER) && files.iter().any(is_adapter) {
        return Ok(adapter(files));
    }
    let networks: Vec<_> = files.iter().filter(|file| file.path.ends_with(".onnx")).collect();
    match networks[..] {
        [file] => Ok(network(files, file)),
        [] if files.iter().any(|file| file.path.ends_with(".safetensors") || file.path.ends_with(".bin")) => {
            Err("it has PyTorch weights only, which must be exported to ONNX first".into())
        }
        [] => Err("it has no .onnx file".into()),
        _ => {
            let names: Vec<_> = networks.iter().take(8).map(|file| file.path.as_str()).collect();
            Err(format!("it has neither unet/model.onnx nor a single .onnx file, but {}", names.join(", ")))
        }
    }
}

fn parts(files: &[Listed], root: &str, layout: Layout) -> Choice {
    let wanted = files.iter().filter_map(|file| {
        let local = file.path.strip_prefix(root)?;
        let take = match local.rsplit_once('/') {
            None => local == "model_index.json" || is_licence(local),
            Some((folder, name)) if PARTS.contains(&folder) => matches!(name, "model.onnx" | "config.json"),
            Some((folder, name)) if SMALL.contains(&folder) => {
                [".json", ".txt", ".model"].iter().any(|ending| name.ends_with(ending))
            }
            Some(_) => false,
        };
        take.then(|| Wanted { listed: file.clone(), local: local.to_owned() })
    });
    Choice { layout, files: wanted.collect() }
}

fn adapter(files: &[Listed]) -> Choice {
    let belongs = |file: &&Listed| match file.path.rsplit_once('/') {
        None => file.path.ends_with(".safetensors") || is_licence(&file.path),
        Some(("image_encoder" | "feature_extractor", name)) => {
            name == "model.onnx" || name.ends_with(".json")
        }
        Some(_) => false,
    };
    let wanted = files.iter().filter(belongs);
    let wanted = wanted.map(|file| Wanted { listed: file.clone(), local: file.path.clone() });
    Choice { layout: Layout::Adapter, files: wanted.collect() }
}

fn network(files: &[Listed], network: &Listed) -> Choice {
    let folder = network.path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let config = if folder.is_empty() { "config.json".to_owned() } else { format!("{folder}/config.json") };
    let belongs = |file: &&Listed| file.path == network.path || file.path == config || is_licence(&file.path);
    let wanted = files.iter().filter(belongs).map(|file| {
        // Its own name stays: its weights may lie in files that are called after it.
        let local = file.path.rsplit('/').next().unwrap_or(&file.path);
        Wanted { listed: file.clone(), local: local.to_owned() }
    });
    Choice { layout: Layout::Network, files: wanted.collect() }
}

fn is_licence(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["license", "licence", "notice"].iter().any(|start| name.starts_with(start)) && !name.contains('/')
}

/// The files that the network `wanted`, whose header this is, has its weights in; or the name of the one
/// that `files` lacks.
pub(super) fn beside(files: &[Listed], wanted: &Wanted, header: &Header) -> Result<Vec<Wanted>, String> {
    let sibling = |path: &str, name: &str| match path.rsplit_once('/') {
        Some((folder, _)) => format!("{folder}/{name}"),
        None => name.to_owned(),
    };
    let found = header.external.keys().map(|name| {
        let path = sibling(&wanted.listed.path, name);
        let listed = files.iter().find(|file| file.path == path).ok_or_else(|| name.clone())?;
        Ok(Wanted { listed: listed.clone(), local: sibling(&wanted.local, name) })
    });
    found.collect()
}

/// The bytes of the files that networks most likely have their weights in, before any has been looked into.
pub(super) fn likely(files: &[Listed], choice: &Choice) -> u64 {
    let folder = |path: &str| path.rsplit_once('/').map_or(String::new(), |(folder, _)| folder.to_owned());
    let networks = choice.files.iter().filter(|wanted| wanted.local.ends_with(".onnx"));
    let folders: Vec<_> = networks.map(|wanted| folder(&wanted.listed.path)).collect();
    let is_weights = |path: &str| {
        let name = path.rsplit('/').next().unwrap_or_default();
        name.contains(".onnx_data") || name.contains(".onnx.data") || name.ends_with(".pb")
    };
    let likely = files.iter().filter(|file| is_weights(&file.path) && folders.contains(&folder(&file.path)));
    likely.map(|file| file.size).fold(0, u64::saturating_add)
}

/// Why the network at `local`, whose header this is, is none that anybody here can use.
pub(super) fn stranger(layout: Layout, local: &str, header: &Header) -> Option<String> {
    let is_denoiser = matches!(local, "unet/model.onnx" | "transformer/model.onnx");
    let strange = layout == Layout::Diffusion && is_denoiser && Family::of(&header.inputs).is_none();
    strange.then(|| {
        format!("no known family has a {} that takes {}", PartKind::Denoiser, header.inputs.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(paths: &[&str]) -> Vec<Listed> {
        let file = |path: &&str| Listed { path: (*path).to_owned(), size: 1, sha256: None, git: None };
        paths.iter().map(file).collect()
    }

    fn chosen(paths: &[&str]) -> Vec<String> {
        choose(&listed(paths), None).unwrap().files.into_iter().map(|wanted| wanted.local).collect()
    }

    #[test]
    fn pytorch_twins_and_pictures_stay_where_they_are() {
        let found = chosen(&[
            ".gitattributes",
            "LICENSE.md",
            "README.md",
            "01.png",
            "model_index.json",
            "sd_xl_base_1.0.safetensors",
            "safety_checker/model.onnx",
            "scheduler/scheduler_config.json",
            "text_encoder/config.json",
            "text_encoder/model.onnx",
            "text_encoder/model.safetensors",
            "text_encoder/openvino_model.bin",
            "tokenizer/merges.txt",
            "unet/config.json",
            "unet/diffusion_pytorch_model.fp16.safetensors",
            "unet/model.onnx",
            "unet/model.onnx_data",
            "unet/model_quantized.onnx",
            "vae/config.json",
            "vae_decoder/model.onnx",
        ]);
        assert_eq!(
            found,
            [
                "LICENSE.md",
                "model_index.json",
                "scheduler/scheduler_config.json",
                "text_encoder/config.json",
                "text_encoder/model.onnx",
                "tokenizer/merges.txt",
                "unet/config.json",
                "unet/model.onnx",
                "vae_decoder/model.onnx",
            ]
        );
    }

    #[test]
    fn a_model_in_a_folder_is_lifted_out() {
        assert_eq!(
            chosen(&["onnx/unet/model.onnx", "onnx/model_index.json"]),
            ["unet/model.onnx", "model_index.json"]
        );
        assert_eq!(chosen(&["config.json", "x4.onnx", "x.tflite"]), ["config.json", "x4.onnx"]);
        assert_eq!(
            chosen(&[
                "ip-adapter.safetensors",
                "export.json",
                "image_encoder/model.onnx",
                "image_encoder/model.safetensors",
                "feature_extractor/preprocessor_config.json"
            ]),
            [
                "ip-adapter.safetensors",
                "image_encoder/model.onnx",
                "feature_extractor/preprocessor_config.json"
            ]
        );
        assert_eq!(chosen(&["LICENSE", "config.json", "onnx/x4.onnx"]), ["LICENSE", "x4.onnx"]);
        assert_eq!(chosen(&["vae_decoder/model.onnx", "README.md"]), ["vae_decoder/model.onnx"]);
    }

    #[test]
    fn what_is_no_model_is_told_why() {
        let why = |paths: &[&str]| choose(&listed(paths), None).unwrap_err();
        assert!(why(&["unet/model.safetensors"]).contains("exported"));
        assert!(why(&["README.md"]).contains("no .onnx"));
        assert!(why(&["a.onnx", "b.onnx"]).contains("a.onnx, b.onnx"));
        assert!(why(&["a/unet/model.onnx", "b/unet/model.onnx"]).contains("several"));
        assert!(choose(&listed(&["a.onnx", "b.onnx"]), Some("b.onnx")).is_ok());
    }
}

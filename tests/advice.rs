//! What usual models need, and the table of the README that follows from it.

use flate2::read::GzDecoder;
use shortform::{
    diffusion::{Footprints, Geometry, Usual, UsualSize},
    engine::{Bytes, Demand, Device, DeviceMemory, Wishes},
    models::Model,
    story::Size,
};
use std::{fmt::Write as _, fs, io::Read, path::Path};

const SIZES: [(&str, &[(u32, u32)]); 2] = [
    ("sd15", &[(720, 1280), (576, 1024), (432, 768), (288, 512)]),
    ("sdxl", &[(768, 1344), (576, 1024), (432, 768)]),
];
/// OpenCLIP's ViT-bigG, which the skeletons lack: its parameters, 4 bytes each, its word vectors, and what 77
/// tokens take of it.
const SECOND: (u64, u64, u64) = (694_659_840 * 4, 49_408 * 1280 * 4, 64 << 20);

/// A folder with the graph of each part, without weights.
fn skeleton(folder: &Path, name: &str) -> Model {
    let path = folder.join(name);
    let config = match name {
        "sd15" => serde_json::json!({
            "sample_size": 64, "cross_attention_dim": 768, "in_channels": 4, "block_out_channels": [320, 640, 1280, 1280]
        }),
        _ => serde_json::json!({
            "sample_size": 128, "cross_attention_dim": 2048, "in_channels": 4, "block_out_channels": [320, 640, 1280]
        }),
    };
    let vae = serde_json::json!({ "block_out_channels": [128, 256, 512, 512], "latent_channels": 4, "scaling_factor": 0.18215 });
    for (part, file, config) in [
        ("unet", format!("{name}-unet"), config),
        ("vae_decoder", "sd15-vae-decoder".into(), vae),
        ("text_encoder", "sd15-text-encoder".into(), serde_json::json!({ "hidden_size": 768 })),
    ] {
        fs::create_dir_all(path.join(part)).unwrap();
        let packed = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("benches/skeletons/{file}.onnx.gz"));
        let mut bytes = Vec::new();
        GzDecoder::new(fs::File::open(packed).unwrap()).read_to_end(&mut bytes).unwrap();
        fs::write(path.join(part).join("model.onnx"), bytes).unwrap();
        fs::write(path.join(part).join("config.json"), config.to_string()).unwrap();
        // Only its length is looked at.
        let data = fs::File::create(path.join(part).join("model.onnx_data")).unwrap();
        data.set_len(16 << 30).unwrap();
    }
    Model::open(name, &path).unwrap()
}

fn computed() -> Vec<Usual> {
    let folder = tempfile::tempdir().unwrap();
    let usual = |(name, sizes): (&str, &[(u32, u32)])| {
        let model = skeleton(folder.path(), name);
        let geometry = Geometry::of(&model).unwrap();
        let on = |device| Footprints::read(&model, &geometry, device).unwrap();
        let (processor, card) = (on(Device::Cpu), on(Device::Cuda(0)));
        let rows = sizes.iter().flat_map(|size| [(size, 2), (size, 1)]);
        let sizes = rows.map(|(&(width, height), rows)| {
            let size = Size::new(width, height);
            let demands = processor.demands(size, rows).into_iter().zip(card.demands(size, rows));
            let bytes = |demand: &Demand| [demand.weights, demand.activations, demand.least];
            let mut parts: Vec<_> = demands
                .map(|(wide, own)| {
                    // SDXL's UNet is one of 16 bits already, the other graphs are of 32.
                    let is_half = name == "sdxl" && own.part == "denoiser";
                    let on_card = if is_half { bytes(&own) } else { bytes(&own).map(|bytes| bytes / 2) };
                    (wide.part.clone(), bytes(&wide), on_card)
                })
                .collect();
            if name == "sdxl" {
                let (weights, words, computed) = SECOND;
                let wide = [weights, computed, words + computed];
                parts.push(("second text encoder".into(), wide, wide.map(|bytes| bytes / 2)));
            }
            UsualSize { size, rows, parts }
        });
        let model = if name == "sd15" { "Stable Diffusion 1.5" } else { "Stable Diffusion XL" };
        Usual { model: model.into(), sizes: sizes.collect() }
    };
    SIZES.into_iter().map(usual).collect()
}

/// Renews what a test holds where the environment says so; otherwise it must be the same.
fn holds(path: &str, now: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if std::env::var_os("SHORTFORM_WRITE_ADVICE").is_some() {
        return fs::write(path, now).unwrap();
    }
    let found = fs::read_to_string(&path).unwrap();
    assert!(found == now, "{} is out of date: SHORTFORM_WRITE_ADVICE=1 renews it", path.display());
}

#[test]
fn demands_of_usual_models_follow_from_their_graphs() {
    let mut yaml = String::from(
        "# What usual models need, from their graphs: made by a test (tests/advice.rs), which also holds that it is\n\
         # true. Of each part, on the processor in 32-bit floats and on a card in 16: bytes of weights, of what it\n\
         # computes, and the least in pieces. SDXL's denoiser is stored in 16 bits.\n",
    );
    for usual in computed() {
        writeln!(yaml, "- model: {}\n  sizes:", usual.model).unwrap();
        for UsualSize { size, rows, parts } in usual.sizes {
            let size = serde_json::to_string(&size).unwrap();
            writeln!(yaml, "    - size: {size}\n      rows: {rows}\n      parts:").unwrap();
            for (part, processor, card) in parts {
                writeln!(yaml, "        - [{part}, {processor:?}, {card:?}]").unwrap();
            }
        }
    }
    holds("assets/demands.yaml", &yaml);
}

#[test]
fn the_table_of_hardware_is_what_the_planner_says() {
    const GIB: u64 = 1 << 30;
    // What is free of it: a desktop and a browser are open.
    let machines = [
        ("Mac, 8 GB", Device::CoreMl, 8, 4),
        ("card, 6 GB", Device::Cuda(0), 6, 5),
        ("card, 8 GB", Device::Cuda(0), 8, 7),
        ("card, 12 GB", Device::Cuda(0), 12, 11),
        ("card, 16 GB", Device::Cuda(0), 16, 15),
        ("card, 24 GB", Device::Cuda(0), 24, 23),
        ("no card, 8 GB of memory", Device::Cpu, 8, 4),
        ("no card, 16 GB of memory", Device::Cpu, 16, 11),
        ("no card, 32 GB of memory", Device::Cpu, 32, 26),
    ];
    let usual = Usual::all();
    let mut table = String::from("| |");
    usual.iter().for_each(|usual| write!(table, " {} |", usual.model).unwrap());
    table += "\n|---|---|---|\n";
    for (what, device, total, free) in machines {
        let (total, free) = (total * GIB, free * GIB);
        let device = DeviceMemory { device, name: String::new(), total, free };
        write!(table, "| {what}, {} free |", Bytes(free)).unwrap();
        for usual in &usual {
            match usual.on(&device, Wishes::default()).way {
                Some((size, residency, bytes)) => {
                    let from = if residency.is_in_pieces() { "from " } else { "" };
                    write!(table, " {size}, {residency}, {from}{} |", Bytes(bytes))
                }
                None => write!(table, " does not fit |"),
            }
            .unwrap();
        }
        table.push('\n');
    }
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let (before, rest) = readme.split_once("<!-- hardware -->\n").unwrap();
    let (_, after) = rest.split_once("<!-- end of hardware -->").unwrap();
    holds("README.md", &format!("{before}<!-- hardware -->\n{table}<!-- end of hardware -->{after}"));
}

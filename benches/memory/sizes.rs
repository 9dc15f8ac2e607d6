//! Models of real sizes with random weights.

use std::{
    fs::{self, File},
    io::{BufWriter, Read, Write},
    path::{Path, PathBuf},
};

use flate2::read::GzDecoder;
use half::f16;
use serde_json::json;
use shortform::graph::{Document, ElementType};

use super::Result;

/// Makes the models, once; answers the folder they lie in.
#[allow(dead_code, reason = "one bench needs the small one alone")]
pub(super) fn make() -> Result<PathBuf> {
    let folder = small()?;
    let large = folder.join("sdxl");
    shell(&large, "ORTStableDiffusionXLPipeline")?;
    let levels = json!({
        "block_out_channels": [320, 640, 1280], "attention_head_dim": [5, 10, 20], "sample_size": 128,
        "cross_attention_dim": 2048, "in_channels": 4, "out_channels": 4,
        "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"]
    });
    part(&large.join("unet"), "sdxl-unet", &levels)?;
    part(&large.join("vae_decoder"), "sd15-vae-decoder", &vae())?;
    part(&large.join("text_encoder"), "sd15-text-encoder", &json!({ "hidden_size": 768 }))?;
    Ok(folder)
}

/// Makes the one of Stable Diffusion 1.5's size, once; answers the folder it lies in.
pub(super) fn small() -> Result<PathBuf> {
    let folder = match std::env::var_os("SHORTFORM_BENCH_DIR") {
        Some(folder) => PathBuf::from(folder),
        None => Path::new(env!("CARGO_TARGET_TMPDIR")).join("models"),
    };
    let levels = json!({
        "block_out_channels": [320, 640, 1280, 1280], "attention_head_dim": 8, "sample_size": 64,
        "cross_attention_dim": 768, "in_channels": 4, "out_channels": 4,
        "down_block_types": ["CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"]
    });
    let small = folder.join("sd15");
    shell(&small, "OnnxStableDiffusionPipeline")?;
    part(&small.join("unet"), "sd15-unet", &levels)?;
    part(&small.join("vae_decoder"), "sd15-vae-decoder", &vae())?;
    part(&small.join("text_encoder"), "sd15-text-encoder", &json!({ "hidden_size": 768 }))?;
    Ok(folder)
}

fn vae() -> serde_json::Value {
    json!({ "block_out_channels": [128, 256, 512, 512], "latent_channels": 4, "scaling_factor": 0.18215 })
}

/// What a model folder has beside its networks; the tokenizer is `pocket`'s.
fn shell(folder: &Path, class: &str) -> Result<()> {
    let pocket = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/models/pocket");
    for name in ["tokenizer", "scheduler"] {
        fs::create_dir_all(folder.join(name))?;
        for file in fs::read_dir(pocket.join(name))? {
            let file = file?;
            fs::copy(file.path(), folder.join(name).join(file.file_name()))?;
        }
    }
    // `pocket` reads fewer tokens than CLIP does.
    let config = folder.join("tokenizer/tokenizer_config.json");
    let mut tokenizer: serde_json::Value = serde_json::from_slice(&fs::read(&config)?)?;
    tokenizer["model_max_length"] = json!(77);
    fs::write(&config, tokenizer.to_string())?;
    fs::write(folder.join("model_index.json"), json!({ "_class_name": class }).to_string())?;
    let scheduler = json!({
        "_class_name": "DDIMScheduler", "beta_start": 0.00085, "beta_end": 0.012,
        "beta_schedule": "scaled_linear", "num_train_timesteps": 1000, "steps_offset": 1,
        "prediction_type": "epsilon", "clip_sample": false, "set_alpha_to_one": false
    });
    fs::write(folder.join("scheduler/scheduler_config.json"), scheduler.to_string())?;
    Ok(())
}

/// A network of random weights: uniform over what PyTorch would start with, ones for scales, zeros for
/// offsets.
fn part(folder: &Path, skeleton: &str, config: &serde_json::Value) -> Result<()> {
    fs::create_dir_all(folder)?;
    fs::write(folder.join("config.json"), config.to_string())?;
    let data = folder.join("model.onnx_data");
    let onnx = folder.join("model.onnx");
    if onnx.is_file() && data.is_file() {
        return Ok(());
    }
    eprintln!("making random weights for {skeleton}");
    let packed =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/skeletons").join(format!("{skeleton}.onnx.gz"));
    let mut bytes = Vec::new();
    GzDecoder::new(File::open(packed)?).read_to_end(&mut bytes)?;
    let unfinished = folder.join("model.onnx.part");
    fs::write(&unfinished, bytes)?;
    let mut weights = Document::read(&unfinished)?.weights_beside();
    weights.sort_by_key(|weight| weight.offset);
    let mut file = BufWriter::with_capacity(1 << 20, File::create(&data)?);
    let (mut at, mut seed) = (0, 0x9e37_79b9_7f4a_7c15u64);
    for weight in weights {
        file.write_all(&vec![0; usize::try_from(weight.offset - at)?])?;
        let many = weight.dims.iter().filter(|&&dim| dim > 1).count() > 1;
        let spread = match weight.dims.len() {
            4 => weight.dims[1..].iter().product::<u64>(),
            _ => weight.dims.first().copied().unwrap_or(1),
        };
        let spread = (1.0 / spread as f32).sqrt();
        let scales = weight.name.ends_with(".weight") || weight.name.contains("Mul");
        let elements: u64 = weight.dims.iter().product();
        for _ in 0..elements {
            let value = match (many, scales) {
                (true, _) => {
                    seed ^= seed << 13;
                    seed ^= seed >> 7;
                    seed ^= seed << 17;
                    ((seed >> 40) as f32 / (1u64 << 23) as f32 - 1.0) * spread
                }
                (false, true) => 1.0,
                (false, false) => 0.0,
            };
            match weight.element {
                ElementType::F16 => file.write_all(&f16::from_f32(value).to_le_bytes())?,
                _ => file.write_all(&value.to_le_bytes())?,
            }
        }
        at = weight.offset + weight.element.bytes(elements);
    }
    file.flush()?;
    fs::rename(unfinished, onnx)?;
    Ok(())
}

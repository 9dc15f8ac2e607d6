//! What `just bench` prints of drawing: what the loop costs beside its networks, and one picture against the
//! reference implementation on the same processor, with as many threads.
//!
//! The reference needs a Python with torch and diffusers (`python/reference/requirements.txt`), named by
//! `SHORTFORM_BENCH_PYTHON`; without one, its rows say so. The real size is that of Stable Diffusion 1.5, with
//! random weights made on the spot (4 GB of disk, in `SHORTFORM_BENCH_DIR` or the build folder).

#[path = "../memory/sizes.rs"]
mod sizes;

use std::{
    collections::BTreeMap,
    error::Error,
    fs,
    ops::ControlFlow,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use serde::Deserialize;
use shortform::{
    diffusion::{Noise, Options, Request, TextToImage},
    engine,
    models::{Catalog, Model},
    story::{Seed, Size},
};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// Pictures drawn to warm up, and the fewest measured: the quickest counts, what disturbs only adds.
const WARM: usize = 1;
const MEASURED: usize = 3;

fn main() -> Result<()> {
    // `cargo test --benches` builds this to see that it builds.
    if !std::env::args().any(|argument| argument == "--bench") {
        return Ok(());
    }
    println!("{:<64} {:>7} {:>8}", "", "ratio", "at most");
    let pocket = Catalog::new(None).find("pocket")?;
    let drawn = draw(&pocket, &request("a lighthouse at night", Size::new(288, 512), 12, 1.5), 5)?;
    print("pocket, 12 steps: denoising / its networks alone", drawn.loops, 1.02);

    let folder = tempfile::tempdir()?;
    let tiny = tiny(folder.path())?;
    let asked = request("a red bicycle", Size::new(64, 96), 20, 7.5);
    let drawn = draw(&tiny, &asked, 20)?;
    print("tiny, 20 steps: denoising / its networks alone", drawn.loops, 1.02);
    against("tiny", &asked, drawn.seconds, 0.70)?;

    let large = Model::open("sd15", &sizes::small()?.join("sd15"))?;
    let asked = request("a lighthouse by the sea", Size::new(512, 512), 3, 7.5);
    let drawn = draw(&large, &asked, 1)?;
    print("SD 1.5's size, 3 steps: denoising / its networks alone", drawn.loops, 1.02);
    against("sd15", &asked, drawn.seconds, 0.85)
}

fn print(what: &str, ratio: f64, limit: f64) {
    let verdict = if ratio <= limit { "" } else { "  missed" };
    println!("{what:<64} {ratio:>7.3} {limit:>8.2}{verdict}");
}

fn request(prompt: &str, size: Size, steps: usize, guidance_scale: f32) -> Request {
    let noise = Noise::Seed(Seed(7));
    Request { inference_steps: steps, guidance_scale, noise, ..Request::new(prompt, size) }
}

struct Drawn {
    /// One picture, decoded.
    seconds: f64,
    /// The denoising of one by what its runs of networks took.
    loops: f64,
}

fn draw(model: &Model, request: &Request, times: usize) -> Result<Drawn> {
    let mut drawer = TextToImage::open(model, Options::default())?;
    let mut drawn = Drawn { seconds: f64::INFINITY, loops: f64::INFINITY };
    for time in 0..WARM + times.max(MEASURED) {
        // Denoising begins when its first report comes: prompts are read before.
        let (mut begun, mut networks) = (Instant::now(), engine::time_in_sessions());
        drawer.latents(request, &mut |progress| {
            if progress.done == 0 {
                (begun, networks) = (Instant::now(), engine::time_in_sessions());
            }
            ControlFlow::Continue(())
        })?;
        let loops = begun.elapsed().as_secs_f64() / (engine::time_in_sessions() - networks).as_secs_f64();
        let begun = Instant::now();
        drawer.generate(request, &mut |_| ControlFlow::Continue(()))?;
        if time >= WARM {
            drawn.loops = drawn.loops.min(loops);
            drawn.seconds = drawn.seconds.min(begun.elapsed().as_secs_f64());
        }
    }
    Ok(drawn)
}

/// The reference's quickest picture of the same size, steps and guidance.
fn against(model: &str, request: &Request, ours: f64, limit: f64) -> Result<()> {
    let what = format!("{model}: one picture / diffusers on torch");
    let Some(python) = std::env::var_os("SHORTFORM_BENCH_PYTHON") else {
        println!("{what:<64} not measured: SHORTFORM_BENCH_PYTHON names no Python with torch and diffusers");
        return Ok(());
    };
    let mut command = Command::new(python);
    command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/drawing/peer.py")).arg(model);
    command.args([request.size.width, request.size.height].map(|side| side.to_string()));
    command.args([request.inference_steps.to_string(), request.guidance_scale.to_string()]);
    command.arg(engine::Options::default().threads.to_string()).arg((WARM + MEASURED).to_string());
    let output = command.output()?;
    if !output.status.success() {
        return Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    let theirs: f64 = String::from_utf8_lossy(&output.stdout).trim().parse()?;
    print(&what, ours / theirs, limit);
    Ok(())
}

#[derive(Deserialize)]
struct Recipe {
    parts: BTreeMap<String, String>,
}

/// The reference suite's smallest model, put together from its parts.
fn tiny(folder: &Path) -> Result<Model> {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/reference/models");
    let recipes: BTreeMap<String, Recipe> = serde_json::from_slice(&fs::read(fixtures.join("models.json"))?)?;
    let path = folder.join("sd1");
    copy(&fixtures.join("sd1"), &path)?;
    for (part, from) in &recipes["sd1"].parts {
        copy(&fixtures.join("parts").join(from), &path.join(part))?;
    }
    Ok(Model::open("sd1", &path)?)
}

fn copy(from: &Path, to: &PathBuf) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        match entry.path().is_dir() {
            true => copy(&entry.path(), &target)?,
            false => drop(fs::copy(entry.path(), target)?),
        }
    }
    Ok(())
}

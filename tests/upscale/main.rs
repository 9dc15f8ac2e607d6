//! Upscaling networks of every habit through the real ONNX Runtime; `python/upscale/make_fixtures.py` wrote
//! `tests/fixtures/upscale`.

mod stage;

use std::{
    fs,
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use image::{Rgb, RgbImage};
use shortform::{
    engine,
    graph::Graph,
    models,
    story::Size,
    upscale::{self, Error, Network, Plan, Upscaler},
};

const PLENTY: u64 = 64 << 30;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/upscale/{name}.onnx"))
}

fn model(name: &str) -> models::Upscaler {
    models::Upscaler::open(name, &fixture(name)).unwrap()
}

fn open(name: &str) -> Upscaler {
    Upscaler::open(&model(name), &engine::Options::default()).unwrap()
}

/// Lines, a disc and a texture, nothing of it symmetrical.
fn picture(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        let disc = (x as f32 - width as f32 * 0.4).hypot(y as f32 - height as f32 * 0.3) < 13.0;
        let line = (2 * x + y) % 23 < 3;
        let texture = (x.wrapping_mul(2_654_435_761).wrapping_add(y.wrapping_mul(40_503)) >> 7) % 40;
        let red = if disc { 210 } else { 40 + texture };
        Rgb([red as u8, if line { 190 } else { 70 }, (30 + y * 170 / height) as u8])
    })
}

fn enlarge(upscaler: &mut Upscaler, picture: &RgbImage, plan: &Plan) -> RgbImage {
    upscaler.enlarge(picture, plan, &mut |_, _| ControlFlow::Continue(())).unwrap()
}

fn plan(upscaler: &Upscaler, picture: &RgbImage, budget: u64) -> Result<Plan, Error> {
    upscaler.network().plan(Size::new(picture.width(), picture.height()), budget)
}

fn whole(upscaler: &mut Upscaler, picture: &RgbImage) -> RgbImage {
    let plan = plan(upscaler, picture, PLENTY).unwrap();
    enlarge(upscaler, picture, &plan)
}

/// Plans of more and more tiles, until nothing fits.
fn plans(upscaler: &Upscaler, picture: &RgbImage) -> Vec<Plan> {
    let mut plans = Vec::new();
    let mut budget = plan(upscaler, picture, PLENTY).unwrap().predicted - 1;
    while let Ok(next) = plan(upscaler, picture, budget) {
        assert!(next.predicted <= budget, "{} of {budget}", next.predicted);
        budget = next.predicted - next.predicted / 8;
        plans.push(next);
    }
    plans
}

fn difference(a: &RgbImage, b: &RgbImage) -> u8 {
    assert_eq!(a.dimensions(), b.dimensions());
    a.as_raw().iter().zip(b.as_raw()).map(|(a, b)| a.abs_diff(*b)).max().unwrap()
}

#[test]
fn every_habit_enlarges_any_size_and_keeps_the_picture() {
    for (name, scale) in [
        ("x2", 2),
        ("x3", 3),
        ("x4", 4),
        ("half", 2),
        ("far", 2),
        ("fixed", 2),
        ("channels_last", 2),
        ("channels_last_255", 2),
        ("cropping", 2),
        ("padded", 2),
        ("coarse", 2),
        ("shuffled", 2),
        ("attentive", 2),
    ] {
        let mut upscaler = open(name);
        assert_eq!(upscaler.network().scale(), Some(scale), "{name}");
        for (width, height) in [(53, 37), (30, 61), (96, 80)] {
            let small = picture(width, height);
            let large = whole(&mut upscaler, &small);
            assert_eq!(large.dimensions(), (width * scale, height * scale), "{name}");
            // The networks add little to each pixel repeated: a picture turned round, moved, of other
            // colours or brightness would be far away.
            let repeated = RgbImage::from_fn(width * scale, height * scale, |x, y| {
                *small.get_pixel(x / scale, y / scale)
            });
            let sum: u64 =
                large.as_raw().iter().zip(repeated.as_raw()).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
            let mean = sum as f64 / large.as_raw().len() as f64;
            assert!(mean < 20.0, "{name}: {mean} levels away on average at {width}x{height}");
        }
    }
}

#[test]
fn tiles_give_bit_for_bit_what_the_whole_picture_gives() {
    for name in ["x2", "x3", "x4", "half", "channels_last", "cropping", "padded", "coarse", "free"] {
        let mut upscaler = open(name);
        let small = picture(157, 203);
        let at_once = whole(&mut upscaler, &small);
        let mut counts = Vec::new();
        for plan in plans(&upscaler, &small) {
            assert!(plan.exact && plan.tiles > 1, "{name}: {plan:?}");
            counts.push(plan.tiles);
            let tiled = enlarge(&mut upscaler, &small, &plan);
            assert_eq!(difference(&tiled, &at_once), 0, "{name}: {}", plan.line());
        }
        assert!(counts.len() >= 3 && counts.last() >= Some(&12), "{name}: {counts:?}");
    }
}

/// What this process may take and does, in bytes of addresses.
#[cfg(target_os = "linux")]
fn taken() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmSize:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() << 10
}

/// Not a test of its own: enlarges a picture to one that the system refuses, then one that it does not.
#[test]
#[cfg(target_os = "linux")]
fn limited() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    if std::env::var_os("SHORTFORM_TEST_LIMITED").is_none() {
        return;
    }
    let mut upscaler = open("x4");
    let (small, large) = (picture(96, 80), picture(2400, 3200));
    let expected = whole(&mut upscaler, &small);
    let whole_plan = plan(&upscaler, &large, PLENTY).unwrap();
    // The large one takes 352 MiB alone.
    let limit = Rlimit { current: Some(taken() + (256 << 20)), ..getrlimit(Resource::As) };
    setrlimit(Resource::As, limit).unwrap();
    let refused = upscaler.enlarge(&large, &whole_plan, &mut |_, _| ControlFlow::Continue(())).unwrap_err();
    let named = refused.to_string();
    assert!(matches!(refused, Error::Engine(engine::Error::OutOfMemory { .. })), "{named}");
    assert!(named.contains("x4.onnx") && named.contains("368640000"), "{named}");
    assert_eq!(difference(&whole(&mut upscaler, &small), &expected), 0);
}

#[test]
#[cfg(target_os = "linux")]
fn a_picture_that_the_system_refuses_is_an_error_and_not_the_end_of_the_process() {
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "limited", "--nocapture"])
        .env("SHORTFORM_TEST_LIMITED", "1")
        .output()
        .unwrap();
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

#[test]
fn a_fixed_size_gives_what_the_free_network_gives() {
    let small = picture(157, 203);
    let mut fixed = open("fixed");
    let plan = plan(&fixed, &small, PLENTY).unwrap();
    assert!(plan.exact && plan.tile == Size::new(48, 40) && plan.tiles > 12, "{plan:?}");
    assert_eq!(difference(&enlarge(&mut fixed, &small, &plan), &whole(&mut open("free"), &small)), 0);
}

#[test]
fn what_looks_too_far_is_blended_without_seams_and_says_so() {
    for (name, why, most) in [
        ("far", "it looks 56 pixels far", 6),
        ("attentive", "GlobalAveragePool", 6),
        ("shuffled", "Reshape", 1),
    ] {
        let mut upscaler = open(name);
        let small = picture(190, 260);
        let at_once = whole(&mut upscaler, &small);
        let plans = plans(&upscaler, &small);
        let blended: Vec<_> = plans.iter().filter(|plan| !plan.exact).collect();
        assert!(!blended.is_empty(), "{name}: {plans:?}");
        for plan in blended {
            assert!(plan.line().contains("blended") && plan.line().contains(why), "{}", plan.line());
            let tiled = enlarge(&mut upscaler, &small, plan);
            let apart = difference(&tiled, &at_once);
            assert!(apart <= most, "{name}: {apart} levels apart; {}", plan.line());
        }
    }
}

#[test]
fn the_reach_of_a_network_is_counted_from_its_nodes() {
    // x2: five convolutions of 3x3, and the pixel repeated.
    for (name, before, after, multiple) in [
        ("x2", 5, 5, 1),
        ("x4", 5, 5, 1),
        ("far", 56, 56, 1),
        ("cropping", 4, 4, 1),
        ("padded", 3, 3, 1),
        ("coarse", 12, 12, 4),
    ] {
        let reach = Graph::read(&fixture(name)).unwrap().reach().unwrap();
        assert_eq!(
            (reach.before, reach.after, reach.multiple),
            (before, after, multiple),
            "{name}: {reach:?}"
        );
    }
    let cropping = Graph::read(&fixture("cropping")).unwrap().reach().unwrap();
    assert_eq!(cropping.cropped, 16);
    for (name, told) in
        [("attentive", "GlobalAveragePool"), ("shuffled", "Reshape"), ("two_outputs", "more than one")]
    {
        let error = Graph::read(&fixture(name)).unwrap().reach().unwrap_err().to_string();
        assert!(error.contains(told), "{name}: {error}");
    }
}

#[test]
fn a_budget_is_kept_and_too_little_says_what_is_needed() {
    let network = Network::inspect(&model("x4")).unwrap();
    let size = Size::new(720, 1280);
    let mut tiles = 0;
    for mebibytes in [4096, 400, 200, 140, 100, 80] {
        let plan = network.plan(size, mebibytes << 20).unwrap();
        assert!(plan.predicted <= plan.budget && plan.tiles >= tiles, "{mebibytes}: {plan:?}");
        tiles = plan.tiles;
    }
    assert!(tiles > 8, "{tiles}");
    let Err(Error::TooSmall { needed, budget, name }) = network.plan(size, 20 << 20) else { panic!("fits") };
    assert!(needed > budget && name == "x4");
    assert!(network.plan(size, needed).is_ok(), "what is said to be needed is not enough");
}

#[test]
fn the_delivered_size_is_reached_exactly_from_every_size_drawn() {
    let mut upscaler = open("x2");
    for (width, height) in [(576, 1024), (704, 1280), (720, 1280), (768, 1344), (288, 512), (512, 512)] {
        let small = picture(width, height);
        let plan = plan(&upscaler, &small, 96 << 20).unwrap();
        let large = enlarge(&mut upscaler, &small, &plan);
        let delivered = upscale::fit(&large, Size::new(1080, 1920), 1.0, upscale::MIDDLE).unwrap();
        assert_eq!(delivered.dimensions(), (1080, 1920));
    }
}

#[test]
fn it_stops_between_two_tiles_when_asked() {
    let mut upscaler = open("x2");
    let small = picture(157, 203);
    let plan = plans(&upscaler, &small).pop().unwrap();
    let mut seen = Vec::new();
    let stopped = upscaler.enlarge(&small, &plan, &mut |done, total| {
        seen.push((done, total));
        if done == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    assert!(matches!(stopped, Err(Error::Cancelled { done: 3, .. })), "{stopped:?}");
    assert_eq!(seen, (0..=3).map(|done| (done, plan.tiles)).collect::<Vec<_>>());
}

#[test]
fn what_is_no_upscaler_is_refused_with_a_reason() {
    let refused = |name: &str| {
        let opened = Upscaler::open(&model(name), &engine::Options::default());
        opened.map(|_| ()).unwrap_err().to_string()
    };
    for (name, told) in [
        ("grey", "it takes `small` of shape 1x1x?x?; a picture is 1x3xHxW or 1xHxWx3"),
        ("same_size", "it makes 1 pixels of one along each side"),
        ("two_outputs", "it has 1 inputs and 2 outputs, not one of each"),
        ("darkening", "an upscaler keeps plain colours"),
    ] {
        let error = refused(name);
        assert!(error.contains(told) && error.contains(&format!("{name}.onnx")), "{error}");
    }
}

#[test]
fn a_network_that_answers_nan_is_caught() {
    let mut upscaler = open("not_a_number");
    let mut small = picture(24, 24);
    whole(&mut upscaler, &small);
    small.put_pixel(20, 20, Rgb([255; 3]));
    let plan = plan(&upscaler, &small, PLENTY).unwrap();
    let error = upscaler.enlarge(&small, &plan, &mut |_, _| ControlFlow::Continue(())).unwrap_err();
    assert!(error.to_string().contains("answers NaN or infinity at tile 1 of 1"), "{error}");
}

#[test]
fn a_corrupt_file_is_told_from_a_pointer_and_from_a_model() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("broken.onnx");
    let whole = fs::read(fixture("x2")).unwrap();
    let opened = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        let model = models::Upscaler::open("broken", &path)?;
        Upscaler::open(&model, &engine::Options::default()).map(drop)
    };
    for bytes in [&b"version https://git-lfs.github.com/spec/v1\n"[..], &whole[..whole.len() / 2], b""] {
        let error = opened(bytes).map_err(|error: Error| error.to_string()).unwrap_err();
        assert!(error.contains("broken.onnx") && error.contains("is not an ONNX model"), "{error}");
    }
    // Sound as a message, and nonsense as a network.
    let mut nonsense = whole.clone();
    let at = nonsense.windows(4).position(|word| word == b"Relu").unwrap();
    nonsense[at..at + 4].copy_from_slice(b"Rolu");
    let error = opened(&nonsense).map_err(|error: Error| error.to_string()).unwrap_err();
    assert!(error.contains("cannot open") && error.contains("Rolu"), "{error}");
    opened(&whole).map_err(|error: Error| error.to_string()).unwrap();
}

#[test]
fn what_black_and_white_are_can_be_said() {
    let folder = tempfile::tempdir().unwrap();
    fs::copy(fixture("x2"), folder.path().join("model.onnx")).unwrap();
    let say = |config: &str| {
        fs::write(folder.path().join("config.json"), config).unwrap();
        let model = models::Upscaler::open("said", folder.path()).unwrap();
        Upscaler::open(&model, &engine::Options::default())
    };
    let small = picture(40, 40);
    let minus = whole(&mut say(r#"{ "range": [-1, 1] }"#).unwrap(), &small);
    assert!(difference(&minus, &whole(&mut open("x2"), &small)) > 0);
    let error = say(r#"{ "range": 255 }"#).unwrap_err().to_string();
    assert!(error.contains("`range` in its config.json is 255, not two numbers"), "{error}");
}

#[test]
fn the_command_enlarges_with_the_model_named_and_says_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("small.png"), folder.path().join("large.png"));
    picture(288, 512).save(&input).unwrap();
    let run = |model: &Path, more: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_shortform"));
        command
            .arg("upscale")
            .arg(&input)
            .arg("-o")
            .arg(&output)
            .args(["--device", "cpu", "--model"])
            .arg(model);
        command.arg("--models-dir").arg(folder.path()).args(more);
        let ended = command.output().unwrap();
        (ended.status.code(), String::from_utf8_lossy(&ended.stderr).into_owned())
    };
    let (code, told) = run(&fixture("x4"), &[]);
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("makes 288x512 1152x2048, at once"), "{told}");
    assert_eq!(image::open(&output).unwrap().to_rgb8().dimensions(), (1080, 1920));
    let (code, told) = run(&fixture("x4"), &["--memory-budget", "130MiB", "--size", "720x1280"]);
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("tiles of"), "{told}");
    assert_eq!(image::open(&output).unwrap().to_rgb8().dimensions(), (720, 1280));
    assert_eq!(run(&fixture("x4"), &["--memory-budget", "1MiB"]).0, Some(6));
    assert_eq!(run(&fixture("grey"), &[]).0, Some(3));
    assert_eq!(run(Path::new("real-esrgan"), &[]).0, Some(4));
    let (code, told) = run(Path::new("auto"), &[]);
    assert!(code == Some(0) && told.contains("with lanczos"), "{told}");
}

#[test]
fn what_is_cut_off_is_not_the_subject_unless_the_middle_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("wide.png"), folder.path().join("tall.png"));
    let red = |pixel: &Rgb<u8>| pixel.0[0] > 150 && pixel.0[1] < 80;
    let is_in = |x: u32, y: u32| (60..160).contains(&x) && (100..220).contains(&y);
    let wide =
        RgbImage::from_fn(
            640,
            320,
            |x, y| if is_in(x, y) { Rgb([220, 20, 30]) } else { Rgb([120, 130, 140]) },
        );
    wide.save(&input).unwrap();
    let reds = |more: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_shortform"));
        command.arg("upscale").arg(&input).arg("-o").arg(&output).args(["--model", "lanczos"]).args(more);
        assert!(command.status().unwrap().success());
        image::open(&output).unwrap().to_rgb8().pixels().filter(|pixel| red(pixel)).count()
    };
    let whole = 600 * 720;
    assert!(reds(&[]) > whole * 9 / 10, "all of it is there, 6 times as large");
    assert_eq!(reds(&["--crop", "middle"]), 0);
}

#[test]
#[cfg(target_os = "linux")]
fn the_command_keeps_a_budget_seen_from_outside() {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join("small.png"), folder.path().join("large.png"));
    picture(704, 1280).save(&input).unwrap();
    let mut drawn = Vec::new();
    for mebibytes in [2000, 300, 200, 160] {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_shortform"));
        command.arg("upscale").arg(&input).arg("-o").arg(&output).args(["--device", "cpu", "--model"]);
        command.arg(fixture("x4")).args(["--quiet", "--memory-budget", &format!("{mebibytes}MiB")]);
        let mut child = command.spawn().unwrap();
        let mut peak = 0;
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            peak = peak.max(engine::process_of(child.id()).and_then(|process| process.peak).unwrap_or(0));
            std::thread::sleep(std::time::Duration::from_millis(5));
        };
        println!("{} of {mebibytes} MiB", peak >> 20);
        assert!(status.success() && peak <= mebibytes << 20, "{status}: {} of {mebibytes} MiB", peak >> 20);
        drawn.push(fs::read(&output).unwrap());
    }
    assert!(drawn.windows(2).all(|two| two[0] == two[1]), "tiles differ from the whole picture");
}

//! Pipelines from files, front matter, environment and options: what they mean, and every way to get them wrong.

use shortform::{
    engine::{Attention, Clean, ConvSearch, Device, DeviceChoice, Tiling, Units, Workspace},
    graph::Storage,
    pipeline::{
        Budget, ImageSize, Pipeline, Play, Presets, Problems, Request, ScriptSource, UpscaleEngine,
        WeightStorage, split_set,
    },
    story::{CameraKind, CaptionStyle, Format, FrameRate, FrontMatter, Mood, Seed, Size, TransitionKind},
};
use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

fn load(request: &Request<'_>) -> Result<Pipeline, Problems> {
    Presets::built_in().load(request)
}

fn file(path: &str) -> Request<'_> {
    Request { pipeline: Some(path), ..Request::default() }
}

fn with_sets(sets: &[&str]) -> Request<'static> {
    let split = |set: &&str| split_set(set).map(|(path, value)| ("--set".to_owned(), path, value)).unwrap();
    Request { sets: sets.iter().map(split).collect(), ..Request::default() }
}

fn with_environment(variables: &[(&str, &str)]) -> Request<'static> {
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    Request { environment: variables.iter().map(own).collect(), ..Request::default() }
}

/// A script with front matter, and the front matter as the script's parser hands it over.
struct Script(String, FrontMatter);

impl Script {
    fn new(front: &str) -> Self {
        let text = format!("---\n{front}---\n\nA red bicycle stood in the snow.\n");
        Self(text, FrontMatter { text: front.to_owned(), line: 2 })
    }

    fn request(&self) -> Request<'_> {
        let script = ScriptSource { name: "scripts/bicycle.md", text: &self.0, front_matter: &self.1 };
        Request { script: Some(script), ..Request::default() }
    }
}

fn drawing(request: &Request<'_>) -> String {
    load(request).expect_err("it is wrong").draw(false)
}

#[test]
fn weights_are_kept_as_is_said() {
    let kept = |request: &Request<'_>| load(request).unwrap().memory.storage;
    assert_eq!(kept(&Request::default()), WeightStorage::Auto);
    assert_eq!(kept(&with_sets(&["memory.storage=none"])), WeightStorage::None);
    assert_eq!(
        kept(&with_environment(&[("SHORTFORM_MEMORY_STORAGE", "fp8-e5m2")])),
        WeightStorage::In(Storage::Fp8E5m2)
    );
    assert_eq!(kept(&with_sets(&["memory.storage=int8"])), WeightStorage::In(Storage::Int8));
}

#[test]
fn built_in_pipelines_are_right() {
    for summary in Presets::built_in().pipelines().unwrap() {
        let pipeline =
            load(&file(&summary.name)).unwrap_or_else(|problems| panic!("{}", problems.draw(false)));
        assert_eq!(pipeline.name, summary.name);
        assert!(!summary.summary.is_empty());
    }
}

#[test]
fn default_has_every_value_that_its_comments_promise() {
    let pipeline = load(&Request::default()).unwrap();
    assert_eq!(pipeline.platform.name, "tiktok");
    assert_eq!(pipeline.seed, Seed(7));
    assert_eq!(pipeline.title, None);
    assert_eq!(pipeline.narration.voice.name, "nova");
    assert_eq!(pipeline.narration.language, pipeline.narration.voice.language);
    assert_eq!(pipeline.narration.lead, Duration::from_millis(150));
    assert_eq!(pipeline.narration.tail, Duration::from_millis(600));
    assert_eq!(pipeline.scenes.seconds, [2.5, 6.0]);
    assert_eq!(pipeline.images.size, ImageSize::Auto);
    assert_eq!(pipeline.timeline.zoom, 1.12);
    assert_eq!(pipeline.timeline.captions.position, 0.75);
    assert_eq!(pipeline.video.frame_rate, FrameRate::new(30, 1));
    assert_eq!(pipeline.memory.budget, Budget::Auto);
    assert!(pipeline.narration.voices.contains_key("onyx"));
}

#[test]
fn every_bad_file_is_explained() {
    let mut files: Vec<_> = fs::read_dir("tests/bad").unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 50, "only {} files", files.len());
    for path in files {
        let started = Instant::now();
        let drawn = drawing(&file(path.to_str().unwrap()));
        assert!(
            started.elapsed() < Duration::from_secs(1),
            "{} took {:?}",
            path.display(),
            started.elapsed()
        );
        insta::with_settings!({ snapshot_suffix => path.file_stem().unwrap().to_str().unwrap(), omit_expression => true }, {
            insta::assert_snapshot!("bad", drawn);
        });
    }
}

#[test]
fn files_that_cannot_be_read_are_explained() {
    insta::assert_snapshot!("no-such-file", drawing(&file("tests/bad/none.yaml")));
    insta::assert_snapshot!("no-such-name", drawing(&file("defualt")));
    insta::assert_snapshot!("folder", drawing(&file("tests/bad/")));
}

#[test]
fn huge_and_hostile_files_are_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let attacks: [(&str, String, &str); 9] = [
        ("ten-megabytes", "a: b\n".repeat(2 << 20), "larger than 1 MiB"),
        ("deep-lists", "[".repeat(200_000), "nested deeper"),
        ("deep-mappings", "{a: ".repeat(200_000), "nested deeper"),
        ("deep-blocks", (0..1_400).map(|n| format!("{}a:\n", " ".repeat(n))).collect(), "nested deeper"),
        ("deep-dashes", "- ".repeat(400_000), "nested deeper"),
        ("wide", (0..80_000).map(|n| format!("k{n}: v\n")).collect(), "more than 10000 values"),
        ("unknown-keys", (0..4_900).map(|n| format!("k{n}: v\n")).collect(), "more problems"),
        ("long-line", format!("version: 1\ntitle: [{}]\n", "x".repeat(1_000_000)), "`title` is a list"),
        ("aliases", alias_ladder(), "nested deeper"),
    ];
    for (name, text, expected) in attacks {
        let path = folder.path().join(format!("{name}.yaml"));
        fs::write(&path, text).unwrap();
        let started = Instant::now();
        let drawn = drawing(&file(path.to_str().unwrap()));
        let took = started.elapsed();
        assert!(drawn.contains(expected), "{name}: {}", &drawn[..drawn.len().min(2000)]);
        assert!(drawn.len() < 100_000, "{name} draws {} bytes", drawn.len());
        assert!(took < Duration::from_secs(1), "{name} took {took:?}");
    }
}

/// Each anchor one level deeper than the last: deep through aliases alone.
fn alias_ladder() -> String {
    let steps = (1..400).map(|n| format!("k{n}: &a{n} [*a{}]\n", n - 1));
    std::iter::once("k0: &a0 [x]\n".to_owned()).chain(steps).collect()
}

#[test]
fn byte_order_mark_and_carriage_returns_are_no_problem() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("windows.yaml");
    fs::write(&path, "\u{feff}version: 1\r\nseed: 12\r\ntitle: \"Caf\u{e9}\"\r\n").unwrap();
    let pipeline = load(&file(path.to_str().unwrap())).unwrap();
    assert_eq!((pipeline.seed, pipeline.title.as_deref()), (Seed(12), Some("Caf\u{e9}")));
    assert_eq!(pipeline.name, "windows");
}

#[test]
fn aliases_copy_what_they_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("alias.yaml");
    fs::write(&path, "version: 1\ntitle: &t Snow\nhashtags: [*t, *t]\n").unwrap();
    assert_eq!(load(&file(path.to_str().unwrap())).unwrap().hashtags, ["Snow", "Snow"]);
}

#[test]
fn layers_lie_in_their_order() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine.yaml");
    let text = "version: 1\nextends: facts\nseed: 1\ntitle: file\nhashtags: [file]\nstages:\n  \
                - narration: { voice: nova, rate: 1.5 }\n  - scenes\n  - images\n  - timeline\n  - video\n";
    fs::write(&path, text).unwrap();
    let script = Script::new("seed: 2\ntitle: script\nvoice: onyx\n");
    let mut request = Request { pipeline: path.to_str(), ..script.request() };
    request.environment = vec![
        ("SHORTFORM_SEED".into(), "3".into()),
        ("SHORTFORM_NARRATION_PAUSE_SENTENCE".into(), "90ms".into()),
        ("SHORTFORM_OFFLINE".into(), "1".into()),
        ("SHORTFORM_SPEECH_API_KEY".into(), "canary".into()),
        ("PATH".into(), "/bin".into()),
    ];
    request.sets = vec![("--seed".into(), "seed".into(), "4".into())];
    let pipeline = load(&request).unwrap_or_else(|problems| panic!("{}", problems.draw(false)));
    assert_eq!(pipeline.seed, Seed(4), "option over environment");
    assert_eq!(pipeline.narration.sentence_pause, Duration::from_millis(90), "environment over file");
    assert_eq!(pipeline.title.as_deref(), Some("script"), "script over file");
    assert_eq!(pipeline.narration.voice.name, "onyx", "script over file");
    assert_eq!(pipeline.narration.rate, 1.5, "file over what it extends");
    assert_eq!(pipeline.hashtags, ["file"]);
    assert_eq!(pipeline.timeline.captions.style, CaptionStyle::Pop, "what it extends over default");
    assert_eq!(pipeline.upscale.engine, UpscaleEngine::Lanczos, "no upscale in the file's own list");
    assert!(!format!("{pipeline:?}").contains("canary"));
}

#[test]
fn every_setting_tells_where_it_comes_from() {
    let script = Script::new("title: Snow\n");
    let request = Request {
        pipeline: Some("story"),
        environment: vec![("SHORTFORM_SEED".into(), "3".into())],
        sets: vec![("--voice".into(), "narration.voice".into(), "onyx".into())],
        ..script.request()
    };
    let settings = Presets::built_in().explain(&request).unwrap();
    let origin = |path: &str| settings.iter().find(|setting| setting.path == path).unwrap().origin.as_str();
    assert_eq!(origin("narration.voice"), "command line: --voice onyx");
    assert_eq!(origin("seed"), "environment: SHORTFORM_SEED=3");
    assert_eq!(origin("title"), "scripts/bicycle.md:2");
    assert_eq!(origin("narration.rate"), "built-in pipelines/story.yaml:8");
    assert!(origin("narration.engine").starts_with("built-in pipelines/default.yaml:"));
    assert_eq!(settings.iter().find(|setting| setting.path == "scenes.seconds").unwrap().value, "[3.5, 8]");
}

#[test]
fn a_style_chosen_later_takes_back_what_was_said_earlier() {
    let story = load(&Request { sets: vec![], ..file("story") }).unwrap();
    assert_eq!(story.timeline.transition, TransitionKind::Crossfade);
    assert_eq!(
        story.timeline.captions.style,
        CaptionStyle::Karaoke,
        "the file's own word counts beside its style"
    );
    let style =
        |set: &[&str]| load(&Request { sets: with_sets(set).sets, ..file("story") }).unwrap().timeline;
    let minimal = style(&["style=minimal"]);
    let preset = Presets::built_in().style("minimal").unwrap();
    assert_eq!(minimal.camera, preset.camera);
    assert_eq!(minimal.transition, preset.transition);
    assert_eq!(minimal.captions.style, preset.captions);
    assert_eq!(minimal.grade, preset.grade);
    assert_eq!(minimal.zoom, 1.18, "a style has no say in it");
    let held = style(&["timeline.camera=hold", "style=minimal"]);
    assert_eq!(held.camera, CameraKind::Hold, "one layer has no order");
}

#[test]
fn options_reach_every_kind_of_setting() {
    let pipeline = load(&with_sets(&[
        "images.size=768x1344",
        "scenes.seconds=[2, 5.5]",
        "scenes.characters.Mia=a girl: nine, red boots",
        "timeline.captions.color=#ff0000",
        "timeline.captions.uppercase=true",
        "timeline.captions=box",
        "timeline.grade={ saturation: 0.5 }",
        "memory.budget=1.5GiB",
        "memory.device=cuda:2,cpu",
        "memory.vae_tiling=32",
        "memory.attention=sliced",
        "memory.batch=1",
        "memory.clean=always",
        "memory.cuda.conv_search=exhaustive",
        "memory.cuda={ workspace: small }",
        "memory.coreml.units=neural-engine",
        "video.fps=29.97",
        "upscale.engine=real-esrgan",
        "title=1984",
    ]))
    .unwrap_or_else(|problems| panic!("{}", problems.draw(false)));
    assert_eq!(pipeline.images.size, ImageSize::Exactly(Size::new(768, 1344)));
    assert_eq!(pipeline.scenes.seconds, [2.0, 5.5]);
    assert_eq!(pipeline.scenes.characters["Mia"].prompt, "a girl: nine, red boots");
    assert_eq!(pipeline.timeline.captions.color.to_string(), "#ff0000");
    assert_eq!(pipeline.timeline.captions.style, CaptionStyle::Box);
    assert_eq!(pipeline.timeline.grade.saturation, 0.5);
    assert_eq!(pipeline.timeline.grade.vignette, pipeline.style.grade.vignette);
    assert_eq!(pipeline.memory.budget, Budget::Bytes(3 << 29));
    assert_eq!(pipeline.memory.device, DeviceChoice::Only(Device::Cuda(2)));
    assert_eq!(pipeline.memory.beside, Some(DeviceChoice::Only(Device::Cpu)));
    assert_eq!(pipeline.memory.batch, Some(1));
    let policy = pipeline.memory.policy;
    assert_eq!((policy.tiling, policy.attention), (Tiling::Side(32), Attention::Sliced));
    assert_eq!((policy.clean, policy.core_ml.units), (Clean::Always, Units::NeuralEngine));
    let (search, workspace) = (ConvSearch::Exhaustive, Workspace::Small);
    assert_eq!(
        (policy.cuda.conv_search, policy.cuda.workspace, policy.cuda.limit),
        (search, workspace, None)
    );
    assert_eq!(pipeline.video.frame_rate, FrameRate::new(30_000, 1001));
    assert_eq!(pipeline.upscale.engine, UpscaleEngine::Model("real-esrgan".into()));
    assert_eq!(pipeline.title.as_deref(), Some("1984"));
    let exact = load(&with_sets(&["memory.vae_tiling=exact"])).unwrap();
    assert_eq!(exact.memory.policy.tiling, Tiling::Exact);
}

#[test]
fn further_deliveries_are_a_platform_a_format_or_both() {
    let pipeline = load(&with_sets(&["platform=reels", "deliver=[shorts, 1:1, tiktok 4:5]"])).unwrap();
    let own = pipeline.delivery();
    let named: Vec<_> = pipeline
        .deliver
        .iter()
        .map(|delivery| (delivery.platform.as_str(), delivery.format, delivery.name_of("film", &own)))
        .collect();
    assert_eq!(
        named,
        [
            ("shorts", None, "film-shorts".to_owned()),
            ("reels", Some(Format::Square), "film-1x1".to_owned()),
            ("tiktok", Some(Format::Portrait), "film-tiktok-4x5".to_owned()),
        ]
    );
    assert_eq!(pipeline.frame_size(), Size::new(1080, 1920));
    let square = load(&with_sets(&["format=1:1"])).unwrap();
    assert_eq!(square.frame_size(), Size::new(1080, 1080));
    // Pictures are drawn as ever.
    assert_eq!(square.platform.generation, pipeline.platform.generation);
    for (sets, said) in [
        (["platform=shorts", "format=16:9"], "is 16:9, which YouTube Shorts does not take"),
        (["platform=shorts", "deliver=[16:9]"], "names `shorts 16:9`, which YouTube Shorts does not take"),
        (["platform=tiktok", "deliver=[9:16]"], "which is delivered already"),
        (["platform=tiktok", "deliver=[reels, reels 9:16]"], "which is delivered already"),
        (["platform=tiktok", "deliver=[1:1 4:5]"], "two formats"),
        (["platform=tiktok", "deliver=[instagram]"], "unknown"),
    ] {
        let drawn = drawing(&with_sets(&sets));
        assert!(drawn.contains(said), "{sets:?}: {drawn}");
    }
}

#[test]
fn bad_options_are_explained() {
    let drawn = drawing(&with_sets(&[
        "images..size=1",
        "images.inference_stpes=12",
        "images.inference_steps=lots",
        "stages.images.size=auto",
        "refine.strength=0.2",
        "scenes.seconds=[2, ",
        "images=5",
        "version=1",
        "platfrom=reels",
    ]));
    insta::assert_snapshot!("options", drawn);
    let flag = ("--voice".to_owned(), "narration.voice".to_owned(), "nowa".to_owned());
    insta::assert_snapshot!("flag", drawing(&Request { sets: vec![flag], ..Request::default() }));
    insta::assert_snapshot!("set-without-value", split_set("images.size").unwrap_err().draw(false));
}

#[test]
fn bad_environment_is_explained_and_secrets_stay_unseen() {
    let drawn = drawing(&with_environment(&[
        ("SHORTFORM_SEED", "many"),
        ("SHORTFORM_IMAGES_INFERENCE_STEP", "canary"),
        ("SHORTFORM_TIMELINE_CAPTIONS_COLOR", "red"),
        ("SHORTFORM_OPENAI_API_KEY", "canary"),
    ]));
    assert!(!drawn.contains("canary"), "{drawn}");
    insta::assert_snapshot!("environment", drawn);
}

#[test]
fn bad_front_matter_is_explained_on_the_lines_of_the_script() {
    let script =
        Script::new("title: Snow\nvoice: nowa\nimages:\n  size: huge\nvoise: nova\nextends: story\n");
    let problems = load(&script.request()).unwrap_err();
    let lines: Vec<_> = problems.iter().map(|problem| problem.line().unwrap()).collect();
    assert_eq!(lines, [3, 5, 6, 7]);
    insta::assert_snapshot!("front-matter", problems.draw(false));
    insta::assert_snapshot!("front-matter-no-mapping", drawing(&Script::new("just words\n").request()));
    insta::assert_snapshot!(
        "front-matter-broken",
        drawing(&Script::new("title: \"Snow\nseed: 3\n").request())
    );
}

#[test]
fn a_short_form_does_not_hide_the_long_one() {
    let script = Script::new("voice: nova\nnarration: { voice: onyx }\n");
    insta::assert_snapshot!("front-matter-twice", drawing(&script.request()));
}

#[test]
fn empty_front_matter_changes_nothing() {
    assert_eq!(load(&Script::new("# nothing\n").request()), load(&Request::default()));
}

#[test]
fn settings_of_a_stage_that_does_not_run_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("short.yaml");
    fs::write(&path, "version: 1\nstages: [narration, scenes, images, timeline, video]\n").unwrap();
    let request = Request { sets: with_sets(&["upscale.engine=auto"]).sets, ..file(path.to_str().unwrap()) };
    insta::assert_snapshot!("stage-left-out", drawing(&request));
}

#[test]
fn a_mood_takes_the_place_of_a_song_and_a_song_of_a_mood() {
    let folder = tempfile::tempdir().unwrap();
    let song = folder.path().join("song.wav");
    fs::write(&song, "not read yet").unwrap();
    let path = folder.path().join("mine.yaml");
    let pipeline = format!(
        "version: 1\nstyle: noir\nstages:\n- narration\n- scenes\n- images\n- timeline: {{ music: {{ file: {} }} }}\n- video\n",
        song.display()
    );
    fs::write(&path, pipeline).unwrap();
    let play = |sets: &[&str]| {
        let request = Request { sets: with_sets(sets).sets, ..file(path.to_str().unwrap()) };
        load(&request).unwrap_or_else(|problems| panic!("{}", problems.draw(false))).timeline.music.play
    };
    assert_eq!(play(&[]), Play::File(song.clone()));
    assert_eq!(play(&["timeline.music=off"]), Play::Off);
    assert_eq!(play(&["timeline.music=calm"]), Play::Bed(Mood::Calm));
    assert_eq!(play(&["timeline.music=auto"]), Play::Bed(Mood::Dark), "as the style says");
    assert_eq!(play(&["timeline.music.file=auto"]), Play::Bed(Mood::Dark));
    assert_eq!(play(&["timeline.music.gain=-9dB"]), Play::File(song.clone()));
    let story = |set: &str| {
        load(&Request { sets: with_sets(&[set]).sets, ..file("story") }).unwrap().timeline.music.play
    };
    assert_eq!(story(&format!("timeline.music.file={}", song.display())), Play::File(song.clone()));
}

#[test]
fn colors_are_drawn_only_where_asked_for() {
    let problems = load(&file("tests/bad/several.yaml")).unwrap_err();
    assert!(problems.draw(true).contains("\u{1b}["));
    assert!(!problems.draw(false).contains('\u{1b}'));
    let listed = problems.to_string();
    assert_eq!(listed.lines().count(), problems.len());
    assert!(listed.starts_with("tests/bad/several.yaml:1: "), "{listed}");
}

#[test]
fn presets_of_the_user_stand_beside_the_built_in_ones() {
    let folder = tempfile::tempdir().unwrap();
    let styles = folder.path().join("styles");
    fs::create_dir(&styles).unwrap();
    let mine =
        fs::read_to_string("assets/styles/minimal.yaml").unwrap().replace("name: minimal", "name: mine");
    fs::write(styles.join("mine.yaml"), &mine).unwrap();
    let presets = Presets::built_in().with_folder(folder.path()).unwrap();
    let pipeline = presets.load(&with_sets(&["style=mine"])).unwrap();
    assert_eq!(pipeline.style.name, "mine");
    assert!(presets.check_file(&styles.join("mine.yaml")).is_ok());

    let bad =
        mine.replace("camera: drift", "camera: drif\ncamrea: pan").replace("vignette: 0.0", "vignette: 7");
    fs::write(styles.join("mine.yaml"), bad).unwrap();
    let problems = presets.check_file(&styles.join("mine.yaml")).unwrap_err();
    assert_eq!(problems.len(), 3, "{problems}");
    assert_eq!(presets.load(&with_sets(&["style=mine"])).unwrap_err(), problems);

    fs::write(styles.join("cinematic.yaml"), mine).unwrap();
    let taken = Presets::built_in().with_folder(folder.path()).unwrap_err();
    assert!(taken.to_string().contains("taken"), "{taken}");
}

/// What this room reads field by field is what `serde` would read.
#[test]
fn presets_mean_the_same_to_serde() {
    fn read<T: serde::de::DeserializeOwned>(folder: &str) -> Vec<T> {
        let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort_by_key(|path| path.file_stem().map(ToOwned::to_owned));
        paths.iter().map(|path| serde_yaml::from_str(&fs::read_to_string(path).unwrap()).unwrap()).collect()
    }
    let presets = Presets::built_in();
    assert_eq!(presets.platforms().unwrap(), read("assets/platforms"));
    assert_eq!(presets.styles().unwrap(), read("assets/styles"));
    assert_eq!(presets.voices().unwrap(), read("assets/voices"));
}

#[test]
fn check_takes_pipelines_and_presets() {
    let presets = Presets::built_in();
    for file in ["pipelines/story.yaml", "assets/platforms/reels.yaml", "assets/voices/nova.yaml"] {
        presets.check_file(Path::new(file)).unwrap_or_else(|problems| panic!("{}", problems.draw(false)));
    }
    assert!(presets.check_file(Path::new("tests/bad/several.yaml")).unwrap_err().len() > 8);
    assert!(presets.check_file(Path::new("no-such.yaml")).is_err());
}

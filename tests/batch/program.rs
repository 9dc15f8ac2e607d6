//! A folder with scripts, a store and the program, cut off from whoever runs the tests.

use std::{
    collections::BTreeMap,
    env, fs,
    path::PathBuf,
    process::{Command, Output, Stdio},
    sync::OnceLock,
};

use serde_json::Value;

/// A place for one test.
pub(crate) struct Place {
    pub(crate) folder: PathBuf,
}

/// A number from the environment, for the long tests.
pub(crate) fn number(name: &str, small: u64) -> u64 {
    env::var(format!("SHORTFORM_TEST_{name}")).map_or(small, |text| text.parse().unwrap())
}

impl Place {
    pub(crate) fn new(name: &str) -> Self {
        static ROOT: OnceLock<PathBuf> = OnceLock::new();
        let root = ROOT.get_or_init(|| {
            // A disk in memory makes the long ones several times faster.
            let folder = env::var_os("SHORTFORM_TEST_FOLDER").map(PathBuf::from);
            let root = folder.unwrap_or_else(|| env!("CARGO_TARGET_TMPDIR").into()).join("batch");
            let _ = fs::remove_dir_all(&root);
            root
        });
        let folder = root.join(name);
        let platforms = folder.join("config/shortform/platforms");
        fs::create_dir_all(&platforms).unwrap();
        fs::create_dir_all(folder.join("scripts")).unwrap();
        fs::write(platforms.join("small.yaml"), small_platform()).unwrap();
        Self { folder }
    }

    /// A script of two sentences, each with its own words.
    pub(crate) fn script(&self, name: &str, sentences: &[&str]) -> PathBuf {
        let path = self.folder.join("scripts").join(format!("{name}.md"));
        fs::write(&path, format!("{}\n", sentences.join("\n\n"))).unwrap();
        path
    }

    pub(crate) fn scripts(&self, count: u64) {
        for n in 0..count {
            let words = ["sea", "forest", "desert", "city", "river", "mountain", "castle"];
            let word = |at: u64| words[(at % 7) as usize];
            let (one, two) =
                (format!("The {} is number {n}.", word(n)), format!("A {} is near.", word(n / 7 + n + 3)));
            self.script(&format!("s{n:03}"), &[&one, &two]);
        }
    }

    /// The program in this place; videos are tiny.
    pub(crate) fn shortform(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_shortform"));
        for (name, _) in env::vars_os() {
            let name = name.to_string_lossy().into_owned();
            if name.starts_with("SHORTFORM_") || name.starts_with("SLURM_") || name == "JOB_COMPLETION_INDEX"
            {
                command.env_remove(name);
            }
        }
        command
            .args(line.split_whitespace())
            .env("SHORTFORM_CACHE_DIR", self.folder.join("store"))
            .env("SHORTFORM_PLATFORM", "small")
            .env("SHORTFORM_TIMELINE_CAPTIONS_STYLE", "off")
            .env("XDG_CONFIG_HOME", self.folder.join("config"))
            .current_dir(&self.folder)
            .stdin(Stdio::null());
        command
    }

    /// The program in this place, run by another one.
    pub(crate) fn under(&self, runner: &str, arguments: &[&str], line: &str) -> Command {
        let inner = self.shortform(line);
        let mut command = Command::new(runner);
        command.args(arguments).arg(inner.get_program()).args(inner.get_args());
        for (name, value) in inner.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command.current_dir(&self.folder).stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, line: &str) -> Output {
        self.shortform(line).output().unwrap()
    }

    /// Runs it, and it must end with this exit code, without a panic.
    pub(crate) fn ends(&self, line: &str, code: i32) -> String {
        let output = self.run(line);
        let said = said(&output);
        assert_eq!(output.status.code(), Some(code), "`shortform {line}` said:\n{said}");
        assert!(!said.contains("panicked"), "{said}");
        said
    }

    /// What `shortform batch --json` tells, and how it ended.
    pub(crate) fn events(&self, line: &str) -> (Vec<Value>, Option<i32>) {
        let output = self.run(&format!("{line} --json"));
        let lines = String::from_utf8(output.stdout).unwrap();
        let events = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        (events, output.status.code())
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.folder.join(path)
    }

    /// Every finished video, by name.
    pub(crate) fn videos(&self, out: &str) -> BTreeMap<String, Vec<u8>> {
        let mut videos = BTreeMap::new();
        for entry in fs::read_dir(self.path(out)).unwrap().map(Result::unwrap) {
            let name = entry.file_name().into_string().unwrap();
            let video = entry.path().join(format!("{name}.mp4"));
            if video.is_file() {
                videos.insert(name, fs::read(video).unwrap());
            }
        }
        videos
    }

    pub(crate) fn report(&self, out: &str) -> Value {
        serde_json::from_slice(&fs::read(self.path(out).join("report.json")).unwrap()).unwrap()
    }

    /// Nothing half made lies in the outputs or the store.
    pub(crate) fn is_tidy(&self, out: &str) {
        let mut stray = Vec::new();
        let mut folders = vec![self.path(out), self.path("store/v1/tmp"), self.path("store/v1/locks")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten().map(Result::unwrap) {
                let (path, name) = (entry.path(), entry.file_name().into_string().unwrap());
                if path.is_dir() {
                    folders.push(path);
                } else if name.ends_with(".part")
                    || (path.starts_with(self.path("store")) && name != "users.lock")
                {
                    stray.push(path);
                }
            }
        }
        assert!(stray.is_empty(), "{stray:?}");
    }
}

pub(crate) fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Steps made and found, by stage, as events tell.
pub(crate) fn steps(events: &[Value], video: Option<&str>) -> BTreeMap<String, [usize; 2]> {
    let mut steps: BTreeMap<String, [usize; 2]> = BTreeMap::new();
    for event in events.iter().filter(|event| event["happened"]["what"] == "step") {
        if video.is_none_or(|video| event["video"] == video) {
            let stage = event["happened"]["stage"].as_str().unwrap().to_owned();
            steps.entry(stage).or_default()[usize::from(event["happened"]["hit"] == true)] += 1;
        }
    }
    steps
}

/// A platform whose videos are small enough to be made by the hundred.
fn small_platform() -> String {
    let shorts = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/platforms/shorts.yaml");
    let area = "{ left: 9, top: 38, right: 114, bottom: 166 }";
    let small = fs::read_to_string(shorts)
        .unwrap()
        .replace("name: shorts", "name: small")
        .replace("YouTube Shorts", "Small")
        .replace("720x1280", "144x256")
        .replace("delivery: 1080x1920", "delivery: 144x256")
        .replace("value: 8000000", "value: 400000")
        .replace("value: 12000000", "value: 600000");
    let lines = small.lines().map(|line| match line.trim_start() {
        rest if rest.starts_with("captions: {") => format!("    captions: {area}\n"),
        rest if rest.starts_with("organic: {") => format!("    organic: {area}\n"),
        _ => format!("{line}\n"),
    });
    lines.collect()
}

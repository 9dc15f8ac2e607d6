//! Arguments that several commands share.

use std::{ffi::OsString, path::PathBuf, str::FromStr};

use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

use crate::{
    pipeline::{Delivery, Pipeline, Problems, split_set},
    stages::Stage,
    store::Store,
    story::Format,
};

/// What a pipeline is made of: its file and what is said over it.
#[derive(Debug, Clone, Default, Args, Serialize, Deserialize)]
#[command(next_help_heading = "Pipeline")]
pub(crate) struct PipelineArgs {
    /// A pipeline file, or the name of a built-in one (see `shortform presets pipelines`)
    #[arg(long, value_name = "FILE", env = "SHORTFORM_PIPELINE")]
    pub(crate) pipeline: Option<String>,
    /// tiktok, reels or shorts; several, as `tiktok,reels`, deliver one edit to each
    #[arg(long)]
    pub(crate) platform: Option<String>,
    /// 9:16, 4:5, 1:1 or 16:9; several, as `9:16,1:1`, deliver one edit in each
    #[arg(long)]
    pub(crate) format: Option<String>,
    /// How pictures, captions and colours look (see `shortform presets styles`)
    #[arg(long)]
    pub(crate) style: Option<String>,
    /// Who speaks (see `shortform presets voices`)
    #[arg(long)]
    pub(crate) voice: Option<String>,
    /// Fixes every random choice
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<String>,
    /// auto, cpu, cuda, cuda:N or coreml
    #[arg(long)]
    pub(crate) device: Option<String>,
    /// The most memory for models: auto, or a size such as 6GiB
    #[arg(long, value_name = "SIZE")]
    pub(crate) memory_budget: Option<String>,
    /// Sets one setting, for example `--set images.inference_steps=20`; may be repeated
    #[arg(long = "set", value_name = "PATH=VALUE")]
    pub(crate) sets: Vec<String>,
}

impl PipelineArgs {
    /// The same for one of the deliveries of a video made of `pipeline`.
    pub(crate) fn delivering(&self, delivery: &Delivery, pipeline: &Pipeline) -> Self {
        let mut args = self.clone();
        // Choosing a platform takes back a frame rate said in a file; all deliveries are one edit.
        let rate = pipeline.video.frame_rate;
        let format = delivery.format.map_or("auto", Format::name);
        let said = [
            ("platform", delivery.platform.clone()),
            ("format", format.to_owned()),
            ("deliver", "[]".to_owned()),
            ("video.fps", format!("{}/{}", rate.num, rate.den)),
        ];
        args.sets.extend(said.map(|(path, value)| format!("{path}={value}")));
        args
    }

    /// The flags as settings: where each was said, the path it sets, and the value.
    pub(crate) fn sets(&self) -> Result<Vec<(String, String, String)>, Problems> {
        let (platforms, formats) = (several(self.platform.as_deref()), several(self.format.as_deref()));
        let (platform, format) = (platforms.first().cloned(), formats.first().cloned());
        let deliver = deliveries(&platforms, &formats);
        let flags = [
            ("--platform", "platform", &platform),
            ("--format", "format", &format),
            (if platforms.len() > 1 { "--platform" } else { "--format" }, "deliver", &deliver),
            ("--style", "style", &self.style),
            ("--voice", "narration.voice", &self.voice),
            ("--seed", "seed", &self.seed),
            ("--device", "memory.device", &self.device),
            ("--memory-budget", "memory.budget", &self.memory_budget),
        ];
        let said = flags.into_iter().filter_map(|(flag, path, value)| {
            Some((flag.to_owned(), path.to_owned(), value.as_ref()?.clone()))
        });
        let mut sets: Vec<_> = said.collect();
        for set in &self.sets {
            let (path, value) = split_set(set)?;
            sets.push(("--set".to_owned(), path, value));
        }
        Ok(sets)
    }
}

/// The names of a list with commas.
fn several(said: Option<&str>) -> Vec<String> {
    said.map_or_else(Vec::new, |said| said.split(',').map(|name| name.trim().to_owned()).collect())
}

/// Each platform with each format but the first with the first, as a value of `deliver`.
fn deliveries(platforms: &[String], formats: &[String]) -> Option<String> {
    let none = [String::new()];
    let or_none = |list: &'_ [String]| if list.is_empty() { none.to_vec() } else { list.to_vec() };
    let (platforms, formats) = (or_none(platforms), or_none(formats));
    let all = platforms.iter().flat_map(|platform| formats.iter().map(move |format| (platform, format)));
    let entries: Vec<String> =
        all.skip(1).map(|(platform, format)| format!("{platform} {format}").trim().to_owned()).collect();
    (!entries.is_empty()).then(|| format!("[{}]", entries.join(", ")))
}

/// Where things lie.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Machine")]
pub(crate) struct MachineArgs {
    /// Where models are looked for first
    #[arg(long, value_name = "DIR", env = "SHORTFORM_MODELS_DIR")]
    pub(crate) models_dir: Option<PathBuf>,
    /// Where finished steps are kept
    #[arg(long, value_name = "DIR", env = "SHORTFORM_CACHE_DIR")]
    pub(crate) cache_dir: Option<PathBuf>,
    /// Never use the network: only `models pull` and the servers that a pipeline names do
    #[arg(long, env = "SHORTFORM_OFFLINE")]
    pub(crate) offline: bool,
}

impl MachineArgs {
    /// The folder of the store these arguments name.
    pub(crate) fn store_folder(&self) -> PathBuf {
        self.cache_dir.clone().unwrap_or_else(default_cache_dir)
    }

    /// Opens the store these arguments name.
    pub(crate) fn store(&self) -> Result<Store, crate::store::Error> {
        Store::open(&self.store_folder())
    }
}

/// `~/.cache/shortform` or this system's like.
pub(crate) fn default_cache_dir() -> PathBuf {
    match directories::ProjectDirs::from("", "", "shortform") {
        Some(dirs) => dirs.cache_dir().to_owned(),
        None => std::env::temp_dir().join("shortform-cache"),
    }
}

/// A memory budget: what is free less a reserve, or so many bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Budget {
    /// What is free less a reserve.
    Auto,
    /// So many bytes.
    Bytes(u64),
}

impl Budget {
    /// The bytes, if they were said.
    pub(crate) fn bytes(self) -> Option<u64> {
        match self {
            Self::Auto => None,
            Self::Bytes(bytes) => Some(bytes),
        }
    }
}

impl FromStr for Budget {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "auto" {
            return Ok(Self::Auto);
        }
        let wrong = || format!("`{text}` is not a memory size: write auto, or a size such as 6GiB or 800MiB");
        let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic()).trim();
        let factor: f64 = match text[text.trim_end_matches(|c: char| c.is_ascii_alphabetic()).len()..]
            .to_lowercase()
            .as_str()
        {
            "" | "b" => 1.0,
            "k" | "kib" => 1024.0,
            "m" | "mib" => 1024.0 * 1024.0,
            "g" | "gib" => 1024.0 * 1024.0 * 1024.0,
            "kb" => 1e3,
            "mb" => 1e6,
            "gb" => 1e9,
            _ => return Err(wrong()),
        };
        let number: f64 = digits.parse().map_err(|_| wrong())?;
        if !(number > 0.0 && number.is_finite()) {
            return Err(wrong());
        }
        Ok(Self::Bytes((number * factor) as u64))
    }
}

/// How much is told, and how.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct OutputArgs {
    /// One JSON object a line on standard output instead of words
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Only errors and the result
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// More: each step, measured memory
    #[arg(short, long, action = clap::ArgAction::Count, global = true)]
    pub(crate) verbose: u8,
    /// Colours: auto, always, never
    #[arg(long, default_value = "auto", global = true)]
    pub(crate) color: Color,
}

/// How what happens is told.
pub(crate) enum Manner<Drawn, Lines> {
    /// By bars on a terminal.
    Drawn(Drawn),
    /// By a line now and then.
    Lines(Lines),
    /// By one JSON object a line on standard output.
    Json,
    /// Only what went wrong.
    Quiet,
}

impl OutputArgs {
    /// The manner the user asked for: bars only on a terminal.
    pub(crate) fn manner<D, L>(&self, drawn: impl FnOnce() -> D, lines: impl FnOnce() -> L) -> Manner<D, L> {
        use std::io::IsTerminal;
        if self.json {
            Manner::Json
        } else if self.quiet {
            Manner::Quiet
        } else if std::io::stderr().is_terminal() {
            Manner::Drawn(drawn())
        } else {
            Manner::Lines(lines())
        }
    }
}

/// When colours are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless NO_COLOR is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Color {
    /// Whether to draw in colours on standard error.
    pub(crate) fn wanted(self) -> bool {
        use std::io::IsTerminal;
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto => {
                std::io::stderr().is_terminal()
                    && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty())
                    && std::env::var_os("TERM") != Some(OsString::from("dumb"))
            }
        }
    }
}

/// Parses the name of a stage.
pub(crate) fn stage(text: &str) -> Result<Stage, String> {
    Stage::ALL.into_iter().find(|stage| stage.name() == text).ok_or_else(|| {
        let names: Vec<_> = Stage::ALL.iter().map(|stage| stage.name()).collect();
        format!("`{text}` is not a stage; the stages are {}", names.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn budgets_are_read_with_their_unit() {
        assert_eq!("auto".parse(), Ok(Budget::Auto));
        assert_eq!("6GiB".parse(), Ok(Budget::Bytes(6 << 30)));
        assert_eq!("1.5g".parse(), Ok(Budget::Bytes(3 << 29)));
        assert_eq!("800 MiB".parse(), Ok(Budget::Bytes(800 << 20)));
        for wrong in ["", "GiB", "-1GiB", "6 parsecs", "nan", "infGiB"] {
            assert!(wrong.parse::<Budget>().is_err(), "{wrong}");
        }
    }
}

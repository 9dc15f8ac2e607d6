//! `shortform verify`: is this file what the platform asks for?

use std::path::{Path, PathBuf};

use super::{
    args::{OutputArgs, PipelineArgs},
    exit::{Exit, Failure},
    input,
};
use crate::{
    media::{self, Outcome, Report},
    story::Span,
};

/// Check a finished video against a platform's written rules, each named with its source
///
/// Works on any file, not only on our own. Beside a video of ours NAME.json says when its words are heard: then
/// the captions are checked against the sound too. Exit code 8 when a rule is broken.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The video
    video: PathBuf,
    /// tiktok, reels or shorts
    #[arg(long)]
    platform: String,
    /// The picture may stand still: one image with a voice over it
    #[arg(long)]
    still: bool,
}

pub(crate) fn verify(args: &Args, output: &OutputArgs) -> Result<(), Failure> {
    let sets = vec![format!("platform={}", args.platform)];
    let only_platform = PipelineArgs { sets, ..PipelineArgs::default() };
    let platform = input::pipeline(&only_platform, None, output)?.platform;
    let options = media::Options { still: args.still };
    let rejected = |error: media::Error| Failure::because(Exit::Rejected, &error);
    let mut report = media::verify(&args.video, &platform, options).map_err(rejected)?;
    let words = words_beside(&args.video);
    if !words.is_empty() {
        report.checks.push(media::in_time(&args.video, &words).map_err(rejected)?);
    }
    if output.json {
        println!("{}", serde_json::to_string(&report).expect("a report is plain data"));
    } else if !output.quiet {
        print!("{}", table(&report, output.verbose > 0));
    }
    let broken = report.failures().count();
    if broken == 0 {
        return Ok(());
    }
    let rules = if broken == 1 { "one rule".to_owned() } else { format!("{broken} rules") };
    Err(Failure::new(
        Exit::Rejected,
        format!("{} breaks {rules} of {}", args.video.display(), platform.title),
    ))
}

/// When the description beside a video of ours says that its words are heard; none beside any other.
fn words_beside(video: &Path) -> Vec<Span> {
    let Ok(bytes) = std::fs::read(video.with_extension("json")) else { return Vec::new() };
    let description: serde_json::Value = serde_json::from_slice(&bytes).unwrap_or_default();
    let words = description["narration"]["words"].as_array().cloned().unwrap_or_default();
    words.into_iter().filter_map(|mut word| serde_json::from_value(word["span"].take()).ok()).collect()
}

/// A line a rule: a mark, its name, what was found; what was asked where it is not kept.
pub(crate) fn table(report: &Report, sources: bool) -> String {
    let wide = report.checks.iter().map(|check| check.name.len()).max().unwrap_or(0);
    let mut text = String::new();
    for check in &report.checks {
        let mark = match check.outcome {
            Outcome::Passed => "✓",
            Outcome::Advice => "·",
            Outcome::Failed => "✗",
        };
        text.push_str(&format!("{mark} {:<wide$}  {}", check.name, check.found));
        if check.outcome != Outcome::Passed || sources {
            text.push_str(&format!("  (asked: {}; {}, {})", check.expected, check.source, check.date));
        }
        text.push('\n');
    }
    text
}

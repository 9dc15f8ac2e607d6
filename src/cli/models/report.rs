//! What happens to models as a bar, as lines, or as JSON.

use std::{
    io::Write,
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::super::args::{Manner, OutputArgs};
use crate::{engine::Bytes, models::Event};

/// Prints what is said, in the manner the user asked for.
pub(super) struct Reporter {
    manner: Manner<ProgressBar, ()>,
    /// When progress was last told.
    told: Instant,
}

impl Reporter {
    pub(super) fn new(output: &OutputArgs) -> Self {
        let bar = || {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            let template =
                "{bar:28} {binary_bytes}/{binary_total_bytes}  {binary_bytes_per_sec}  {eta} left  {msg}";
            let style = ProgressStyle::with_template(template).expect("the template is a constant");
            bar.set_style(style.progress_chars("━╸─"));
            bar
        };
        let manner = output.manner(bar, || ());
        Self { manner, told: Instant::now() }
    }

    pub(super) fn event(&mut self, event: &Event) {
        // Every chunk is an event, so that it can be interrupted; nobody can read that many.
        let pause = match &self.manner {
            Manner::Drawn(_) => Duration::ZERO,
            Manner::Json => Duration::from_secs(1),
            Manner::Lines(()) | Manner::Quiet => Duration::from_secs(5),
        };
        if let Event::Progress { done, total, .. } = event {
            let is_last = done == total && matches!(self.manner, Manner::Json);
            if self.told.elapsed() < pause && !is_last {
                return;
            }
            self.told = Instant::now();
        }
        match &self.manner {
            Manner::Json => {
                let line = serde_json::to_string(event).expect("events are plain data");
                // A closed pipe ends the listening, not the work.
                let _ = writeln!(std::io::stdout().lock(), "{line}");
            }
            Manner::Quiet => {
                if let Event::Tried { part, skipped: Some(reason) } = event {
                    eprintln!("warning: {part} was not run: {reason}");
                }
            }
            Manner::Drawn(bar) => match event {
                Event::Progress { file, done, total } => {
                    bar.set_length(*total);
                    bar.set_position(*done);
                    bar.set_message(file.clone());
                }
                _ => bar.suspend(|| tell(event)),
            },
            Manner::Lines(()) => tell(event),
        }
    }

    pub(super) fn finish(&self) {
        if let Manner::Drawn(bar) = &self.manner {
            bar.finish_and_clear();
        }
    }
}

fn tell(event: &Event) {
    match event {
        Event::Resolved { name, repository, commit, licence, bytes, .. } => {
            let licence = licence.as_deref().unwrap_or("which names no licence");
            let short = commit.get(..7).unwrap_or(commit);
            eprintln!("{name}: {} from {repository}@{short} ({licence})", Bytes(*bytes));
        }
        Event::Progress { file, done, total } => eprintln!("{} of {}  {file}", Bytes(*done), Bytes(*total)),
        Event::Retried { reason, seconds, .. } => eprintln!("{reason}; trying again in {seconds:.1} s"),
        Event::Waiting { name } => eprintln!("another shortform is at work on {name}; waiting for it"),
        Event::Tried { part, skipped: None } => eprintln!("{part} runs"),
        Event::Tried { part, skipped: Some(reason) } => eprintln!("warning: {part} was not run: {reason}"),
        Event::Installed { name, folder, bytes } => {
            eprintln!("{name} is installed: {} in {}", Bytes(*bytes), folder.display());
        }
        Event::Verified { name, files: Some(files) } => {
            eprintln!("{name} is what was installed: {files} files compared");
        }
        Event::Verified { name, files: None } => {
            eprintln!("{name} works; it is not in models.lock, so its bytes cannot be compared");
        }
        Event::Removed { name, bytes } => eprintln!("{name} is removed: {} freed", Bytes(*bytes)),
    }
}

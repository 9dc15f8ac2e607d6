//! Events become progress bars, plain lines or JSON lines.

use std::{
    collections::BTreeMap,
    io::Write,
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::args::{Manner, OutputArgs};
use crate::{
    engine::Bytes,
    run::{Event, Memory},
    stages::{Happening, Progress, Stage},
};

/// Prints what the runner says, in the manner the user asked for.
pub(crate) struct Reporter {
    manner: Manner<Bars, Lines>,
    verbose: u8,
}

impl Reporter {
    /// A reporter as the output arguments ask: bars only on a terminal.
    pub(crate) fn new(output: &OutputArgs) -> Self {
        let manner =
            output.manner(|| Bars::new(output.color.wanted()), || Lines { pace: None, said: Instant::now() });
        Self { manner, verbose: output.verbose }
    }

    /// Prints one event.
    pub(crate) fn event(&mut self, event: &Event) {
        match &mut self.manner {
            Manner::Json => {
                let line = serde_json::to_string(event).expect("events are plain data");
                // A closed pipe ends the listening, not the work.
                let _ = writeln!(std::io::stdout().lock(), "{line}");
            }
            Manner::Quiet => {
                if let Event::Stage {
                    stage,
                    happening: Happening::Warning { text } | Happening::Fallback { text },
                } = event
                {
                    eprintln!("warning: {stage}: {text}");
                }
            }
            Manner::Drawn(bars) => bars.event(event, self.verbose),
            Manner::Lines(lines) => lines.event(event, self.verbose),
        }
    }
}

/// What a finished stage says: how much was reused, what came out, how long it took.
fn finished(stage: Stage, seconds: f64, hits: usize, made: usize, summary: &str) -> String {
    let reused = match (hits, made) {
        (0, _) => String::new(),
        (_, 0) => " (all from the store)".to_owned(),
        (hits, made) => format!(" ({hits} of {} from the store)", hits + made),
    };
    format!("{stage:<10} {summary}{reused}  {}", duration(seconds))
}

/// Memory after a stage.
fn remembered(memory: &Memory) -> String {
    let peak = memory.peak.map_or_else(String::new, |peak| format!(", {} at most", Bytes(peak)));
    format!("{:<10} memory {} now{peak}", "", Bytes(memory.resident))
}

/// `0.4 s`, `12.3 s`, `2 min 05 s`.
pub(crate) fn duration(seconds: f64) -> String {
    if seconds < 60.0 {
        format!("{seconds:.1} s")
    } else {
        format!("{} min {:02} s", seconds as u64 / 60, seconds as u64 % 60)
    }
}

struct Bars {
    bar: ProgressBar,
    styles: BTreeMap<bool, ProgressStyle>,
}

impl Bars {
    fn new(color: bool) -> Self {
        let cyan = if color { ".cyan" } else { "" };
        let known = format!("{{prefix:<10}} {{bar:28{cyan}}} {{pos}}/{{len}} {{msg}}  {{eta}} left");
        let unknown = "{prefix:<10} {spinner} {msg}".to_owned();
        let style = |template: &str| {
            ProgressStyle::with_template(template).expect("the templates are constants").progress_chars("━╸─")
        };
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        bar.enable_steady_tick(Duration::from_millis(120));
        Self { bar, styles: BTreeMap::from([(true, style(&known)), (false, style(&unknown))]) }
    }

    fn event(&mut self, event: &Event, verbose: u8) {
        match event {
            Event::Started { .. } => {}
            Event::StageStarted { stage } => {
                self.bar.reset();
                self.bar.unset_length();
                self.bar.set_style(self.styles[&false].clone());
                self.bar.set_prefix(stage.name());
                self.bar.set_message("");
            }
            Event::Stage { happening: Happening::Progress(progress), .. } => {
                if self.bar.length() != Some(progress.total) {
                    self.bar.set_style(self.styles[&true].clone());
                    self.bar.set_length(progress.total);
                }
                self.bar.set_position(progress.done);
                self.bar.set_message(label(progress));
            }
            Event::Stage { happening: Happening::Step { .. }, .. } => {}
            Event::Stage { happening: Happening::Measured(measured), .. } => {
                if verbose > 0 {
                    self.bar.println(format!("{:<10} {measured}", ""));
                }
            }
            Event::Stage { stage, happening: Happening::Note { text } } => {
                self.bar.println(format!("{stage:<10} {text}"));
            }
            Event::Stage { stage, happening: Happening::Warning { text } | Happening::Fallback { text } } => {
                self.bar.println(format!("{stage:<10} warning: {text}"));
            }
            Event::StageFinished { stage, seconds, hits, made, summary, memory } => {
                self.bar.println(format!("✓ {}", finished(*stage, *seconds, *hits, *made, summary)));
                if verbose > 0 {
                    self.bar.println(remembered(memory));
                }
            }
            Event::Published { path, bytes: size } => {
                self.bar.println(format!("  {}  {}", path.display(), Bytes(*size)));
            }
            Event::Finished { .. } => self.bar.finish_and_clear(),
        }
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

fn label(progress: &Progress) -> String {
    if progress.item.is_empty() {
        progress.unit.clone()
    } else {
        format!("{}, {}", progress.unit, progress.item)
    }
}

/// How fast something is counted, from when it was first told of or began anew.
struct Pace {
    first: Progress,
    done: u64,
    begun: Instant,
}

impl Pace {
    fn begin(first: Progress) -> Self {
        Self { done: first.done, first, begun: Instant::now() }
    }

    /// Goes on with `now`, or begins anew where that is something else.
    fn count(before: Option<Self>, now: &Progress) -> Self {
        let same = |pace: &Self| {
            (&pace.first.unit, pace.first.total) == (&now.unit, now.total) && pace.done <= now.done
        };
        match before.filter(same) {
            Some(pace) => Self { done: now.done, ..pace },
            None => Self::begin(now.clone()),
        }
    }

    /// Seconds until all of it is done, once there is something to go by.
    fn left(&self) -> Option<f64> {
        let done = self.done.checked_sub(self.first.done).filter(|done| *done > 0)?;
        let each = self.begun.elapsed().as_secs_f64() / done as f64;
        Some(each * self.first.total.saturating_sub(self.done) as f64)
    }
}

struct Lines {
    pace: Option<Pace>,
    said: Instant,
}

impl Lines {
    /// Between two lines on the same stage.
    const EVERY: Duration = Duration::from_secs(5);

    fn event(&mut self, event: &Event, verbose: u8) {
        match event {
            Event::Started { .. } => {}
            Event::StageStarted { .. } => {
                self.pace = None;
                self.said = Instant::now();
            }
            Event::Stage { stage, happening } => match happening {
                Happening::Progress(progress) => {
                    let pace = Pace::count(self.pace.take(), progress);
                    let pace = self.pace.insert(pace);
                    if self.said.elapsed() >= Self::EVERY {
                        self.said = Instant::now();
                        let left = pace.left();
                        let left = left.map_or_else(String::new, |left| format!(", {} left", duration(left)));
                        eprintln!(
                            "{stage:<10} {}/{} {}{left}",
                            progress.done,
                            progress.total,
                            label(progress)
                        );
                    }
                }
                Happening::Step { hit } if verbose > 1 => {
                    eprintln!("{stage:<10} one step {}", if *hit { "from the store" } else { "made" });
                }
                Happening::Step { .. } => {}
                Happening::Measured(measured) if verbose > 0 => eprintln!("{:<10} {measured}", ""),
                Happening::Measured(_) => {}
                Happening::Note { text } => eprintln!("{stage:<10} {text}"),
                Happening::Warning { text } | Happening::Fallback { text } => {
                    eprintln!("{stage:<10} warning: {text}");
                }
            },
            Event::StageFinished { stage, seconds, hits, made, summary, memory } => {
                eprintln!("{}", finished(*stage, *seconds, *hits, *made, summary));
                if verbose > 0 {
                    eprintln!("{}", remembered(memory));
                }
            }
            Event::Published { path, bytes: size } => eprintln!("  {}  {}", path.display(), Bytes(*size)),
            Event::Finished { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_well() {
        assert_eq!(duration(0.44), "0.4 s");
        assert_eq!(duration(125.0), "2 min 05 s");
    }

    #[test]
    fn what_is_left_goes_by_the_pace_of_what_is_counted() {
        let told = |unit: &str, done| Progress { done, total: 10, unit: unit.into(), item: String::new() };
        let steps =
            Pace { begun: Instant::now() - Duration::from_secs(600), ..Pace::begin(told("steps", 0)) };
        let steps = Pace::count(Some(steps), &told("steps", 6));
        assert_eq!(steps.left().map(f64::round), Some(400.0));
        // What took long before bands were counted says nothing about bands.
        let bands = Pace::count(Some(steps), &told("bands", 0));
        assert_eq!(bands.left(), None);
        assert!(Pace::count(Some(bands), &told("bands", 1)).left().is_some_and(|left| left < 60.0));
    }

    #[test]
    fn a_finished_stage_says_what_was_reused() {
        let line = |hits, made| finished(Stage::Images, 1.0, hits, made, "7 pictures");
        assert_eq!(line(0, 7), "images     7 pictures  1.0 s");
        assert_eq!(line(7, 0), "images     7 pictures (all from the store)  1.0 s");
        assert_eq!(line(3, 4), "images     7 pictures (3 of 7 from the store)  1.0 s");
    }
}

//! `shortform generate`: a script becomes a finished video.

use std::{path::PathBuf, thread, time::Duration};

use super::{
    args::{MachineArgs, OutputArgs, PipelineArgs, stage},
    exit::{Exit, Failure},
    input, publish,
    report::Reporter,
};
use crate::{
    run::{self, Event},
    stages::{Cancel, Stage},
};

/// Make a finished vertical video from a script
///
/// Writes NAME.mp4 and beside it NAME.json (title, hashtags, AI flags, seeds, prompts, loudness, what each
/// stage took), NAME.srt, NAME.vtt and NAME.jpg (the cover). Whatever was made before is taken from the store:
/// a run that was interrupted goes on where it stopped, and changing one sentence redoes one scene.
///
/// With several platforms or formats it also writes NAME-reels.mp4, NAME-1x1.mp4 and so on, each with its files: the
/// same narration and pictures, laid out anew.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A script file (text or Markdown), `-` for standard input, or the text itself
    input: String,
    /// The video to write, or a folder for it [default: the script's name with .mp4, here]
    #[arg(short, long, value_name = "OUT")]
    output: Option<PathBuf>,
    /// Stop after this stage and write what there is: narration, scenes, images, upscale, timeline
    #[arg(long, value_name = "STAGE", value_parser = stage)]
    stop_after: Option<Stage>,
    /// A quick look without any model: tones for the voice, numbered cards for the pictures
    #[arg(long)]
    draft: bool,
    #[command(flatten)]
    pipeline: PipelineArgs,
    #[command(flatten)]
    machine: MachineArgs,
}

pub(crate) fn generate(args: &Args, output: &OutputArgs) -> Result<(), Failure> {
    let jobs = input::jobs(&args.input, &args.pipeline, &args.machine, args.draft, args.stop_after, output)?;
    let target = publish::Target::new(args.output.as_deref(), &jobs[0].name)?;
    let store = args.machine.store()?;
    let cancel = cancel_on_signals()?;

    let mut reporter = Reporter::new(output);
    let one = jobs[0].pipeline.delivery();
    for job in &jobs {
        // What the deliveries share lies in the store once the first of them is made.
        let product =
            run::run(job, &store, &cancel, &mut |event| reporter.event(event)).map_err(|failed| {
                let mut failure = Failure::from(failed.error);
                if failure.exit != Exit::Interrupted {
                    failure.message = format!("{}: {}", failed.stage, failure.message);
                }
                failure
            })?;
        let duration = product.timeline.as_ref().map_or(0.0, |timeline| timeline.duration().seconds());
        let target = target.renamed(|name| job.pipeline.delivery().name_of(name, &one));
        for (path, bytes) in publish::publish(job, &product, &store, &target)? {
            reporter.event(&Event::Published { path, bytes });
        }
        reporter.event(&Event::Finished { duration, seconds: product.seconds });
    }
    Ok(())
}

/// How long work may take to stop by itself after the first signal.
const GRACE: Duration = Duration::from_millis(1500);

/// [`cancel_within`] a second or two.
pub(crate) fn cancel_on_signals() -> Result<Cancel, Failure> {
    cancel_within(GRACE)
}

/// The first signal asks everything to stop at its next step, and ends the program after `grace` if
/// something is still at work then; the second ends it at once. Ending at any moment loses nothing: files
/// and objects of the store appear under their names only when they are whole.
pub(crate) fn cancel_within(grace: Duration) -> Result<Cancel, Failure> {
    let cancel = Cancel::default();
    let handler = cancel.clone();
    ctrlc::set_handler(move || {
        if handler.is_cancelled() {
            end_now();
        }
        handler.cancel();
        thread::spawn(move || {
            thread::sleep(grace);
            end_now();
        });
    })
    .map_err(|error| input::failed("cannot listen for signals", &error))?;
    Ok(cancel)
}

fn end_now() {
    eprintln!("error: interrupted");
    std::process::exit(i32::from(Exit::Interrupted as u8));
}

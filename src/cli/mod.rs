//! The command line: one file a command; the only room that prints.
//!
//! [`run`] is the whole program.

mod args;
mod batch;
mod cache;
mod check;
mod doctor;
mod exit;
mod generate;
mod image;
mod input;
mod models;
mod morning;
mod plan;
mod presets;
mod publish;
mod report;
mod speak;
mod upscale;
#[cfg(feature = "video")]
mod verify;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use self::{
    args::OutputArgs,
    exit::{Exit, Failure},
};

/// Turns a script into a finished vertical video, on your own machine.
#[derive(Debug, Parser)]
#[command(
    version,
    max_term_width = 100,
    after_help = "Exit codes: 0 done, 1 render failed, 2 usage, 3 invalid pipeline, preset or script, \
                  4 something missing, 5 network, 6 out of memory, 7 part of a batch failed, 8 verification failed, 130 interrupted"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    Generate(generate::Args),
    Batch(batch::Args),
    Report(morning::Args),
    Plan(plan::Args),
    Check(check::Args),
    Image(image::Args),
    Speak(speak::Args),
    Upscale(upscale::Args),
    #[cfg(feature = "video")]
    Verify(verify::Args),
    Models(models::Args),
    Presets(presets::Args),
    Doctor(doctor::Args),
    Cache(cache::Args),
    #[command(name = "__device", hide = true)]
    Device(batch::DeviceArgs),
}

/// Reads the arguments, runs the command, says how it ended.
pub fn run() -> ExitCode {
    #[cfg(feature = "video")]
    crate::media::hush();
    let Cli { command, output } = Cli::parse();
    let ended = match command {
        Command::Generate(args) => generate::generate(&args, &output),
        Command::Batch(args) => batch::batch(&args, &output),
        Command::Report(args) => morning::report(&args, &output),
        Command::Plan(args) => plan::plan(&args, &output),
        Command::Check(args) => check::check(&args, &output),
        Command::Image(args) => image::image(&args, &output),
        Command::Speak(args) => speak::speak(&args, &output),
        Command::Upscale(args) => upscale::upscale(&args, &output),
        #[cfg(feature = "video")]
        Command::Verify(args) => verify::verify(&args, &output),
        Command::Models(args) => models::models(&args, &output),
        Command::Presets(args) => presets::presets(&args, &output),
        Command::Doctor(args) => doctor::doctor(&args, &output),
        Command::Cache(args) => cache::cache(&args, &output),
        Command::Device(args) => batch::device(&args, &output),
    };
    match ended {
        Ok(()) => Exit::Done.into(),
        Err(failure) => {
            say(&failure, &output);
            failure.exit.into()
        }
    }
}

/// Prints why the command did not do all.
fn say(failure: &Failure, output: &OutputArgs) {
    if output.json {
        let event = serde_json::json!({ "event": "failed", "exit_code": failure.exit as u8, "message": failure.message });
        println!("{event}");
    } else if failure.drawn {
        eprint!("{}", failure.message);
    } else if output.color.wanted() {
        eprintln!("\x1b[1;31merror:\x1b[0m {}", failure.message);
    } else {
        eprintln!("error: {}", failure.message);
    }
}

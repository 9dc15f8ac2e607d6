//! `shortform speak`: only the narration.

use std::path::PathBuf;

use super::{
    args::{MachineArgs, OutputArgs, PipelineArgs},
    exit::{Exit, Failure},
    generate::cancel_on_signals,
    input, publish,
    report::Reporter,
};
use crate::{run, stages::Stage, store};

/// Speak a script or a text into a WAV file
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A script file, or `-` for standard input
    #[arg(required_unless_present = "text", conflicts_with = "text")]
    input: Option<String>,
    /// The text to speak
    #[arg(long)]
    text: Option<String>,
    /// Speaking rate; 1.0 is the voice's own
    #[arg(long, value_name = "FACTOR")]
    rate: Option<String>,
    /// The WAV file to write
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Also write when each word is heard, as JSON
    #[arg(long, value_name = "FILE")]
    timings: Option<PathBuf>,
    #[command(flatten)]
    pipeline: PipelineArgs,
    #[command(flatten)]
    machine: MachineArgs,
}

pub(crate) fn speak(args: &Args, output: &OutputArgs) -> Result<(), Failure> {
    let text = args.text.as_deref().or(args.input.as_deref()).unwrap_or_default();
    let mut pipeline = args.pipeline.clone();
    if let Some(rate) = &args.rate {
        pipeline.sets.push(format!("narration.rate={rate}"));
    }
    let job = input::jobs(text, &pipeline, &args.machine, false, Some(Stage::Narration), output)?.remove(0);
    let store = args.machine.store()?;
    let cancel = cancel_on_signals()?;
    let mut reporter = Reporter::new(output);
    let product = run::run(&job, &store, &cancel, &mut |event| reporter.event(event))
        .map_err(|failed| Failure::from(failed.error))?;
    let Some(spoken) = &product.spoken else {
        return Err(Failure::new(Exit::Failed, "the narration stage ended without sound"));
    };
    let mut write = |path: &PathBuf, bytes: &[u8]| {
        store::write_atomically(path, bytes)
            .map_err(|error| input::failed(&format!("{} cannot be written", path.display()), &error))?;
        reporter.event(&run::Event::Published { path: path.clone(), bytes: bytes.len() as u64 });
        Ok::<_, Failure>(())
    };
    write(&args.output, &publish::object(&store, spoken.sound)?)?;
    if let Some(timings) = &args.timings {
        let mut json = serde_json::to_vec_pretty(&spoken.narration).expect("timings are plain data");
        json.push(b'\n');
        write(timings, &json)?;
    }
    Ok(())
}

//! `shortform check`: every mistake in pipelines, presets and scripts, at once.

use std::path::PathBuf;

use super::{
    args::{OutputArgs, PipelineArgs},
    exit::{Exit, Failure},
    input,
};
use crate::pipeline;

/// Find every mistake in pipeline files and scripts without running anything
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Pipeline files (.yaml, .yml) and scripts
    #[arg(required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    pipeline: PipelineArgs,
}

pub(crate) fn check(args: &Args, output: &OutputArgs) -> Result<(), Failure> {
    let mut wrong = 0;
    for path in &args.files {
        let name = path.display().to_string();
        let result = if path.extension().is_some_and(|ending| ending == "yaml" || ending == "yml") {
            pipeline::check_file(path)
                .map_err(|problems| Failure::drawn(Exit::Invalid, problems.draw(output.color.wanted())))
        } else {
            check_script(&name, &args.pipeline, output)
        };
        match result {
            Ok(()) if output.json => {
                println!("{}", serde_json::json!({ "file": name, "valid": true }));
            }
            Ok(()) if output.quiet => {}
            Ok(()) => println!("{name}: fine"),
            Err(failure) if failure.exit == Exit::Invalid => {
                wrong += 1;
                if output.json {
                    println!(
                        "{}",
                        serde_json::json!({ "file": name, "valid": false, "problems": failure.message })
                    );
                } else {
                    eprintln!("{}", failure.message.trim_end());
                }
            }
            Err(failure) => return Err(failure),
        }
    }
    if wrong > 0 {
        let files = args.files.len();
        return Err(Failure::new(
            Exit::Invalid,
            format!("{wrong} of {files} file{} cannot be used as written", if files == 1 { "" } else { "s" }),
        ));
    }
    Ok(())
}

fn check_script(name: &str, args: &PipelineArgs, output: &OutputArgs) -> Result<(), Failure> {
    if !std::path::Path::new(name).exists() {
        return Err(Failure::new(Exit::Invalid, format!("{name} does not exist")));
    }
    let source = input::read(name)?;
    let script = input::script(&source, output)?;
    input::pipeline(args, Some((&source, &script)), output).map(drop)
}

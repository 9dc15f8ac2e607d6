//! `shortform report`: what a batch came to.

use std::path::PathBuf;

use super::{args::OutputArgs, exit::Failure};
use crate::run::batch::Report;

/// Write the report of a batch anew: report.html and report.json
///
/// `shortform batch` writes it at its end; this is for a batch that was killed, or one dealt over several machines:
/// name the folders of all shards, and one report of them all is written into the first.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The --output folders of the batch
    #[arg(required = true, value_name = "FOLDER")]
    folders: Vec<PathBuf>,
}

pub(crate) fn report(args: &Args, output: &OutputArgs) -> Result<(), Failure> {
    let report = Report::gather(&args.folders)?;
    let written = report.write(&args.folders[0])?;
    if output.json {
        println!("{}", serde_json::to_string(&report).expect("a report is plain data"));
    } else if !output.quiet {
        written.iter().for_each(|path| println!("{}", path.display()));
    }
    Ok(())
}

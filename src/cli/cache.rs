//! `shortform cache`: what the store holds.

use super::{
    args::{Budget, MachineArgs, OutputArgs},
    exit::Failure,
};
use crate::{engine::Bytes, store::Limits};

/// Show, shrink or empty the store of finished steps
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
    #[command(flatten)]
    machine: MachineArgs,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Say where it lies and how much it holds
    Stat,
    /// Drop what was used longest ago until it is no larger than SIZE
    Prune {
        /// For example 10GiB
        #[arg(long, value_name = "SIZE", default_value = "10GiB")]
        max_size: Budget,
    },
    /// Drop everything
    Clear,
}

pub(crate) fn cache(args: &Args, output: &OutputArgs) -> Result<(), Failure> {
    let mut store = args.machine.store()?;
    match &args.action {
        Action::Stat => {}
        Action::Prune { max_size } => {
            store.prune(Limits { bytes: max_size.bytes(), age: None })?;
        }
        Action::Clear => {
            store.clear()?;
        }
    }
    let stat = store.stat()?;
    if output.json {
        println!("{}", serde_json::to_string(&stat).expect("a stat is plain data"));
    } else {
        println!("{}", store.root().display());
        println!("{} steps, {} objects, {}", stat.records, stat.objects, Bytes(stat.bytes));
    }
    Ok(())
}

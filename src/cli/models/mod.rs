//! `shortform models`: what is installed, what could be, and both ways there and back.

mod list;
mod optimize;
mod report;

use std::{
    io::{IsTerminal, Write},
    ops::ControlFlow,
    path::PathBuf,
    time::Duration,
};

use self::report::Reporter;
use super::{
    args::{MachineArgs, OutputArgs},
    exit::{Exit, Failure},
    generate::cancel_on_signals,
};
use crate::{
    engine::{self, DeviceChoice},
    models::{Catalog, Error, Event, HubError, Settings, Taking, Watch},
};

/// List, fetch, add, verify and remove models
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Show what is installed, and what can be pulled by name
    List {
        #[command(flatten)]
        machine: MachineArgs,
    },
    Pull(Pull),
    Add(Add),
    Verify(Verify),
    Optimize(optimize::Optimize),
    Remove(Remove),
}

/// Fetch a model from the hub and install it
///
/// Only what is needed is fetched: networks, their weights, configurations and tokenizers, never the PyTorch
/// files beside them. Each file is checked against the size and digest the hub lists; what is installed stands
/// in `models.lock`. After an interruption the same command goes on where it stopped.
///
/// HF_TOKEN holds the access token for gated and private repositories, HF_ENDPOINT another address of the hub,
/// HTTPS_PROXY and NO_PROXY say how to get there.
#[derive(Debug, clap::Args)]
struct Pull {
    /// A name from `shortform models list`, or OWNER/NAME at the hub; @REVISION names a branch, tag or commit
    #[arg(value_name = "NAME|OWNER/NAME[@REVISION]")]
    source: String,
    /// What to call it here [default: its own name]
    #[arg(long)]
    name: Option<String>,
    /// How long a server may say nothing
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3600))]
    timeout: u64,
    /// How often in a row a failure that may pass is tried again
    #[arg(long, value_name = "N", default_value_t = 5)]
    retries: usize,
    #[command(flatten)]
    machine: MachineArgs,
}

/// Install a model from a folder of this machine
///
/// Takes a folder in the diffusers ONNX layout, a tiny autoencoder, or a single network such as an upscaler.
/// Each part is run once before it counts as installed.
#[derive(Debug, clap::Args)]
struct Add {
    /// The folder
    folder: PathBuf,
    /// What to call it here [default: the folder's name]
    #[arg(long)]
    name: Option<String>,
    /// Link to the folder instead of copying its files
    #[arg(long)]
    link: bool,
    /// Where to run the parts: auto, cpu, cuda, cuda:N or coreml
    #[arg(long, default_value = "auto", env = "SHORTFORM_MEMORY_DEVICE")]
    device: DeviceChoice,
    #[command(flatten)]
    machine: MachineArgs,
}

/// Compare installed models with models.lock byte for byte, and run each part once
#[derive(Debug, clap::Args)]
struct Verify {
    /// Only these [default: all]
    names: Vec<String>,
    /// Where to run the parts: auto, cpu, cuda, cuda:N or coreml
    #[arg(long, default_value = "auto", env = "SHORTFORM_MEMORY_DEVICE")]
    device: DeviceChoice,
    #[command(flatten)]
    machine: MachineArgs,
}

/// Remove an installed model
#[derive(Debug, clap::Args)]
struct Remove {
    /// Its name
    name: String,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    #[command(flatten)]
    machine: MachineArgs,
}

pub(crate) fn models(args: &Args, output: &OutputArgs) -> Result<(), Failure> {
    match &args.action {
        Action::List { machine } => list::list(&catalog(machine), output),
        Action::Pull(args) => pull(args, output),
        Action::Add(args) => add(args, output),
        Action::Verify(args) => verify(args, output),
        Action::Optimize(args) => optimize::optimize(args, output),
        Action::Remove(args) => remove(args, output),
    }
}

fn catalog(machine: &MachineArgs) -> Catalog {
    Catalog::new(machine.models_dir.clone())
}

/// Lets `work` speak to the reporter until somebody interrupts it.
fn watched<T>(
    output: &OutputArgs,
    work: impl FnOnce(&mut Watch<'_>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let cancel = cancel_on_signals()?;
    let mut reporter = Reporter::new(output);
    let mut listen = |event: Event| {
        reporter.event(&event);
        if cancel.is_cancelled() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let done = work(&mut Watch::new(&mut listen));
    reporter.finish();
    done
}

fn pull(args: &Pull, output: &OutputArgs) -> Result<(), Failure> {
    let settings = Settings {
        offline: args.machine.offline,
        timeout: Duration::from_secs(args.timeout),
        retries: args.retries,
        ..Settings::from_environment()
    };
    let catalog = catalog(&args.machine);
    let pulled = watched(output, |watch| {
        catalog.pull(&args.source, args.name.as_deref(), settings, watch).map_err(failure(Exit::Invalid))
    })?;
    if pulled.was_there {
        say(output, &format!("{} is installed, in exactly this state", pulled.name));
    } else {
        say(output, &format!("`shortform models verify {}` runs each part of it once", pulled.name));
    }
    Ok(())
}

fn add(args: &Add, output: &OutputArgs) -> Result<(), Failure> {
    let taking = if args.link { Taking::Link } else { Taking::Copy };
    let catalog = catalog(&args.machine);
    watched(output, |watch| {
        let added = catalog.add(&args.folder, args.name.as_deref(), taking, args.device, watch);
        added.map(drop).map_err(failure(Exit::Invalid))
    })
}

fn verify(args: &Verify, output: &OutputArgs) -> Result<(), Failure> {
    let catalog = catalog(&args.machine);
    let all = || catalog.installed().into_iter().map(|known| known.name).collect();
    let names: Vec<_> = if args.names.is_empty() { all() } else { args.names.clone() };
    watched(output, |watch| {
        let mut failures = Vec::new();
        for name in &names {
            match catalog.verify(name, args.device, watch).map_err(failure(Exit::Rejected)) {
                Ok(()) => {}
                Err(stop) if stop.exit == Exit::Interrupted => return Err(stop),
                Err(failure) => failures.push(failure),
            }
        }
        // All are looked at; the last one is told like any failure, with the exit code.
        let Some(last) = failures.pop() else { return Ok(()) };
        failures.iter().for_each(|failure| eprintln!("error: {}", failure.message));
        Err(last)
    })
}

fn remove(args: &Remove, output: &OutputArgs) -> Result<(), Failure> {
    let catalog = catalog(&args.machine);
    if !args.yes && catalog.installed().iter().any(|known| known.name == args.name) {
        if !std::io::stdin().is_terminal() {
            let message = format!("nobody can be asked whether to remove `{}`: say so with --yes", args.name);
            return Err(Failure::new(Exit::Usage, message));
        }
        eprint!("Remove {} from {}? [y/N] ", args.name, catalog.folder().display());
        let _ = std::io::stderr().flush();
        let mut answer = String::new();
        let _ = std::io::stdin().read_line(&mut answer);
        if !matches!(answer.trim().to_lowercase().as_str(), "y" | "yes") {
            say(output, "nothing is removed");
            return Ok(());
        }
    }
    watched(output, |watch| catalog.remove(&args.name, watch).map_err(failure(Exit::Failed)))
}

fn say(output: &OutputArgs, text: &str) {
    if !output.quiet && !output.json {
        eprintln!("{text}");
    }
}

/// An error's exit code; `unfit` is the one for a model that is wrong in itself.
fn failure(unfit: Exit) -> impl Fn(Error) -> Failure {
    move |error| {
        let exit = match &error {
            Error::Missing { .. } | Error::NotBuiltIn(_) | Error::Unknown(_) => Exit::Missing,
            Error::Name { .. } | Error::Taken { .. } | Error::BuiltIn(_) => Exit::Usage,
            Error::Hub(error) => exit_of_hub(error),
            Error::Engine(error) => match error {
                engine::Error::OutOfMemory { .. } => Exit::OutOfMemory,
                engine::Error::Open { .. }
                | engine::Error::Run { .. }
                | engine::Error::ElementType { .. } => unfit,
                _ => Exit::Missing,
            },
            Error::Io { .. } => Exit::Failed,
            _ => unfit,
        };
        Failure::because(exit, &error)
    }
}

fn exit_of_hub(error: &HubError) -> Exit {
    match error {
        HubError::NotFound { .. } => Exit::Missing,
        HubError::Endpoint { .. } => Exit::Usage,
        HubError::Space { .. } | HubError::Write { .. } => Exit::Failed,
        HubError::Cancelled => Exit::Interrupted,
        _ => Exit::Network,
    }
}

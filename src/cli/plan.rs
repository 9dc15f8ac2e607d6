//! `shortform plan`: what would run.

use super::{
    args::{MachineArgs, OutputArgs, PipelineArgs, stage},
    batch::{self, Common},
    exit::Failure,
    input,
    report::duration,
};
use crate::{
    engine::Bytes,
    run::{self, Job, Plan},
    stages::Stage,
};

/// Show what would run for each script: what lies in the store, what must be made
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Scripts, texts, folders, globs or manifests, as `generate` and `batch` take them
    #[arg(required = true, value_name = "INPUT")]
    inputs: Vec<String>,
    /// Plan up to this stage
    #[arg(long, value_name = "STAGE", value_parser = stage)]
    stop_after: Option<Stage>,
    /// Plan a draft
    #[arg(long)]
    draft: bool,
    #[command(flatten)]
    pipeline: PipelineArgs,
    #[command(flatten)]
    machine: MachineArgs,
}

pub(crate) fn plan(args: &Args, output: &OutputArgs) -> Result<(), Failure> {
    let store = args.machine.store()?;
    for job in jobs(args, output) {
        let job = job?;
        let plan = run::plan(&job, &store).map_err(|(_, error)| Failure::from(error))?;
        if output.json {
            println!("{}", serde_json::to_string(&plan).expect("a plan is plain data"));
        } else {
            print(&plan);
        }
    }
    Ok(())
}

/// The jobs that the inputs mean, each read when its turn comes.
fn jobs<'a>(args: &'a Args, output: &'a OutputArgs) -> impl Iterator<Item = Result<Job, Failure>> + 'a {
    let machine = &args.machine;
    let common = Common {
        draft: args.draft,
        stop_after: args.stop_after,
        models_dir: machine.models_dir.clone(),
        offline: machine.offline,
    };
    args.inputs.iter().flat_map(move |given| -> Box<dyn Iterator<Item = _>> {
        if !batch::is_many(given) {
            let jobs = input::jobs(given, &args.pipeline, machine, args.draft, args.stop_after, output);
            return several(jobs);
        }
        let common = common.clone();
        match batch::expand(std::slice::from_ref(given), &args.pipeline) {
            Ok(wishes) => {
                Box::new(wishes.into_iter().flat_map(move |wish| several(wish.jobs(&common, output))))
            }
            Err(failure) => Box::new(std::iter::once(Err(failure))),
        }
    })
}

fn several<'a>(jobs: Result<Vec<Job>, Failure>) -> Box<dyn Iterator<Item = Result<Job, Failure>> + 'a> {
    match jobs {
        Ok(jobs) => Box::new(jobs.into_iter().map(Ok)),
        Err(failure) => Box::new(std::iter::once(Err(failure))),
    }
}

fn print(plan: &Plan) {
    let length = plan.duration.map_or_else(String::new, |seconds| format!("  ({seconds:.1} s of video)"));
    println!("{}{length}", plan.script);
    for planned in &plan.stages {
        let work = match planned.cached {
            None => "after the stages before it".to_owned(),
            Some(cached) if cached.steps == 0 => "at once".to_owned(),
            Some(cached) if cached.complete() => {
                format!("nothing: {} of {} in the store", cached.hits, cached.steps)
            }
            Some(cached) => {
                let time = planned.seconds.map_or_else(
                    || ", for how long is not measured here yet".to_owned(),
                    |seconds| format!(", about {}", duration(seconds)),
                );
                format!("{} to make, {} in the store{time}", cached.steps - cached.hits, cached.hits)
            }
        };
        println!("  {:<10} {work}", planned.stage);
        for note in &planned.notes {
            println!("  {:<10} {note}", "");
        }
    }
    if let Some(bytes) = plan.bytes {
        println!(
            "  {:<10} at most {} for the finished video, and as much in the store",
            "disk",
            Bytes(bytes)
        );
    }
}

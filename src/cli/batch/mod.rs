//! `shortform batch`: many scripts, resumed after any end, with a report.

mod device;
mod inputs;
mod manifest;
mod time;
mod view;
mod wish;

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

pub(super) use self::{
    device::{Args as DeviceArgs, device},
    inputs::{expand, is_many},
    wish::{Common, Wish},
};
use self::{time::deadline, view::View, wish::kind};
use super::{
    args::{MachineArgs, OutputArgs, PipelineArgs, stage},
    exit::{Exit, Failure},
    generate::cancel_within,
    input, publish,
};
use crate::{
    engine,
    pipeline::Budget,
    run::{
        Job,
        batch::{self, Batch, Hooks, Options, Refused, Shard, Stopped, Video},
    },
    stages::{self, Kind, Stage},
};

/// Make a video from each of many scripts
///
/// INPUT is a folder, a glob, a script, or a manifest in YAML, JSONL or CSV with settings of its own for each video.
/// Each video gets a folder of its own below --output; report.html tells in the morning what came of it. Run the same
/// command again after any end, a crash or a power cut included: what is finished is not made again.
///
/// Each model is loaded once for several videos. A video that fails does not stop the others; exit code 7 says that
/// some are not there.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Folders, globs, scripts, manifests
    #[arg(required = true, value_name = "INPUT")]
    inputs: Vec<String>,
    /// The folder for all videos and the report
    #[arg(short, long, value_name = "OUT", default_value = "out")]
    output: PathBuf,
    /// Stop each video after this stage
    #[arg(long, value_name = "STAGE", value_parser = stage)]
    stop_after: Option<Stage>,
    /// Quick looks without any model
    #[arg(long)]
    draft: bool,
    /// Scripts spoken and edited at once [default: one a core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1024))]
    jobs: Option<u64>,
    /// Scripts spoken or directed at once where a server does that
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..=256))]
    network: u64,
    /// Videos encoded at once [default: one for every four cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=256))]
    encoders: Option<u64>,
    /// Videos drawn with the models loaded once, at most; the first times are for fewer
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u64).range(1..=4096))]
    wave: u64,
    /// How often a video that failed is tried again
    #[arg(long, value_name = "N", default_value_t = 1)]
    retries: u32,
    /// End at the first failure
    #[arg(long, conflicts_with = "keep_going")]
    fail_fast: bool,
    /// Go on with the others when a video fails (the default)
    #[arg(long)]
    keep_going: bool,
    /// When to end, finished or not: a time of day such as 06:00, or how long from now, such as 8h or 90m
    #[arg(long, value_name = "WHEN")]
    deadline: Option<String>,
    /// Make only the i-th of n parts: 3/8, for many machines; /8 takes i from JOB_COMPLETION_INDEX or
    /// SLURM_ARRAY_TASK_ID [default: all, or as a Slurm array says]
    #[arg(long, value_name = "i/n")]
    shard: Option<String>,
    /// How long a silent process that draws is waited for, at least, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    watchdog: u64,
    #[command(flatten)]
    pipeline: PipelineArgs,
    #[command(flatten)]
    machine: MachineArgs,
}

/// How long the lanes may take to let go of what they do after the first signal.
const GRACE: Duration = Duration::from_secs(6);

pub(super) fn batch(args: &Args, output: &OutputArgs) -> Result<(), Failure> {
    let shard = shard(args.shard.as_deref(), |name| std::env::var(name).ok())?;
    let deadline = args.deadline.as_deref().map(deadline).transpose()?;
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let common = Common {
        draft: args.draft,
        stop_after: args.stop_after,
        models_dir: args.machine.models_dir.clone(),
        offline: args.machine.offline,
    };
    let mut wishes = expand(&args.inputs, &args.pipeline)?;
    wishes.retain(|wish| shard.is_none_or(|shard| shard.makes(&wish.id)));
    let (videos, refused) = prepare(&wishes, &common, cores, output)?;
    let store = args.machine.store_folder();
    let options = Options {
        jobs: args.jobs.map_or(cores, |jobs| jobs as usize),
        network: args.network as usize,
        encoders: args.encoders.map_or((cores / 4).max(1), |encoders| encoders as usize),
        retries: args.retries,
        fail_fast: args.fail_fast,
        deadline,
        wave: args.wave as usize,
        watchdog: Duration::from_secs(args.watchdog),
        memory: memory(&videos),
        shard,
    };
    let cancel = cancel_within(GRACE)?;
    let view = Mutex::new(View::new(output));
    let device = || {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("__device").arg("--cache-dir").arg(&store);
        Ok(command)
    };
    let mut batch = Batch {
        videos,
        refused,
        options,
        store: store.clone(),
        output: args.output.clone(),
        cancel,
        hooks: Hooks {
            device: &device,
            publish: &publish_into,
            tell: &|told| view.lock().unwrap_or_else(PoisonError::into_inner).told(told),
        },
    };
    let outcome = batch::run(&mut batch)?;
    view.lock().unwrap_or_else(PoisonError::into_inner).end(&outcome, &args.output);
    let unfinished = outcome.failed + outcome.left;
    match outcome.stopped {
        Some(Stopped::Interrupted) => {
            let left = outcome.left;
            Err(Failure::new(
                Exit::Interrupted,
                format!("interrupted, {left} not finished: the same command goes on there"),
            ))
        }
        _ if unfinished > 0 => {
            let all = unfinished + outcome.made + outcome.reused;
            let report = args.output.join("report.html");
            let message = format!("{unfinished} of {all} videos are not there: see {}", report.display());
            Err(Failure::new(Exit::Part, message))
        }
        _ => Ok(()),
    }
}

/// Bytes that steps at work may take together: what is free, or what the videos may use, if all of them say
/// so and it is the processor's memory that they speak of.
fn memory(videos: &[Video]) -> u64 {
    let has_others = engine::probe().devices.iter().any(|device| device.device != engine::Device::Cpu);
    let said = videos.iter().map(|Video { job, .. }| {
        let memory = &job.pipeline.memory;
        let here = !has_others || memory.device == engine::DeviceChoice::Only(engine::Device::Cpu);
        match memory.budget {
            Budget::Bytes(bytes) if here => Some(bytes.saturating_sub(engine::process().resident)),
            _ => None,
        }
    });
    let most = said.collect::<Option<Vec<_>>>().and_then(|said| said.into_iter().max());
    most.unwrap_or_else(|| engine::system().available)
}

/// Reads all scripts and resolves their pipelines, on all cores; what is wrong with one is kept for its report.
fn prepare(
    wishes: &[Wish],
    common: &Common,
    cores: usize,
    output: &OutputArgs,
) -> Result<(Vec<Video>, Vec<Refused>), Failure> {
    // A drawing in a report has no colours.
    let output = OutputArgs { color: super::args::Color::Never, ..output.clone() };
    let next = AtomicUsize::new(0);
    let ready = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    let Some(wish) = wishes.get(at) else { return };
                    let videos = videos_of(wish, common, &output);
                    ready.lock().unwrap_or_else(PoisonError::into_inner).push((at, videos));
                }
            });
        }
    });
    let mut ready = ready.into_inner().unwrap_or_else(PoisonError::into_inner);
    ready.sort_by_key(|(at, _)| *at);
    let (mut videos, mut refused) = (Vec::new(), Vec::new());
    for (at, made) in ready {
        match made {
            Ok(made) => videos.extend(made),
            Err(failure) => refused.push(Refused {
                id: wishes[at].id.clone(),
                kind: kind(failure.exit),
                message: failure.message,
            }),
        }
    }
    // A delivery may be called like another script's video.
    let mut seen = BTreeSet::new();
    if let Some(twice) = videos.iter().find(|video| !seen.insert(video.id.to_lowercase())) {
        let message = format!(
            "two videos would be called `{}`, one of them a further delivery: rename the other",
            twice.id
        );
        return Err(Failure::new(Exit::Invalid, message));
    }
    Ok((videos, refused))
}

/// The video of `wish` and its further deliveries.
fn videos_of(wish: &Wish, common: &Common, output: &OutputArgs) -> Result<Vec<Video>, Failure> {
    let specs = wish.specs(common, output)?.into_iter();
    let video = |(spec, job): (wish::Spec, Job)| {
        let key = batch::key(&job)?;
        let order = serde_json::to_value(&spec)
            .map_err(|error| input::failed("the video cannot be described", &error))?;
        Ok(Video { id: job.name.clone(), job, priority: wish.priority, order, key })
    };
    specs.map(video).collect()
}

/// Puts a video's files into its folder.
fn publish_into(
    job: &crate::run::Job,
    product: &crate::run::Product,
    store: &crate::store::Store,
    folder: &Path,
) -> Result<Vec<PathBuf>, stages::Error> {
    let failed = |failure: Failure| stages::Error::new(Kind::Failed, "", failure.message);
    let target = folder.join(format!("{}.mp4", job.name));
    let target = publish::Target::new(Some(&target), &job.name).map_err(failed)?;
    let published = publish::publish(job, product, store, &target).map_err(failed)?;
    Ok(published.into_iter().map(|(path, _)| path).collect())
}

/// The part that this machine makes: as said, or as the cluster's variables say.
fn shard(said: Option<&str>, variable: impl Fn(&str) -> Option<String>) -> Result<Option<Shard>, Failure> {
    let usage = |message: String| Failure::new(Exit::Usage, format!("--shard: {message}"));
    let number = |name: &str| variable(name).and_then(|text| text.trim().parse::<u64>().ok());
    // Slurm counts from wherever the user says, Kubernetes from 0.
    let slurm = number("SLURM_ARRAY_TASK_ID")
        .map(|id| id.saturating_sub(number("SLURM_ARRAY_TASK_MIN").unwrap_or(0)) + 1);
    let index = slurm.or_else(|| number("JOB_COMPLETION_INDEX").map(|index| index + 1));
    let shard = match (said, index, number("SLURM_ARRAY_TASK_COUNT")) {
        (Some(said), index, _) if said.starts_with('/') => {
            let index = index.ok_or_else(|| {
                usage(format!("`{said}` takes its part from SLURM_ARRAY_TASK_ID or JOB_COMPLETION_INDEX, and neither is set"))
            })?;
            format!("{index}{said}").parse().map_err(usage)?
        }
        (Some(said), ..) => said.parse().map_err(usage)?,
        (None, Some(_), Some(count)) => match slurm {
            Some(index) => Shard::new(index, count).map_err(usage)?,
            None => return Ok(None),
        },
        _ => return Ok(None),
    };
    Ok(Some(shard))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clusters_say_which_part_is_whose() {
        let of = |said, variables: &[(&str, &str)]| {
            let get = |name: &str| {
                variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
            };
            shard(said, get).map(|shard| shard.map(|shard| shard.to_string())).map_err(|failure| failure.exit)
        };
        assert_eq!(of(None, &[]), Ok(None));
        assert_eq!(of(Some("3/8"), &[("SLURM_ARRAY_TASK_ID", "5")]), Ok(Some("3/8".into())));
        let slurm =
            [("SLURM_ARRAY_TASK_ID", "5"), ("SLURM_ARRAY_TASK_MIN", "1"), ("SLURM_ARRAY_TASK_COUNT", "8")];
        assert_eq!(of(None, &slurm), Ok(Some("5/8".into())));
        assert_eq!(
            of(None, &[("SLURM_ARRAY_TASK_ID", "0"), ("SLURM_ARRAY_TASK_COUNT", "2")]),
            Ok(Some("1/2".into()))
        );
        assert_eq!(of(Some("/4"), &[("JOB_COMPLETION_INDEX", "3")]), Ok(Some("4/4".into())));
        assert_eq!(of(None, &[("JOB_COMPLETION_INDEX", "3")]), Ok(None));
        assert_eq!(of(Some("/4"), &[]), Err(Exit::Usage));
        assert_eq!(of(Some("9/8"), &[]), Err(Exit::Usage));
    }
}

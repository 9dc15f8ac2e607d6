//! `shortform cache`: what the store holds, and why something was made anew.

use serde_json::Value;

use super::{
    args::{Budget, MachineArgs, OutputArgs},
    exit::{Exit, Failure},
};
use crate::{
    engine::Bytes,
    run,
    stages::Learned,
    store::{Entry, Limits, Store, differences},
};

/// Differences shown; a changed narration moves every word after it.
const MOST_SHOWN: usize = 20;
/// Characters of a value shown.
const WIDTH: usize = 60;

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
    /// Forget how far down models had to step when memory ran out
    Forget,
    /// Say what a step depends on, and where that differs from another step
    ///
    /// Without a KEY the steps made last are listed, with their keys. With one KEY it is compared with the step of
    /// its stage that is most like it: whatever differs is why one of them could not serve for the other.
    Explain {
        /// The key of a step; its first digits will do
        key: Option<String>,
        /// The key of another
        other: Option<String>,
    },
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
            Learned::forget(&store);
        }
        Action::Forget => {
            let known = Learned::forget(&store);
            eprintln!("forgot {}", run::count(known, "model"));
        }
        Action::Explain { key, other } => return explain(&store, key.as_deref(), other.as_deref(), output),
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

fn explain(
    store: &Store,
    key: Option<&str>,
    other: Option<&str>,
    output: &OutputArgs,
) -> Result<(), Failure> {
    let entries = store.entries()?;
    let Some(key) = key else {
        entries.iter().take(MOST_SHOWN).for_each(|entry| println!("{}  {}", entry.key.short(), entry.stage));
        return Ok(());
    };
    let entry = find(&entries, key)?;
    let other = match other {
        Some(other) => Some(find(&entries, other)?),
        None => nearest(&entries, entry),
    };
    let differing = other.map(|other| differences(entry, other)).unwrap_or_default();
    if output.json {
        let told =
            serde_json::json!({ "entry": entry, "other": other.map(|e| e.key), "differences": differing });
        println!("{told}");
        return Ok(());
    }
    println!("{}  {}, version {}", entry.key.short(), entry.stage, entry.version);
    for field in &entry.fields {
        println!("  {:<18} {}", field.name, brief(Some(&field.value)));
    }
    let Some(other) = other else {
        println!("there is no other step of this stage");
        return Ok(());
    };
    println!("{}  differs in {}", other.key.short(), run::count(differing.len(), "place"));
    for difference in differing.iter().take(MOST_SHOWN) {
        let (one, two) = (brief(difference.one.as_ref()), brief(difference.other.as_ref()));
        println!("  {:<18} {one}  |  {two}", difference.path);
    }
    if differing.len() > MOST_SHOWN {
        println!("  ... and {} more", differing.len() - MOST_SHOWN);
    }
    Ok(())
}

fn find<'a>(entries: &'a [Entry], key: &str) -> Result<&'a Entry, Failure> {
    let mut found = entries.iter().filter(|entry| entry.key.to_string().starts_with(key));
    match (found.next(), found.next()) {
        (Some(entry), None) => Ok(entry),
        (None, _) => Err(Failure::new(
            Exit::Missing,
            format!(
                "no step in the store has a key that begins with `{key}`: `shortform cache explain` lists them"
            ),
        )),
        _ => Err(Failure::new(
            Exit::Usage,
            format!("several keys begin with `{key}`: write more of its digits"),
        )),
    }
}

/// The step of the same stage that differs in the fewest places.
fn nearest<'a>(entries: &'a [Entry], entry: &Entry) -> Option<&'a Entry> {
    let same = entries.iter().filter(|other| other.stage == entry.stage && other.key != entry.key);
    same.min_by_key(|other| differences(entry, other).len())
}

/// A value on one line, cut where it is long.
fn brief(value: Option<&Value>) -> String {
    let Some(value) = value else { return "-".to_owned() };
    let text = value.to_string();
    match text.char_indices().nth(WIDTH) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}

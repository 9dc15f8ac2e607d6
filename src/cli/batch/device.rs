//! The process that holds the models: started by `shortform batch`, never by a person.

use std::{
    io::{BufRead, Write},
    sync::mpsc::channel,
    thread,
    time::Duration,
};

use super::{
    super::{
        args::{MachineArgs, OutputArgs},
        exit::{Exit, Failure},
    },
    wish::Spec,
};
use crate::{
    run::batch::{Order, Say, wave},
    stages::Cancel,
};

/// Draw what standard input asks for
#[derive(Debug, clap::Args)]
pub(in super::super) struct Args {
    #[command(flatten)]
    machine: MachineArgs,
}

/// How long work may take to stop by itself after the parent has gone.
const GRACE: Duration = Duration::from_secs(1);

pub(in super::super) fn device(args: &Args, output: &OutputArgs) -> Result<(), Failure> {
    let mut line = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut line)
        .map_err(|error| Failure::new(Exit::Usage, format!("standard input cannot be read: {error}")))?;
    let unreadable = |error| Failure::new(Exit::Usage, format!("standard input holds no order: {error}"));
    let order: Order = serde_json::from_str(&line).map_err(unreadable)?;
    let mut jobs = Vec::new();
    for video in order.videos {
        let spec: Spec = serde_json::from_value(video).map_err(unreadable)?;
        jobs.push(spec.job(output)?);
    }
    let store = args.machine.store()?;
    let cancel = Cancel::default();
    let parent = cancel.clone();
    let (sender, room) = channel();
    // A line says that there is room. The end of the input is the parent's wish, or the parent's own end
    // however it came: nobody is left to draw for then.
    thread::spawn(move || {
        let mut rest = String::new();
        while std::io::stdin().lock().read_line(&mut rest).is_ok_and(|read| read > 0) {
            rest.clear();
            let _ = sender.send(());
        }
        drop(sender);
        parent.cancel();
        thread::sleep(GRACE);
        std::process::exit(i32::from(Exit::Interrupted as u8));
    });
    let mut say = |say: Say| {
        let line = serde_json::to_string(&say).expect("what is said is plain data");
        // A parent that no longer listens is gone: the thread above sees to that.
        let _ = writeln!(std::io::stdout().lock(), "{line}");
    };
    wave(&jobs, order.canary, &store, &cancel, &mut || room.recv().is_ok(), &mut say);
    Ok(())
}

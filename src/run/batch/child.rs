//! The process that draws: started with its order, heard, told to go on, and ended.

use std::{
    collections::VecDeque,
    io::{BufRead, BufReader, Read, Write},
    process::{self, ChildStdin, Command, ExitStatus, Stdio},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, channel},
    },
    thread,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::wave::{Canary, Say};

/// What the child is asked to do: the first line of its standard input. At the end of the input it ends.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Order {
    /// Each video, as the command line describes it to itself.
    pub videos: Vec<Value>,
    /// A picture to draw again first.
    pub canary: Option<Canary>,
}

/// Lines kept of what the child printed.
const LOG: usize = 40;
/// How long a child may take to end when asked to.
const GRACE: Duration = Duration::from_secs(2);

/// The process that draws.
pub(super) struct Child {
    process: process::Child,
    /// Closed, it asks the child to end; so does the parent's own death.
    stdin: Option<ChildStdin>,
    /// What it says.
    pub(super) said: Receiver<Say>,
    log: Arc<Mutex<VecDeque<String>>>,
    log_reader: Option<thread::JoinHandle<()>>,
}

impl Child {
    /// Starts it with its order.
    pub(super) fn start(mut command: Command, order: &Order) -> std::io::Result<Self> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // A Ctrl-C is for the parent: it decides what its child does.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut process = command.spawn()?;
        let (stdout, stderr) = (process.stdout.take(), process.stderr.take());
        let mut stdin = process.stdin.take();
        let (sender, said) = channel();
        thread::spawn(move || {
            for line in stdout.into_iter().flat_map(|stdout| BufReader::new(stdout).lines()) {
                // A line that is no message is a library's chatter.
                let Ok(line) = line else { return };
                if let Ok(say) = serde_json::from_str(&line)
                    && sender.send(say).is_err()
                {
                    return;
                }
            }
        });
        let log = Arc::new(Mutex::new(VecDeque::new()));
        let log_reader = stderr.map(|stderr| {
            let log = Arc::clone(&log);
            thread::spawn(move || keep_log(stderr, &log))
        });
        let mut line = serde_json::to_vec(order)?;
        line.push(b'\n');
        if let Some(stdin) = &mut stdin {
            // A child that died at once is told by its status, not by the broken pipe.
            let _ = stdin.write_all(&line).and_then(|()| stdin.flush());
        }
        Ok(Self { process, stdin, said, log, log_reader })
    }

    /// The system's number of it.
    pub(super) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Tells it that there is room for what it expects to hold.
    pub(super) fn go(&mut self) {
        if let Some(stdin) = &mut self.stdin {
            // One that is gone already is told by its status.
            let _ = stdin.write_all(b"go\n").and_then(|()| stdin.flush());
        }
    }

    /// Asks it to end, and makes it.
    pub(super) fn end(&mut self) {
        self.stdin = None;
        let asked = Instant::now();
        while asked.elapsed() < GRACE {
            if !matches!(self.process.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
        self.kill();
    }

    /// Ends it, and answers what it printed last.
    pub(super) fn kill(&mut self) -> Vec<String> {
        let _ = self.process.kill();
        self.wait().1
    }

    /// Waits for its end, and answers what it printed last.
    pub(super) fn wait(&mut self) -> (Option<ExitStatus>, Vec<String>) {
        self.stdin = None;
        let status = self.process.wait().ok();
        if let Some(reader) = self.log_reader.take() {
            let _ = reader.join();
        }
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        (status, log.iter().cloned().collect())
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if matches!(self.process.try_wait(), Ok(None)) {
            self.kill();
        }
    }
}

fn keep_log(stderr: impl Read, log: &Mutex<VecDeque<String>>) {
    let mut lines = BufReader::new(stderr);
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
        let text = String::from_utf8_lossy(&line).trim_end().to_owned();
        let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
        log.push_back(text);
        if log.len() > LOG {
            log.pop_front();
        }
        line.clear();
    }
}

/// How it ended, for a sentence that begins with its name.
pub(super) fn ended(status: Option<ExitStatus>) -> String {
    let Some(status) = status else { return "vanished".to_owned() };
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        let hint = if signal == 9 { "; perhaps the system ran out of memory" } else { "" };
        return format!("was killed by signal {signal}{hint}");
    }
    format!("ended by itself ({status})")
}

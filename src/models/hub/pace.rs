//! Whether an answer still gets on. The client's own timeout begins anew with each part that arrives, so that a
//! server that drips would never meet it.

use std::time::{Duration, Instant};

/// Less than this in a second is no download (bytes).
const SLOWEST: f64 = 1024.0;

/// Watches how fast an answer comes.
pub(super) struct Pace {
    window: Duration,
    since: Instant,
    had: u64,
}

impl Pace {
    /// Begins now; each `window` must bring a kibibyte for each of its seconds.
    pub(super) fn new(window: Duration) -> Self {
        Self { window, since: Instant::now(), had: 0 }
    }

    /// Takes note that `have` bytes have come so far; in words, if that is too slow.
    pub(super) fn stalls(&mut self, have: u64) -> Option<String> {
        let waited = self.since.elapsed();
        if waited < self.window {
            return None;
        }
        let came = have - self.had;
        let least = SLOWEST * waited.as_secs_f64();
        (self.since, self.had) = (Instant::now(), have);
        ((came as f64) < least)
            .then(|| format!("it stalls: only {came} bytes came in {:.1} s", waited.as_secs_f64()))
    }
}

//! Where the steps of a video run, and what memory they take there.

use super::{Lane, board::Step};
use crate::{
    pipeline::{DirectorEngine, VoiceEngine},
    run::Job,
    stages::narration,
};

/// What loading a network of 256 MiB held at most, in times of its file; 1.04 times once it was loaded.
const NETWORK_LOADING: f64 = 1.3;

/// What the steps of one video ask for; what the device lane needs, its process says itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Demand {
    /// Whether its voice speaks at a server.
    asks_voice: bool,
    /// Whether its director is a language model at a server.
    asks_director: bool,
    /// Bytes of the network that speaks.
    voice: u64,
    /// Bytes of rendering and encoding.
    encoder: u64,
}

impl Demand {
    pub(super) fn of(job: &Job) -> Self {
        let (pipeline, draft) = (&job.pipeline, job.machine.draft);
        let network = match draft {
            true => 0,
            false => narration::network_bytes(pipeline, job.machine.models_dir.clone()),
        };
        Self {
            asks_voice: !draft && pipeline.narration.engine == VoiceEngine::Remote,
            asks_director: !draft && pipeline.scenes.engine == DirectorEngine::Llm,
            voice: (network as f64 * NETWORK_LOADING) as u64,
            encoder: pipeline.video.encoder.memory(pipeline.video.quality, pipeline.frame_size()),
        }
    }

    /// Where a step runs.
    pub(super) fn lane(&self, step: Step) -> Lane {
        match step {
            Step::Speak if self.asks_voice => Lane::Network,
            Step::Direct if self.asks_director => Lane::Network,
            Step::Speak | Step::Direct | Step::Edit => Lane::Cpu,
            Step::Draw => Lane::Device,
            Step::Film => Lane::Encoder,
        }
    }

    /// The most bytes it takes beside what the program holds anyway, as far as that matters.
    pub(super) fn bytes(&self, step: Step) -> u64 {
        match step {
            Step::Speak => self.voice,
            Step::Film => self.encoder,
            Step::Direct | Step::Draw | Step::Edit => 0,
        }
    }

    /// Whether any step of it asks a server.
    pub(super) fn asks(&self) -> bool {
        self.asks_voice || self.asks_director
    }
}

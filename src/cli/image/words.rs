//! Words that stand for a scheduler or a generator.

use clap::ValueEnum;

use crate::story::{Rng, SchedulerKind};

/// The noise schedulers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Scheduler {
    /// The model's own
    Auto,
    Ddim,
    Ddpm,
    Pndm,
    Euler,
    EulerAncestral,
    Heun,
    #[value(name = "dpmpp-2m")]
    Dpmpp2m,
    #[value(name = "dpmpp-2m-karras")]
    Dpmpp2mKarras,
    #[value(name = "dpmpp-2m-sde")]
    Dpmpp2mSde,
    #[value(name = "dpmpp-2m-sde-karras")]
    Dpmpp2mSdeKarras,
    Unipc,
    Lcm,
    FlowMatchEuler,
}

impl From<Scheduler> for SchedulerKind {
    fn from(scheduler: Scheduler) -> Self {
        match scheduler {
            Scheduler::Auto => Self::Auto,
            Scheduler::Ddim => Self::Ddim,
            Scheduler::Ddpm => Self::Ddpm,
            Scheduler::Pndm => Self::Pndm,
            Scheduler::Euler => Self::Euler,
            Scheduler::EulerAncestral => Self::EulerAncestral,
            Scheduler::Heun => Self::Heun,
            Scheduler::Dpmpp2m => Self::Dpmpp2m,
            Scheduler::Dpmpp2mKarras => Self::Dpmpp2mKarras,
            Scheduler::Dpmpp2mSde => Self::Dpmpp2mSde,
            Scheduler::Dpmpp2mSdeKarras => Self::Dpmpp2mSdeKarras,
            Scheduler::Unipc => Self::Unipc,
            Scheduler::Lcm => Self::Lcm,
            Scheduler::FlowMatchEuler => Self::FlowMatchEuler,
        }
    }
}

/// Whose random numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Generator {
    /// PyTorch's on the processor, as diffusers' examples use
    TorchCpu,
    /// PyTorch's on a CUDA card
    TorchCuda,
}

impl From<Generator> for Rng {
    fn from(generator: Generator) -> Self {
        match generator {
            Generator::TorchCpu => Self::TorchCpu,
            Generator::TorchCuda => Self::TorchCuda,
        }
    }
}

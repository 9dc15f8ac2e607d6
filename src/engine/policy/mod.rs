//! What networks ask of the device they run on: one file for each kind of device.
//!
//! [`Policy`] holds what a user may choose of it; what each setting costs stands beside it.

mod compiled;
mod core_ml;
mod cpu;
mod cuda;

use std::path::Path;

use ort::{
    ep::ExecutionProviderDispatch,
    session::{RunOptions, builder::SessionBuilder},
};
use serde::{Deserialize, Serialize};

use super::{Device, Options, session::Weights};

pub(super) use compiled::folder as compiled;
pub(super) use core_ml::share;
pub use core_ml::{CoreMl, Units};
pub use cuda::{ConvSearch, Cuda, Workspace};

/// How networks use a device, as far as that is not the planner's to decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Policy {
    /// How attention is computed.
    pub attention: Attention,
    /// Whose operators compute on the processor.
    pub operators: Operators,
    /// On which tiles a VAE decodes.
    pub tiling: Tiling,
    /// When memory is given back.
    pub clean: Clean,
    /// On NVIDIA's cards.
    pub cuda: Cuda,
    /// On Apple's machines.
    pub core_ml: CoreMl,
}

/// How attention is computed. The answers are the same but for the last bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Attention {
    /// Fused where the device has such an operator, else sliced.
    #[default]
    Auto,
    /// By one operator that never holds all scores. CoreML has none.
    Fused,
    /// A slice of the queries at a time, in operators of the standard.
    Sliced,
    /// As the model was exported: all scores at once.
    Plain,
}

/// Whose operators compute on the processor. The answers are the same but for the last bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Operators {
    /// Ours where they are faster or hold less: convolutions, attention, gates, and products with weights that are not
    /// arranged.
    #[default]
    Auto,
    /// Only those of ONNX Runtime.
    Runtime,
}

/// On which tiles a VAE decodes. Tiles change a picture a little, as norms see a tile, not the whole; bands do not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tiling {
    /// On none where the whole picture fits; else on bands on the processor, on as large tiles as fit elsewhere.
    #[default]
    Auto,
    /// On none: what does not fit whole is drawn smaller.
    Off,
    /// On bands that are decoded with the norms of the whole, where the whole picture does not fit: the same picture
    /// as on none.
    Exact,
    /// On tiles of this many latents a side at most, also where the whole picture fits.
    Side(u32),
}

/// When memory that a run needed is given back to the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Clean {
    /// After runs that hold far more than the weights do: of a VAE.
    #[default]
    Auto,
    /// After every run, and no part stays loaded when it has done its work.
    Always,
    /// When a session is dropped.
    Never,
}

/// What the runs of a network are like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Runs {
    /// Many alike, one soon after the other: of text encoders, denoisers and voices.
    #[default]
    Many,
    /// One a picture, which holds far more than the weights: of VAEs.
    Large,
}

/// The providers of a session, each failing loudly; none means the processor alone. `cached` is what the session
/// is known by where a device keeps what it compiles. An error says why this program or this ONNX Runtime has none.
pub(super) fn providers(
    options: &Options,
    cached: Option<&Path>,
) -> Result<Vec<ExecutionProviderDispatch>, String> {
    match options.device {
        Device::Cpu => Ok(Vec::new()),
        Device::Cuda(index) => cuda::provider(index, options).map(|it| vec![it.error_on_failure()]),
        Device::CoreMl => core_ml::provider(options, cached).map(|it| vec![it.error_on_failure()]),
    }
}

/// What a session asks of the processor, which runs whatever no other provider does.
pub(super) fn processor(builder: SessionBuilder, weights: Weights) -> ort::Result<SessionBuilder> {
    cpu::settings(builder, weights)
}

/// What a run asks for after which `arena` is shrunk.
///
/// It is asked of a run: on a session, ONNX Runtime takes the same words and does nothing.
pub(super) fn shrinking(arena: &str) -> ort::Result<RunOptions> {
    let mut run = RunOptions::new()?;
    run.set("memory.enable_memory_arena_shrinkage", arena)?;
    Ok(run)
}

/// The arena that is shrunk after each run. The processor's is left as it is: what is large beside the memory there
/// is runs in pieces, which have none.
pub(super) fn shrunk(options: &Options) -> Option<String> {
    let Device::Cuda(index) = options.device else { return None };
    let often = match options.policy.clean {
        Clean::Auto => options.runs == Runs::Large,
        Clean::Always => true,
        Clean::Never => false,
    };
    often.then(|| format!("gpu:{index}"))
}

/// The arena that is shrunk after each run of a piece that stays loaded: each has one of its own.
pub(super) fn shrunk_between(options: &Options) -> Option<String> {
    match options.device {
        Device::Cuda(index) => Some(format!("gpu:{index}")),
        Device::Cpu | Device::CoreMl => None,
    }
}

/// Whether the loaded ONNX Runtime was built with provider `P`.
#[cfg(any(feature = "cuda", feature = "coreml"))]
fn in_library<P: ort::ep::ExecutionProvider>() -> Result<(), String> {
    match P::is_available() {
        Ok(true) => Ok(()),
        Ok(false) => Err(format!("this ONNX Runtime was built without {}", P::NAME)),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arena_is_shrunk_after_large_runs_or_as_it_is_asked_for() {
        let with = |device, clean, runs| {
            let options = Options { runs, ..Options::on(device) };
            shrunk(&Options { policy: Policy { clean, ..options.policy }, ..options })
        };
        let card = Device::Cuda(1);
        assert_eq!(with(card, Clean::Auto, Runs::Large).as_deref(), Some("gpu:1"));
        assert_eq!(with(card, Clean::Auto, Runs::Many), None);
        assert_eq!(with(card, Clean::Always, Runs::Many).as_deref(), Some("gpu:1"));
        assert_eq!(with(card, Clean::Never, Runs::Large), None);
        assert_eq!(with(Device::Cpu, Clean::Always, Runs::Large), None);
    }
}

//! Apple's machines.
//!
//! None of this has been seen to run by us yet.

use std::path::Path;

use ort::ep::ExecutionProviderDispatch;
use serde::{Deserialize, Serialize};

use super::super::Options;

/// How sessions use CoreML.
///
/// Always: models of the kind `MLProgram`, which has the operators and the 16-bit floats that the older kind lacks;
/// nodes of known shapes only, because CoreML compiles others for the largest shape there could be; what was
/// compiled is kept in a folder of its own for each graph and its weights, so that only the first run pays for it,
/// with as much disk as the weights take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize)]
pub struct CoreMl {
    /// What computes.
    pub units: Units,
}

/// What of an Apple machine computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Units {
    /// What CoreML chooses for each operator.
    #[default]
    All,
    /// The processor and the GPU: no compiling for the Neural Engine, which takes minutes for a UNet.
    Gpu,
    /// The processor and the Neural Engine: the least power; operators it lacks run on the processor.
    NeuralEngine,
    /// The processor alone, to compare.
    Cpu,
}

/// The most bytes of `total` that models may use where no budget is given: half. The memory is the processor's
/// too, CoreML holds its own copy of what it compiled, and a machine that swaps is slower than a smaller picture.
pub(in super::super) fn share(total: u64) -> u64 {
    total / 2
}

#[cfg(feature = "coreml")]
pub(super) fn provider(
    options: &Options,
    cached: Option<&Path>,
) -> Result<ExecutionProviderDispatch, String> {
    use ort::ep::{
        CoreML,
        coreml::{ComputeUnits, ModelFormat},
    };
    super::in_library::<CoreML>()?;
    let units = match options.policy.core_ml.units {
        Units::All => ComputeUnits::All,
        Units::Gpu => ComputeUnits::CPUAndGPU,
        Units::NeuralEngine => ComputeUnits::CPUAndNeuralEngine,
        Units::Cpu => ComputeUnits::CPUOnly,
    };
    let mut provider = CoreML::default()
        .with_model_format(ModelFormat::MLProgram)
        .with_static_input_shapes(true)
        .with_compute_units(units);
    if let Some(cached) = cached {
        let wrong = |error| format!("the folder `{}` for what it compiles: {error}", cached.display());
        std::fs::create_dir_all(cached).map_err(wrong)?;
        provider = provider.with_model_cache_dir(cached.display());
    }
    Ok(provider.build())
}

#[cfg(not(feature = "coreml"))]
pub(super) fn provider(_: &Options, _: Option<&Path>) -> Result<ExecutionProviderDispatch, String> {
    Err("this program is built without it: build with `--features coreml`".into())
}

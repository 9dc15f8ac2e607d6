//! Execution providers: how a device is asked for in ONNX Runtime.

use ort::ep::ExecutionProviderDispatch;

use super::Device;

/// The providers of a session on `device`, each failing loudly; none means the CPU.
/// An error says why this program or this ONNX Runtime has none.
pub(super) fn providers(device: Device) -> Result<Vec<ExecutionProviderDispatch>, String> {
    match device {
        Device::Cpu => Ok(Vec::new()),
        Device::Cuda(index) => cuda(index).map(|provider| vec![provider.error_on_failure()]),
        Device::CoreMl => core_ml().map(|provider| vec![provider.error_on_failure()]),
    }
}

#[cfg(feature = "cuda")]
fn cuda(index: u32) -> Result<ExecutionProviderDispatch, String> {
    use ort::ep::{ArenaExtendStrategy, CUDA};
    let index = i32::try_from(index).map_err(|_| format!("there is no GPU {index}"))?;
    in_library::<CUDA>()?;
    // The default doubles each growth: a session would hold up to twice what it needs.
    Ok(CUDA::default()
        .with_device_id(index)
        .with_arena_extend_strategy(ArenaExtendStrategy::SameAsRequested)
        .build())
}

#[cfg(not(feature = "cuda"))]
fn cuda(_: u32) -> Result<ExecutionProviderDispatch, String> {
    Err("this program is built without it: build with `--features cuda`".into())
}

#[cfg(feature = "coreml")]
fn core_ml() -> Result<ExecutionProviderDispatch, String> {
    use ort::ep::{CoreML, coreml::ModelFormat};
    in_library::<CoreML>()?;
    Ok(CoreML::default().with_model_format(ModelFormat::MLProgram).build())
}

#[cfg(not(feature = "coreml"))]
fn core_ml() -> Result<ExecutionProviderDispatch, String> {
    Err("this program is built without it: build with `--features coreml`".into())
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

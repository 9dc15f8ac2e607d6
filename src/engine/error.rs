//! What can go wrong with ONNX Runtime, and what to do about it.

use std::path::PathBuf;

use super::Device;

/// An error of the engine.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// No library in any of the places.
    #[error(
        "found no ONNX Runtime library (looked at {}): run `just setup`, or set ORT_DYLIB_PATH to the library's path",
        tried.join(", ")
    )]
    LibraryMissing {
        /// The places, in the order they were looked at.
        tried: Vec<String>,
    },
    /// There is a file, but it is no usable ONNX Runtime.
    #[error(
        "`{}` cannot be used as ONNX Runtime: {reason}; run `just setup`, or set ORT_DYLIB_PATH to a library that works",
        path.display()
    )]
    LibraryBroken {
        /// The file.
        path: PathBuf,
        /// What the loader said.
        reason: String,
    },
    /// The library lacks the functions this program calls.
    #[error(
        "ONNX Runtime {version} at `{}` is too old, 1.{needed} or later is needed: run `just setup`, or set ORT_DYLIB_PATH",
        path.display()
    )]
    LibraryTooOld {
        /// The file.
        path: PathBuf,
        /// Its version.
        version: String,
        /// The lowest minor version of major version 1 that would do.
        needed: u32,
    },
    /// The device asked for is not on this machine, or ONNX Runtime cannot use it.
    #[error("device `{device}` cannot be used: {reason}{}", otherwise(*device))]
    DeviceUnusable {
        /// The device asked for.
        device: Device,
        /// Why not.
        reason: String,
    },
    /// A model file that ONNX Runtime does not take.
    #[error("cannot open `{}` on {device}: {reason}", path.display())]
    Open {
        /// The model file.
        path: PathBuf,
        /// Where it should have run.
        device: Device,
        /// What ONNX Runtime said.
        reason: String,
    },
    /// The device has too little memory left.
    #[error(
        "out of memory on {device} {} `{}`: {reason}; choose a smaller size, or give `--memory-budget`",
        if *loading { "loading" } else { "in" }, path.display()
    )]
    OutOfMemory {
        /// The model file.
        path: PathBuf,
        /// The device that ran out.
        device: Device,
        /// Whether it was being loaded, and not running yet.
        loading: bool,
        /// What ONNX Runtime said.
        reason: String,
    },
    /// A model that fails while it runs.
    #[error("`{}` fails on {device}: {reason}", path.display())]
    Run {
        /// The model file.
        path: PathBuf,
        /// Where it ran.
        device: Device,
        /// What ONNX Runtime said.
        reason: String,
    },
    /// A tensor of another element type than the receiver can take.
    #[error("`{name}` has elements of type {found}, which is not supported here: {expected} would be")]
    ElementType {
        /// The tensor's name.
        name: String,
        /// Its type.
        found: String,
        /// What would have been right.
        expected: &'static str,
    },
    /// ONNX Runtime itself refuses to start.
    #[error("ONNX Runtime does not start: {0}")]
    Start(String),
}

/// What to do without the device asked for; where even the processor fails, the reason says it.
fn otherwise(device: Device) -> &'static str {
    if device == Device::Cpu { "" } else { "; `--device cpu` needs no driver" }
}

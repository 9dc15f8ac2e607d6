//! ONNX Runtime: devices, memory, sessions. The only room that names `ort`.
//!
//! [`load`] finds the library, [`probe`] says what the machine has, [`place`] decides what
//! goes where, and a [`Session`] runs one ONNX file with [`Tensor`]s in and out.

mod allocator;
mod arena;
mod blocks;
mod chain;
mod constants;
mod device;
mod error;
mod heap;
mod ladder;
mod library;
mod memory;
mod operators;
mod pages;
mod placement;
mod policy;
mod pool;
mod record;
mod room;
mod scratch;
mod session;
mod tensor;
mod version;

pub use allocator::{Limit, Tensors, tensors};
pub use arena::Arena;
pub use chain::{Chain, Link, Loaded};
pub use constants::leave_in_file;
pub use device::{Device, DeviceChoice, DeviceMemory, Machine, probe, unusable};
pub use error::Error;
pub use ladder::{Rung, Step};
pub use library::{Library, load};
pub use memory::{Bytes, Process, SystemMemory, process, process_of, system};
pub use operators::OPERATORS;
pub use placement::{
    Candidate, Demand, Fact, InPieces, Level, Placement, Residency, Share, Sharing, TooSmall, Wishes,
    allowance, go_together, place, place_on_two, rows_at_once, tight,
};
pub use policy::{
    Attention, Clean, ConvSearch, CoreMl, Cuda, Operators, Policy, Runs, Tiling, Units, Workspace,
};
pub use record::{Measured, Point, Reading, take_measured};
pub use room::zeros;
pub use session::{Options, Port, Session, default_threads, time_in_sessions};
pub use tensor::{Element, Tensor};

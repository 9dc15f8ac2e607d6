//! The ONNX graph as data: read it, and ask what it looks at and what it holds.
//!
//! [`Graph::read`] reads a file, [`reach`](Graph::reach) walks over its nodes. It knows operators, and no
//! model by name.

mod error;
mod fold;
mod footing;
mod onnx;
mod reach;
mod read;

pub use error::Error;
pub use footing::Ratio;
pub use reach::{Reach, Unbounded};
pub use read::{Graph, Node, Port, Weight};

//! The ONNX graph as data: read it, ask what it looks at and what it holds, change it, write it.
//!
//! A [`Document`] is a whole ONNX file; [`Graph`] is what can be asked of it without its weights, such as how
//! far it [looks](Graph::reach); a [`TensorFile`] holds weights without a graph. It knows operators, and no model by name.

mod answers;
mod attend_beside;
mod attend_in_panels;
mod bias;
mod bind;
mod convolve_in_tiles;
mod cut;
mod document;
mod drop_idle;
mod element;
mod error;
mod fold;
mod footing;
mod fuse_attention;
mod fuse_geglu;
mod gate_products;
mod heads;
mod index;
mod layers;
mod liveness;
mod mapping;
mod multiply_in_place;
mod neck;
mod norm_exactly;
mod onnx;
mod reach;
mod read;
mod resize_to_skip;
mod shapes;
mod slice_attention;
mod standard_attention;
mod stay;
mod store_weights;
mod tensor;
mod tensor_file;
mod widen;
mod workspace;

pub use attend_beside::{BESIDE_KEYS, BESIDE_VALUES};
pub use cut::Piece;
pub use document::{Beside, Document};
pub use element::ElementType;
pub use error::Error;
pub use footing::Ratio;
pub use layers::{Inseparable, Layer, Layers, Norm, Whole};
pub use liveness::Liveness;
pub use neck::Halves;
pub use reach::{Reach, Unbounded};
pub use read::{Graph, Node, Port, Weight};
pub use shapes::{Bindings, Known, Shapes, Unknown};
pub use stay::Pieces;
pub use store_weights::{Stopped, Storage, StoredWeights};
pub use tensor_file::{Stored, TensorFile};

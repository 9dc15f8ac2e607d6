//! Tensors in memory: what goes into a session and what comes out.

use half::{bf16, f16};
use ndarray::ArrayD;
use ort::value::{DynValue, SymbolicDimensions, TensorElementType, TensorRef};
use std::{borrow::Cow, fmt};

use super::{
    room::{Refused, copied},
    session::Failure,
};

/// The element types that sessions take here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Element {
    /// 32-bit float.
    F32,
    /// 16-bit float, IEEE half precision.
    F16,
    /// 16-bit float with the range of a 32-bit one.
    BF16,
    /// 64-bit signed integer.
    I64,
    /// 32-bit signed integer.
    I32,
    /// True or false, a byte each.
    Bool,
}

impl Element {
    pub(super) fn of(ty: TensorElementType) -> Option<Self> {
        match ty {
            TensorElementType::Float32 => Some(Self::F32),
            TensorElementType::Float16 => Some(Self::F16),
            TensorElementType::Bfloat16 => Some(Self::BF16),
            TensorElementType::Int64 => Some(Self::I64),
            TensorElementType::Int32 => Some(Self::I32),
            TensorElementType::Bool => Some(Self::Bool),
            _ => None,
        }
    }

    /// Whether it is a float of any width.
    pub fn is_float(self) -> bool {
        matches!(self, Self::F32 | Self::F16 | Self::BF16)
    }

    /// Bytes of one element.
    pub fn bytes(self) -> u64 {
        match self {
            Self::I64 => 8,
            Self::F32 | Self::I32 => 4,
            Self::F16 | Self::BF16 => 2,
            Self::Bool => 1,
        }
    }
}

impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F32 => "float32",
            Self::F16 => "float16",
            Self::BF16 => "bfloat16",
            Self::I64 => "int64",
            Self::I32 => "int32",
            Self::Bool => "bool",
        })
    }
}

/// A tensor in memory, row-major or not.
#[derive(Debug, Clone, PartialEq)]
pub enum Tensor {
    /// 32-bit floats.
    F32(ArrayD<f32>),
    /// 16-bit floats.
    F16(ArrayD<f16>),
    /// 16-bit floats with the range of 32-bit ones.
    BF16(ArrayD<bf16>),
    /// 64-bit integers.
    I64(ArrayD<i64>),
    /// 32-bit integers.
    I32(ArrayD<i32>),
    /// Booleans.
    Bool(ArrayD<bool>),
}

macro_rules! each {
    ($tensor:expr, $array:ident => $body:expr) => {
        match $tensor {
            Tensor::F32($array) => $body,
            Tensor::F16($array) => $body,
            Tensor::BF16($array) => $body,
            Tensor::I64($array) => $body,
            Tensor::I32($array) => $body,
            Tensor::Bool($array) => $body,
        }
    };
}

impl Tensor {
    /// The length of each dimension.
    pub fn shape(&self) -> &[usize] {
        each!(self, array => array.shape())
    }

    /// The type of its elements.
    pub fn element(&self) -> Element {
        match self {
            Self::F32(_) => Element::F32,
            Self::F16(_) => Element::F16,
            Self::BF16(_) => Element::BF16,
            Self::I64(_) => Element::I64,
            Self::I32(_) => Element::I32,
            Self::Bool(_) => Element::Bool,
        }
    }

    /// The same numbers as 32-bit floats; booleans become 0 and 1.
    pub fn into_f32(self) -> ArrayD<f32> {
        match self {
            Self::F32(array) => array,
            Self::F16(array) => array.mapv(f16::to_f32),
            Self::BF16(array) => array.mapv(bf16::to_f32),
            Self::I64(array) => array.mapv(|x| x as f32),
            Self::I32(array) => array.mapv(|x| x as f32),
            Self::Bool(array) => array.mapv(|x| f32::from(u8::from(x))),
        }
    }

    /// Floats as a tensor of `element`, rounded to the nearest for halves and towards zero for
    /// integers; not zero is true.
    pub fn from_f32(array: ArrayD<f32>, element: Element) -> Self {
        match element {
            Element::F32 => Self::F32(array),
            Element::F16 => Self::F16(array.mapv(f16::from_f32)),
            Element::BF16 => Self::BF16(array.mapv(bf16::from_f32)),
            Element::I64 => Self::I64(array.mapv(|x| x as i64)),
            Element::I32 => Self::I32(array.mapv(|x| x as i32)),
            Element::Bool => Self::Bool(array.mapv(|x| x != 0.0)),
        }
    }

    /// Bytes it takes.
    pub fn bytes(&self) -> u64 {
        self.shape().iter().product::<usize>() as u64 * self.element().bytes()
    }

    /// Whether it is row-major, which a session needs.
    fn is_standard(&self) -> bool {
        each!(self, array => array.is_standard_layout())
    }

    /// A row-major copy.
    fn standardized(&self) -> Result<Self, Refused> {
        Ok(each!(self, array => copied(&array.view())?.into()))
    }

    /// Makes it row-major; copies only if it is not.
    pub(super) fn standardize(&self) -> Result<Cow<'_, Self>, Refused> {
        Ok(match self.is_standard() {
            true => Cow::Borrowed(self),
            false => Cow::Owned(self.standardized()?),
        })
    }

    /// Lends a row-major tensor to ONNX Runtime.
    pub(super) fn lend(&self) -> ort::Result<ort::session::SessionInputValue<'_>> {
        Ok(each!(self, array => TensorRef::from_array_view(array)?.into()))
    }

    /// Gives the tensor to ONNX Runtime.
    pub(super) fn into_value(self) -> Result<DynValue, Failure> {
        let standard = if self.is_standard() { self } else { self.standardized()? };
        Ok(each!(standard, array => ort::value::Tensor::from_array(array)?.into_dyn()))
    }

    /// Copies a tensor out of ONNX Runtime; `None` if its element type is not ours.
    pub(super) fn take(value: &DynValue) -> Result<Option<Self>, Failure> {
        let Some(element) = value.dtype().tensor_type().and_then(Element::of) else { return Ok(None) };
        Ok(Some(match element {
            Element::F32 => Self::F32(copied(&value.try_extract_array()?)?),
            Element::F16 => Self::F16(copied(&value.try_extract_array()?)?),
            Element::BF16 => Self::BF16(copied(&value.try_extract_array()?)?),
            Element::I64 => Self::I64(copied(&value.try_extract_array()?)?),
            Element::I32 => Self::I32(copied(&value.try_extract_array()?)?),
            Element::Bool => Self::Bool(copied(&value.try_extract_array()?)?),
        }))
    }
}

macro_rules! from_array {
    ($($element:ty => $variant:ident),*) => {$(
        impl<D: ndarray::Dimension> From<ndarray::Array<$element, D>> for Tensor {
            fn from(array: ndarray::Array<$element, D>) -> Self {
                Self::$variant(array.into_dyn())
            }
        }
    )*};
}
from_array!(f32 => F32, f16 => F16, bf16 => BF16, i64 => I64, i32 => I32, bool => Bool);

/// The symbolic name of each dimension, empty where it has none.
pub(super) fn symbols(dimensions: &SymbolicDimensions) -> Vec<String> {
    dimensions.iter().cloned().collect()
}

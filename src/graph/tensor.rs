//! A constant tensor of an ONNX file: where its bytes lie and what its numbers are.

use bytes::Bytes;
use half::{bf16, f16};

use super::{element::ElementType, onnx::TensorProto};

/// Where the bytes of a weight lie beside the ONNX file.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Place {
    /// Bytes before it.
    pub(super) offset: u64,
}

impl TensorProto {
    pub(super) fn element(&self) -> ElementType {
        ElementType(self.data_type)
    }

    pub(super) fn elements(&self) -> u64 {
        self.dims.iter().fold(1, |product, &dim| product.saturating_mul(u64::try_from(dim).unwrap_or(0)))
    }

    /// Bytes of its numbers, wherever they lie.
    pub(super) fn bytes(&self) -> u64 {
        self.element().bytes(self.elements())
    }

    /// Where it lies, if it lies beside the file.
    pub(super) fn place(&self) -> Option<Place> {
        if self.data_location != 1 {
            return None;
        }
        let entry = |key: &str| self.external_data.iter().find(|entry| entry.key == key).map(|e| &e.value);
        Some(Place { offset: entry("offset").and_then(|offset| offset.parse().ok()).unwrap_or(0) })
    }

    /// A tensor of 64-bit integers, of no dimension if `dims` is empty.
    pub(super) fn integers(name: &str, dims: &[i64], numbers: &[i64]) -> Self {
        let raw: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        Self::raw(name, ElementType::I64, dims, raw.into())
    }

    /// A tensor of 32-bit floats.
    pub(super) fn floats(name: &str, dims: &[i64], numbers: &[f32]) -> Self {
        let raw: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        Self::raw(name, ElementType::F32, dims, raw.into())
    }

    /// A tensor of little-endian bytes.
    pub(super) fn raw(name: &str, element: ElementType, dims: &[i64], raw_data: Bytes) -> Self {
        Self { name: name.into(), data_type: element.0, dims: dims.to_vec(), raw_data, ..Self::default() }
    }

    /// The bytes of its numbers as ONNX writes them raw, if they lie in the file.
    pub(super) fn raw_bytes(&self) -> Option<Bytes> {
        if self.data_location == 1 {
            return None;
        }
        if !self.raw_data.is_empty() || self.elements() == 0 {
            return Some(self.raw_data.clone());
        }
        let raw: Vec<u8> = match self.element() {
            ElementType::F32 => self.float_data.iter().flat_map(|x| x.to_le_bytes()).collect(),
            ElementType::I64 => self.int64_data.iter().flat_map(|x| x.to_le_bytes()).collect(),
            ElementType::I32 => self.int32_data.iter().flat_map(|x| x.to_le_bytes()).collect(),
            ElementType::F64 => self.double_data.iter().flat_map(|x| x.to_le_bytes()).collect(),
            element if element.bits() == 16 => {
                self.int32_data.iter().flat_map(|x| (*x as u16).to_le_bytes()).collect()
            }
            _ => self.int32_data.iter().map(|x| *x as u8).collect(),
        };
        Some(raw.into())
    }

    /// Its numbers, if they lie in the file and are of a type that shapes and scales are written in.
    pub(super) fn numbers(&self) -> Option<Vec<f64>> {
        let raw = self.raw_bytes()?;
        let numbers = numbers(self.element(), &raw)?;
        (numbers.len() as u64 == self.elements()).then_some(numbers)
    }
}

/// Little-endian bytes as numbers.
pub(super) fn numbers(element: ElementType, raw: &[u8]) -> Option<Vec<f64>> {
    fn each<const N: usize>(raw: &[u8], read: impl Fn([u8; N]) -> f64) -> Vec<f64> {
        raw.as_chunks::<N>().0.iter().map(|bytes| read(*bytes)).collect()
    }
    Some(match element {
        ElementType::F32 => each(raw, |b| f64::from(f32::from_le_bytes(b))),
        ElementType::F64 => each(raw, f64::from_le_bytes),
        ElementType::F16 => each(raw, |b| f16::from_le_bytes(b).to_f64()),
        ElementType::BF16 => each(raw, |b| bf16::from_le_bytes(b).to_f64()),
        ElementType::I64 => each(raw, |b| i64::from_le_bytes(b) as f64),
        ElementType::I32 => each(raw, |b| f64::from(i32::from_le_bytes(b))),
        ElementType::BOOL | ElementType::U8 => raw.iter().map(|&b| f64::from(b)).collect(),
        ElementType::I8 => raw.iter().map(|&b| f64::from(b as i8)).collect(),
        _ => return None,
    })
}

/// Numbers as little-endian bytes of `element`, rounded to the nearest it has.
pub(super) fn encode(element: ElementType, numbers: &[f64]) -> Option<Bytes> {
    let raw: Vec<u8> = match element {
        ElementType::F32 => numbers.iter().flat_map(|&x| (x as f32).to_le_bytes()).collect(),
        ElementType::F64 => numbers.iter().flat_map(|x| x.to_le_bytes()).collect(),
        ElementType::F16 => numbers.iter().flat_map(|&x| f16::from_f64(x).to_le_bytes()).collect(),
        ElementType::BF16 => numbers.iter().flat_map(|&x| bf16::from_f64(x).to_le_bytes()).collect(),
        ElementType::I64 => numbers.iter().flat_map(|&x| (x as i64).to_le_bytes()).collect(),
        ElementType::I32 => numbers.iter().flat_map(|&x| (x as i32).to_le_bytes()).collect(),
        ElementType::BOOL => numbers.iter().map(|&x| u8::from(x != 0.0)).collect(),
        _ => return None,
    };
    Some(raw.into())
}

//! Tensors by name in a safetensors file, mapped: only what is asked for is read.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use safetensors::{Dtype, SafeTensors, tensor::Metadata};

use super::{Error, element::ElementType, mapping, tensor::numbers};

/// A safetensors file.
#[derive(Debug, Clone)]
pub struct TensorFile {
    path: PathBuf,
    bytes: Bytes,
    /// Where the tensors begin.
    start: usize,
    metadata: Metadata,
}

/// A tensor that was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// The length of each dimension.
    pub dims: Vec<usize>,
    /// Its numbers, the last dimension first.
    pub numbers: Vec<f32>,
}

impl TensorFile {
    /// Maps the file at `path` and reads what it lists.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let bytes = mapping::map(path).map_err(|source| Error::Io { path: path.to_owned(), source })?;
        let (header, metadata) = SafeTensors::read_metadata(&bytes)
            .map_err(|error| Error::NotSafetensors { path: path.to_owned(), reason: error.to_string() })?;
        // Eight bytes before the header say how long it is.
        Ok(Self { path: path.to_owned(), bytes, start: 8 + header, metadata })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The names of its tensors.
    pub fn names(&self) -> Vec<String> {
        self.metadata.offset_keys()
    }

    /// The lengths of a tensor's dimensions, if there is one of that name.
    pub fn dims(&self, name: &str) -> Option<&[usize]> {
        Some(&self.metadata.info(name)?.shape)
    }

    /// The tensor of that name, if there is one and it is of floats.
    pub fn get(&self, name: &str) -> Option<Stored> {
        let info = self.metadata.info(name)?;
        let element = match info.dtype {
            Dtype::F32 => ElementType::F32,
            Dtype::F16 => ElementType::F16,
            Dtype::BF16 => ElementType::BF16,
            Dtype::F64 => ElementType::F64,
            _ => return None,
        };
        let (from, to) = info.data_offsets;
        let raw = self.bytes.get(self.start + from..self.start + to)?;
        let numbers = numbers(element, raw)?.into_iter().map(|number| number as f32).collect();
        Some(Stored { dims: info.shape.clone(), numbers })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use half::{bf16, f16};
    use safetensors::tensor::TensorView;

    #[test]
    fn floats_of_all_widths_are_read_and_other_files_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.safetensors");
        let numbers = [1.5f32, -2.0, 0.25, 8.0, -0.5, 3.0];
        let wide: Vec<u8> = numbers.iter().flat_map(|x| x.to_le_bytes()).collect();
        let half: Vec<u8> = numbers.iter().flat_map(|x| f16::from_f32(*x).to_le_bytes()).collect();
        let brain: Vec<u8> = numbers.iter().flat_map(|x| bf16::from_f32(*x).to_le_bytes()).collect();
        let view = |dtype, raw| TensorView::new(dtype, vec![2, 3], raw).unwrap();
        let tensors = [
            ("wide", view(Dtype::F32, &wide)),
            ("half", view(Dtype::F16, &half)),
            ("brain", view(Dtype::BF16, &brain)),
        ];
        let bytes = safetensors::serialize(tensors, None).unwrap();
        std::fs::write(&path, &bytes).unwrap();
        let file = TensorFile::open(&path).unwrap();
        for name in ["wide", "half", "brain"] {
            assert_eq!(file.get(name).unwrap(), Stored { dims: vec![2, 3], numbers: numbers.to_vec() });
        }
        assert_eq!(file.get("none"), None);
        for wrong in [&bytes[..bytes.len() - 3], &bytes[..20], b"version https://git-lfs"] {
            std::fs::write(&path, wrong).unwrap();
            let error = TensorFile::open(&path).unwrap_err().to_string();
            assert!(error.contains("x.safetensors") && error.contains("not a safetensors file"), "{error}");
        }
    }
}

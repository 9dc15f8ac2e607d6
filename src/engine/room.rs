//! Memory of this program's own that the system may refuse: an error, so that drawing steps down, where otherwise the
//! process would end.

use std::path::Path;

use ndarray::{ArrayD, ArrayViewD};

use super::{Device, Error, session::Failure};

/// Where no fewer bytes are asked for than this, it is worth asking: a process that is refused less is at its end.
const LARGE: usize = 16 << 20;

/// So many zeros, for what the model at `path` answers.
///
/// # Errors
/// [`Error::OutOfMemory`] where the system refuses them, under a limit on the process for one.
pub fn zeros<T: Clone + Default>(count: usize, path: &Path) -> Result<Vec<T>, Error> {
    let mut zeros = reserved(count).map_err(|Refused(bytes)| Error::OutOfMemory {
        path: path.to_owned(),
        device: Device::Cpu,
        loading: false,
        reason: reason(bytes),
    })?;
    zeros.resize(count, T::default());
    Ok(zeros)
}

/// A copy in rows.
pub(super) fn copied<T: Clone>(view: &ArrayViewD<'_, T>) -> Result<ArrayD<T>, Refused> {
    let mut copy = reserved(view.len())?;
    match view.as_slice() {
        Some(slice) => copy.extend_from_slice(slice),
        None => copy.extend(view.iter().cloned()),
    }
    Ok(ArrayD::from_shape_vec(view.raw_dim(), copy).unwrap_or_else(|_| unreachable!("a copy has its shape")))
}

/// So many bytes were refused.
#[derive(Debug, Clone, Copy)]
pub(super) struct Refused(usize);

impl From<Refused> for Failure {
    fn from(Refused(bytes): Refused) -> Self {
        Self::Reason(reason(bytes))
    }
}

/// In the words of ONNX Runtime, by which it is known what happened.
fn reason(bytes: usize) -> String {
    format!("Failed to allocate memory for requested buffer of size {bytes}")
}

/// Room for so many, asked for where it is large.
fn reserved<T>(count: usize) -> Result<Vec<T>, Refused> {
    let bytes = count.saturating_mul(size_of::<T>());
    let mut room = Vec::new();
    match bytes < LARGE {
        true => room.reserve_exact(count),
        false => room.try_reserve_exact(count).map_err(|_| Refused(bytes))?,
    }
    Ok(room)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;

    #[test]
    fn copies_are_in_rows_whatever_they_are_copied_from() {
        let array = Array2::from_shape_fn((3, 4), |(y, x)| 10 * y + x).into_dyn();
        let turned = array.t();
        let copy = copied(&turned).unwrap();
        assert!(copy.is_standard_layout() && !turned.is_standard_layout());
        assert_eq!(copy, turned);
        assert_eq!(copied(&array.view()).unwrap(), array);
    }

    #[test]
    fn what_no_system_has_is_refused_by_name() {
        let error = zeros::<f32>(usize::MAX / 8, Path::new("x4/model.onnx")).unwrap_err();
        assert!(matches!(&error, Error::OutOfMemory { device: Device::Cpu, loading: false, .. }), "{error}");
        assert!(error.to_string().contains("x4/model.onnx"), "{error}");
        assert_eq!(zeros::<u8>(3, Path::new("x")).unwrap(), [0; 3]);
    }
}

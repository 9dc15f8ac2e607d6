//! FLUX looks at latents in patches of two by two.

use ndarray::{Array2, Array3, Array4};

/// (rows, channels, height, width) to (rows, height / 2 * width / 2, channels * 4).
pub(super) fn pack(latents: &Array4<f32>) -> Array3<f32> {
    let (rows, channels, height, width) = latents.dim();
    Array3::from_shape_fn((rows, height / 2 * (width / 2), channels * 4), |(row, patch, value)| {
        let (y, x) = (patch / (width / 2), patch % (width / 2));
        let (channel, within) = (value / 4, value % 4);
        latents[[row, channel, 2 * y + within / 2, 2 * x + within % 2]]
    })
}

/// The other way; `None` where the shape is not that of such latents packed.
pub(super) fn unpack(packed: &Array3<f32>, shape: (usize, usize, usize, usize)) -> Option<Array4<f32>> {
    let (rows, channels, height, width) = shape;
    (packed.dim() == (rows, height / 2 * (width / 2), channels * 4)).then(|| {
        Array4::from_shape_fn(shape, |(row, channel, y, x)| {
            packed[[row, y / 2 * (width / 2) + x / 2, channel * 4 + y % 2 * 2 + x % 2]]
        })
    })
}

/// Where each patch lies: (patches, 3), of which the first is always 0, then row and column.
pub(super) fn places(height: usize, width: usize) -> Array2<f32> {
    let across = width / 2;
    Array2::from_shape_fn((height / 2 * across, 3), |(patch, axis)| match axis {
        0 => 0.0,
        1 => (patch / across) as f32,
        _ => (patch % across) as f32,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_and_unpacked_is_the_same() {
        let latents = Array4::from_shape_fn((2, 3, 4, 6), |(r, c, y, x)| (r * 1000 + c * 100 + y * 10 + x) as f32);
        let packed = pack(&latents);
        assert_eq!(packed.dim(), (2, 6, 12));
        assert_eq!(packed.as_slice().unwrap()[..4], [0.0, 1.0, 10.0, 11.0]);
        assert_eq!(unpack(&packed, latents.dim()).unwrap(), latents);
        assert_eq!(unpack(&packed, (2, 3, 4, 4)), None);
        assert_eq!(places(4, 6).row(4).to_vec(), [0.0, 1.0, 1.0]);
    }
}

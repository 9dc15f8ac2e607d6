//! Numbers in few bits.

use half::{bf16, f16};

use super::Storage;

/// A block of numbers as they are kept, added to `bytes`; answers their scale, by which what is kept is multiplied.
///
/// The scale makes the largest number of the block the largest that an element can be: the error of an integer is
/// half a scale, that of an 8-bit float 1/16 (e4m3) or 1/8 (e5m2) of the number itself.
pub(super) fn encode(storage: Storage, numbers: &[f32], bytes: &mut Vec<u8>) -> f32 {
    let Some(most) = storage.largest() else {
        match storage {
            // What is out of range becomes the largest there is, never infinite.
            Storage::Fp16 => bytes.extend(
                numbers
                    .iter()
                    .flat_map(|x| f16::from_f32(x.clamp(f16::MIN.to_f32(), f16::MAX.to_f32())).to_le_bytes()),
            ),
            _ => bytes.extend(numbers.iter().flat_map(|x| bf16::from_f32(*x).to_le_bytes())),
        }
        return 1.0;
    };
    let largest = numbers.iter().fold(0.0f32, |largest, x| largest.max(x.abs()));
    let scale = if largest > 0.0 { (largest / most).max(f32::MIN_POSITIVE) } else { 1.0 };
    let kept = |x: &f32| (x / scale).clamp(-most, most);
    match storage {
        Storage::Int8 => bytes.extend(numbers.iter().map(|x| kept(x).round_ties_even() as i8 as u8)),
        Storage::Int4 => bytes.extend(numbers.chunks(2).map(|pair| {
            let half = |x: &f32| (kept(x).round_ties_even() as i8 as u8) & 0xf;
            half(&pair[0]) | pair.get(1).map_or(0, half) << 4
        })),
        Storage::Fp8E5m2 => bytes.extend(numbers.iter().map(|x| small_float::<2>(kept(x)))),
        _ => bytes.extend(numbers.iter().map(|x| small_float::<3>(kept(x)))),
    }
    scale
}

/// The nearest 8-bit float with so many bits of mantissa (3: e4m3, 2: e5m2), ties to even. `x` is in its range.
fn small_float<const MANTISSA: u32>(x: f32) -> u8 {
    let bias: i32 = if MANTISSA == 3 { 7 } else { 15 };
    let sign = ((x.to_bits() >> 24) & 0x80) as u8;
    let size = x.abs();
    // The power of two below it, or that of the smallest normal number.
    let exponent = ((size.to_bits() >> 23) as i32 - 127).max(1 - bias);
    let step = 2.0f32.powi(exponent - MANTISSA as i32);
    let steps = (size / step).round_ties_even() as i32;
    // In steps, a normal number counts from 2^MANTISSA on; rounding up to the next power carries by itself.
    sign | (steps + ((exponent + bias - 1) << MANTISSA)) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What an 8-bit float stands for, by its definition.
    fn value(byte: u8, mantissa: i32, bias: i32) -> f32 {
        let sign = if byte & 0x80 == 0 { 1.0 } else { -1.0 };
        let (exponent, part) = (i32::from(byte & 0x7f) >> mantissa, i32::from(byte & 0x7f) % (1 << mantissa));
        let part = part as f32 / 2.0f32.powi(mantissa);
        sign * match exponent {
            0 => part * 2.0f32.powi(1 - bias),
            _ => (1.0 + part) * 2.0f32.powi(exponent - bias),
        }
    }

    #[test]
    fn every_small_float_is_itself_and_what_lies_between_goes_to_the_nearest() {
        fn check<const MANTISSA: u32>(bias: i32, last: u8) {
            let of = |byte: u8| value(byte, MANTISSA as i32, bias);
            for byte in 0..=last {
                assert_eq!(small_float::<MANTISSA>(of(byte)), byte);
                assert_eq!(small_float::<MANTISSA>(-of(byte)), byte | 0x80);
            }
            for byte in 0..last {
                let (low, high) = (of(byte), of(byte + 1));
                let even = if byte % 2 == 0 { byte } else { byte + 1 };
                assert_eq!(small_float::<MANTISSA>((low + high) / 2.0), even);
                assert_eq!(small_float::<MANTISSA>(low + (high - low) * 0.49), byte);
                assert_eq!(small_float::<MANTISSA>(low + (high - low) * 0.51), byte + 1);
            }
        }
        assert_eq!((value(0x7e, 3, 7), value(0x7b, 2, 15)), (448.0, 57344.0));
        check::<3>(7, 0x7e);
        check::<2>(15, 0x7b);
    }

    #[test]
    fn a_block_is_off_by_no_more_than_its_kind_says() {
        let numbers: Vec<f32> = (0..64).map(|i| ((i * 37 % 64) as f32 - 31.0) * 0.013).collect();
        let largest = numbers.iter().fold(0.0f32, |most, x| most.max(x.abs()));
        for storage in Storage::ALL {
            let mut bytes = Vec::new();
            let scale = encode(storage, &numbers, &mut bytes);
            assert_eq!(bytes.len() as u64, storage.element().bytes(64));
            for (at, &x) in numbers.iter().enumerate() {
                let (two, nibble) = (
                    [bytes[at * 2 % bytes.len()], bytes[(at * 2 + 1) % bytes.len()]],
                    bytes[at / 2] >> (at % 2 * 4),
                );
                let (found, most) = match storage {
                    Storage::Fp16 => (f16::from_le_bytes(two).to_f32(), x.abs() / 2048.0),
                    Storage::Bf16 => (bf16::from_le_bytes(two).to_f32(), x.abs() / 256.0),
                    Storage::Int8 => (f32::from(bytes[at] as i8) * scale, largest / 253.0),
                    Storage::Int4 => (f32::from((nibble << 4) as i8 >> 4) * scale, largest / 13.9),
                    Storage::Fp8 => (value(bytes[at], 3, 7) * scale, x.abs() / 15.9 + 1e-5),
                    Storage::Fp8E5m2 => (value(bytes[at], 2, 15) * scale, x.abs() / 7.9 + 1e-5),
                };
                assert!((found - x).abs() <= most, "{storage}: {found} instead of {x}");
            }
        }
        let mut bytes = Vec::new();
        assert_eq!(encode(Storage::Int8, &[0.0; 4], &mut bytes), 1.0);
        assert_eq!(bytes, [0; 4]);
        bytes.clear();
        encode(Storage::Fp16, &[1e6], &mut bytes);
        assert!(f16::from_le_bytes([bytes[0], bytes[1]]).is_finite());
    }
}

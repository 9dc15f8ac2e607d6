//! WAV files as servers send them: some are streams, and do not know how long they will be.

/// Mono samples and their rate; several channels become one.
pub(super) fn decode(bytes: &[u8]) -> Result<(u32, Vec<f32>), String> {
    if bytes.len() < 12 || &bytes[..4] != b"RIFF" || &bytes[8..12] != b"WAVE" {
        let text = String::from_utf8_lossy(&bytes[..bytes.len().min(24)]).into_owned();
        return Err(format!("it is no WAV file, it begins with {text:?}"));
    }
    let long = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
    let short = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
    let mut format = None;
    let mut at = 12;
    while at + 8 <= bytes.len() {
        let (name, length) = (&bytes[at..at + 4], long(at + 4) as usize);
        let held = at + 8;
        if name == b"fmt " && held + 16 <= bytes.len() {
            let kind = if short(held) == 0xfffe && held + 26 <= bytes.len() {
                short(held + 24)
            } else {
                short(held)
            };
            format =
                Some((kind, usize::from(short(held + 2)), long(held + 4), usize::from(short(held + 14))));
        } else if name == b"data" {
            let Some((kind, channels, rate, bits)) = format else {
                return Err("it has no format".to_owned());
            };
            let there = bytes.len() - held;
            // A stream writes 0 or all ones where its length would stand.
            let unknown = length == 0 || length >= 0x7fff_0000;
            if !unknown && length > there {
                return Err(format!("it breaks off: {there} of {length} bytes of sound arrived"));
            }
            let length = if unknown { there } else { length };
            return samples(&bytes[held..held + length], kind, channels, bits).map(|samples| (rate, samples));
        }
        at = held.saturating_add(length).saturating_add(length & 1);
    }
    Err("it holds no sound".to_owned())
}

/// Bare samples: 16-bit, little-endian, mono.
pub(super) fn bare(bytes: &[u8]) -> Result<Vec<f32>, String> {
    if bytes.starts_with(b"{") || bytes.starts_with(b"<") {
        return Err("it is a text and no sound".to_owned());
    }
    samples(bytes, 1, 1, 16)
}

fn samples(bytes: &[u8], kind: u16, channels: usize, bits: usize) -> Result<Vec<f32>, String> {
    let width = bits / 8;
    let read: fn(&[u8]) -> f32 = match (kind, bits) {
        (1, 8) => |b| (f32::from(b[0]) - 128.0) / 128.0,
        (1, 16) => |b| f32::from(i16::from_le_bytes([b[0], b[1]])) / 32_768.0,
        (1, 24) => |b| i32::from_le_bytes([0, b[0], b[1], b[2]]) as f32 / 2_147_483_648.0,
        (1, 32) => |b| i32::from_le_bytes([b[0], b[1], b[2], b[3]]) as f32 / 2_147_483_648.0,
        (3, 32) => |b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]),
        _ => return Err(format!("it holds sound of kind {kind} with {bits} bits, which cannot be read")),
    };
    if channels == 0 {
        return Err("it has no channels".to_owned());
    }
    let frame = |frame: &[u8]| frame.chunks_exact(width).map(read).sum::<f32>() / channels as f32;
    let samples: Vec<f32> = bytes.chunks_exact(width * channels).map(frame).collect();
    match samples.iter().all(|sample| sample.is_finite()) {
        true => Ok(samples),
        false => Err("it holds numbers that are none".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wav(length: u32, sound: &[u8]) -> Vec<u8> {
        let mut bytes = b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0\x01\0\x02\0\xc0\x5d\0\0\0\0\0\0\x04\0\x10\0LIST\x01\0\0\0x\0data".to_vec();
        bytes.extend(length.to_le_bytes());
        bytes.extend(sound);
        bytes
    }

    #[test]
    fn streams_and_files_are_read_and_what_breaks_off_is_told() {
        let sound = [0x00, 0x40, 0x00, 0x40, 0x00, 0xc0, 0x00, 0x40];
        for length in [8, 0, u32::MAX] {
            assert_eq!(decode(&wav(length, &sound)), Ok((24_000, vec![0.5, 0.0])), "{length}");
        }
        assert!(decode(&wav(80, &sound)).unwrap_err().contains("8 of 80 bytes"));
        assert!(decode(b"ID3\x04 an MP3").unwrap_err().contains("no WAV"));
        assert!(bare(b"{\"error\": 1}").is_err());
        let whole = wav(8, &sound);
        for length in 0..whole.len() - 8 {
            assert!(decode(&whole[..length]).is_err(), "{length}");
        }
    }
}

//! Voices: for each number of phonemes a style vector.

use std::{
    fs,
    io::Cursor,
    path::{Path, PathBuf},
};

use ndarray::{Array2, ArrayD};
use ndarray_npy::ReadNpyExt;

use super::super::Error;

/// Numbers in a style.
const WIDTH: usize = 256;

/// The styles of one voice, or of a blend: one row for each number of phonemes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Styles(Array2<f32>);

impl Styles {
    /// Reads the voice `wanted` from the files beside the network: `af_nova`, or a blend
    /// `af_nova(2)+af_sky(1)`.
    pub(super) fn of(folder: &Path, wanted: &str) -> Result<Self, Error> {
        let parts: Vec<(&str, f32)> = wanted.split(['+', ',']).map(|part| weighed(part.trim())).collect();
        let whole: f32 = parts.iter().map(|(_, weight)| weight).sum();
        let mut blend: Option<Array2<f32>> = None;
        for (name, weight) in parts {
            let styles = voice(folder, name)? * (weight / whole.max(f32::MIN_POSITIVE));
            blend = Some(match blend {
                None => styles,
                Some(sum) if sum.dim() == styles.dim() => sum + styles,
                Some(_) => {
                    let reason = format!("the voices of `{wanted}` have different numbers of styles");
                    return Err(Error::Model { path: folder.to_owned(), reason });
                }
            });
        }
        let empty = || Error::Model { path: folder.to_owned(), reason: format!("`{wanted}` names no voice") };
        blend.map(Self).ok_or_else(empty)
    }

    /// The style for `phonemes` phonemes, one row.
    pub(super) fn of_length(&self, phonemes: usize) -> Array2<f32> {
        let row = phonemes.clamp(1, self.0.nrows()) - 1;
        self.0.slice(ndarray::s![row..=row, ..]).to_owned()
    }
}

/// `af_nova(0.3)`: the name, and how much of it.
fn weighed(part: &str) -> (&str, f32) {
    let weighed = part.strip_suffix(')').and_then(|part| part.split_once('('));
    let weighed = weighed.and_then(|(name, weight)| Some((name, weight.parse().ok().filter(|w| *w > 0.0)?)));
    weighed.unwrap_or((part, 1.0))
}

/// One voice, out of the file of all voices or out of a file of its own.
fn voice(folder: &Path, name: &str) -> Result<Array2<f32>, Error> {
    let wrong = |path: &Path, reason: String| Error::Model { path: path.to_owned(), reason };
    let own = [folder.join("voices").join(format!("{name}.bin")), folder.join(format!("{name}.bin"))];
    if let Some(path) = own.iter().find(|path| path.is_file()) {
        let bytes = fs::read(path).map_err(|error| wrong(path, error.to_string()))?;
        let numbers: Vec<f32> =
            bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
        return shaped(numbers)
            .ok_or_else(|| wrong(path, format!("it is no table of rows of {WIDTH} numbers")));
    }
    let files = tables(folder);
    let mut known = Vec::new();
    for path in &files {
        let bytes = fs::read(path).map_err(|error| wrong(path, error.to_string()))?;
        let entries =
            entries(&bytes).ok_or_else(|| wrong(path, "it is no table of voices (NPZ, stored)".into()))?;
        for (entry, held) in entries {
            let entry = entry.strip_suffix(".npy").unwrap_or(&entry).to_owned();
            if entry == name {
                let array = ArrayD::<f32>::read_npy(Cursor::new(held))
                    .map_err(|error| wrong(path, error.to_string()))?;
                return shaped(array.into_iter().collect())
                    .ok_or_else(|| wrong(path, format!("`{name}` is no table of rows of {WIDTH} numbers")));
            }
            known.push(entry);
        }
    }
    if files.is_empty() {
        let reason = "there is neither a file voices*.bin nor a folder voices/ beside the network".to_owned();
        return Err(wrong(folder, reason));
    }
    let near = super::super::espeak::nearest(name, known.iter().cloned());
    let hint = if near.is_empty() { known.join(", ") } else { near.join(", ") };
    Err(wrong(&files[0], format!("it has no voice `{name}`; there are, for example: {hint}")))
}

fn tables(folder: &Path) -> Vec<PathBuf> {
    let name = |path: &PathBuf| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let entries = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let is_table = |path: &PathBuf| {
        let name = name(path);
        path.is_file() && name.starts_with("voices") && (name.ends_with(".bin") || name.ends_with(".npz"))
    };
    let mut found: Vec<PathBuf> = entries.filter(is_table).collect();
    found.sort();
    found
}

fn shaped(numbers: Vec<f32>) -> Option<Array2<f32>> {
    let rows = numbers.len() / WIDTH;
    let whole = rows > 0 && rows * WIDTH == numbers.len();
    whole.then(|| Array2::from_shape_vec((rows, WIDTH), numbers).ok()).flatten()
}

/// The files of an archive whose files are stored as they are: what NumPy's `savez` writes.
fn entries(archive: &[u8]) -> Option<Vec<(String, &[u8])>> {
    let short = |at: usize| archive.get(at..at + 2).map(|b| usize::from(u16::from_le_bytes([b[0], b[1]])));
    let long =
        |at: usize| archive.get(at..at + 4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]) as usize);
    let wide = |at: usize| {
        archive.get(at..at + 8).and_then(|b| b.try_into().ok()).map(|b| u64::from_le_bytes(b) as usize)
    };
    // The directory at the end knows the sizes; what stands before each file may not.
    let end =
        (0..=archive.len().checked_sub(22)?).rev().find(|at| archive[*at..].starts_with(b"PK\x05\x06"))?;
    let (count, mut at) = (short(end + 10)?, long(end + 16)?);
    let mut entries = Vec::with_capacity(count);
    for _ in 0..count {
        if archive.get(at..at + 4)? != b"PK\x01\x02" || short(at + 10)? != 0 {
            return None;
        }
        let (mut size, name, extra, comment) =
            (long(at + 24)?, short(at + 28)?, short(at + 30)?, short(at + 32)?);
        let mut local = long(at + 42)?;
        // NumPy writes the sizes of 64-bit archives into the extra field.
        if extra >= 4 && short(at + 46 + name)? == 1 {
            let mut field = at + 46 + name + 4;
            if size == 0xffff_ffff {
                size = wide(field)?;
                field += 8;
                if long(at + 20)? == 0xffff_ffff {
                    field += 8;
                }
            }
            if local == 0xffff_ffff {
                local = wide(field)?;
            }
        }
        let text = String::from_utf8_lossy(archive.get(at + 46..at + 46 + name)?).into_owned();
        let held = local + 30 + short(local + 26)? + short(local + 28)?;
        entries.push((text, archive.get(held..held.checked_add(size)?)?));
        at += 46 + name + extra + comment;
    }
    Some(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_archive_is_refused_and_not_read_beyond_its_end() {
        assert!(entries(b"").is_none() && entries(&[0; 100]).is_none());
        let mut cut = b"PK\x05\x06".to_vec();
        cut.extend([0xff; 18]);
        assert!(entries(&cut).is_none());
    }

    #[test]
    fn blends_are_weighed() {
        assert_eq!(weighed("af_sky(0.25)"), ("af_sky", 0.25));
        assert_eq!(weighed("af_sky"), ("af_sky", 1.0));
    }
}

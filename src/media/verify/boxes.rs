//! The boxes of an MP4 file, ISO/IEC 14496-12: only what the rules ask about.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    path::Path,
};

/// Boxes inside boxes, at most: real files have six.
const DEPTH: u32 = 8;
/// Boxes looked at, at most: a file of a million empty boxes is no video.
const COUNT: u32 = 10_000;

/// How an MP4 file is laid out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Layout {
    /// The major brand and the compatible ones, `isom`, `mp42`, ...; empty when this is no MP4.
    pub(super) brands: Vec<String>,
    /// Where the index (`moov`) begins.
    pub(super) moov: Option<u64>,
    /// Where the first media data (`mdat`) begins.
    pub(super) mdat: Option<u64>,
    /// Edit lists (`elst`) in all tracks.
    pub(super) edit_lists: u32,
    /// Whether there are movie fragments (`moof`).
    pub(super) fragments: bool,
    /// Whether the last box reaches beyond the end of the file.
    pub(super) truncated: bool,
}

impl Layout {
    /// Reads the layout of a file; anything that is no MP4 gives an empty one.
    pub(super) fn read(path: &Path) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let end = file.metadata()?.len();
        Self::walk_all(&mut file, end)
    }

    fn walk_all(file: &mut (impl Read + Seek), end: u64) -> io::Result<Self> {
        let mut layout = Self::default();
        let mut left = COUNT;
        layout.walk(file, 0, end, 0, &mut left)?;
        Ok(layout)
    }

    /// Visits the boxes from `at` up to `end`.
    fn walk(
        &mut self,
        file: &mut (impl Read + Seek),
        mut at: u64,
        end: u64,
        depth: u32,
        left: &mut u32,
    ) -> io::Result<()> {
        while end - at >= 8 && *left > 0 {
            *left -= 1;
            file.seek(SeekFrom::Start(at))?;
            let (short, kind) = (read_u32(file)?, read_kind(file)?);
            let (header, size) = match short {
                0 => (8, end - at),
                1 if end - at >= 16 => (16, u64::from(read_u32(file)?) << 32 | u64::from(read_u32(file)?)),
                size => (8, u64::from(size)),
            };
            if size < header {
                return Ok(());
            }
            let next = at.saturating_add(size);
            if next > end {
                self.truncated |= depth == 0 && !self.brands.is_empty();
            }
            let next = next.min(end);
            match &kind {
                b"ftyp" if depth == 0 => {
                    let count = (next - at - header).min(4 * 64) / 4;
                    for index in 0..count {
                        let brand = read_kind(file)?;
                        // The second word is the brand's version, not a brand.
                        if index != 1 {
                            self.brands.push(String::from_utf8_lossy(&brand).into_owned());
                        }
                    }
                }
                // An MP4 begins with its type: anything else is another format.
                _ if depth == 0 && self.brands.is_empty() => return Ok(()),
                b"mdat" if depth == 0 => self.mdat = self.mdat.or(Some(at)),
                b"moof" => self.fragments = true,
                b"moov" if depth == 0 => {
                    self.moov = self.moov.or(Some(at));
                    self.walk(file, at + header, next, depth + 1, left)?;
                }
                b"trak" | b"edts" if depth < DEPTH => {
                    self.walk(file, at + header, next, depth + 1, left)?;
                }
                b"elst" => self.edit_lists += 1,
                _ => {}
            }
            at = next;
        }
        Ok(())
    }
}

fn read_u32(file: &mut impl Read) -> io::Result<u32> {
    let mut bytes = [0; 4];
    file.read_exact(&mut bytes)?;
    Ok(u32::from_be_bytes(bytes))
}

fn read_kind(file: &mut impl Read) -> io::Result<[u8; 4]> {
    let mut bytes = [0; 4];
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io::Cursor;

    fn boxed(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
        [&(8 + content.len() as u32).to_be_bytes()[..], kind, content].concat()
    }

    fn layout(bytes: &[u8]) -> Layout {
        Layout::walk_all(&mut Cursor::new(bytes), bytes.len() as u64).unwrap()
    }

    #[test]
    fn edit_lists_are_found_inside_tracks() {
        let track = boxed(b"trak", &boxed(b"edts", &boxed(b"elst", &[0; 20])));
        let file = [
            boxed(b"ftyp", b"isom\0\0\x02\0isomavc1"),
            boxed(b"mdat", &[1; 99]),
            boxed(b"moov", &[track.clone(), track].concat()),
        ];
        let found = layout(&file.concat());
        assert_eq!(found.brands, ["isom", "isom", "avc1"]);
        assert_eq!((found.edit_lists, found.fragments, found.truncated), (2, false, false));
        assert!(found.mdat < found.moov);
    }

    #[test]
    fn a_size_of_64_bits_is_read() {
        let mut long = [&1u32.to_be_bytes()[..], b"mdat", &24u64.to_be_bytes(), &[0; 8]].concat();
        long.extend(boxed(b"moov", &[]));
        let file = [boxed(b"ftyp", b"mp42\0\0\0\0"), long].concat();
        let found = layout(&file);
        assert_eq!((found.mdat, found.moov), (Some(16), Some(40)));
    }

    #[test]
    fn a_box_beyond_the_end_is_said() {
        let mut file = [boxed(b"ftyp", b"isom\0\0\0\0"), boxed(b"mdat", &[0; 40])].concat();
        file.truncate(40);
        assert!(layout(&file).truncated);
    }

    proptest! {
        #[test]
        fn no_bytes_break_it(bytes in prop::collection::vec(any::<u8>(), 0..200), kinds in prop::collection::vec(0usize..6, 0..12)) {
            // Random bytes with the kinds that are looked into at random places.
            let mut bytes = [boxed(b"ftyp", b"isom\0\0\0\0"), bytes].concat();
            for (at, kind) in kinds.iter().enumerate() {
                let kind = [b"ftyp", b"moov", b"trak", b"edts", b"elst", b"mdat"][*kind];
                let place = (16 + at * 17) % bytes.len();
                let end = (place + 4).min(bytes.len());
                bytes[place..end].copy_from_slice(&kind[..end - place]);
            }
            let _ = Layout::walk_all(&mut Cursor::new(&bytes), bytes.len() as u64);
        }
    }
}

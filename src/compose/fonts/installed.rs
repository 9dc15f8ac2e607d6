//! The fonts of the system, read only when a letter is missing.

use cosmic_text::{
    fontdb::{Database, FaceInfo, Style},
    skrifa::{FontRef, MetadataProvider, Tag, raw::TableProvider},
};

/// The weight that captions want: ExtraBold.
pub(super) const HEAVY: u16 = 800;

/// Families to try first for letters of these blocks, in this order, then for all others.
///
/// Han letters look different in each language: [`han`] puts the right family first.
const PREFERRED: &[(std::ops::RangeInclusive<u32>, &[&str])] = &[
    (0x0370..=0x058F, &["Noto Sans", "Noto Sans Armenian", "Helvetica Neue", "Segoe UI"]),
    (0x0590..=0x05FF, &["Noto Sans Hebrew", "Arial Hebrew", "Segoe UI"]),
    (0x0600..=0x077F, &["Noto Sans Arabic", "Noto Kufi Arabic", "Geeza Pro", "Segoe UI"]),
    (0x0900..=0x097F, &["Noto Sans Devanagari", "Kohinoor Devanagari", "Nirmala UI"]),
    (0x0980..=0x09FF, &["Noto Sans Bengali", "Kohinoor Bangla", "Nirmala UI"]),
    (0x0A00..=0x0A7F, &["Noto Sans Gurmukhi", "Gurmukhi MN", "Nirmala UI"]),
    (0x0A80..=0x0AFF, &["Noto Sans Gujarati", "Kohinoor Gujarati", "Nirmala UI"]),
    (0x0B80..=0x0BFF, &["Noto Sans Tamil", "Tamil Sangam MN", "Nirmala UI"]),
    (0x0C00..=0x0C7F, &["Noto Sans Telugu", "Kohinoor Telugu", "Nirmala UI"]),
    (0x0C80..=0x0CFF, &["Noto Sans Kannada", "Nirmala UI"]),
    (0x0D00..=0x0D7F, &["Noto Sans Malayalam", "Nirmala UI"]),
    (0x0E00..=0x0E7F, &["Noto Sans Thai", "Thonburi", "Leelawadee UI"]),
    (0x10A0..=0x10FF, &["Noto Sans Georgian", "Segoe UI"]),
    (0x1200..=0x137F, &["Noto Sans Ethiopic", "Kefa", "Ebrima"]),
    (0x1780..=0x17FF, &["Noto Sans Khmer", "Khmer Sangam MN", "Leelawadee UI"]),
];

/// Families of colour emoji that come as pictures or flat colour layers.
const EMOJI: &[&str] = &["Noto Color Emoji", "Apple Color Emoji", "Segoe UI Emoji", "Twemoji"];

/// Families for Chinese, Japanese and Korean, the language of `text` first.
fn han(text: &str) -> [&'static str; 8] {
    let any = |low: char, high: char| text.chars().any(|c| (low..=high).contains(&c));
    let noto = |first: &'static str, second: &'static str, mac: &'static str, windows: &'static str| {
        [first, second, mac, windows, "Noto Sans CJK SC", "PingFang SC", "Hiragino Sans", "Microsoft YaHei"]
    };
    if any('\u{3040}', '\u{30FF}') {
        noto("Noto Sans CJK JP", "Noto Sans JP", "Hiragino Sans", "Yu Gothic UI")
    } else if any('\u{AC00}', '\u{D7A3}') {
        noto("Noto Sans CJK KR", "Noto Sans KR", "Apple SD Gothic Neo", "Malgun Gothic")
    } else {
        noto("Noto Sans CJK SC", "Noto Sans SC", "PingFang SC", "Microsoft YaHei")
    }
}

pub(super) fn is_han(c: char) -> bool {
    matches!(c as u32, 0x1100..=0x11FF | 0x2E80..=0x33FF | 0x3400..=0x4DBF | 0x4E00..=0x9FFF
        | 0xAC00..=0xD7AF | 0xF900..=0xFAFF | 0xFF00..=0xFFEF | 0x20000..=0x323AF)
}

/// Every font file of the system's usual folders.
pub(super) struct Installed {
    faces: Database,
}

impl Installed {
    /// Looks through the folders; tens of milliseconds for some hundred fonts.
    pub(super) fn scan() -> Self {
        let mut faces = Database::new();
        faces.load_system_fonts();
        Self { faces }
    }

    /// The upright face of `family` that is nearest to the heavy weight.
    pub(super) fn family(&self, family: &str) -> Option<&FaceInfo> {
        self.best(|face| face.families.iter().any(|(name, _)| name.eq_ignore_ascii_case(family)))
    }

    /// Family names that resemble `family`.
    pub(super) fn similar(&self, family: &str) -> Vec<String> {
        let wanted = family.to_lowercase();
        let mut names: Vec<(f64, &str)> = self
            .faces
            .faces()
            .filter_map(|face| Some(face.families.first()?.0.as_str()))
            .map(|name| (strsim::jaro_winkler(&wanted, &name.to_lowercase()), name))
            .filter(|(likeness, _)| *likeness > 0.85)
            .collect();
        names.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
        names.dedup_by(|a, b| a.1 == b.1);
        names.into_iter().take(3).map(|(_, name)| name.to_owned()).collect()
    }

    /// A face with colour pictures of `cluster`.
    pub(super) fn emoji(&self, cluster: &str) -> Option<&FaceInfo> {
        EMOJI
            .iter()
            .find_map(|family| self.family(family).filter(|face| self.covers(face, cluster, Some(true))))
    }

    /// The best face for `cluster`, which stands in `text`: of a preferred family, else of any.
    pub(super) fn covering(&self, cluster: &str, text: &str) -> Option<&FaceInfo> {
        let first = cluster.chars().next()?;
        let han = if is_han(first) { han(text).to_vec() } else { Vec::new() };
        let block = PREFERRED.iter().find(|(block, _)| block.contains(&(first as u32)));
        let preferred =
            han.iter().chain(block.map_or(&[][..], |(_, families)| families)).chain(&["Noto Sans"]);
        preferred
            .filter_map(|family| self.family(family))
            .find(|face| self.covers(face, cluster, None))
            .or_else(|| self.best(|face| self.covers(face, cluster, Some(false))))
    }

    /// The face that ranks first among those that `fit`: sans before serif before monospaced,
    /// then the weight, then the name, so that the choice is the same on every run.
    fn best(&self, fit: impl Fn(&FaceInfo) -> bool) -> Option<&FaceInfo> {
        let mut faces: Vec<&FaceInfo> =
            self.faces.faces().filter(|face| face.style == Style::Normal).collect();
        faces.sort_by_cached_key(|face| {
            let family = face.families.first().map_or("", |(name, _)| name).to_owned();
            let plain = !family.contains("Sans") as u8 + 2 * u8::from(face.monospaced);
            (plain, face.weight.0.abs_diff(HEAVY), family, face.index)
        });
        faces.into_iter().find(|face| fit(face))
    }

    /// Whether `face` has every letter of `cluster`, and colours if that is asked.
    fn covers(&self, face: &FaceInfo, cluster: &str, colours: Option<bool>) -> bool {
        let covers = |data: &[u8], index: u32| {
            FontRef::from_index(data, index).is_ok_and(|font| {
                colours.is_none_or(|wanted| wanted == has_colours(&font)) && covers(&font, cluster)
            })
        };
        self.faces.with_face_data(face.id, covers).unwrap_or(false)
    }
}

/// Whether `font` has every letter of `cluster`; characters that draw nothing do not count.
pub(super) fn covers(font: &FontRef<'_>, cluster: &str) -> bool {
    let letters = font.charmap();
    cluster.chars().all(|c| draws_nothing(c) || letters.map(c).is_some_and(|glyph| glyph.to_u32() != 0))
}

/// Pictures, or layers of flat colours (COLR version 0); gradients (version 1) cannot be drawn here.
fn has_colours(font: &FontRef<'_>) -> bool {
    let pictures = [b"CBDT", b"sbix"].iter().any(|tag| font.table_data(Tag::new(tag)).is_some());
    pictures || font.colr().is_ok_and(|layers| layers.version() == 0)
}

/// Joiners, direction marks, variation selectors: they shape their neighbours.
pub(super) fn draws_nothing(c: char) -> bool {
    matches!(c as u32, 0xAD | 0x200B..=0x200F | 0x202A..=0x202E | 0x2060..=0x2069 | 0xFE00..=0xFE0F
        | 0xFEFF | 0xE0020..=0xE007F)
}

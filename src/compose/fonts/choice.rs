//! Which font draws which letters.

use std::{
    collections::{BTreeMap, HashMap},
    ops::Range,
    sync::Arc,
};

use cosmic_text::{
    Attrs, CacheKeyFlags, Family, FontSystem, SwashCache, Weight,
    fontdb::{Database, FaceInfo, ID, Source},
    skrifa::{FontRef, MetadataProvider, Tag},
};
use unicode_segmentation::UnicodeSegmentation;

use super::installed::{self, HEAVY, Installed, draws_nothing, is_han};
use crate::compose::Error;

/// Inter ExtraBold: Latin, Greek, Cyrillic, Vietnamese; `assets/fonts/README.md`.
const BUILT_IN: &[u8] = include_bytes!("../../../assets/fonts/Inter-ExtraBold.otf");
/// Its family.
const BUILT_IN_FAMILY: &str = "Inter";

/// A font opened for drawing.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::compose) struct Face {
    id: ID,
    family: String,
    weight: Weight,
    /// Whether its glyphs are colour pictures.
    pub(in crate::compose) colours: bool,
}

impl Face {
    /// What makes the shaper take exactly this font, unhinted: captions are scaled and moved.
    /// The metadata of its glyphs is 1 for colour pictures.
    pub(in crate::compose) fn attrs(&self) -> Attrs<'_> {
        let attrs = Attrs::new().family(Family::Name(&self.family)).weight(self.weight);
        attrs.cache_key_flags(CacheKeyFlags::DISABLE_HINTING).metadata(usize::from(self.colours))
    }
}

/// Neighbouring letters of one font.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::compose) struct Run {
    pub(in crate::compose) text: Range<usize>,
    pub(in crate::compose) face: Face,
}

/// The fonts that captions are drawn with.
///
/// The built-in one alone at first; the system's fonts are looked through when a letter is
/// missing from it or another family is asked for, and only those needed are opened.
pub struct Fonts {
    pub(in crate::compose) system: FontSystem,
    pub(in crate::compose) outlines: SwashCache,
    built_in: Face,
    installed: Option<Installed>,
    opened: HashMap<(String, u16, u32), Face>,
    chosen: HashMap<(String, String), Option<Face>>,
}

impl Fonts {
    /// Opens the built-in font.
    ///
    /// # Errors
    /// When it cannot be read, which only a broken build can cause.
    pub fn load() -> Result<Self, Error> {
        let mut faces = Database::new();
        let ids = faces.load_font_source(Source::Binary(Arc::new(BUILT_IN)));
        let &id = ids.first().ok_or_else(|| Error::Font(String::from("in the program")))?;
        let built_in = Face { id, family: BUILT_IN_FAMILY.to_owned(), weight: Weight(HEAVY), colours: false };
        Ok(Self {
            system: FontSystem::new_with_locale_and_db(String::from("en-US"), faces),
            outlines: SwashCache::new(),
            built_in,
            installed: None,
            opened: HashMap::new(),
            chosen: HashMap::new(),
        })
    }

    /// Whether the system's fonts have been looked through.
    pub fn has_scanned(&self) -> bool {
        self.installed.is_some()
    }

    /// The font of `family`; empty means the built-in one.
    pub(in crate::compose) fn family(&mut self, family: &str) -> Result<Face, Error> {
        if family.is_empty() || family.eq_ignore_ascii_case(BUILT_IN_FAMILY) {
            return Ok(self.built_in.clone());
        }
        let installed = self.installed.get_or_insert_with(Installed::scan);
        match installed.family(family).cloned() {
            Some(info) => Ok(self.open(&info)),
            None => Err(Error::NoFont { family: family.to_owned(), similar: installed.similar(family) }),
        }
    }

    /// Divides `text` among fonts, `first` before all others; spaces go with the letters before, but not with emoji, whose spaces are as wide as they are.
    /// Clusters that no font has are given to `first`: see [`Fonts::missing`].
    pub(in crate::compose) fn runs(&mut self, text: &str, first: &Face) -> Vec<Run> {
        let mut runs: Vec<Run> = Vec::new();
        for (at, cluster) in text.grapheme_indices(true) {
            let range = at..at + cluster.len();
            let face = self.face_for(cluster, text, first).unwrap_or_else(|| first.clone());
            match runs.last_mut() {
                Some(run) if run.face == face || (cluster == " " && !run.face.colours) => {
                    run.text.end = range.end
                }
                _ => runs.push(Run { text: range, face }),
            }
        }
        runs
    }

    /// The clusters of `text` that no font can draw.
    pub(in crate::compose) fn missing<'t>(&mut self, text: &'t str, first: &Face) -> Vec<&'t str> {
        text.graphemes(true).filter(|cluster| self.face_for(cluster, text, first).is_none()).collect()
    }

    fn face_for(&mut self, cluster: &str, text: &str, first: &Face) -> Option<Face> {
        let pictured = cluster.contains('\u{FE0F}');
        if !pictured && self.has(first, cluster) {
            return Some(first.clone());
        }
        let first_letter = cluster.chars().next()?;
        // Only Han letters depend on what stands around them.
        let context = if is_han(first_letter) { text } else { "" };
        let key = (cluster.to_owned(), format!("{}/{context}", first.family));
        if let Some(known) = self.chosen.get(&key) {
            return known.clone();
        }
        let face = self.look_up(cluster, text, first);
        self.chosen.insert(key, face.clone());
        face
    }

    fn look_up(&mut self, cluster: &str, text: &str, first: &Face) -> Option<Face> {
        let built_in = self.built_in.clone();
        let letters = cluster.chars().all(|c| c.is_alphanumeric());
        let installed = self.installed.get_or_insert_with(Installed::scan);
        if !letters && let Some(info) = installed.emoji(cluster).cloned() {
            let face = self.open(&info);
            return Some(Face { colours: true, ..face });
        }
        if let Some(face) = [first, &built_in].into_iter().find(|face| self.has(face, cluster)) {
            return Some(face.clone());
        }
        let info = self.installed.as_ref()?.covering(cluster, text).cloned()?;
        Some(self.open(&info))
    }

    /// Opens a face found in the system's folders for drawing.
    fn open(&mut self, info: &FaceInfo) -> Face {
        let family = info.families.first().map_or_else(String::new, |(name, _)| name.clone());
        let key = (family.clone(), info.weight.0, info.index);
        if let Some(face) = self.opened.get(&key) {
            return face.clone();
        }
        let id = self.system.db_mut().push_face_info(info.clone());
        // A variable font is drawn as heavy as it can be.
        let heaviest = self.system.get_font(id, info.weight).and_then(|font| {
            let font = FontRef::from_index(font.data(), info.index).ok()?;
            let axis = font.axes().get_by_tag(Tag::new(b"wght"))?;
            Some(f32::from(HEAVY).clamp(axis.min_value(), axis.max_value()) as u16)
        });
        let weight = heaviest.map_or(info.weight, Weight);
        let face = Face { id, family, weight, colours: false };
        self.opened.insert(key, face.clone());
        face
    }

    fn has(&mut self, face: &Face, cluster: &str) -> bool {
        if cluster.chars().all(|c| c == ' ' || draws_nothing(c)) {
            return true;
        }
        let index = self.system.db().face(face.id).map_or(0, |info| info.index);
        self.system.get_font(face.id, face.weight).is_some_and(|font| {
            FontRef::from_index(font.data(), index).is_ok_and(|font| installed::covers(&font, cluster))
        })
    }
}

/// What to install for `letters`, in one line.
pub(in crate::compose) fn what_to_install(letters: &[String]) -> String {
    let package = |letter: &String| match letter.chars().next() {
        Some(c) if is_han(c) => ("Noto Sans CJK", "fonts-noto-cjk"),
        Some(c) if c.is_alphanumeric() => ("Noto Sans", "fonts-noto-core"),
        _ => ("Noto Color Emoji", "fonts-noto-color-emoji"),
    };
    let packages: BTreeMap<_, _> = letters.iter().map(package).collect();
    let names: Vec<String> =
        packages.iter().map(|(font, package)| format!("{font} (Debian package {package})")).collect();
    format!("install {}", names.join(" and "))
}

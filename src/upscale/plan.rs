//! Which tiles an upscaler works in, by what memory there is.

use crate::{engine::Bytes, graph::Reach, story::Size};

use super::{
    Error, Network,
    tiles::{Margin, Span, divide, smallest},
};

/// Tiles of fewer pixels than this along a side are mostly margin.
const LEAST_KEPT: u32 = 32;
/// Context of a tile whose network looks too far for all of it, in input pixels.
const ENOUGH_PAD: u32 = 16;
/// How much more work exact tiles may be than blended ones.
const WORTH_EXACTNESS: f64 = 1.5;
/// Most tiles along a side.
const MOST_TILES: u32 = 256;
/// Values alive for each input pixel where the nodes do not tell: those of the large and usual kind, 64
/// channels at four times the size, twice.
const VALUES_UNKNOWN: f64 = 2048.0;

/// How a picture is enlarged.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The picture's size.
    pub picture: Size,
    /// The tiles' size, margins included.
    pub tile: Size,
    /// How many there are.
    pub tiles: usize,
    /// Whether tiles give what the whole picture at once would, bit for bit.
    pub exact: bool,
    /// The most bytes it is expected to take.
    pub predicted: u64,
    /// Bytes that may be used.
    pub budget: u64,
    /// Places of the tiles, across and down, over the picture with its frame.
    pub(super) across: Vec<Span>,
    pub(super) down: Vec<Span>,
    /// Mirrored pixels put before the picture on both sides, which a cropping network eats.
    pub(super) frame: u32,
    /// The picture's size with its frame, as the tiles cover it.
    pub(super) framed: Size,
    line: String,
}

impl Plan {
    /// The decision in a plain line, to be printed as it is.
    pub fn line(&self) -> &str {
        &self.line
    }
}

/// One way to divide the picture.
struct Division {
    tile: Size,
    across: Vec<Span>,
    down: Vec<Span>,
    margin: Margin,
}

impl Division {
    fn tiles(&self) -> usize {
        self.across.len() * self.down.len()
    }

    /// Input pixels that are computed in all.
    fn work(&self) -> u64 {
        self.tile.area() * self.tiles() as u64
    }
}

impl Network {
    /// Plans to enlarge a picture of `size` within `budget` bytes: at once if that fits, else in tiles
    /// that are exact, else in blended ones.
    ///
    /// # Errors
    /// When not even the smallest tiles fit.
    pub fn plan(&self, size: Size, budget: u64) -> Result<Plan, Error> {
        let scale = self.scale.unwrap_or(4);
        let frame = self.cropped.div_ceil(2 * scale).next_multiple_of(self.multiple);
        let side = |pixels: u32, fixed: Option<u32>| {
            let framed = pixels + 2 * frame;
            match fixed {
                Some(tile) if framed <= tile => tile,
                Some(tile) => tile + (framed - tile).next_multiple_of(self.multiple),
                None => framed.next_multiple_of(self.multiple),
            }
        };
        let framed = Size::new(
            side(size.width, self.fixed.map(|tile| tile.width)),
            side(size.height, self.fixed.map(|tile| tile.height)),
        );
        // Whatever the tiles: the large picture, in bytes, half of it again for scaling that to a frame (23 of 41 MiB
        // from four times 704x1280 to 1080x1920), and the network.
        let enlarged = size.area() * u64::from(scale * scale) * 3;
        let always = enlarged + enlarged / 2 + self.loaded_weights();
        let room = budget.saturating_sub(always);
        let blended = self.blended_margin();
        let exact = self.reach.as_ref().ok().map(exact_margin(self.multiple));
        let exact = exact.and_then(|margin| self.division(framed, margin, room));
        let taken = match exact {
            Some(exact) if exact.tiles() == 1 => Some(exact),
            Some(exact) => match self.division(framed, blended, room) {
                Some(blended) if blended.work() as f64 * WORTH_EXACTNESS < exact.work() as f64 => {
                    Some(blended)
                }
                _ => Some(exact),
            },
            None => self.division(framed, blended, room),
        };
        let Some(division) = taken else {
            let least =
                self.tile_sizes(framed, blended).map(|tile| self.working_bytes(tile, framed, blended)).min();
            let needed = always + least.unwrap_or_else(|| self.working_bytes(framed, framed, blended));
            return Err(Error::TooSmall { name: self.name.clone(), needed, budget });
        };
        let predicted = always + self.working_bytes(division.tile, framed, division.margin);
        let line = format!(
            "upscale: `{}` makes {size} {}x{}, {}, {} expected of {}",
            self.name,
            size.width * scale,
            size.height * scale,
            self.words(&division),
            Bytes(predicted),
            Bytes(budget)
        );
        Ok(Plan {
            picture: size,
            tile: division.tile,
            tiles: division.tiles(),
            exact: division.margin.ramp == 0,
            predicted,
            budget,
            across: division.across,
            down: division.down,
            frame,
            framed,
            line,
        })
    }

    fn words(&self, division: &Division) -> String {
        let (tiles, tile, pad) = (division.tiles(), division.tile, division.margin.pad);
        if tiles == 1 {
            return "at once".into();
        }
        if division.margin.ramp == 0 {
            return format!("in {tiles} tiles of {tile} that see {pad} pixels around, as far as it looks");
        }
        let why = match &self.reach {
            Ok(reach) => format!("it looks {} pixels far", reach.before.max(reach.after)),
            Err(reason) => format!("how far it looks is not known ({reason})"),
        };
        format!("in {tiles} tiles of {tile} blended over {} pixels, for {why}", division.margin.ramp)
    }

    /// A quarter of a small fixed tile at most.
    fn blended_margin(&self) -> Margin {
        let quarter = self.fixed.map_or(u32::MAX, |tile| tile.width.min(tile.height) / 4);
        // What a cropping network eats is nothing to blend.
        let eaten = self.scale.map_or(0, |scale| self.cropped.div_ceil(2 * scale));
        let seen = ENOUGH_PAD.min(quarter.saturating_sub(eaten)).max(1);
        let pad = (eaten + seen).next_multiple_of(self.multiple);
        Margin { pad, ramp: (seen / 2 * 2).min(pad) }
    }

    /// The division with the least work among those whose tiles fit into `room` bytes; the fewest tiles
    /// among equals.
    fn division(&self, framed: Size, margin: Margin, room: u64) -> Option<Division> {
        self.tile_sizes(framed, margin)
            .filter(|&tile| self.working_bytes(tile, framed, margin) <= room)
            .map(|tile| Division {
                tile,
                across: divide(framed.width, tile.width, margin, self.multiple),
                down: divide(framed.height, tile.height, margin, self.multiple),
                margin,
            })
            .min_by_key(|division| (division.work(), division.tiles()))
    }

    /// The sizes of tiles that can cover the picture: the only one it takes, or each side as a whole, in
    /// halves, thirds ...
    fn tile_sizes(&self, framed: Size, margin: Margin) -> impl Iterator<Item = Size> {
        let sides = |length: u32, fixed: Option<u32>| -> Vec<u32> {
            let Some(tile) = fixed else {
                return (1..=MOST_TILES)
                    .filter_map(|count| smallest(length, count, margin, self.multiple, LEAST_KEPT))
                    .collect();
            };
            let least = 2 * margin.pad + self.multiple.max(margin.ramp);
            if tile == length || tile >= least { vec![tile] } else { Vec::new() }
        };
        let heights = sides(framed.height, self.fixed.map(|tile| tile.height));
        let widths = sides(framed.width, self.fixed.map(|tile| tile.width));
        widths
            .into_iter()
            .flat_map(move |width| heights.clone().into_iter().map(move |height| Size::new(width, height)))
    }

    /// Bytes of the loaded network. The processor computes in 32 bits: 16-bit weights are unfolded to
    /// twice their size beside the originals.
    fn loaded_weights(&self) -> u64 {
        (self.weights.f32 + self.weights.other + 3 * self.weights.f16) * 11 / 10
    }

    /// Bytes of working on a tile: what the nodes hold and two fifths for what ONNX Runtime's arena
    /// cannot fill, the tile as 32-bit numbers, and the answer twice, inside ONNX Runtime and here; for blending,
    /// also a row of tiles. 16-bit numbers are held a second time, as 32-bit ones, while they are computed.
    fn working_bytes(&self, tile: Size, framed: Size, margin: Margin) -> u64 {
        let scale = self.scale.unwrap_or(4);
        let large = 3.0 * f64::from(scale * scale);
        let values = self.reach.as_ref().map_or(VALUES_UNKNOWN, |reach| reach.values);
        let held = if self.half { 3.2 } else { 1.4 };
        let tile_values = tile.area() as f64 * (values * held + 3.0 + 2.0 * large);
        let row =
            if margin.ramp > 0 { f64::from(tile.height) * f64::from(framed.width) * large } else { 0.0 };
        (4.0 * (tile_values + row)) as u64
    }
}

/// All of what the network sees.
fn exact_margin(multiple: u32) -> impl Fn(&Reach) -> Margin {
    move |reach| {
        let pad = reach.before.max(reach.after).min(1 << 20) as u32;
        Margin { pad: pad.next_multiple_of(multiple), ramp: 0 }
    }
}

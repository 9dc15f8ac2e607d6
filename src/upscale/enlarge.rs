//! A picture, enlarged by a network tile by tile.

use std::{ops::ControlFlow, path::Path};

use image::{Rgb, RgbImage};

use crate::{engine, story::Size};

use super::{Error, Plan, Upscaler, tiles::Span};

impl Upscaler {
    /// `picture`, as many times larger as the network makes it. `plan` comes from this network's
    /// [`plan`](super::Network::plan) for a picture of this size; `report` is told tiles done and tiles in
    /// all, and may stop it.
    ///
    /// # Errors
    /// When the network fails or answers NaN, memory runs out, or `report` breaks.
    pub fn enlarge(
        &mut self,
        picture: &RgbImage,
        plan: &Plan,
        report: &mut dyn FnMut(usize, usize) -> ControlFlow<()>,
    ) -> Result<RgbImage, Error> {
        let scale = self.network().scale().unwrap_or(1);
        let (crop, frame) = (self.network().cropped / 2, plan.frame);
        let from = Size::new(picture.width(), picture.height());
        if from != plan.picture {
            return Err(Error::Impossible { from, to: plan.picture, oversize: 1.0 });
        }
        let columns = mirrored(plan.framed.width, frame, from.width);
        let rows = mirrored(plan.framed.height, frame, from.height);
        let file = self.network().file.clone();
        let mut canvas = Canvas {
            picture: blank(from.width * scale, from.height * scale, &file)?,
            before: i64::from(frame * scale),
            blends: !plan.exact,
            rows: Vec::new(),
        };
        let mut done = 0;
        for down in &plan.down {
            canvas.begin(down, scale, &file)?;
            for across in &plan.across {
                if report(done, plan.tiles).is_break() {
                    return Err(Error::Cancelled { done, total: plan.tiles });
                }
                let pixel = |x: u32, y: u32| {
                    picture
                        .get_pixel(columns[(across.origin + x) as usize], rows[(down.origin + y) as usize])
                        .0
                };
                let place = format!("tile {} of {}", done + 1, plan.tiles);
                self.tile(plan.tile.height, plan.tile.width, &place, pixel, |answer, to_255| {
                    canvas
                        .put((across, down), scale, crop, |x, y, channel| to_255(answer[[0, y, x, channel]]));
                })?;
                done += 1;
            }
            canvas.end(down, scale);
        }
        match report(done, plan.tiles) {
            ControlFlow::Continue(()) => Ok(canvas.picture),
            ControlFlow::Break(()) => Err(Error::Cancelled { done, total: plan.tiles }),
        }
    }
}

/// For each of `framed` places, the pixel of `length` that lies there when it is mirrored at its ends.
fn mirrored(framed: u32, before: u32, length: u32) -> Vec<u32> {
    let last = i64::from(length) - 1;
    let mirror = |place: i64| match last {
        0 => 0,
        last => last - (place.rem_euclid(2 * last) - last).abs(),
    };
    (0..i64::from(framed)).map(|place| mirror(place - i64::from(before)) as u32).collect()
}

/// A black picture.
fn blank(width: u32, height: u32, path: &Path) -> Result<RgbImage, Error> {
    let pixels = engine::zeros(3 * width as usize * height as usize, path)?;
    Ok(RgbImage::from_raw(width, height, pixels).expect("it has three bytes a pixel"))
}

/// The large picture in the making.
struct Canvas {
    picture: RgbImage,
    /// Large pixels of the frame before the picture, on both sides.
    before: i64,
    /// Whether tiles are blended into each other.
    blends: bool,
    /// When they are: the row of tiles at work, as (height, width, 3) values 0 ..= 255.
    rows: Vec<f32>,
}

impl Canvas {
    /// Begins a row of tiles.
    fn begin(&mut self, down: &Span, scale: u32, path: &Path) -> Result<(), Error> {
        if self.blends {
            let height = (down.kept.len() as u32 * scale) as usize;
            // The row before is given back first.
            self.rows = Vec::new();
            self.rows = engine::zeros(height * self.picture.width() as usize * 3, path)?;
        }
        Ok(())
    }

    /// Puts what is kept of a tile, `value(x, y, channel)` of its answer, beside what is there.
    fn put(
        &mut self,
        (across, down): (&Span, &Span),
        scale: u32,
        crop: u32,
        value: impl Fn(usize, usize, usize) -> f32,
    ) {
        let (width, height) = self.picture.dimensions();
        let top = down.kept.start * scale;
        let in_tile =
            |place: u32, span: &Span| (place - span.origin * scale).checked_sub(crop).map(|at| at as usize);
        for y in top..down.kept.end * scale {
            let Some(row) = inside(i64::from(y) - self.before, height) else { continue };
            for x in across.kept.start * scale..across.kept.end * scale {
                let Some(column) = inside(i64::from(x) - self.before, width) else { continue };
                let (Some(tile_x), Some(tile_y)) = (in_tile(x, across), in_tile(y, down)) else { continue };
                let new = [0, 1, 2].map(|channel| value(tile_x, tile_y, channel));
                if !self.blends {
                    self.picture.put_pixel(column, row, Rgb(new.map(|new| new.round() as u8)));
                    continue;
                }
                let share = share(x, across, scale);
                let at = ((y - top) as usize * width as usize + column as usize) * 3;
                for (old, new) in self.rows[at..at + 3].iter_mut().zip(new) {
                    *old = if share == 1.0 { new } else { *old + share * (new - *old) };
                }
            }
        }
    }

    /// Ends a row of tiles: blends it into the picture.
    fn end(&mut self, down: &Span, scale: u32) {
        if !self.blends {
            return;
        }
        let (width, height) = self.picture.dimensions();
        let top = down.kept.start * scale;
        for y in top..down.kept.end * scale {
            let Some(row) = inside(i64::from(y) - self.before, height) else { continue };
            let share = share(y, down, scale);
            for column in 0..width {
                let at = ((y - top) as usize * width as usize + column as usize) * 3;
                let Rgb(old) = self.picture.get_pixel_mut(column, row);
                for (old, new) in old.iter_mut().zip(&self.rows[at..at + 3]) {
                    let there = f32::from(*old);
                    *old = (if share == 1.0 { *new } else { there + share * (new - there) }).round() as u8;
                }
            }
        }
    }
}

fn inside(place: i64, length: u32) -> Option<u32> {
    u32::try_from(place).ok().filter(|&place| place < length)
}

/// How much of the large pixel at `place` comes from this tile rather than from the one before, 0 to 1.
fn share(place: u32, span: &Span, scale: u32) -> f32 {
    let into = place - span.kept.start * scale;
    match span.ramp * scale {
        ramp if into < ramp => (into as f32 + 0.5) / ramp as f32,
        _ => 1.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_mirrors_without_repeating_the_border() {
        assert_eq!(mirrored(9, 2, 5), [2, 1, 0, 1, 2, 3, 4, 3, 2]);
        assert_eq!(mirrored(7, 3, 2), [1, 0, 1, 0, 1, 0, 1]);
        assert_eq!(mirrored(3, 1, 1), [0, 0, 0]);
    }

    #[test]
    fn shares_rise_evenly_from_none_to_all() {
        let span = Span { origin: 8, kept: 10..40, ramp: 4 };
        let shares: Vec<f32> = (20..30).map(|place| share(place, &span, 2)).collect();
        assert_eq!(shares, [0.0625, 0.1875, 0.3125, 0.4375, 0.5625, 0.6875, 0.8125, 0.9375, 1.0, 1.0]);
    }
}

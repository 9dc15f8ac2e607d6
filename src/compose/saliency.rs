//! What a picture is about: where the eye goes first.

use image::RgbImage;

/// Blocks across the map that is looked at.
const ACROSS: usize = 40;
/// How far around a point its neighbours count, as a share of the width.
const REACH: f64 = 0.22;
/// Moves towards the middle of what is seen, until it stands still.
const ROUNDS: usize = 12;

/// Where the subject of `picture` is, as shares of its width and height.
///
/// Colours far from the picture's mean and strong edges draw the eye (R. Achanta and others,
/// "Frequency-tuned salient region detection", 2009), the middle more than the borders. From the
/// strongest point the place moves to the middle of what lies around it (mean shift). A picture
/// without a subject gives its middle.
pub fn subject(picture: &RgbImage) -> [f64; 2] {
    let map = Map::of(picture);
    let total: f64 = map.weights.iter().sum();
    let Some(strongest) = (0..map.weights.len())
        .max_by(|&a, &b| map.smooth(a).total_cmp(&map.smooth(b)))
        .filter(|_| total > 1e-6)
    else {
        return [0.5, 0.5];
    };
    let mut at = map.place(strongest);
    for _ in 0..ROUNDS {
        let (mut sum, mut x, mut y) = (0.0, 0.0, 0.0);
        for (block, &weight) in map.weights.iter().enumerate() {
            let [bx, by] = map.place(block);
            // Both axes in shares of the width, so that the neighbourhood is round.
            let (dx, dy) = (bx - at[0], (by - at[1]) * map.height());
            let share = weight * (-(dx * dx + dy * dy) / (2.0 * REACH * REACH)).exp();
            (sum, x, y) = (sum + share, x + share * bx, y + share * by);
        }
        at = [x / sum, y / sum];
    }
    at
}

/// How strongly each block draws the eye.
struct Map {
    weights: Vec<f64>,
    rows: usize,
}

impl Map {
    fn of(picture: &RgbImage) -> Self {
        let (width, height) = (picture.width() as usize, picture.height() as usize);
        let rows = (ACROSS * height / width.max(1)).clamp(1, 8 * ACROSS);
        let mut sums = vec![[0.0f64; 4]; ACROSS * rows];
        // Every other pixel of every other row tells as much.
        for y in (0..height).step_by(2) {
            for x in (0..width).step_by(2) {
                let [r, g, b] = picture.get_pixel(x as u32, y as u32).0.map(f64::from);
                let sum = &mut sums[y * rows / height * ACROSS + x * ACROSS / width];
                // Light, red against green, yellow against blue.
                let parts = [0.3 * r + 0.6 * g + 0.1 * b, r - g, (r + g) / 2.0 - b, 1.0];
                sum.iter_mut().zip(parts).for_each(|(sum, part)| *sum += part);
            }
        }
        let means: Vec<[f64; 3]> =
            sums.iter().map(|s| [s[0], s[1], s[2]].map(|part| part / s[3].max(1.0))).collect();
        let whole: [f64; 3] =
            std::array::from_fn(|c| means.iter().map(|m| m[c]).sum::<f64>() / means.len() as f64);
        let apart = |a: &[f64; 3], b: &[f64; 3]| {
            // Colour tells more than light: skies are light.
            a.iter().zip(b).zip([1.0, 1.4, 1.4]).map(|((a, b), w)| (w * (a - b)).powi(2)).sum::<f64>().sqrt()
        };
        let weight = |block: usize| {
            let (row, column) = (block / ACROSS, block % ACROSS);
            let right = means[row * ACROSS + (column + 1).min(ACROSS - 1)];
            let below = means[(row + 1).min(rows - 1) * ACROSS + column];
            let edge = apart(&means[block], &right) + apart(&means[block], &below);
            let (x, y) =
                ((column as f64 + 0.5) / ACROSS as f64 - 0.5, (row as f64 + 0.5) / rows as f64 - 0.5);
            let middle = (-(x * x + y * y) / (2.0 * 0.27 * 0.27)).exp();
            (apart(&means[block], &whole) + edge).powi(2) * middle
        };
        Self { weights: (0..means.len()).map(weight).collect(), rows }
    }

    /// Height in widths.
    fn height(&self) -> f64 {
        self.rows as f64 / ACROSS as f64
    }

    fn place(&self, block: usize) -> [f64; 2] {
        [(block % ACROSS) as f64 + 0.5, (block / ACROSS) as f64 + 0.5]
            .map(|at| at / ACROSS as f64)
            .into_iter()
            .zip([1.0, self.height()])
            .map(|(at, side)| at / side)
            .collect::<Vec<_>>()
            .try_into()
            .unwrap_or([0.5, 0.5])
    }

    /// The weight of a block and its eight neighbours.
    fn smooth(&self, block: usize) -> f64 {
        let (row, column) = (block / ACROSS, block % ACROSS);
        let rows = row.saturating_sub(1)..(row + 2).min(self.rows);
        rows.map(|r| {
            let columns = column.saturating_sub(1)..(column + 2).min(ACROSS);
            self.weights[r * ACROSS + columns.start..r * ACROSS + columns.end].iter().sum::<f64>()
        })
        .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::Rgb;

    fn scene(x: f64, y: f64, color: [u8; 3]) -> RgbImage {
        RgbImage::from_fn(540, 960, |px, py| {
            let (dx, dy) = (f64::from(px) / 540.0 - x, (f64::from(py) / 960.0 - y) * 960.0 / 540.0);
            let sky = (90 + py / 12) as u8;
            if dx * dx + dy * dy < 0.1 * 0.1 { Rgb(color) } else { Rgb([sky, sky.saturating_add(10), 190]) }
        })
    }

    #[test]
    fn the_subject_is_found_wherever_it_stands() {
        for (x, y) in [(0.3, 0.35), (0.65, 0.6), (0.5, 0.5), (0.4, 0.72)] {
            for color in [[210, 40, 30], [20, 20, 20], [250, 240, 60]] {
                let found = subject(&scene(x, y, color));
                let off = (found[0] - x).abs().max((found[1] - y).abs());
                assert!(off < 0.06, "{color:?} at {x}, {y}: found at {found:?}");
            }
        }
    }

    #[test]
    fn an_empty_picture_has_its_subject_in_the_middle() {
        assert_eq!(subject(&RgbImage::from_pixel(90, 160, Rgb([80; 3]))), [0.5, 0.5]);
    }
}

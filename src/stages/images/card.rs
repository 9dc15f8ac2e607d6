//! Numbered cards: pictures for a quick look, without a model.

use image::{Rgb, RgbImage};

use crate::story::Size;

/// Cards are small; they are scaled up like every picture.
pub(super) fn size(delivery: Size) -> Size {
    Size::new((delivery.width / 4).max(16), (delivery.height / 4).max(16))
}

/// The segments of each digit, as in a pocket calculator: top, upper left, upper right, middle,
/// lower left, lower right, bottom.
const DIGITS: [[u8; 7]; 10] = [
    [1, 1, 1, 0, 1, 1, 1],
    [0, 0, 1, 0, 0, 1, 0],
    [1, 0, 1, 1, 1, 0, 1],
    [1, 0, 1, 1, 0, 1, 1],
    [0, 1, 1, 1, 0, 1, 0],
    [1, 1, 0, 1, 0, 1, 1],
    [1, 1, 0, 1, 1, 1, 1],
    [1, 0, 1, 0, 0, 1, 0],
    [1, 1, 1, 1, 1, 1, 1],
    [1, 1, 1, 1, 0, 1, 1],
];

/// A card with the number of scene `index`, counted from 1, in a colour of its own.
pub(super) fn draw(index: usize, size: Size) -> RgbImage {
    let colour = hue(index as f32 * 0.381_966);
    let (width, height) = (size.width as f32, size.height as f32);
    let mut card = RgbImage::from_fn(size.width, size.height, |_, y| {
        let shade = 0.75 - 0.4 * y as f32 / height;
        Rgb(colour.map(|channel| (channel * shade * 255.0) as u8))
    });
    let digits: Vec<usize> = (index + 1).to_string().bytes().map(|digit| usize::from(digit - b'0')).collect();
    let wide = (width * 0.7 / digits.len() as f32).min(height * 0.22);
    let left = (width - wide * digits.len() as f32) / 2.0;
    for (place, &digit) in digits.iter().enumerate() {
        segments(&mut card, digit, left + place as f32 * wide, height * 0.5 - wide * 0.8, wide);
    }
    card
}

/// Draws `digit` into a cell `wide` across and 1.6 times as high.
fn segments(card: &mut RgbImage, digit: usize, left: f32, top: f32, wide: f32) {
    let (stroke, inner) = (wide * 0.14, wide * 0.6);
    let (x0, x1) = (left + wide * 0.2, left + wide * 0.2 + inner);
    let rows = [top, top + wide * 0.8 - stroke / 2.0, top + wide * 1.6 - stroke];
    let half = rows[1] - rows[0] + stroke;
    let boxes = [
        (x0, rows[0], inner, stroke),
        (x0, rows[0], stroke, half),
        (x1 - stroke, rows[0], stroke, half),
        (x0, rows[1], inner, stroke),
        (x0, rows[1], stroke, half),
        (x1 - stroke, rows[1], stroke, half),
        (x0, rows[2], inner, stroke),
    ];
    for (lit, (x, y, width, height)) in DIGITS[digit].iter().zip(boxes) {
        if *lit == 1 {
            fill(card, x, y, width, height);
        }
    }
}

fn fill(card: &mut RgbImage, x: f32, y: f32, width: f32, height: f32) {
    let (right, bottom) = ((x + width) as u32, (y + height) as u32);
    for y in y as u32..bottom.min(card.height()) {
        for x in x as u32..right.min(card.width()) {
            card.put_pixel(x, y, Rgb([240; 3]));
        }
    }
}

/// A colour of the wheel, 0.0 ..= 1.0 each.
fn hue(turn: f32) -> [f32; 3] {
    [0.0, 1.0 / 3.0, 2.0 / 3.0].map(|offset| {
        let wave = ((turn + offset) * std::f32::consts::TAU).cos();
        0.55 + 0.35 * wave
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cards_differ_and_carry_a_number() {
        let size = size(Size::new(1080, 1920));
        let cards = [0, 1, 7, 9, 122].map(|index| draw(index, size));
        for (i, card) in cards.iter().enumerate() {
            assert_eq!(card.dimensions(), (270, 480));
            let white = card.pixels().filter(|pixel| pixel.0 == [240; 3]).count();
            assert!(white > 500, "card {i} has {white} white pixels");
            assert!(cards[..i].iter().all(|other| other != card));
        }
    }
}

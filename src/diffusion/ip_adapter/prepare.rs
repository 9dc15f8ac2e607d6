//! A picture as CLIP's image encoder wants to see it.

use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer, images::Image};
use image::{RgbImage, imageops};
use ndarray::Array3;
use serde_json::Value;

use crate::models::Adapter;

use super::super::Error;

/// How pictures are prepared: the fields of `CLIPImageProcessor` in transformers.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Preparation {
    /// The length the shorter side is resized to.
    shortest_edge: u32,
    /// Width and height of what is cut out of the middle.
    crop: (u32, u32),
    mean: [f32; 3],
    deviation: [f32; 3],
}

impl Preparation {
    /// What the adapter's folder says; CLIP's way where it says nothing.
    pub(super) fn read(adapter: &Adapter) -> Result<Self, Error> {
        let config = adapter.preprocessor.clone().unwrap_or(Value::Null);
        let wrong = |field: &str, wanted: &str| Error::Config {
            path: adapter.path.join("feature_extractor/preprocessor_config.json"),
            reason: format!("`{field}` is {}, expected {wanted}", config[field]),
        };
        for field in ["do_resize", "do_center_crop", "do_rescale", "do_normalize"] {
            if config[field].as_bool() == Some(false) {
                return Err(wrong(field, "true: other ways of preparing are not known"));
            }
        }
        if config["resample"].as_u64().is_some_and(|filter| filter != 3) {
            return Err(wrong("resample", "3, bicubic"));
        }
        let side = |value: &Value, name: &str| value.as_u64().or_else(|| value[name].as_u64());
        let length = |found: Option<u64>| found.and_then(|found| u32::try_from(found).ok()).unwrap_or(224);
        let triple = |field: &str, own: [f32; 3]| match &config[field] {
            Value::Null => Ok(own),
            Value::Array(numbers) if numbers.len() == 3 => {
                Ok([0, 1, 2].map(|i| numbers[i].as_f64().unwrap_or(0.0) as f32))
            }
            _ => Err(wrong(field, "three numbers")),
        };
        Ok(Self {
            shortest_edge: length(side(&config["size"], "shortest_edge")),
            crop: (length(side(&config["crop_size"], "width")), length(side(&config["crop_size"], "height"))),
            // CLIP's own (Radford et al., 2021), as in `OPENAI_CLIP_MEAN` of transformers.
            mean: triple("image_mean", [0.481_454_66, 0.457_827_5, 0.408_210_73])?,
            deviation: triple("image_std", [0.268_629_5, 0.261_302_6, 0.275_777_1])?,
        })
    }

    /// Width and height of what the encoder is given.
    pub(super) fn size(&self) -> (u32, u32) {
        self.crop
    }

    /// (3, height, width): the middle of the picture, its shorter side resized, its colours normalised.
    pub(super) fn pixels(&self, picture: &RgbImage) -> Result<Array3<f32>, Error> {
        let (width, height) = picture.dimensions();
        let shortest = u64::from(width.min(height)).max(1);
        let length = |side: u32| (u64::from(side) * u64::from(self.shortest_edge) / shortest).max(1) as u32;
        let resized = resize(picture, length(width), length(height))?;
        let (crop, (wide, high)) = (self.crop, resized.dimensions());
        // What is smaller than what is cut out is put into the middle of black.
        let (left, top) = (
            (i64::from(wide) - i64::from(crop.0)).div_euclid(2),
            (i64::from(high) - i64::from(crop.1)).div_euclid(2),
        );
        let mut cut = RgbImage::new(crop.0, crop.1);
        imageops::replace(&mut cut, &resized, -left, -top);
        Ok(Array3::from_shape_fn((3, crop.1 as usize, crop.0 as usize), |(channel, y, x)| {
            let value = f32::from(cut.get_pixel(x as u32, y as u32)[channel]) / 255.0;
            (value - self.mean[channel]) / self.deviation[channel]
        }))
    }
}

/// As Pillow resizes: a bicubic (Catmull-Rom) pass along the rows, rounded to bytes, then one along the columns.
/// Resizing bytes with the library's short integers is off by one here and there, which the encoder sees.
fn resize(picture: &RgbImage, width: u32, height: u32) -> Result<RgbImage, Error> {
    let failed = |error: &dyn std::fmt::Display| {
        Error::Request(format!("the reference picture cannot be resized: {error}"))
    };
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::CatmullRom));
    let mut resized = picture.clone();
    for (width, height) in [(width, picture.height()), (width, height)] {
        if resized.dimensions() == (width, height) {
            continue;
        }
        let mut from = Image::new(resized.width(), resized.height(), PixelType::F32x3);
        let values = from.buffer_mut().as_chunks_mut::<4>().0.iter_mut().zip(resized.as_raw());
        values.for_each(|(bytes, &value)| *bytes = f32::from(value).to_ne_bytes());
        let mut to = Image::new(width, height, PixelType::F32x3);
        Resizer::new().resize(&from, &mut to, Some(&options)).map_err(|error| failed(&error))?;
        let values = to.buffer().as_chunks::<4>().0.iter().map(|bytes| f32::from_ne_bytes(*bytes));
        let rounded = values.map(|value| (value + 0.5).floor().clamp(0.0, 255.0) as u8).collect();
        resized = RgbImage::from_raw(width, height, rounded)
            .ok_or_else(|| failed(&"the library answers another size"))?;
    }
    Ok(resized)
}

//! A decoder that enlarges its picture band by band, and answers what it would answer whole.
//!
//! Tiles that know nothing of each other have norms of their own, so their tones differ a little. Here the second
//! half of the decoder runs [layer](crate::graph::Layers) by layer: all bands of one, then all of the next, which
//! by then knows the mean and variance of the whole picture. What layers hand on lies in a file meanwhile. Bands
//! are as wide as the picture, so that the rows of a channel lie in one piece, and read a few rows of their
//! neighbours, because a convolution does; no row is made of less than a whole decoder would make it of.

use std::{collections::HashMap, path::Path};

use ndarray::{Array1, Array4, ArrayView3, Axis, Ix4, s};

use crate::{
    engine::{self, Element, Session, Tensor},
    graph::{Document, Layer, Layers, Norm, Whole},
};

use super::{
    Error, Progress, Unit,
    network::{Network, element},
    request::Watch,
    rewritten::in_turn,
    scratch::{Plane, Scratch, Space},
};

/// Bands of fewer rows, counted in the lowest picture of their layer, would read more of their neighbours than pays.
const LEAST: u64 = 16;

/// A decoder in a front that runs on the whole picture, and layers that run on bands.
pub(super) struct Bands {
    pub(super) front: Network,
    pub(super) layers: Layers,
    /// What the front hands over.
    pub(super) handed: Whole,
    /// Its rows.
    pub(super) height: u64,
    /// What it answers.
    pub(super) output: String,
    /// The most bytes that a layer may hold.
    pub(super) limit: u64,
    pub(super) options: engine::Options,
}

impl Bands {
    /// The picture: (1, 3, height, width).
    ///
    /// `watch` is told how many bands are done, before the first of them and after each.
    pub(super) fn run(
        mut self,
        input: Vec<(String, Tensor)>,
        watch: &mut Watch<'_>,
    ) -> Result<Array4<f32>, Error> {
        let counts: Vec<u64> = self.layers.layers.iter().map(|layer| count(layer, self.limit)).collect();
        let total = counts.iter().sum::<u64>() as usize;
        let mut report = |done| Progress { done, total, unit: Unit::Bands }.tell(watch);
        report(0)?;
        let places = Places::of(&self);
        let mut scratch = Scratch::of(places.numbers)?;
        let normed = |norm: &Norm| (norm.tensor.clone(), Moments::default());
        let mut moments: HashMap<String, Moments> = self.layers.norms.iter().map(normed).collect();
        let path = self.front.path().to_owned();
        let wrong = |reason: String| Error::Contract { path: path.clone(), part: "VAE decoder", reason };
        let (_, handed) = self.front.run(input)?.swap_remove(0);
        drop(self.front);
        let handed = picture(handed).map_err(wrong)?;
        if let Some(moments) = moments.get_mut(&self.handed.name) {
            moments.add(handed.index_axis(Axis(0), 0));
        }
        scratch.write(places.planes[&self.handed.name], 0, handed.index_axis(Axis(0), 0))?;
        drop(handed);
        let mut answer = Array4::zeros((0, 0, 0, 0));
        let mut done = 0;
        for (layer, count) in self.layers.layers.iter().zip(counts) {
            let mut session = open(&layer.document, &path, &self.options)?;
            let mut known: Vec<(&str, Tensor)> = Vec::new();
            for norm in layer.norms.iter().map(|&norm| &self.layers.norms[norm]) {
                let element =
                    layer.inputs.iter().find(|input| input.name == norm.tensor).map_or(Element::F32, of);
                known.extend(moments[&norm.tensor].given(norm, element));
            }
            if let Some(whole) = layer.outputs.iter().find(|output| output.name == self.output) {
                let [rows, width] = [whole.rows * layer.height, whole.width].map(|length| length as usize);
                let channels = whole.channels as usize;
                let numbers = engine::zeros(channels * rows * width, &path)?;
                answer = Array4::from_shape_vec((1, channels, rows, width), numbers)
                    .expect("there are as many numbers as the shape has");
            }
            for band in 0..count {
                let [from, until] = [band, band + 1].map(|at| at * layer.height / count);
                let (above, below) =
                    (from.saturating_sub(layer.reach), (until + layer.reach).min(layer.height));
                let mut given = known.clone();
                for input in &layer.inputs {
                    let Some(&plane) = places.planes.get(&input.name) else {
                        return Err(wrong(format!("nothing makes its tensor `{}`", input.name)));
                    };
                    let rows = (above * input.rows) as usize..(below * input.rows) as usize;
                    let rows = scratch.read(plane, rows)?.insert_axis(Axis(0)).into_dyn();
                    given.push((&input.name, Tensor::from_f32(rows, of(input))));
                }
                let made = session.run(&given)?;
                drop(given);
                for (name, tensor) in made {
                    let Some(output) = layer.outputs.iter().find(|output| output.name == name) else {
                        continue;
                    };
                    let rows = |row: u64| (row * output.rows) as usize;
                    let tensor = picture(tensor).map_err(wrong)?;
                    let expected = [1, output.channels as usize, rows(below - above), output.width as usize];
                    if tensor.shape() != expected {
                        let found = tensor.shape();
                        return Err(wrong(format!("it answers {found:?} to a band, expected {expected:?}")));
                    }
                    let own = tensor.slice(s![0, .., rows(from - above)..rows(until - above), ..]);
                    if let Some(moments) = moments.get_mut(&name) {
                        moments.add(own);
                    }
                    if let Some(&plane) = places.planes.get(&name) {
                        scratch.write(plane, rows(from), own)?;
                    }
                    if name == self.output {
                        answer.slice_mut(s![0, .., rows(from)..rows(until), ..]).assign(&own);
                    }
                }
                done += 1;
                report(done)?;
            }
        }
        Ok(answer)
    }
}

/// A layer, held as pieces are: it runs on one band after the other.
fn open(layer: &Document, path: &Path, options: &engine::Options) -> Result<Session, engine::Error> {
    match layer.storage() {
        Some(_) => Session::from_packed(&in_turn(layer.clone()), path, layer.folder(), options),
        None => Session::from_piece(&layer.to_bytes(), path, layer.folder(), options),
    }
}

/// Above what a layer holds by its tensors, in hundredths, and in bytes. Measured on the decoder of Stable Diffusion
/// 1.5 at 384x640 and 720x1280.
const SLACK: u64 = 104;
const RUNTIME: u64 = 10 << 20;

/// Bytes that a process takes for a front and layers whose tensors take so many bytes at most.
pub(super) fn taken(tensors: u64) -> u64 {
    tensors * SLACK / 100 + RUNTIME
}

/// Bytes of tensors that fit into so many bytes of a process.
pub(super) fn room(bytes: u64) -> u64 {
    bytes.saturating_sub(RUNTIME) * 100 / SLACK
}

/// How many bands a layer is run in: the fewest that each fit into `limit` bytes, or as many as there can be.
fn count(layer: &Layer, limit: u64) -> u64 {
    let fits = |count: &u64| layer.held(layer.height.div_ceil(*count)).is_some_and(|held| held <= limit);
    (1..most(layer)).find(fits).unwrap_or(most(layer))
}

/// The most bands that a layer is run in.
fn most(layer: &Layer) -> u64 {
    (layer.height / LEAST).max(1)
}

/// The fewest bytes that a layer can be run in; none if that cannot be known.
pub(super) fn least(layer: &Layer) -> Option<u64> {
    layer.held(layer.height.div_ceil(most(layer)))
}

fn of(whole: &Whole) -> Element {
    element(whole.element).unwrap_or(Element::F32)
}

fn picture(tensor: Tensor) -> Result<Array4<f32>, String> {
    tensor.into_f32().into_dimensionality::<Ix4>().map_err(|error| error.to_string())
}

/// Where everything lies that layers hand on, the same place for what is never needed at the same time.
struct Places {
    planes: HashMap<String, Plane>,
    /// What all of it takes.
    numbers: u64,
}

impl Places {
    fn of(bands: &Bands) -> Self {
        let mut last: HashMap<&str, usize> = HashMap::new();
        for (at, layer) in bands.layers.layers.iter().enumerate() {
            last.extend(layer.inputs.iter().map(|input| (input.name.as_str(), at)));
        }
        let (mut space, mut planes) = (Space::default(), HashMap::new());
        let mut held = Vec::new();
        let front = (None, std::slice::from_ref(&bands.handed), bands.height);
        let layers = bands.layers.layers.iter().enumerate();
        let layers = layers.map(|(at, layer)| (Some(at), &layer.outputs[..], layer.height));
        for (at, made, height) in std::iter::once(front).chain(layers) {
            for whole in made.iter().filter(|whole| last.contains_key(whole.name.as_str())) {
                let [channels, rows, columns] =
                    [whole.channels, whole.rows * height, whole.width].map(|length| length as usize);
                let plane = Plane { place: space.take(whole.elements(height)), channels, rows, columns };
                planes.insert(whole.name.clone(), plane);
                held.push((whole.name.as_str(), plane.place, whole.elements(height)));
            }
            held.retain(|&(name, place, numbers)| {
                let needed = last.get(name).copied() > at;
                if !needed {
                    space.give(place, numbers);
                }
                needed
            });
        }
        let numbers = space.numbers();
        Self { planes, numbers }
    }
}

/// What a norm has to know of a picture, gathered while its bands are made.
#[derive(Debug, Clone, Default)]
struct Moments {
    /// Of each channel: how many numbers, their sum and the sum of their squares.
    channels: Vec<[f64; 3]>,
}

impl Moments {
    /// Counts in rows of the picture: (channels, rows, columns).
    fn add(&mut self, rows: ArrayView3<'_, f32>) {
        self.channels.resize(rows.len_of(Axis(0)), [0.0; 3]);
        for (channel, sums) in rows.outer_iter().zip(&mut self.channels) {
            let found = channel.outer_iter().map(|row| match row.as_slice() {
                Some(row) => sums_of(row),
                None => sums_of(&row.to_vec()),
            });
            for [sum, squares] in found {
                sums[1] += sum;
                sums[2] += squares;
            }
            sums[0] += channel.len() as f64;
        }
    }

    /// What a layer is given that begins with `norm`.
    fn given<'a>(&self, norm: &'a Norm, element: Element) -> [(&'a str, Tensor); 2] {
        let each = self.channels.len() / norm.groups;
        let (mut scales, mut shifts) = (Vec::new(), Vec::new());
        for (group, channels) in self.channels.chunks(each.max(1)).enumerate() {
            let [count, sum, squares] =
                [0, 1, 2].map(|place| channels.iter().map(|sums| sums[place]).sum::<f64>());
            let mean = sum / count;
            let variance = (squares / count - mean * mean).max(0.0);
            let (scale, shift) = norm.scale_and_shift(group, mean, variance);
            scales.extend(channels.iter().map(|_| scale));
            shifts.extend(channels.iter().map(|_| shift));
        }
        let column = |numbers: Vec<f32>| {
            let column = Array1::from(numbers).insert_axis(Axis(0)).insert_axis(Axis(2)).insert_axis(Axis(3));
            Tensor::from_f32(column.into_dyn(), element)
        };
        [(norm.scale.as_str(), column(scales)), (norm.shift.as_str(), column(shifts))]
    }
}

/// The sum of some numbers, and of their squares, several at a time as the processor can.
fn sums_of(numbers: &[f32]) -> [f64; 2] {
    let (mut sums, mut squares) = ([0.0f64; 8], [0.0f64; 8]);
    let (eights, rest) = numbers.as_chunks::<8>();
    let last = rest.iter().copied().chain([0.0; 8]).take(8);
    let add = |sums: &mut [f64; 8], squares: &mut [f64; 8], eight: &[f32; 8]| {
        for ((sum, square), &number) in sums.iter_mut().zip(squares).zip(eight) {
            *sum += f64::from(number);
            *square += f64::from(number) * f64::from(number);
        }
    };
    eights.iter().for_each(|eight| add(&mut sums, &mut squares, eight));
    let mut padded = [0.0; 8];
    padded.iter_mut().zip(last).for_each(|(place, number)| *place = number);
    add(&mut sums, &mut squares, &padded);
    [sums.iter().sum(), squares.iter().sum()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array3;

    #[test]
    fn moments_of_bands_are_those_of_the_whole() {
        let picture = Array3::from_shape_fn((4, 23, 13), |(channel, y, x)| {
            100.0 + channel as f32 + ((y * 13 + x) % 7) as f32 / 5.0
        });
        let mut moments = Moments::default();
        for (from, until) in [(0, 5), (5, 6), (6, 23)] {
            moments.add(picture.slice(s![.., from..until, ..]));
        }
        for (channel, [count, sum, squares]) in moments.channels.iter().enumerate() {
            let numbers = picture.index_axis(Axis(0), channel).mapv(f64::from);
            assert_eq!(*count, numbers.len() as f64);
            assert!((sum - numbers.sum()).abs() < 1e-6);
            assert!((squares - numbers.mapv(|x| x * x).sum()).abs() < 1e-6);
        }
    }
}

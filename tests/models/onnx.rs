//! ONNX files small enough to write by hand, with their weights in another file.

use std::{fs, path::Path};

/// Field `number` holding `content`.
fn field(number: u64, content: &[u8]) -> Vec<u8> {
    [&varint(number << 3 | 2)[..], &varint(content.len() as u64), content].concat()
}

/// Field `number` saying `value`.
fn number(number: u64, value: u64) -> Vec<u8> {
    [varint(number << 3), varint(value)].concat()
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value > 0x7f {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

/// A float32 input or output; a dimension of 0 is a free one.
fn port(name: &str, dims: &[u64]) -> Vec<u8> {
    let dims = dims.iter().enumerate().map(|(axis, dim)| match dim {
        0 => field(1, &field(2, format!("{name}_{axis}").as_bytes())),
        dim => field(1, &number(1, *dim)),
    });
    let tensor = [number(1, 1), field(2, &dims.flatten().collect::<Vec<_>>())].concat();
    [field(1, name.as_bytes()), field(2, &field(1, &tensor))].concat()
}

/// A network that adds one weight to `sample`; the weight is the float at byte 4 of the file `location`.
fn adder(location: &str, inputs: &[Vec<u8>], output: &str) -> Vec<u8> {
    let entry =
        |key: &str, value: &str| field(13, &[field(1, key.as_bytes()), field(2, value.as_bytes())].concat());
    let weight = [
        number(1, 1),
        number(2, 1),
        field(8, b"weight"),
        entry("location", location),
        entry("offset", "4"),
        entry("length", "4"),
        number(14, 1),
    ]
    .concat();
    let node =
        [field(1, b"sample"), field(1, b"weight"), field(2, output.as_bytes()), field(4, b"Add")].concat();
    let mut graph = [field(1, &node), field(2, b"graph"), field(5, &weight)].concat();
    inputs.iter().for_each(|input| graph.extend(field(11, input)));
    graph.extend(field(12, &port(output, &[0, 4, 0, 0])));
    [number(1, 8), field(8, &number(2, 13)), field(7, &graph)].concat()
}

/// A denoiser whose weight lies in `location`.
pub(crate) fn denoiser(location: &str) -> Vec<u8> {
    let inputs =
        [port("sample", &[0, 4, 0, 0]), port("timestep", &[0]), port("encoder_hidden_states", &[0, 0, 32])];
    adder(location, &inputs, "out_sample")
}

/// A network that takes what no family does.
pub(crate) fn stranger() -> Vec<u8> {
    adder("weights.pb", &[port("sample", &[0, 4, 0, 0])], "out")
}

/// The file of weights: `weight` at byte 4, and `more` bytes behind it.
pub(crate) fn weights(weight: f32, more: usize) -> Vec<u8> {
    let mut random = 1u32;
    let mut noise = || {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (random >> 24) as u8
    };
    let mut bytes = [[0; 4], weight.to_le_bytes()].concat();
    bytes.extend((0..more).map(|_| noise()));
    bytes
}

/// Writes the smallest model there is into `folder`.
pub(crate) fn write_model(folder: &Path, location: &str, weight: f32) {
    fs::create_dir_all(folder.join("unet")).unwrap();
    fs::write(folder.join("model_index.json"), "{}").unwrap();
    fs::write(folder.join("unet/model.onnx"), denoiser(location)).unwrap();
    fs::write(folder.join("unet/weights.pb"), weights(weight, 100)).unwrap();
}

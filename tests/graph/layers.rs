//! Decoders taken apart at their norms: band by band they answer what they answer whole.

use std::{collections::HashMap, path::Path};

use ndarray::{Array4, ArrayD, Axis, concatenate, s};
use shortform::{
    engine::{Options, Session, Tensor},
    graph::{Bindings, Document, Halves, Layers},
};

use super::{as_f32, bound, inputs, name, off, parts, run, whole};

/// How far a layer's answers may be off: norms are summed up in another order.
const TOLERANCE: f32 = 1e-5;

/// The second half of a decoder, and what it is given by the first: latents of `height` by `width`.
fn back(part: &Path, (height, width): (usize, usize)) -> (Document, String, Tensor) {
    let mut document = Document::read(part).unwrap();
    document.widen();
    let ports = Session::open(part, &Options::default()).unwrap().inputs().to_vec();
    let given = as_f32(inputs(part, &ports, (height, width)));
    let Halves { front, back, tensor } = document.halves(&document.shapes(&bound(&given)).unwrap()).unwrap();
    let (_, handed) = run(&mut whole(&front, part), &given).swap_remove(0);
    (back, tensor, handed)
}

/// Runs all layers on bands of so many rows, everything in memory.
fn in_bands(
    layers: &Layers,
    part: &Path,
    (tensor, handed): (&str, &Tensor),
    rows: u64,
) -> HashMap<String, Array4<f32>> {
    let four = |tensor: Tensor| tensor.into_f32().into_dimensionality::<ndarray::Ix4>().unwrap();
    let mut pictures = HashMap::from([(tensor.to_owned(), four(handed.clone()))]);
    for layer in &layers.layers {
        let mut session = whole(&layer.document, part);
        let norms = layer.norms.iter().map(|&norm| &layers.norms[norm]);
        let numbers: Vec<(String, Tensor)> = norms
            .flat_map(|norm| {
                let picture = pictures[&norm.tensor].mapv(f64::from);
                let channels = picture.len_of(Axis(1)) / norm.groups;
                let groups =
                    picture.axis_chunks_iter(Axis(1), channels).enumerate().map(|(group, numbers)| {
                        let mean = numbers.mean().unwrap();
                        norm.scale_and_shift(
                            group,
                            mean,
                            numbers.mapv(|x| (x - mean).powi(2)).mean().unwrap(),
                        )
                    });
                let (scales, shifts): (Vec<f32>, Vec<f32>) = groups.unzip();
                let column = |numbers: Vec<f32>| {
                    ArrayD::from_shape_fn(vec![1, numbers.len() * channels, 1, 1], |at| {
                        numbers[at[1] / channels]
                    })
                };
                [(norm.scale.clone(), column(scales).into()), (norm.shift.clone(), column(shifts).into())]
            })
            .collect();
        let mut made: HashMap<String, Vec<Array4<f32>>> = HashMap::new();
        for from in (0..layer.height).step_by(rows as usize) {
            let until = (from + rows).min(layer.height);
            let (above, below) = (from.saturating_sub(layer.reach), (until + layer.reach).min(layer.height));
            let mut given = numbers.clone();
            for input in &layer.inputs {
                let rows = (above * input.rows) as usize..(below * input.rows) as usize;
                given.push((
                    input.name.clone(),
                    pictures[&input.name].slice(s![.., .., rows, ..]).to_owned().into(),
                ));
            }
            for (name, answer) in run(&mut session, &given) {
                let output = layer.outputs.iter().find(|output| output.name == name).unwrap();
                let own = |row: u64| ((row - above) * output.rows) as usize;
                let own = four(answer).slice(s![.., .., own(from)..own(until), ..]).to_owned();
                made.entry(name).or_default().push(own);
            }
        }
        for (name, bands) in made {
            let views: Vec<_> = bands.iter().map(|band| band.view()).collect();
            pictures.insert(name, concatenate(Axis(2), &views).unwrap());
        }
    }
    pictures
}

#[test]
fn a_decoder_in_layers_answers_band_by_band_what_it_answers_whole() {
    let mut decoders: Vec<_> = parts().into_iter().filter(|part| name(part).contains("decoder")).collect();
    // Each norm one operator, as newer exporters write it.
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/reference/models");
    decoders.push(folder.join("vae-group-norm/model.onnx"));
    assert!(decoders.len() >= 6, "{decoders:?}");
    for part in decoders {
        let fixed = name(&part).contains("fixed");
        for size in if fixed { vec![(8, 16)] } else { vec![(8, 16), (7, 5)] } {
            let (back, tensor, handed) = back(&part, size);
            let given = vec![(tensor.clone(), handed.clone())];
            let (bound, shapes) = back.bind(&bound(&given)).unwrap();
            let layers = bound.layers(&shapes).unwrap_or_else(|error| panic!("{}: {error}", name(&part)));
            let normed = !name(&part).contains("taesd");
            assert_eq!(layers.norms.len() > 10, normed, "{}", name(&part));
            let answers = run(&mut whole(&back, &part), &given);
            for rows in [1, 3, 8, 1000] {
                let pictures = in_bands(&layers, &part, (&tensor, &handed), rows);
                let ours: Vec<_> =
                    answers.iter().map(|(name, _)| (name.clone(), pictures[name].clone().into())).collect();
                let off = off(&ours, &answers);
                assert!(off <= TOLERANCE, "{} in bands of {rows} rows is off by {off}", name(&part));
            }
        }
    }
}

#[test]
fn bands_hold_less_than_the_whole() {
    let part = parts().into_iter().find(|part| name(part) == "vae-sd-decoder").unwrap();
    let (back, tensor, _) = back(&part, (8, 16));
    let (bound, shapes) = back.bind(&Bindings::from([(tensor, vec![1, 8, 160, 90])])).unwrap();
    let whole = bound.liveness(&shapes).peak();
    for layer in bound.layers(&shapes).unwrap().layers {
        let [least, all] = [16, layer.height].map(|rows| layer.held(rows).unwrap());
        assert!(least < whole / 4 && least <= all, "{least} of {all} bytes, {whole} whole");
        assert!(layer.reach < 4, "{} rows around", layer.reach);
    }
}

#[test]
fn an_operator_that_looks_at_the_whole_picture_is_named() {
    for (part, said) in
        [("vae-sd-decoder", "is no picture"), ("vae-sd-encoder", "looks at the whole picture")]
    {
        let part = parts().into_iter().find(|file| name(file) == part).unwrap();
        let ports = Session::open(&part, &Options::default()).unwrap().inputs().to_vec();
        let given = inputs(&part, &ports, (8, 16));
        let (bound, shapes) = Document::read(&part).unwrap().bind(&bound(&given)).unwrap();
        let error = bound.layers(&shapes).unwrap_err().to_string();
        assert!(error.starts_with("its ") && error.contains(said), "{error}");
    }
}

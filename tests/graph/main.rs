//! What the passes over a graph promise: the same answers, whole and in pieces, for every network of every
//! family. The networks are those of `tests/fixtures/reference`, tiny and of random weights.

mod layers;
mod ours;
mod standard;
mod stored;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use ndarray::{ArrayD, IxDyn};
use shortform::{
    engine::{Chain, Element, Link, Loaded, Options, Port, Session, Tensor},
    graph::{Bindings, Document, ElementType},
};

/// Where a network may be off after a pass: sums are taken in another order.
const TOLERANCE: f32 = 2e-5;
/// The same for one that computed in 16 bits before.
const HALF_TOLERANCE: f32 = 6e-3;

fn parts() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/reference/models/parts");
    let mut parts: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path().join("model.onnx"))
        .filter(|file| file.is_file())
        .collect();
    parts.sort();
    assert!(parts.len() > 25, "{parts:?}");
    parts
}

fn name(part: &Path) -> String {
    part.parent().unwrap().file_name().unwrap().to_string_lossy().into_owned()
}

/// What a network is given, latents of `height` by `width`: the same noise each time.
fn inputs(part: &Path, ports: &[Port], (height, width): (usize, usize)) -> Vec<(String, Tensor)> {
    let name = name(part);
    let text = name.starts_with("text") || name.starts_with("t5");
    let (rows, tokens) = (if name.contains("vae") || name.contains("taesd") || text { 1 } else { 2 }, 7);
    let patches = (height / 2) * (width / 2);
    ports
        .iter()
        .map(|port| {
            let wanted: &[usize] = match port.name.as_str() {
                "input_ids" => &[1, 77],
                "img_ids" => &[patches, 3],
                "txt_ids" => &[tokens, 3],
                "encoder_hidden_states" => &[rows, tokens],
                "hidden_states" if port.dims.len() == 3 => &[rows, patches],
                "sample" if name.contains("encoder") => &[rows, 3, height * 8, width * 8],
                _ => &[rows, 4, height, width],
            };
            let shape: Vec<usize> = port
                .dims
                .iter()
                .zip(wanted.iter().chain([&1; 4]))
                .map(|(own, &wanted)| own.unwrap_or(wanted))
                .collect();
            let mut seed = 12_345u32 ^ port.name.len() as u32;
            let noise = ArrayD::from_shape_fn(IxDyn(&shape), |_| {
                seed ^= seed << 13;
                seed ^= seed >> 17;
                seed ^= seed << 5;
                (f64::from(seed) / f64::from(u32::MAX)) as f32 * 3.4 - 1.7
            });
            let values = match port.name.as_str() {
                "input_ids" => noise.mapv(|x| (x.abs() * 15.0).floor()),
                "timestep" => noise.mapv(|_| 501.0),
                "img_ids" | "txt_ids" => noise.mapv(|x| (x.abs() * 4.0).floor()),
                _ => noise,
            };
            (port.name.clone(), Tensor::from_f32(values, port.element.unwrap()))
        })
        .collect()
}

fn bound(inputs: &[(String, Tensor)]) -> Bindings {
    let shape = |tensor: &Tensor| tensor.shape().iter().map(|&length| length as u64).collect();
    inputs.iter().map(|(name, tensor)| (name.clone(), shape(tensor))).collect()
}

fn run(session: &mut Session, inputs: &[(String, Tensor)]) -> Vec<(String, Tensor)> {
    let inputs: Vec<(&str, Tensor)> =
        inputs.iter().map(|(name, tensor)| (name.as_str(), tensor.clone())).collect();
    session.run(&inputs).unwrap()
}

fn whole(document: &Document, part: &Path) -> Session {
    Session::from_memory(&document.to_bytes(), part, document.folder(), &Options::default()).unwrap()
}

fn off(ours: &[(String, Tensor)], theirs: &[(String, Tensor)]) -> f32 {
    assert_eq!(ours.len(), theirs.len());
    let mut worst: f32 = 0.0;
    for ((name, ours), (other, theirs)) in ours.iter().zip(theirs) {
        assert_eq!((name, ours.shape()), (other, theirs.shape()));
        let (ours, theirs) = (ours.clone().into_f32(), theirs.clone().into_f32());
        assert!(ours.iter().all(|x| x.is_finite()), "{name}");
        let largest = |values: &ArrayD<f32>| values.iter().fold(1e-6f32, |most, value| most.max(value.abs()));
        worst = worst.max(largest(&(&ours - &theirs)) / largest(&theirs));
    }
    worst
}

/// A network, and what it answers as it was exported.
struct Case {
    plain: Session,
    /// As the processor computes it.
    document: Document,
    tolerance: f32,
    /// In 32 bits.
    given: Vec<(String, Tensor)>,
    answers: Vec<(String, Tensor)>,
}

fn case(part: &Path) -> Case {
    let mut plain = Session::open(part, &Options::default()).unwrap();
    let given = inputs(part, plain.inputs(), (8, 16));
    let answers = run(&mut plain, &given);
    let (document, tolerance) = read(part);
    Case { plain, document, tolerance, given: as_f32(given), answers }
}

/// The tolerance for a part, and its document as the processor computes it.
fn read(part: &Path) -> (Document, f32) {
    let mut document = Document::read(part).unwrap();
    let half = document.widen();
    (document, if half { HALF_TOLERANCE } else { TOLERANCE })
}

fn as_f32(inputs: Vec<(String, Tensor)>) -> Vec<(String, Tensor)> {
    let wide = |tensor: Tensor| match tensor.element() {
        Element::F16 => Tensor::from_f32(tensor.into_f32(), Element::F32),
        _ => tensor,
    };
    inputs.into_iter().map(|(name, tensor)| (name, wide(tensor))).collect()
}

#[test]
fn a_network_written_again_answers_the_same_and_has_the_shapes_that_were_foretold() {
    for part in parts() {
        let mut plain = Session::open(&part, &Options::default()).unwrap();
        let given = inputs(&part, plain.inputs(), (8, 16));
        let answers = run(&mut plain, &given);
        let document = Document::read(&part).unwrap();
        let again = run(&mut whole(&document, &part), &given);
        let off = off(&again, &answers);
        assert!(off <= 1e-6, "{} is off by {off}", name(&part));
        let shapes =
            document.shapes(&bound(&given)).unwrap_or_else(|error| panic!("{}: {error}", name(&part)));
        for (output, tensor) in &answers {
            let foretold = shapes.get(output).unwrap();
            let found: Vec<u64> = tensor.shape().iter().map(|&length| length as u64).collect();
            assert_eq!(foretold.dims, found, "{} {output}", name(&part));
            let element = match tensor.element() {
                Element::F32 => ElementType::F32,
                Element::F16 => ElementType::F16,
                other => panic!("{} answers {other}", name(&part)),
            };
            assert_eq!(foretold.element, element, "{} {output}", name(&part));
        }
    }
}

/// The processor has no operators for it; with all of the graph in 32 bits it needs none.
#[test]
fn a_network_in_bfloat16_throughout_answers_as_the_same_in_32_bits_nearly() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/reference/models");
    let (half, full) = (folder.join("bfloat16/model.onnx"), folder.join("parts/unet-sd1/model.onnx"));
    assert!(Session::open(&half, &Options::default()).is_err(), "the processor can do it: say so instead");
    let mut plain = Session::open(&full, &Options::default()).unwrap();
    let given = inputs(&full, plain.inputs(), (8, 16));
    let answers = run(&mut plain, &given);
    let mut document = Document::read(&half).unwrap();
    assert!(document.ports().any(|port| port.element == Some(ElementType::BF16)));
    assert!(document.widen());
    let shapes = document.shapes(&bound(&given)).unwrap();
    assert!(document.fuse_attention(&shapes) > 0);
    let off = off(&run(&mut whole(&document, &half), &given), &answers);
    // Eight bits of precision in every weight.
    assert!(off > 1e-5 && off < 8e-2, "off by {off}");
}

#[test]
fn fused_attention_answers_the_same() {
    let mut fused = BTreeSet::new();
    for part in parts() {
        let Case { mut document, tolerance, given, answers, .. } = case(&part);
        let shapes = document.shapes(&bound(&given)).unwrap();
        let attentions = document.fuse_attention(&shapes);
        assert_eq!(attentions, document.fused_attentions());
        if attentions > 0 {
            fused.insert(name(&part));
        }
        let ours = run(&mut whole(&document, &part), &given);
        let off = off(&ours, &answers);
        assert!(off <= tolerance, "{} with {attentions} fused is off by {off}", name(&part));
    }
    for part in parts() {
        let name = name(&part);
        let attends = name.starts_with("unet") || name.starts_with("transformer");
        assert!(!attends || fused.contains(&name), "{name} has no fused attention, only {fused:?}");
    }
}

#[test]
fn sliced_attention_answers_the_same_and_holds_less() {
    let mut some = BTreeSet::new();
    for part in parts() {
        let Case { mut plain, mut document, tolerance, given, answers } = case(&part);
        let sliced = document.slice_attention(&document.shapes(&bound(&given)).unwrap(), 1 << 12);
        if sliced == 0 {
            continue;
        }
        some.insert(name(&part));
        assert_eq!(document.fused_attentions(), 0);
        let found = off(&run(&mut whole(&document, &part), &given), &answers);
        assert!(found <= tolerance, "{} is off by {found}", name(&part));
        // Sliced for one size, it is right at others.
        let fixed =
            plain.inputs().iter().any(|port| port.dims.len() == 4 && port.dims.iter().all(Option::is_some));
        if name(&part).starts_with("unet") && !fixed {
            let larger = inputs(&part, plain.inputs(), (16, 16));
            let answers = run(&mut plain, &larger);
            let found = off(&run(&mut whole(&document, &part), &as_f32(larger)), &answers);
            assert!(found <= tolerance, "{} is off by {found} at a larger size", name(&part));
        }
    }
    for part in parts().iter().map(|part| name(part)) {
        let attends = part.starts_with("unet") || part.starts_with("transformer");
        assert!(!attends || some.contains(&part), "{part} has no sliced attention, only {some:?}");
    }
    // At a size where scores are most of what is held.
    let part = parts().into_iter().find(|part| name(part) == "unet-sd1").unwrap();
    let plain = Session::open(&part, &Options::default()).unwrap();
    let bound = bound(&inputs(&part, plain.inputs(), (64, 64)));
    let held = |most: u64| {
        let mut document = Document::read(&part).unwrap();
        let sliced = document.slice_attention(&document.shapes(&bound).unwrap(), most);
        let (fixed, shapes) = document.bind(&bound).unwrap();
        (sliced, fixed.liveness(&shapes).peak())
    };
    let ((none, whole), (sliced, slices)) = (held(u64::MAX), held(8 << 20));
    assert!(none == 0 && sliced > 0 && slices < whole / 4, "{whole} bytes before, {slices} after");
}

#[test]
fn operators_that_answer_what_they_are_given_are_left_out() {
    for part in parts() {
        let Case { mut document, tolerance, given, answers, .. } = case(&part);
        let shapes = document.shapes(&bound(&given)).unwrap();
        let dropped = document.drop_idle(&shapes);
        assert!(dropped > 0 || !name(&part).starts_with("unet"), "{} has none", name(&part));
        assert_eq!(document.drop_idle(&document.shapes(&bound(&given)).unwrap()), 0, "{}", name(&part));
        let off = off(&run(&mut whole(&document, &part), &given), &answers);
        assert!(off <= tolerance, "{} without {dropped} is off by {off}", name(&part));
    }
}

#[test]
fn a_network_in_pieces_answers_the_same() {
    for part in parts() {
        let Case { mut document, tolerance, given, answers, .. } = case(&part);
        document.fuse_attention(&document.shapes(&bound(&given)).unwrap());
        let (fixed, shapes) = document.bind(&bound(&given)).unwrap();
        let liveness = fixed.liveness(&shapes);
        for (limit, loaded) in [(0, Loaded::One), (6 << 20, Loaded::Two)] {
            // Tiny networks fit into any piece: sessions cost nothing here, so that cuts are made.
            let cuts = liveness.cuts_at_price(limit, 0);
            let pieces = fixed.pieces(&shapes, &cuts);
            // A 16-bit weight made wide is loaded by the piece that reads it.
            let handed = pieces.iter().flat_map(|piece| &piece.outputs).find(|name| name.ends_with(".f32"));
            assert_eq!(handed, None, "{}", name(&part));
            let links: Vec<Link> = pieces
                .into_iter()
                .enumerate()
                .map(|(at, piece)| Link {
                    onnx: piece.document.to_bytes().into(),
                    inputs: piece.inputs,
                    outputs: piece.outputs,
                    tensors: 8 << 20,
                    stays: at % 2 == 1,
                })
                .collect();
            let outputs = document.outputs().map(str::to_owned).collect();
            let mut chain = Chain::new(links, outputs, &part, document.folder(), Options::default(), loaded);
            assert!(chain.len() > 2 || limit > 0, "{} is in {} pieces", name(&part), chain.len());
            // From the third run on, every other piece stays loaded.
            for _ in 0..4 {
                let off = off(&chain.run(given.clone()).unwrap(), &answers);
                assert!(off <= tolerance, "{} in {} pieces is off by {off}", name(&part), chain.len());
            }
        }
    }
}

#[test]
fn a_unet_takes_sizes_that_are_no_multiple_of_its_levels() {
    for part in
        parts().into_iter().filter(|part| name(part).starts_with("unet") && !name(part).contains("fixed"))
    {
        let (mut document, tolerance) = read(&part);
        let mut plain = Session::open(&part, &Options::default()).unwrap();
        let aligned = inputs(&part, plain.inputs(), (8, 16));
        let answers = run(&mut plain, &aligned);
        let aligned = as_f32(aligned);
        let resized = document.resize_to_skip(&document.shapes(&bound(&aligned)).unwrap());
        assert!(resized > 0, "{}", name(&part));
        let mut session = whole(&document, &part);
        let off = off(&run(&mut session, &aligned), &answers);
        assert!(off <= tolerance, "{} is off by {off}", name(&part));
        let odd = as_f32(inputs(&part, plain.inputs(), (7, 13)));
        let answer = run(&mut session, &odd);
        assert_eq!(answer[0].1.shape()[2..], [7, 13], "{}", name(&part));
        let foretold = document.shapes(&bound(&odd)).unwrap();
        assert_eq!(foretold.dims(&answer[0].0).unwrap()[2..], [7, 13]);
    }
}

//! Operators of our own answer what those of ONNX Runtime do.

use std::collections::{BTreeMap, BTreeSet};

use shortform::{engine::OPERATORS, graph::Document};

use super::{as_f32, bound, inputs, name, off, parts, read, run, whole};

/// What is handed over one after the other: in whole graphs, and in pieces.
const KINDS: [&[&str]; 2] = [
    &["gates", "biases of gates", "norms", "attention", "convolutions", "products"],
    &["gates", "products", "gated products"],
];

#[test]
fn operators_of_ours_answer_the_same_at_every_size() {
    let mut found: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for (part, kinds) in parts().into_iter().flat_map(|part| KINDS.map(|kinds| (part.clone(), kinds))) {
        let (mut document, tolerance) = read(&part);
        let mut plain = whole(&document, &part);
        let ports = plain.inputs().to_vec();
        let given = |size| as_f32(inputs(&part, &ports, size));
        let at = bound(&given((16, 24)));
        if document.shapes(&at).is_err() {
            continue;
        }
        let shapes = |document: &Document| document.shapes(&at).unwrap();
        document.fuse_attention(&shapes(&document));
        let may_stay = |document: &Document| {
            let (fixed, shapes) = document.bind(&at).unwrap();
            fixed.liveness(&shapes).in_pieces().may_stay.into_iter().filter(|&may| may).count()
        };
        let mut counts = Vec::new();
        let stayed = may_stay(&document);
        for &kind in kinds {
            let mut hand_over = || {
                let shapes = shapes(&document);
                match kind {
                    "gates" => document.fuse_geglu(&shapes, OPERATORS, |_| true),
                    "biases of gates" => document.add_in_gates(&shapes, OPERATORS),
                    "norms" => document.norm_exactly(&shapes, OPERATORS, |_| true),
                    "attention" => document.attend_in_panels(&shapes, OPERATORS, |_| true),
                    "convolutions" => document.convolve_in_tiles(&shapes, OPERATORS, |_| true),
                    "products" => document.multiply_in_place(&shapes, OPERATORS, |_| true),
                    _ => document.gate_products(&shapes, OPERATORS, |_| true),
                }
            };
            let count = hand_over();
            assert_eq!(hand_over(), 0, "{kind} of {} are ours already", name(&part));
            if count > 0 {
                found.entry(kind).or_default().insert(name(&part));
            }
            counts.push((kind, count));
        }
        let reads_weights = counts.iter().any(|&(kind, count)| kind == "products" && count > 0);
        assert!(
            !reads_weights || may_stay(&document) == 0,
            "{}: of {stayed} pieces some stay, though weights are read as they lie",
            name(&part)
        );
        let mut ours = whole(&document, &part);
        let is_fixed = ports.iter().any(|port| port.dims.len() == 4 && port.dims.iter().all(Option::is_some));
        let sizes = if is_fixed { vec![(16, 24)] } else { vec![(16, 24), (8, 8), (24, 16)] };
        for size in sizes {
            let off = off(&run(&mut ours, &given(size)), &run(&mut plain, &given(size)));
            assert!(off <= tolerance, "{} with {counts:?} is off by {off} at {size:?}", name(&part));
        }
    }
    for (kind, families) in [
        ("gates", &["unet"][..]),
        ("biases of gates", &["unet"]),
        ("norms", &["unet", "vae_decoder"]),
        ("attention", &["unet", "transformer"]),
        ("convolutions", &["unet", "vae_decoder"]),
        ("products", &["unet", "transformer", "text_encoder"]),
        ("gated products", &["unet"]),
    ] {
        for part in parts().iter().map(|part| name(part)) {
            let has = families.iter().any(|family| part.starts_with(family));
            assert!(!has || found[kind].contains(&part), "{part} has no {kind}, only {:?}", found[kind]);
        }
    }
}

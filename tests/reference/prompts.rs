use ndarray::{Axis, concatenate};
use serde::Deserialize;
use shortform::{
    diffusion::{Layer, TextEncoder, Tokenizer, Way, weights},
    engine,
    models::PartKind,
};

use super::{Ref, Values, json, models::Studio, off};

#[derive(Deserialize)]
struct Parse {
    text: String,
    parts: Vec<(String, f64)>,
}

#[derive(Deserialize)]
struct Cases {
    model: String,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    text: String,
    ids: Vec<Vec<u32>>,
    weights: Vec<Vec<f32>>,
    factor: f64,
    hidden: Ref,
}

#[test]
fn weights_are_read_as_people_write_them() {
    let cases: Vec<Parse> = json("prompts/parse.json");
    assert!(cases.len() >= 60);
    for case in cases {
        let parts: Vec<(String, f64)> =
            weights(&case.text).into_iter().map(|part| (part.text, part.weight)).collect();
        assert_eq!(parts.len(), case.parts.len(), "{:?}: {parts:?}", case.text);
        for (ours, theirs) in parts.iter().zip(&case.parts) {
            assert_eq!(ours.0, theirs.0, "{:?}", case.text);
            assert!((ours.1 - theirs.1).abs() <= 1e-12, "{:?}: {parts:?}", case.text);
        }
    }
}

#[test]
fn long_and_weighted_prompts_become_the_right_tokens() {
    let studio = Studio::new();
    let values = Values::<f32>::read("prompts/values.npy");
    let cases: Cases = json("prompts/cases.json");
    let model = studio.open(&cases.model);
    let tokenizer = Tokenizer::open(&model, "tokenizer").unwrap();
    let part = model.part(PartKind::TextEncoder).unwrap();
    let mut encoder = TextEncoder::open(part, &engine::Options::default(), Way::Whole).unwrap();
    for case in &cases.cases {
        let chunks = tokenizer.chunks(&weights(&case.text));
        assert_eq!(chunks.len(), case.ids.len(), "{:?}", case.text);
        let mut states = Vec::new();
        for (chunk, (ids, weights)) in chunks.iter().zip(case.ids.iter().zip(&case.weights)) {
            assert_eq!(chunk.tokens.ids, *ids, "{:?}", case.text);
            for (ours, theirs) in chunk.weights.iter().zip(weights) {
                assert!((ours - theirs).abs() < 1e-6, "{:?}", case.text);
            }
            let mut hidden = encoder.encode(&chunk.tokens, Layer::Last).unwrap().hidden;
            for (mut token, weight) in hidden.axis_iter_mut(Axis(1)).zip(&chunk.weights) {
                token *= *weight;
            }
            states.push(hidden);
        }
        let views: Vec<_> = states.iter().map(|states| states.view()).collect();
        let hidden = concatenate(Axis(1), &views).unwrap() * case.factor as f32;
        let off = off(&hidden.into_dyn(), &values.get(&case.hidden));
        assert!(off <= 2e-5, "{:?} is off by {off:e}", case.text);
    }
}

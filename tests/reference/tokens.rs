use std::fs;

use ndarray::Array1;
use serde::Deserialize;
use shortform::{
    diffusion::{T5Tokenizer, Tokenizer},
    models::{Catalog, Model},
};

use super::{
    fixtures, json,
    models::{Studio, copy},
};

#[derive(Deserialize)]
struct Limit {
    prompt: usize,
    max_length: usize,
    ids: Vec<u32>,
}

/// The ids of each prompt, special ones included, neither padded nor cut.
fn goldens(name: &str) -> Vec<Vec<u32>> {
    let ids: Array1<u16> = ndarray_npy::read_npy(fixtures("tokens").join(name).join("ids.npy")).unwrap();
    let counts: Array1<u32> =
        ndarray_npy::read_npy(fixtures("tokens").join(name).join("counts.npy")).unwrap();
    let mut rest = ids.iter().map(|&id| u32::from(id));
    counts.iter().map(|&count| rest.by_ref().take(count as usize).collect()).collect()
}

/// Any model, with a tokenizer of ours.
fn model_with(studio: &Studio, tokenizer: &str) -> Model {
    let path = studio.path("sd1");
    fs::remove_dir_all(path.join("tokenizer")).unwrap();
    copy(&fixtures("tokens").join(tokenizer).join("tokenizer"), &path.join("tokenizer"));
    studio.open("sd1")
}

fn clip_agrees(model: &Model, name: &str, every: usize) {
    let prompts: Vec<String> = json("tokens/prompts.json");
    let tokenizer = Tokenizer::open(model, "tokenizer").unwrap();
    let goldens = goldens(name);
    assert_eq!(goldens.len(), prompts.len().div_ceil(every));
    let mut long = 0;
    for (prompt, golden) in prompts.iter().step_by(every).zip(&goldens) {
        let tokens = tokenizer.encode(prompt);
        let limit = tokenizer.limit();
        assert_eq!(tokenizer.count(prompt), golden.len() - 2, "{prompt:?}");
        assert_eq!(tokens.dropped, golden.len().saturating_sub(limit), "{prompt:?}");
        let kept = golden.len().min(limit) - 1;
        assert_eq!(tokens.ids[..kept], golden[..kept], "{prompt:?}");
        long += usize::from(golden.len() > limit);
    }
    assert!(long > 10, "only {long} are too long");
    for limit in json::<Vec<Limit>>(&format!("tokens/{name}/limits.json")) {
        if limit.max_length == tokenizer.limit() {
            assert_eq!(tokenizer.encode(&prompts[limit.prompt]).ids, limit.ids);
        }
    }
}

#[test]
fn clip_tokens_of_ten_thousand_prompts_are_the_ones_of_transformers() {
    let studio = Studio::new();
    clip_agrees(&model_with(&studio, "clip-mixed"), "clip-mixed", 1);
}

#[test]
fn pocket_reads_the_tokens_that_transformers_reads() {
    let nothing = tempfile::tempdir().unwrap();
    let model = Catalog::new(Some(nothing.path().to_owned())).find("pocket").unwrap();
    clip_agrees(&model, "clip-pocket", 4);
}

#[test]
fn t5_tokens_are_the_ones_of_transformers() {
    let studio = Studio::new();
    let model = model_with(&studio, "t5");
    let prompts: Vec<String> = json("tokens/prompts.json");
    let tokenizer = T5Tokenizer::open(&model, "tokenizer").unwrap();
    let goldens = goldens("t5");
    for (prompt, golden) in prompts.iter().step_by(10).zip(&goldens) {
        assert_eq!(tokenizer.encode(prompt, golden.len()).ids, *golden, "{prompt:?}");
    }
    for limit in json::<Vec<Limit>>("tokens/t5/limits.json") {
        assert_eq!(tokenizer.encode(&prompts[limit.prompt], limit.max_length).ids, limit.ids);
    }
}

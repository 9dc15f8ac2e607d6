//! Pictures, prompts, tokens and noise against what diffusers, transformers and PyTorch made of the same
//! weights: `python/reference` wrote `tests/fixtures/reference`, whose README says how it is laid out.

mod ip_adapter;
mod mistakes;
mod models;
mod noise;
mod pictures;
mod prompts;
mod refine;
mod tokens;

use std::{
    fs,
    path::{Path, PathBuf},
};

use ndarray::{Array1, ArrayD};
use serde::{Deserialize, de::DeserializeOwned};

fn fixtures(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/reference").join(name)
}

fn json<T: DeserializeOwned>(name: &str) -> T {
    let path = fixtures(name);
    serde_json::from_str(&fs::read_to_string(&path).unwrap())
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Where an array lies among all of a folder.
#[derive(Debug, Clone, Deserialize)]
struct Ref {
    at: usize,
    shape: Vec<usize>,
}

/// The arrays of a folder, one after the other.
struct Values<T>(Array1<T>);

impl<T: ndarray_npy::ReadableElement + Clone> Values<T> {
    fn read(name: &str) -> Self {
        Self(ndarray_npy::read_npy(fixtures(name)).unwrap())
    }

    fn get(&self, place: &Ref) -> ArrayD<T> {
        let length: usize = place.shape.iter().product();
        let values = self.0.slice(ndarray::s![place.at..place.at + length]).to_vec();
        ArrayD::from_shape_vec(place.shape.clone(), values).unwrap()
    }
}

/// The largest difference over the largest value.
fn off(ours: &ArrayD<f32>, theirs: &ArrayD<f32>) -> f32 {
    assert_eq!(ours.shape(), theirs.shape());
    let largest = |values: &ArrayD<f32>| values.iter().fold(0.0f32, |most, value| most.max(value.abs()));
    assert!(ours.iter().all(|value| value.is_finite()));
    largest(&(ours - theirs)) / largest(theirs)
}

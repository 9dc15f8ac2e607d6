use ndarray::IxDyn;
use serde::Deserialize;
use shortform::{
    diffusion::{Generator, Philox, Random},
    story::{Rng, Seed},
};

use super::{Ref, Values, json};

#[derive(Deserialize)]
struct Case {
    device: String,
    dtype: String,
    seed: u64,
    shape: Vec<usize>,
    then: usize,
    threads: Option<u64>,
    bits: Ref,
}

#[test]
fn noise_is_the_one_of_pytorch() {
    let bits = Values::<u32>::read("noise/bits.npy");
    let cases: Vec<Case> = json("noise/cases.json");
    let single = cases.iter().filter(|case| case.dtype == "float32");
    let mut looked_at = [0, 0];
    for case in single {
        let mut random = match (case.device.as_str(), case.threads) {
            ("cpu", _) => Random::Cpu(Box::new(Generator::new(case.seed))),
            (_, Some(threads)) => Random::Cuda(Philox::on_card(case.seed, threads)),
            (_, None) => Random::new(Rng::TorchCuda, Seed(case.seed)),
        };
        let drawn: Vec<f32> =
            (0..case.then).flat_map(|_| random.normal(IxDyn(&case.shape)).into_iter()).collect();
        let theirs = bits.get(&case.bits);
        assert_eq!(drawn.len(), theirs.len());
        for (at, (ours, theirs)) in drawn.iter().zip(&theirs).enumerate() {
            let told = || format!("{} {} {:?} at {at}", case.device, case.seed, case.shape);
            match case.device.as_str() {
                "cpu" => assert_eq!(ours.to_bits(), *theirs, "{}", told()),
                // A card's fast sine and cosine are not the processor's.
                _ => assert!((ours - f32::from_bits(*theirs)).abs() <= 1e-5, "{}", told()),
            }
        }
        looked_at[usize::from(case.device == "cpu")] += 1;
    }
    assert!(looked_at[0] >= 8 && looked_at[1] >= 15, "{looked_at:?}");
}

//! Normal noise as PyTorch makes it, so that a seed gives here the picture it gives there.

mod torch_cpu;
mod torch_cuda;

use ndarray::{Array, Dimension, ShapeBuilder};

pub use torch_cpu::Generator;
pub use torch_cuda::Philox;

use crate::story::{Rng, Seed};

/// A seeded source of standard normal numbers: each draw goes on where the last one ended.
#[derive(Debug, Clone)]
pub enum Random {
    /// As PyTorch's generator on the processor; of the seed its lower 32 bits count, there and here.
    Cpu(Box<Generator>),
    /// As its generator on a CUDA card.
    Cuda(Philox),
}

impl Random {
    /// `rng`, seeded.
    pub fn new(rng: Rng, seed: Seed) -> Self {
        match rng {
            Rng::TorchCpu => Self::Cpu(Box::new(Generator::new(seed.0))),
            Rng::TorchCuda => Self::Cuda(Philox::new(seed.0)),
        }
    }

    /// The next numbers, row-major.
    pub fn normal<D: Dimension, S: ShapeBuilder<Dim = D>>(&mut self, shape: S) -> Array<f32, D> {
        let mut noise = Array::zeros(shape);
        let mut values = vec![0.0; noise.len()];
        match self {
            Self::Cpu(generator) => generator.fill(&mut values),
            Self::Cuda(philox) => philox.fill(&mut values),
        }
        noise.iter_mut().zip(values).for_each(|(to, from)| *to = from);
        noise
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_is_standard_normal() {
        for rng in [Rng::TorchCpu, Rng::TorchCuda] {
            let noise = Random::new(rng, Seed(3)).normal((1, 4, 64, 64));
            let mean = noise.mean().unwrap();
            let variance = noise.mapv(|x| (x - mean).powi(2)).mean().unwrap();
            assert!(mean.abs() < 0.03 && (variance - 1.0).abs() < 0.05, "{mean} {variance}");
        }
    }
}

//! Devices and models for the tests.

use proptest::prelude::*;

use super::{
    super::{Device, DeviceMemory},
    Candidate, Demand, Fact, InPieces, Residency, Wishes,
    demand::DENOISER,
    exclude::EXCLUDED,
};

pub(super) const MIB: u64 = 1 << 20;
pub(super) const GIB: u64 = 1 << 30;

pub(super) fn device(total: u64, free: u64) -> DeviceMemory {
    DeviceMemory { device: Device::Cpu, name: "test".into(), total, free }
}

pub(super) fn of(budget: u64) -> Wishes {
    Wishes { budget: Some(budget), ..Wishes::default() }
}

/// Of about the size of Stable Diffusion 1.5 in 16 bits.
pub(super) fn candidate(width: u32, height: u32) -> Candidate {
    let pixels = u64::from(width * height);
    let part = |part: &str, weights, activations| Demand {
        part: part.into(),
        weights,
        activations,
        least: weights / 20 + activations,
        ways: vec![InPieces {
            working: weights / 20 + activations,
            ahead: weights / 20,
            staying: vec![weights / 20; 20],
        }],
    };
    Candidate {
        width,
        height,
        rows: 2,
        stored: None,
        demands: vec![
            part("text encoder", 200 * MIB, 10 * MIB),
            part("denoiser", 1600 * MIB, pixels * 2000),
            part("vae decoder", 100 * MIB, pixels * 1000),
        ],
    }
}

/// A device of any kind, from 256 MiB to 64 GiB, of which any part is free.
pub(super) fn any_device() -> impl Strategy<Value = DeviceMemory> {
    let kind = prop::sample::select(vec![Device::Cpu, Device::Cuda(0), Device::CoreMl]);
    let memory = (256 * MIB..64 * GIB).prop_flat_map(|total| (Just(total), 0..=total));
    (kind, memory).prop_map(|(kind, (total, free))| DeviceMemory { device: kind, ..device(total, free) })
}

/// Anything that may be wished for, up to 64 GiB.
pub(super) fn any_wishes() -> impl Strategy<Value = Wishes> {
    let residency = prop::option::of(prop::sample::select(Residency::ALL.to_vec()));
    let wishes = (prop::option::of(0..64 * GIB), 0..GIB, residency, any::<bool>());
    wishes.prop_map(|(budget, held, residency, drops)| Wishes { budget, held, residency, drops })
}

/// Whether the table excludes that a model is held so, which nobody wished for, where `devices` take part.
pub(super) fn is_excluded(devices: &[&DeviceMemory], wishes: Wishes, residency: Residency) -> bool {
    let is_so = |fact: Fact| match fact {
        Fact::Held(held) => held == residency,
        Fact::ProcessorAlone => devices.iter().all(|device| device.device == Device::Cpu),
        Fact::Dropped => wishes.drops,
        Fact::Shared(_) | Fact::Rows(_) | Fact::Unguided | Fact::OneByOne => false,
    };
    wishes.residency.is_none() && EXCLUDED.iter().any(|&(one, other)| is_so(one) && is_so(other))
}

/// Three sizes, with weights as they are and packed, in so many rows, of parts that have weights, values for each pixel
/// and a share of the weights that is loaded at a time.
pub(super) fn random(parts: &[(u64, u64, u64)], rows: &[u64]) -> Vec<Candidate> {
    let sizes = [(704, 1280), (576, 1024), (384, 704)];
    let kinds = sizes.into_iter().flat_map(|size| [None, Some("int8")].map(|stored| (size, stored)));
    let ways = kinds.flat_map(|kind| rows.iter().map(move |&rows| (kind, rows)));
    ways.map(|(((width, height), stored), rows)| {
        let demand = |(at, &(weights, values, share)): (usize, &(u64, u64, u64))| {
            let activations = rows * u64::from(width * height) * values;
            let weights = if stored.is_some() { weights / 4 } else { weights };
            let least = weights / share + activations;
            let ways = vec![InPieces {
                working: least,
                ahead: weights / share,
                staying: vec![weights / share; share as usize],
            }];
            let part = if at == 0 { DENOISER } else { "part" };
            Demand { part: part.into(), weights, activations, least, ways }
        };
        let demands = parts.iter().enumerate().map(demand).collect();
        Candidate { width, height, rows, stored, demands }
    })
    .collect()
}

//! Where the models run, and in how much memory.

use serde::Serialize;

use crate::{
    engine::{DeviceChoice, Residency},
    graph::Storage,
    pipeline::{
        fields::Fields,
        kind::{Kind, Wrong, bytes, name, only},
    },
};

/// The memory that models may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Budget {
    /// What the device has free, less a reserve.
    Auto,
    /// This many bytes.
    Bytes(u64),
}

/// How large weights are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum WeightStorage {
    /// As they are; in bytes where nothing else draws a picture of the best size.
    Auto,
    /// As they are.
    None,
    /// In fewer bits.
    In(Storage),
}

/// Settings of memory and device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Memory {
    /// The memory that models may use.
    pub budget: Budget,
    /// Where they run.
    pub device: DeviceChoice,
    /// How they are held; none for the fastest way that fits.
    pub offload: Option<Residency>,
    /// How the weights of text encoders and denoisers are kept.
    pub storage: WeightStorage,
}

/// What later versions will let the user choose; until then the planner decides alone.
const DECIDED: [&str; 6] = ["vae_tiling", "vae_slicing", "compute", "attention", "batch", "clean"];

impl Memory {
    pub(crate) fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let budget = bytes(64 << 20..=1 << 50).map(Budget::Bytes).or_auto(Budget::Auto);
        let budget = fields.get("budget", &budget);
        let device = fields.get("device", &device());
        let offload = fields.get("offload", &offload());
        let storage = fields.get("storage", &storage());
        let decided: Vec<_> =
            DECIDED.iter().map(|&name| fields.get(name, &only("auto", "choosing this by hand"))).collect();
        decided.into_iter().collect::<Option<()>>()?;
        Some(Self { budget: budget?, device: device?, offload: offload?, storage: storage? })
    }
}

fn offload() -> Kind<Option<Residency>> {
    let all = Residency::ALL.map(|way| format!("`{way}`")).join(", ");
    let word = name(&format!("`auto`, {all}"));
    Kind::new(word.expected.clone(), move |node| {
        let written = word.read(node)?;
        if written == "auto" {
            return Ok(None);
        }
        let found = Residency::ALL.into_iter().find(|way| way.to_string() == written);
        found.map(Some).ok_or_else(|| Wrong::new(format!("is {}, which is unknown", node.kind())))
    })
}

fn storage() -> Kind<WeightStorage> {
    let all = Storage::ALL.map(|storage| format!("`{storage}`")).join(", ");
    let word = name(&format!("`auto`, `none`, {all}"));
    Kind::new(word.expected.clone(), move |node| {
        let written = word.read(node)?;
        match written.as_str() {
            "auto" => return Ok(WeightStorage::Auto),
            "none" => return Ok(WeightStorage::None),
            _ => {}
        }
        let unknown = |_| Wrong::new(format!("is {}, which is unknown", node.kind()));
        written.parse().map(WeightStorage::In).map_err(unknown)
    })
}

fn device() -> Kind<DeviceChoice> {
    let word = name("`auto`, `cpu`, `cuda`, `cuda:1` or `coreml`");
    Kind::new(word.expected.clone(), move |node| {
        word.read(node)?.parse().map_err(|_| Wrong::new(format!("is {}, which is unknown", node.kind())))
    })
}

//! Where the models run, and in how much memory.

use serde::Serialize;

use crate::{
    engine::{CoreMl, Cuda, DeviceChoice, Policy, Residency, Sharing, Tiling},
    graph::Storage,
    pipeline::{
        fields::Fields,
        kind::{Kind, Wrong, bytes, name, only, variant},
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
    /// A second device, which works at the same time.
    pub beside: Option<DeviceChoice>,
    /// What the two share.
    pub share: Sharing,
    /// How they are held; none for the fastest way that fits.
    pub offload: Option<Residency>,
    /// How the weights of text encoders and denoisers are kept.
    pub storage: WeightStorage,
    /// Rows of one run of the denoiser under guidance, 1 or 2; none for 2 where they fit.
    pub batch: Option<u64>,
    /// How the device is used.
    pub policy: Policy,
}

/// What later versions will let the user choose; until then the planner decides alone.
const DECIDED: [&str; 2] = ["vae_slicing", "compute"];

impl Memory {
    pub(crate) fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let budget = bytes(64 << 20..=1 << 50).map(Budget::Bytes).or_auto(Budget::Auto);
        let budget = fields.get("budget", &budget);
        let device = fields.get("device", &device());
        let share = fields.get("share", &variant());
        let offload = fields.get("offload", &offload());
        let storage = fields.get("storage", &storage());
        let batch = fields.get("batch", &batch());
        let tiling = fields.get("vae_tiling", &tiling());
        let attention = fields.get("attention", &variant());
        let operators = fields.get("operators", &variant());
        let clean = fields.get("clean", &variant());
        let cuda = fields.group("cuda", cuda);
        let core_ml = fields.group("coreml", core_ml);
        let decided: Vec<_> =
            DECIDED.iter().map(|&name| fields.get(name, &only("auto", "choosing this by hand"))).collect();
        decided.into_iter().collect::<Option<()>>()?;
        let policy = Policy {
            attention: attention?,
            operators: operators?,
            tiling: tiling?,
            clean: clean?,
            cuda: cuda?,
            core_ml: core_ml?,
        };
        let (device, beside) = device?;
        Some(Self {
            budget: budget?,
            device,
            beside,
            share: share?,
            offload: offload?,
            storage: storage?,
            batch: batch?,
            policy,
        })
    }
}

fn cuda(fields: &mut Fields<'_>) -> Option<Cuda> {
    let conv_search = fields.get("conv_search", &variant());
    let workspace = fields.get("workspace", &variant());
    // Its limit is the budget, which the planner knows.
    Some(Cuda { conv_search: conv_search?, workspace: workspace?, limit: None })
}

fn core_ml(fields: &mut Fields<'_>) -> Option<CoreMl> {
    Some(CoreMl { units: fields.get("units", &variant())? })
}

fn batch() -> Kind<Option<u64>> {
    let word = name("`auto`, `1` or `2`");
    Kind::new(word.expected.clone(), move |node| match word.read(node)?.as_str() {
        "auto" => Ok(None),
        "1" => Ok(Some(1)),
        "2" => Ok(Some(2)),
        _ => Err(Wrong::new(format!("is {}", node.kind()))),
    })
}

/// The sides that tiles may have, in latents: below, neighbours overlap more than they show.
const SIDES: std::ops::RangeInclusive<u32> = 16..=256;
/// The side where none is said, as diffusers has it.
const SIDE: u32 = 64;

fn tiling() -> Kind<Tiling> {
    let word = name("`auto`, `exact`, `on`, `off` or the side of a tile in latents, 16 to 256");
    Kind::new(word.expected.clone(), move |node| {
        let written = word.read(node)?;
        Ok(match written.as_str() {
            "auto" => Tiling::Auto,
            "exact" => Tiling::Exact,
            "on" => Tiling::Side(SIDE),
            "off" => Tiling::Off,
            _ => {
                let side = written.parse().ok().filter(|side| SIDES.contains(side));
                Tiling::Side(side.ok_or_else(|| Wrong::new(format!("is {}", node.kind())))?)
            }
        })
    })
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

fn device() -> Kind<(DeviceChoice, Option<DeviceChoice>)> {
    let word = name("`auto`, `cpu`, `cuda`, `cuda:1` or `coreml`, or two with a comma: `cuda:0,cuda:1`");
    Kind::new(word.expected.clone(), move |node| {
        let written = word.read(node)?;
        let unknown = || Wrong::new(format!("is {}, which is unknown", node.kind()));
        let choice = |text: &str| text.trim().parse::<DeviceChoice>().map_err(|_| unknown());
        match written.split_once(',') {
            None => Ok((choice(&written)?, None)),
            Some((first, second)) => match (choice(first)?, choice(second)?) {
                (first @ DeviceChoice::Only(_), second @ DeviceChoice::Only(_)) => Ok((first, Some(second))),
                _ => Err(unknown()),
            },
        }
    })
}

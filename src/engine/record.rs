//! What models took: memory at the points of their lives, kept until somebody asks.

use std::{
    collections::BTreeMap,
    fmt,
    path::Path,
    sync::{Mutex, PoisonError},
};

use serde::{Deserialize, Serialize};

use super::{Arena, Bytes, Device, allocator, blocks, device, heap, memory};

/// A moment in the life of a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Point {
    /// Nothing of it is loaded yet.
    BeforeLoad,
    /// It is loaded.
    AfterLoad,
    /// It is about to run.
    BeforeRun,
    /// It has run.
    AfterRun,
    /// It was given back.
    AfterRelease,
    /// It could not be loaded, or failed while it ran.
    OnError,
}

impl Point {
    /// All, in the order of a life.
    pub const ALL: [Self; 6] = [
        Self::BeforeLoad,
        Self::AfterLoad,
        Self::BeforeRun,
        Self::AfterRun,
        Self::AfterRelease,
        Self::OnError,
    ];
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::BeforeLoad => "before load",
            Self::AfterLoad => "after load",
            Self::BeforeRun => "before run",
            Self::AfterRun => "after run",
            Self::AfterRelease => "after release",
            Self::OnError => "on error",
        })
    }
}

/// Memory at a point, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// Of this process, resident.
    pub resident: u64,
    /// The most that was resident until then, where the system tells.
    pub peak: Option<u64>,
    /// Of that, what ONNX Runtime holds for tensors and copied weights.
    pub tensors: u64,
    /// What all programs hold of the device's own memory, where its driver tells.
    pub device: Option<u64>,
    /// The arena in which it computes, after a run and where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arena: Option<Arena>,
}

/// What a model took, over all its runs since it was last asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measured {
    /// Which: `text_encoder`, `unet`, the name of a voice.
    pub part: String,
    /// Where it ran.
    pub on: String,
    /// How often it ran.
    pub runs: u64,
    /// At each point the largest of each figure; of a model in pieces, over all that were loaded.
    pub points: BTreeMap<Point, Reading>,
}

impl Measured {
    /// The same model's, of another time: at each point the larger of each figure.
    pub fn join(&mut self, other: &Self) {
        self.runs += other.runs;
        for (point, reading) in &other.points {
            self.note(*point, *reading);
        }
    }

    fn note(&mut self, point: Point, reading: Reading) {
        let known = self.points.entry(point).or_insert(reading);
        // Each for itself: the card may be fullest while the process is not.
        *known = Reading {
            resident: known.resident.max(reading.resident),
            peak: known.peak.max(reading.peak),
            tensors: known.tensors.max(reading.tensors),
            device: known.device.max(reading.device),
            arena: known.arena.into_iter().chain(reading.arena).max_by_key(|arena| arena.held),
        };
    }
}

impl fmt::Display for Measured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {}, {} runs:", self.part, self.on, self.runs)?;
        for (at, (point, reading)) in self.points.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            let Reading { resident, peak, tensors, device, arena } = *reading;
            write!(f, "{comma} {} {point} (tensors {}", Bytes(resident), Bytes(tensors))?;
            if let Some(peak) = peak {
                write!(f, ", peak {}", Bytes(peak))?;
            }
            if let Some(Arena { held, used, most }) = arena {
                let [held, used, most] = [held, used, most].map(Bytes);
                write!(f, ", arena {held} with {used} in use, at most {most}")?;
            }
            if let Some(device) = device {
                write!(f, ", {} of the device", Bytes(device))?;
            }
            f.write_str(")")?;
        }
        Ok(())
    }
}

static MEASURED: Mutex<Vec<Measured>> = Mutex::new(Vec::new());

/// What models took since this was last asked, the first loaded first.
pub fn take_measured() -> Vec<Measured> {
    std::mem::take(&mut *MEASURED.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Measures at a point in the life of the model at `path`.
pub(super) fn measure(path: &Path, on: Device, point: Point) {
    let memory::Process { resident, peak } = memory::process();
    let tensors = allocator::tensors().held;
    let reading = Reading { resident, peak, tensors, device: device::used(on), arena: None };
    with(path, on, |measured| {
        measured.runs += u64::from(point == Point::AfterRun);
        measured.note(point, reading);
    });
}

/// Adds what the arena of the model at `path` says after a run; the largest is kept.
pub(super) fn note_arena(path: &Path, on: Device, arena: Arena) {
    with(path, on, |measured| {
        if let Some(reading) = measured.points.get_mut(&Point::AfterRun) {
            reading.arena = Some(reading.arena.filter(|known| known.held >= arena.held).unwrap_or(arena));
        }
    });
}

fn with(path: &Path, on: Device, note: impl FnOnce(&mut Measured)) {
    let (part, on) = (part(path), on.to_string());
    let mut measured = MEASURED.lock().unwrap_or_else(PoisonError::into_inner);
    let at = measured.iter().position(|known| known.part == part && known.on == on).unwrap_or_else(|| {
        measured.push(Measured { part, on, runs: 0, points: BTreeMap::new() });
        measured.len() - 1
    });
    note(&mut measured[at]);
}

/// Measures once it is dropped: as the last field of what holds a model, after the model.
#[derive(Debug)]
pub(super) struct Released(pub(super) std::path::PathBuf, pub(super) Device);

impl Drop for Released {
    fn drop(&mut self) {
        blocks::give_kept_back();
        heap::trim();
        measure(&self.0, self.1, Point::AfterRelease);
    }
}

/// `unet` of `pocket/unet/model.onnx`, else the file's own name.
fn part(path: &Path) -> String {
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let folder = path.parent().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
    folder.filter(|_| stem == "model").unwrap_or(stem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_called_by_their_folder_or_file() {
        assert_eq!(part(Path::new("pocket/unet/model.onnx")), "unet");
        assert_eq!(part(Path::new("voices/en_GB-alan.onnx")), "en_GB-alan");
        assert_eq!(part(Path::new("model.onnx")), "model");
    }

    #[test]
    fn the_largest_of_each_figure_is_kept_and_told() {
        let mib = |count: u64| count << 20;
        let reading =
            |resident| Reading { resident: mib(resident), peak: None, tensors: 0, device: None, arena: None };
        let mut one = Measured { part: "unet".into(), on: "cuda:0".into(), runs: 2, points: BTreeMap::new() };
        [5, 9, 7].into_iter().for_each(|resident| one.note(Point::AfterRun, reading(resident)));
        let arena = Some(Arena { held: mib(6), used: mib(1), most: mib(4) });
        let full =
            Reading { peak: Some(mib(9)), tensors: mib(2), device: Some(mib(3000)), arena, ..reading(8) };
        one.note(Point::AfterRun, full);
        let mut two = Measured { runs: 1, ..one.clone() };
        two.note(Point::OnError, reading(1));
        one.join(&two);
        assert_eq!(
            one.to_string(),
            "unet on cuda:0, 3 runs: 9.0 MiB after run (tensors 2.0 MiB, peak 9.0 MiB, \
             arena 6.0 MiB with 1.0 MiB in use, at most 4.0 MiB, 2.9 GiB of the device), \
             1.0 MiB on error (tensors 0.0 MiB)"
        );
    }
}

//! Devices: what this machine has and which one to take.

use std::{fmt, str::FromStr};

use super::{Bytes, Error, Options, load, memory, policy};

/// Where a model runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Device {
    /// The processor.
    Cpu,
    /// An NVIDIA GPU by its CUDA index.
    Cuda(u32),
    /// Apple's CoreML.
    CoreMl,
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(index) => write!(f, "cuda:{index}"),
            Self::CoreMl => f.write_str("coreml"),
        }
    }
}

/// What the user asks for: `auto`, `cpu`, `cuda`, `cuda:1`, `coreml`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum DeviceChoice {
    /// The best that works.
    #[default]
    Auto,
    /// This one or an error.
    Only(Device),
}

impl FromStr for DeviceChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not a device: write auto, cpu, cuda, cuda:N or coreml");
        Ok(match text {
            "auto" => Self::Auto,
            "cpu" => Self::Only(Device::Cpu),
            "coreml" => Self::Only(Device::CoreMl),
            "cuda" => Self::Only(Device::Cuda(0)),
            _ => {
                let index = text.strip_prefix("cuda:").ok_or_else(wrong)?;
                Self::Only(Device::Cuda(index.parse().map_err(|_| wrong())?))
            }
        })
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Only(device) => device.fmt(f),
        }
    }
}

impl serde::Serialize for DeviceChoice {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A device and its memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceMemory {
    /// The device.
    pub device: Device,
    /// What its maker calls it.
    pub name: String,
    /// Bytes in all.
    pub total: u64,
    /// Bytes free now.
    pub free: u64,
}

impl fmt::Display for DeviceMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (total, free) = (Bytes(self.total), Bytes(self.free));
        write!(f, "{} ({}): {total}, {free} free", self.device, self.name)
    }
}

/// What this machine has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// The devices, the processor first.
    pub devices: Vec<DeviceMemory>,
}

/// Looks at the machine: its processor, its NVIDIA GPUs (through the driver's own library,
/// absent which there are none), CoreML on macOS. Loads no ONNX Runtime: see [`unusable`].
///
/// GPUs are counted as the driver does, by bus position; set `CUDA_DEVICE_ORDER=PCI_BUS_ID`
/// where CUDA counts otherwise.
pub fn probe() -> Machine {
    let memory = memory::system();
    let host = |device, name| DeviceMemory { device, name, total: memory.total, free: memory.available };
    let processor = format!("{}, {} threads", std::env::consts::ARCH, super::default_threads());
    let mut devices = vec![host(Device::Cpu, processor)];
    devices.extend(gpus());
    if cfg!(target_os = "macos") {
        devices.push(host(Device::CoreMl, "Apple CoreML".into()));
    }
    Machine { devices }
}

/// Why models cannot run on `device`, as far as it can be known before one is opened: there is no
/// ONNX Runtime, or none that was built for it. Loads ONNX Runtime.
pub fn unusable(device: Device) -> Option<String> {
    match load() {
        Ok(_) => policy::providers(&Options::on(device), None).err(),
        Err(error) => Some(error.to_string()),
    }
}

impl Machine {
    /// The device for `choice`, and why in one line where it was not simply asked for.
    ///
    /// `auto` takes the usable NVIDIA GPU with the most free memory, else the processor. CoreML
    /// is never taken by itself: nobody has measured that it is the faster one for these models.
    pub fn choose(&self, choice: DeviceChoice) -> Result<(&DeviceMemory, Option<String>), Error> {
        self.choose_among(choice, unusable)
    }

    fn choose_among(
        &self,
        choice: DeviceChoice,
        unusable: impl Fn(Device) -> Option<String>,
    ) -> Result<(&DeviceMemory, Option<String>), Error> {
        let only = |device| {
            let error = |reason: String| Error::DeviceUnusable { device, reason };
            let found = self.devices.iter().find(|known| known.device == device);
            let found = found.ok_or_else(|| error("this machine has none".into()))?;
            unusable(device).map_or(Ok(found), |reason| Err(error(reason)))
        };
        let DeviceChoice::Only(device) = choice else {
            let mut gpus: Vec<_> =
                self.devices.iter().filter(|known| matches!(known.device, Device::Cuda(_))).collect();
            gpus.sort_by_key(|gpu| std::cmp::Reverse(gpu.free));
            let mut reasons = Vec::new();
            for gpu in gpus {
                match unusable(gpu.device) {
                    None => return Ok((gpu, Some(format!("device {gpu}")))),
                    Some(reason) => reasons.push(format!("{gpu}, cannot be used: {reason}")),
                }
            }
            let cpu = only(Device::Cpu)?;
            let because = reasons.first().map_or(String::new(), |reason| format!("; {reason}"));
            return Ok((cpu, Some(format!("device {cpu}{because}"))));
        };
        Ok((only(device)?, None))
    }
}

/// The driver's own library, which stays loaded.
#[cfg(any(target_os = "linux", target_os = "windows"))]
fn nvml() -> Option<&'static nvml_wrapper::Nvml> {
    static NVML: std::sync::OnceLock<Option<nvml_wrapper::Nvml>> = std::sync::OnceLock::new();
    NVML.get_or_init(|| nvml_wrapper::Nvml::init().ok()).as_ref()
}

/// Bytes of a GPU's memory that programs hold, where its driver tells; the processor's is the process's own.
#[cfg(any(target_os = "linux", target_os = "windows"))]
pub(super) fn used(device: Device) -> Option<u64> {
    let Device::Cuda(index) = device else { return None };
    Some(nvml()?.device_by_index(index).ok()?.memory_info().ok()?.used)
}

/// No driver tells here.
#[cfg(not(any(target_os = "linux", target_os = "windows")))]
pub(super) fn used(_: Device) -> Option<u64> {
    None
}

#[cfg(any(target_os = "linux", target_os = "windows"))]
fn gpus() -> Vec<DeviceMemory> {
    let Some(nvml) = nvml() else { return Vec::new() };
    let count = nvml.device_count().unwrap_or(0);
    let gpu = |index| {
        let gpu = nvml.device_by_index(index)?;
        let (name, memory, device) = (gpu.name()?, gpu.memory_info()?, Device::Cuda(index));
        Ok::<_, nvml_wrapper::error::NvmlError>(DeviceMemory {
            device,
            name,
            total: memory.total,
            free: memory.free,
        })
    };
    // A GPU whose driver does not answer for it cannot be planned with.
    (0..count).filter_map(|index| gpu(index).ok()).collect()
}

#[cfg(not(any(target_os = "linux", target_os = "windows")))]
fn gpus() -> Vec<DeviceMemory> {
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(device: Device, free: u64) -> DeviceMemory {
        DeviceMemory { device, name: "x".into(), total: 8 << 30, free }
    }

    #[test]
    fn choices_are_read_and_written() {
        for text in ["auto", "cpu", "cuda:1", "coreml"] {
            assert_eq!(text.parse::<DeviceChoice>().unwrap().to_string(), text);
        }
        assert_eq!("cuda".parse(), Ok(DeviceChoice::Only(Device::Cuda(0))));
        for text in ["gpu", "cuda:", "cuda:x", "CPU", ""] {
            assert!(text.parse::<DeviceChoice>().unwrap_err().contains("cuda:N"), "{text}");
        }
    }

    #[test]
    fn auto_takes_the_freest_usable_gpu_and_says_why_not() {
        let gpus = [(0, 1), (1, 3), (2, 7)].map(|(index, gib)| known(Device::Cuda(index), gib << 30));
        let machine = Machine { devices: [vec![known(Device::Cpu, 4 << 30)], gpus.to_vec()].concat() };
        let too_old = |device| (device == Device::Cuda(2)).then(|| "too old".to_owned());
        let (device, why) = machine.choose_among(DeviceChoice::Auto, too_old).unwrap();
        assert_eq!(device.device, Device::Cuda(1));
        assert!(why.unwrap().contains("3.0 GiB free"));
        let no_gpu = |device| matches!(device, Device::Cuda(_)).then(|| "built without it".to_owned());
        let (device, why) = machine.choose_among(DeviceChoice::Auto, no_gpu).unwrap();
        assert_eq!(device.device, Device::Cpu);
        assert!(why.unwrap().contains("built without it"));
        for (index, reason) in [(0, "built without it"), (7, "has none")] {
            let only = DeviceChoice::Only(Device::Cuda(index));
            let error = machine.choose_among(only, no_gpu).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }

    #[test]
    fn this_machine_has_a_processor() {
        let machine = probe();
        let (cpu, why) = machine.choose(DeviceChoice::Only(Device::Cpu)).unwrap();
        assert!(cpu.free > 0 && cpu.free <= cpu.total && why.is_none(), "{cpu}");
    }
}

//! Devices: what this machine has and which one to take.

use std::{fmt, str::FromStr};

use super::{Bytes, Error, load, memory, provider};

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
    /// Why models cannot run on it, if they cannot.
    pub unusable: Option<String>,
}

impl fmt::Display for DeviceMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (total, free) = (Bytes(self.total), Bytes(self.free));
        write!(f, "{} ({}): {total}, {free} free", self.device, self.name)?;
        self.unusable.as_ref().map_or(Ok(()), |reason| write!(f, "; not usable: {reason}"))
    }
}

/// What this machine has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// The devices, the processor first.
    pub devices: Vec<DeviceMemory>,
}

/// Looks at the machine: its processor, its NVIDIA GPUs (through the driver's own library,
/// absent which there are none), CoreML on macOS.
///
/// GPUs are counted as the driver does, by bus position; set `CUDA_DEVICE_ORDER=PCI_BUS_ID`
/// where CUDA counts otherwise.
pub fn probe() -> Machine {
    let memory = memory::system();
    let cpu = |device, name, unusable| DeviceMemory {
        device,
        name,
        total: memory.total,
        free: memory.available,
        unusable,
    };
    let mut devices = vec![cpu(Device::Cpu, processor(), library_missing())];
    devices.extend(gpus());
    if cfg!(target_os = "macos") {
        devices.push(cpu(Device::CoreMl, "Apple CoreML".into(), unusable(Device::CoreMl)));
    }
    Machine { devices }
}

impl Machine {
    /// The device for `choice`, and why in one line where it was not simply asked for.
    ///
    /// `auto` takes the usable NVIDIA GPU with the most free memory, else the processor. CoreML
    /// is never taken by itself: nobody has measured that it is the faster one for these models.
    pub fn choose(&self, choice: DeviceChoice) -> Result<(&DeviceMemory, Option<String>), Error> {
        match choice {
            DeviceChoice::Only(device) => {
                let unusable = |reason: &str| Error::DeviceUnusable { device, reason: reason.to_owned() };
                let found = self.devices.iter().find(|known| known.device == device);
                let found = found.ok_or_else(|| unusable("this machine has none"))?;
                match &found.unusable {
                    Some(reason) => Err(unusable(reason)),
                    None => Ok((found, None)),
                }
            }
            DeviceChoice::Auto => {
                let gpus = || self.devices.iter().filter(|known| matches!(known.device, Device::Cuda(_)));
                if let Some(gpu) = gpus().filter(|gpu| gpu.unusable.is_none()).max_by_key(|gpu| gpu.free) {
                    return Ok((gpu, Some(format!("device {gpu}"))));
                }
                let (cpu, _) = self.choose(DeviceChoice::Only(Device::Cpu))?;
                let why = match gpus().next() {
                    Some(gpu) => format!("device cpu, because {gpu}"),
                    None => format!("device {cpu}"),
                };
                Ok((cpu, Some(why)))
            }
        }
    }
}

fn processor() -> String {
    let threads = super::default_threads();
    format!("{}, {threads} threads", std::env::consts::ARCH)
}

fn library_missing() -> Option<String> {
    load().err().map(|error| error.to_string())
}

/// Why ONNX Runtime cannot use `device`, as far as it can be known before a model is opened.
fn unusable(device: Device) -> Option<String> {
    if let Some(reason) = library_missing() {
        return Some(reason);
    }
    provider::providers(device).err()
}

#[cfg(any(target_os = "linux", target_os = "windows"))]
fn gpus() -> Vec<DeviceMemory> {
    let Ok(nvml) = nvml_wrapper::Nvml::init() else { return Vec::new() };
    let count = nvml.device_count().unwrap_or(0);
    let gpu = |index| {
        let gpu = nvml.device_by_index(index)?;
        let (name, memory, device) = (gpu.name()?, gpu.memory_info()?, Device::Cuda(index));
        Ok::<_, nvml_wrapper::error::NvmlError>(DeviceMemory {
            device,
            name,
            total: memory.total,
            free: memory.free,
            unusable: unusable(device),
        })
    };
    let broken = |index, reason: String| DeviceMemory {
        device: Device::Cuda(index),
        name: "NVIDIA GPU".into(),
        total: 0,
        free: 0,
        unusable: Some(format!("the driver answers: {reason}")),
    };
    (0..count).map(|index| gpu(index).unwrap_or_else(|e| broken(index, e.to_string()))).collect()
}

#[cfg(not(any(target_os = "linux", target_os = "windows")))]
fn gpus() -> Vec<DeviceMemory> {
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(device: Device, free: u64, unusable: Option<&str>) -> DeviceMemory {
        DeviceMemory { device, name: "x".into(), total: 8 << 30, free, unusable: unusable.map(str::to_owned) }
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
        let cpu = known(Device::Cpu, 4 << 30, None);
        let machine = Machine {
            devices: vec![
                cpu.clone(),
                known(Device::Cuda(0), 1 << 30, None),
                known(Device::Cuda(1), 3 << 30, None),
                known(Device::Cuda(2), 7 << 30, Some("too old")),
            ],
        };
        assert_eq!(machine.choose(DeviceChoice::Auto).unwrap().0.device, Device::Cuda(1));
        let machine = Machine { devices: vec![cpu, known(Device::Cuda(0), 1, Some("built without it"))] };
        let (device, why) = machine.choose(DeviceChoice::Auto).unwrap();
        assert_eq!(device.device, Device::Cpu);
        assert!(why.unwrap().contains("built without it"));
        assert!(machine.choose(DeviceChoice::Only(Device::Cuda(0))).is_err());
        assert!(machine.choose(DeviceChoice::Only(Device::Cuda(7))).is_err());
    }

    #[test]
    fn this_machine_has_a_processor() {
        let machine = probe();
        let (cpu, why) = machine.choose(DeviceChoice::Only(Device::Cpu)).unwrap();
        assert!(cpu.free > 0 && cpu.free <= cpu.total && why.is_none(), "{cpu}");
    }
}

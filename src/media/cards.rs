//! Whether a machine has a card of NVIDIA's, with or without its driver.

use std::{fs, path::Path};

/// NVIDIA among the makers of PCI devices.
const NVIDIA: &str = "0x10de";

/// Whether this machine has one, as far as can be told: only Linux tells without a driver.
pub(super) fn may_have_nvidia() -> bool {
    !cfg!(target_os = "linux") || has_nvidia(Path::new("/"))
}

/// Whether the driver's device is below `root`, or the one that stands for all cards of Windows, or a card itself.
fn has_nvidia(root: &Path) -> bool {
    let devices = fs::read_dir(root.join("sys/bus/pci/devices")).into_iter().flatten().flatten();
    let makers = devices.filter_map(|device| fs::read_to_string(device.path().join("vendor")).ok());
    ["dev/nvidiactl", "dev/dxg"].iter().any(|device| root.join(device).exists())
        || makers.into_iter().any(|maker| maker.trim() == NVIDIA)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_is_found_without_its_driver_and_a_driver_without_its_card() {
        let root = tempfile::tempdir().unwrap();
        let place = |path: &str, text: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        assert!(!has_nvidia(root.path()));
        place("sys/bus/pci/devices/0000:00:01.0/vendor", "0x8086\n");
        place("dev/null", "");
        assert!(!has_nvidia(root.path()));
        place("sys/bus/pci/devices/0000:01:00.0/vendor", "0x10de\n");
        assert!(has_nvidia(root.path()));
        place("sys/bus/pci/devices/0000:01:00.0/vendor", "0x1002\n");
        assert!(!has_nvidia(root.path()));
        place("dev/nvidiactl", "");
        assert!(has_nvidia(root.path()));
    }
}

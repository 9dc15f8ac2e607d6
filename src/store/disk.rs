//! Whether a folder lies on another machine, where locks cannot be relied upon.

use std::path::Path;

/// What file systems that are reached over a network are called, by the number `statfs` tells (`statfs(2)`).
const FAR_AWAY: [(u64, &str); 9] = [
    (0x6969, "NFS"),
    (0xff53_4d42, "SMB"),
    (0xfe53_4d42, "SMB"),
    (0x517b, "SMB"),
    (0x0102_1997, "9p"),
    (0x00c3_6400, "Ceph"),
    (0x5346_414f, "AFS"),
    (0x0bd0_0bd0, "Lustre"),
    (0x1983_0326, "BeeGFS"),
];

/// The network file system that `folder` lies on; nothing for a disk of this machine, or where the system
/// does not tell.
pub fn network_disk(folder: &Path) -> Option<&'static str> {
    number(folder).and_then(named)
}

#[cfg(target_os = "linux")]
fn number(folder: &Path) -> Option<u64> {
    rustix::fs::statfs(folder).ok().map(|disk| disk.f_type as u64)
}

#[cfg(not(target_os = "linux"))]
fn number(_folder: &Path) -> Option<u64> {
    None
}

fn named(number: u64) -> Option<&'static str> {
    // Some systems tell it as a signed number of 32 bits.
    FAR_AWAY.iter().find(|(known, _)| *known == number & 0xffff_ffff).map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn disks_of_other_machines_are_known_by_their_numbers() {
        assert_eq!(named(0x6969), Some("NFS"));
        assert_eq!(named(0xffff_ffff_ff53_4d42), Some("SMB"));
        // ext4, tmpfs, overlayfs
        assert!([0xef53, 0x0102_1994, 0x794c_7630].into_iter().all(|number| named(number).is_none()));
        let here = tempfile::tempdir().unwrap();
        assert_eq!(network_disk(here.path()), None);
        assert_eq!(network_disk(&here.path().join("absent")), None);
    }
}

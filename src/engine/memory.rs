//! Memory, measured.

use std::fmt;

/// A number of bytes, written as people read it: `23.4 GiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bytes(pub u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = self.0 as f64 / f64::from(1 << 20);
        match mib {
            mib if mib >= 1024.0 => write!(f, "{:.1} GiB", mib / 1024.0),
            mib if mib >= 10.0 => write!(f, "{mib:.0} MiB"),
            mib => write!(f, "{mib:.1} MiB"),
        }
    }
}

/// What this process holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Process {
    /// Bytes in memory now.
    pub resident: u64,
    /// The most it ever was, where the system tells.
    pub peak: Option<u64>,
}

/// What the machine has, within the limit of a container if there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SystemMemory {
    /// Bytes in all.
    pub total: u64,
    /// Bytes a new program may take without swapping.
    pub available: u64,
}

/// Measures this process.
pub fn process() -> Process {
    if let Some(process) = from_proc("self") {
        return process;
    }
    from_sysinfo().unwrap_or(Process { resident: 0, peak: None })
}

/// Measures another process; nothing where the system does not tell, or it has ended.
pub fn process_of(id: u32) -> Option<Process> {
    from_proc(&id.to_string())
}

/// `/proc/self/status` of Linux, in KiB.
fn from_proc(process: &str) -> Option<Process> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let bytes = |key: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(key))?;
        Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
    };
    Some(Process { resident: bytes("VmRSS:")?, peak: bytes("VmHWM:") })
}

fn from_sysinfo() -> Option<Process> {
    let pid = sysinfo::get_current_pid().ok()?;
    let mut system = sysinfo::System::new().ok()?;
    system.refresh_processes(sysinfo::ProcessesToUpdate::Some(&[pid]), false);
    Some(Process { resident: system.process(pid)?.memory(), peak: peak() })
}

#[cfg(target_os = "macos")]
fn peak() -> Option<u64> {
    use nix::sys::resource::{UsageWho, getrusage};
    // In bytes on this system, where others count KiB.
    u64::try_from(getrusage(UsageWho::RUSAGE_SELF).ok()?.max_rss()).ok()
}

/// The system does not tell.
#[cfg(not(target_os = "macos"))]
fn peak() -> Option<u64> {
    None
}

/// Measures the machine; nothing but zeros where the system does not tell.
pub fn system() -> SystemMemory {
    let Ok(mut system) = sysinfo::System::new() else { return SystemMemory { total: 0, available: 0 } };
    system.refresh_memory();
    let (total, available) = (system.total_memory(), system.available_memory());
    match system.cgroup_limits() {
        Some(limit) if limit.total_memory < total => {
            SystemMemory { total: limit.total_memory, available: available.min(limit.free_memory) }
        }
        _ => SystemMemory { total, available },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_read_as_people_write_them() {
        let text = |bytes| Bytes(bytes).to_string();
        assert_eq!(text(25_125_558_682), "23.4 GiB");
        assert_eq!(text(368 << 20), "368 MiB");
        assert_eq!(text(1_500_000), "1.4 MiB");
    }

    #[test]
    fn a_big_allocation_is_seen() {
        let before = process();
        let block = std::hint::black_box(vec![1u8; 64 << 20]);
        let after = process();
        assert!(after.resident >= before.resident + (48 << 20), "{before:?} {after:?}");
        assert!(after.peak.is_none_or(|peak| peak >= after.resident), "{after:?}");
        drop(block);
    }

    #[test]
    fn the_machine_has_more_than_it_has_left() {
        let memory = system();
        assert!(memory.available > 0 && memory.available <= memory.total, "{memory:?}");
    }
}

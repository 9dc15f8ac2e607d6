//! The card, and how much of it is taken.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use shortform::engine::{self, Device, DeviceChoice};

use super::Result;

/// The card to measure; where there is none that this program can use, says why.
pub(super) fn card() -> Option<u32> {
    let machine = engine::probe();
    let card = machine.devices.iter().find_map(|known| match known.device {
        Device::Cuda(index) => Some((index, known)),
        _ => None,
    });
    let Some((index, known)) = card else {
        println!("no NVIDIA card here: nothing is measured");
        return None;
    };
    if let Err(error) = machine.choose(DeviceChoice::Only(Device::Cuda(index))) {
        println!("{known} is there, but cannot be used: {error}; nothing is measured");
        return None;
    }
    println!("{known}");
    Some(index)
}

/// Bytes free on the card.
pub(super) fn free(device: u32) -> Option<u64> {
    let devices = engine::probe().devices;
    devices.iter().find(|known| known.device == Device::Cuda(device)).map(|known| known.free)
}

/// Looks at a card every few milliseconds.
pub(super) struct Watch {
    most: Arc<AtomicU64>,
    over: Arc<AtomicBool>,
    looking: thread::JoinHandle<()>,
}

impl Watch {
    /// Of a card that has `before` bytes free.
    pub(super) fn of(device: u32, before: u64) -> Self {
        let (most, over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let (seen, ended) = (Arc::clone(&most), Arc::clone(&over));
        let looking = thread::spawn(move || {
            while !ended.load(Ordering::Relaxed) {
                seen.fetch_max(before.saturating_sub(free(device).unwrap_or(before)), Ordering::Relaxed);
                thread::sleep(Duration::from_millis(3));
            }
        });
        Self { most, over, looking }
    }

    /// The most bytes that were taken meanwhile.
    pub(super) fn end(self) -> Result<u64> {
        self.over.store(true, Ordering::Relaxed);
        self.looking.join().map_err(|_| "the watch on the card failed")?;
        Ok(self.most.load(Ordering::Relaxed))
    }
}

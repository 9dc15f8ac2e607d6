//! Batches by the real program: what is made, what is not made twice, and what survives kill -9, signals,
//! broken disks and dying devices.
//!
//! The long ones run small by default; their numbers come from the environment: `SHORTFORM_TEST_KILLS`,
//! `SHORTFORM_TEST_SCRIPTS`, `SHORTFORM_TEST_CALLS` (calls of each fault point).
#![cfg(all(unix, feature = "video"))]

mod chaos;
// Finds the process that draws in /proc.
#[cfg(target_os = "linux")]
mod device;
mod faults;
mod make;
mod night;
mod page;
mod program;

//! Batches by the real program: what is made, what is not made twice, and what survives kill -9, signals,
//! broken disks and dying devices.
//!
//! The long ones run small by default; their numbers come from the environment: `SHORTFORM_TEST_KILLS`,
//! `SHORTFORM_TEST_SCRIPTS`, `SHORTFORM_TEST_CALLS` (calls of each fault point), `SHORTFORM_TEST_ROUNDS` (of broken
//! outputs), `SHORTFORM_TEST_MODELS=1` (memory with models). `SHORTFORM_TEST_FOLDER=/dev/shm` makes them faster.
#![cfg(all(unix, feature = "video"))]

mod chaos;
// Finds the process that draws in /proc.
#[cfg(target_os = "linux")]
mod device;
mod faults;
mod lanes;
mod make;
mod night;
mod page;
mod program;
// Mounts what only Linux mounts.
#[cfg(target_os = "linux")]
mod troubles;

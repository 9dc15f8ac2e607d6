//! ONNX Runtime's memory on the processor: counted, and kept below a limit.
//!
//! A system promises more memory than it has and kills whoever takes it; its own allocator refuses nothing
//! before that. This one refuses what would go beyond the limit, so that a forecast that was wrong costs a
//! step down instead of the process.
#![expect(unsafe_code, reason = "ONNX Runtime takes an allocator only as a table of C functions")]

use std::{
    env,
    ffi::{CStr, c_void},
    ptr,
    sync::{
        OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
};

use ort::{AsPointer, environment::Environment, sys};

use super::blocks;

/// Bytes of blocks that are not given back yet, and the most there ever were.
static HELD: AtomicU64 = AtomicU64::new(0);
static PEAK: AtomicU64 = AtomicU64::new(0);
/// The most bytes that may be held.
static LIMIT: AtomicU64 = AtomicU64::new(u64::MAX);
static REFUSED: AtomicU64 = AtomicU64::new(0);
/// Whether the next block is refused, for a test.
static STRIKES: AtomicBool = AtomicBool::new(false);

/// What ONNX Runtime holds on the processor, as far as it is counted: tensors, and weights that were copied out
/// of their files; of models in pieces, and of whole ones that were opened under a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tensors {
    /// Bytes now.
    pub held: u64,
    /// The most there ever were.
    pub peak: u64,
    /// Blocks that were refused so far.
    pub refused: u64,
}

/// What ONNX Runtime holds on the processor in this process, as far as it is counted.
pub fn tensors() -> Tensors {
    Tensors { held: HELD.load(Relaxed), peak: PEAK.load(Relaxed), refused: REFUSED.load(Relaxed) }
}

/// While it lives, ONNX Runtime is refused what goes beyond a number of bytes on the processor.
///
/// One holds for the whole process: the latest.
#[derive(Debug)]
pub struct Limit(u64);

/// How many limits there were.
static LIMITS: AtomicU64 = AtomicU64::new(0);

impl Limit {
    /// At most so many bytes more than it holds now.
    pub fn of(bytes: u64) -> Self {
        blocks::give_kept_back();
        let bytes = bytes.saturating_add(HELD.load(Relaxed));
        let this = Self(LIMITS.fetch_add(1, Relaxed) + 1);
        LIMIT.store(bytes, Relaxed);
        this
    }
}

impl Drop for Limit {
    fn drop(&mut self) {
        if LIMITS.load(Relaxed) == self.0 {
            LIMIT.store(u64::MAX, Relaxed);
        }
    }
}

/// What a test does to this process: `SHORTFORM_FAULT=memory.step:refuse@7` refuses one block in the 7th
/// session that is opened or run, `memory.held:refuse@1000000` every one that makes it more than so many bytes.
#[derive(Debug, Default, Clone, Copy)]
struct Fault {
    step: Option<u64>,
    held: Option<u64>,
}

fn fault() -> Fault {
    static FAULT: OnceLock<Fault> = OnceLock::new();
    *FAULT.get_or_init(|| env::var("SHORTFORM_FAULT").map_or(Fault::default(), |text| read(&text)))
}

fn read(text: &str) -> Fault {
    let of = |point: &str| text.strip_prefix(point)?.strip_prefix(":refuse@")?.parse().ok();
    Fault { step: of("memory.step"), held: of("memory.held") }
}

/// Whether sessions that are opened now are to take their memory here.
///
/// Where nothing is limited, ONNX Runtime's own arena serves whole models: it keeps the pages it was given, and
/// fresh ones cost a tenth of the time of a UNet.
pub(super) fn counts() -> bool {
    LIMIT.load(Relaxed) != u64::MAX || fault().step.is_some() || fault().held.is_some()
}

/// A session is about to be opened or run.
pub(super) fn step() {
    static STEPS: AtomicU64 = AtomicU64::new(0);
    let Some(at) = fault().step else { return };
    if STEPS.fetch_add(1, Relaxed) + 1 == at {
        STRIKES.store(true, Relaxed);
    }
}

/// The most bytes that may be held, by a test's word as well.
fn limit() -> u64 {
    LIMIT.load(Relaxed).min(fault().held.unwrap_or(u64::MAX))
}

/// Whether a block of `bytes` may be had; if so it is counted.
fn charge(bytes: u64) -> bool {
    let limit = limit();
    let fits = |held: u64| held.checked_add(bytes).filter(|&held| held <= limit);
    let before = match STRIKES.swap(false, Relaxed) {
        true => Err(0),
        false => HELD.fetch_update(Relaxed, Relaxed, fits),
    };
    match before {
        Ok(before) => {
            PEAK.fetch_max(before + bytes, Relaxed);
            true
        }
        Err(_) => {
            REFUSED.fetch_add(1, Relaxed);
            false
        }
    }
}

/// The table ONNX Runtime calls, and what its functions need.
#[repr(C)]
struct Counting {
    /// First: ONNX Runtime knows the address of this as the allocator's.
    table: sys::OrtAllocator,
    info: *mut sys::OrtMemoryInfo,
    /// ONNX Runtime's own for the processor.
    plain: *mut sys::OrtAllocator,
}

/// A C function that may throw a C++ exception through its caller.
type Throwing = unsafe extern "system-unwind" fn(*mut sys::OrtAllocator, usize) -> *mut c_void;
type Reserving = unsafe extern "system-unwind" fn(*const sys::OrtAllocator, usize) -> *mut c_void;
/// The same in ONNX Runtime's table, whose types do not tell that it throws.
type Quiet<Allocator> = unsafe extern "system" fn(Allocator, usize) -> *mut c_void;

/// Refuses: has ONNX Runtime's own allocator fail in the way that its callers expect, by an exception. They do
/// not look for null.
///
/// # Safety
/// `counting` is one that [`register`] made.
unsafe fn refuse(counting: *const Counting) -> *mut c_void {
    // SAFETY: by the caller's word; ONNX Runtime keeps its own allocator as long as the process.
    unsafe {
        let plain = (*counting).plain;
        let Some(alloc) = (*plain).Alloc else { return ptr::null_mut() };
        // The same calling convention, and leave to unwind: an exception passes through this frame, which has
        // nothing to drop.
        let alloc = std::mem::transmute::<Quiet<*mut sys::OrtAllocator>, Throwing>(alloc);
        // No machine has that much.
        alloc(plain, usize::MAX >> 2)
    }
}

unsafe extern "system-unwind" fn give(this: *mut sys::OrtAllocator, bytes: usize) -> *mut c_void {
    if bytes == 0 {
        return ptr::null_mut();
    }
    match block(bytes) {
        Some(contents) => contents.cast(),
        // SAFETY: ONNX Runtime hands over the table it was given.
        None => unsafe { refuse(this.cast::<Counting>().cast_const()) },
    }
}

/// The contents of a block of `bytes`, kept or fresh; none where it is refused.
pub(super) fn block(bytes: usize) -> Option<*mut u8> {
    let block = charge(bytes as u64).then(|| blocks::take(bytes))?;
    if block.is_none() {
        HELD.fetch_sub(bytes as u64, Relaxed);
    }
    block
}

/// The same of at least `bytes`, for as long as nobody asks for another: a longer one that was kept serves as well.
pub(super) fn block_of_at_least(bytes: usize) -> Option<*mut u8> {
    let longer = blocks::at_least(bytes);
    let fits = HELD.load(Relaxed).saturating_add(longer as u64) <= limit();
    block(if fits { longer } else { bytes })
}

unsafe extern "system-unwind" fn reserve(this: *const sys::OrtAllocator, bytes: usize) -> *mut c_void {
    // SAFETY: the same table.
    unsafe { give(this.cast_mut(), bytes) }
}

unsafe extern "system" fn take_back(_: *mut sys::OrtAllocator, contents: *mut c_void) {
    if !contents.is_null() {
        // SAFETY: `give` made it.
        unsafe { release(contents.cast()) };
    }
}

/// Takes back the contents of a block.
///
/// # Safety
/// [`block`] made it, and nobody uses it any more.
pub(super) unsafe fn release(contents: *mut u8) {
    // SAFETY: by the caller's word.
    let bytes = unsafe { blocks::give_back(contents) };
    HELD.fetch_sub(bytes as u64, Relaxed);
}

unsafe extern "system" fn info(this: *const sys::OrtAllocator) -> *const sys::OrtMemoryInfo {
    // SAFETY: ONNX Runtime hands over the table it was given.
    unsafe { (*this.cast::<Counting>()).info }
}

/// Puts the allocator into `environment`, for sessions that use the environment's.
///
/// Called once for a library that stays as long as the process: so does what is made here.
pub(super) fn register(environment: &Environment) -> Result<(), String> {
    let api = ort::api();
    let mut info_of_cpu = ptr::null_mut();
    let mut plain = ptr::null_mut();
    // SAFETY: pointers to write to; the functions are ONNX Runtime's own.
    unsafe {
        told((api.CreateCpuMemoryInfo)(
            sys::OrtAllocatorType::OrtDeviceAllocator,
            sys::OrtMemType::OrtMemTypeDefault,
            &mut info_of_cpu,
        ))?;
        told((api.GetAllocatorWithDefaultOptions)(&mut plain))?;
    }
    let (give, reserve) = (give as Throwing, reserve as Reserving);
    // SAFETY: the same calling convention; ONNX Runtime is C++ and lets exceptions through where its own
    // allocators throw them.
    let (give, reserve) = unsafe {
        (
            std::mem::transmute::<Throwing, Quiet<*mut sys::OrtAllocator>>(give),
            std::mem::transmute::<Reserving, Quiet<*const sys::OrtAllocator>>(reserve),
        )
    };
    // SAFETY: a table of this version without functions, which are put in now.
    let mut table = unsafe { sys::OrtAllocator::default() };
    table.Alloc = Some(give);
    table.Reserve = Some(reserve);
    table.Free = Some(take_back);
    table.Info = Some(info);
    let counting = Box::leak(Box::new(Counting { table, info: info_of_cpu, plain }));
    // SAFETY: the environment lives; the table is never moved nor given back.
    unsafe {
        told((api.RegisterAllocator)(
            environment.ptr().cast_mut(),
            ptr::from_mut(counting).cast::<sys::OrtAllocator>(),
        ))
    }
}

/// A status as a result.
///
/// # Safety
/// `status` comes from ONNX Runtime and is nobody else's.
pub(super) unsafe fn told(status: sys::OrtStatusPtr) -> Result<(), String> {
    let status = status.0;
    if status.is_null() {
        return Ok(());
    }
    let api = ort::api();
    // SAFETY: by the caller's word; the text lives as long as the status.
    unsafe {
        let text = CStr::from_ptr((api.GetErrorMessage)(status)).to_string_lossy().into_owned();
        (api.ReleaseStatus)(status);
        Err(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_read_as_written() {
        let fault = read("memory.step:refuse@7");
        assert_eq!((fault.step, fault.held), (Some(7), None));
        let fault = read("memory.held:refuse@1000000");
        assert_eq!((fault.step, fault.held), (None, Some(1_000_000)));
        for other in ["memory.step:abort@7", "store.rename:abort@7", "memory.step", ""] {
            let fault = read(other);
            assert_eq!((fault.step, fault.held), (None, None), "{other}");
        }
    }
}

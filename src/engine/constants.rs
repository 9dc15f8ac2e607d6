//! Constants of the program that are large: where they lie when nobody reads them.

/// Takes constants that were read out of memory again: the system reads them from the program's file when somebody looks
/// at them. Where the system has no such call they stay.
///
/// # Safety
/// `bytes` are a constant that the program's file contains: nothing ever writes to them.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "pages go by address")]
pub unsafe fn leave_in_file(bytes: &'static [u8]) {
    use rustix::mm::{Advice, madvise};

    let page = rustix::param::page_size();
    let before = bytes.as_ptr().align_offset(page);
    let Some(whole) = bytes.get(before..).map(|bytes| bytes.len() / page * page) else { return };
    let pages = bytes[before..].as_ptr().cast_mut();
    // SAFETY: whole pages, with nothing in them but these constants. They are those of the file, by the caller's word, so
    // that they are the same when they come back. Refused, they stay.
    let _ = unsafe { madvise(pages.cast(), whole, Advice::LinuxDontNeed) };
}

/// Takes constants that were read out of memory again, where the system has a call for it.
///
/// # Safety
/// None is needed here.
#[cfg(not(target_os = "linux"))]
#[expect(unsafe_code, reason = "it is unsafe elsewhere")]
pub unsafe fn leave_in_file(_: &'static [u8]) {}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    #[test]
    #[expect(unsafe_code, reason = "what is tested is")]
    fn they_are_the_same_when_they_come_back() {
        static BYTES: &[u8] = include_bytes!("../../Cargo.lock");
        let before = BYTES.to_vec();
        // SAFETY: a constant in the program's file.
        unsafe { leave_in_file(BYTES) };
        assert_eq!(BYTES, before);
    }
}

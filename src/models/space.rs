//! Room on the disk, looked at before anything is fetched or copied.

use std::path::Path;

use super::HubError;

/// What stays free for everything else on the disk.
const RESERVE: u64 = 64 << 20;

/// Whether `needed` more bytes fit into `folder`, which exists.
pub(super) fn check(folder: &Path, needed: u64) -> Result<(), HubError> {
    match free(folder) {
        Some(free) if needed > 0 && free < needed.saturating_add(RESERVE) => {
            Err(HubError::Space { folder: folder.to_owned(), needed: needed.saturating_add(RESERVE), free })
        }
        _ => Ok(()),
    }
}

/// The bytes that this user may still write into `folder`; nothing where the system does not tell.
fn free(folder: &Path) -> Option<u64> {
    #[cfg(unix)]
    {
        let told = rustix::fs::statvfs(folder).ok()?;
        Some(told.f_bavail.saturating_mul(told.f_frsize))
    }
    #[cfg(not(unix))]
    {
        let _ = folder;
        None
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_fit_is_refused_before() {
        let folder = tempfile::tempdir().unwrap();
        let free = free(folder.path()).unwrap();
        assert!(free > 0);
        assert!(check(folder.path(), 0).is_ok());
        let error = check(folder.path(), free).unwrap_err();
        assert!(matches!(error, HubError::Space { .. }), "{error}");
        assert!(check(folder.path(), u64::MAX).is_err());
    }
}

//! One file: into a `.part`, going on there, named when it is whole and right.

use std::{
    fs::{self, File, OpenOptions},
    io::{Read, Write},
    path::{Path, PathBuf},
};

use reqwest::{
    StatusCode, Url,
    blocking::Response,
    header::{CONTENT_RANGE, ETAG, HeaderMap, HeaderValue, IF_RANGE, RANGE},
};

use crate::service::told;

use super::{
    super::{
        content::Checksums,
        progress::{Count, Watch},
    },
    Hub, HubError, Listed, Repository,
    client::shown,
    pace::Pace,
    retry::{Fault, retry},
};

impl Hub {
    /// Fetches the file `listed` of `repository` at `commit` as `target`; answers its SHA-256 digest.
    ///
    /// What lies at `target` already is taken if it is right. What an interrupted attempt left is gone on
    /// with, as long as the server's file is still the same one.
    pub(in crate::models) fn fetch(
        &self,
        repository: &Repository,
        commit: &str,
        listed: &Listed,
        target: &Path,
        count: &Count,
        watch: &mut Watch<'_>,
    ) -> Result<String, HubError> {
        let url = self.file_url(repository, commit, &listed.path);
        let part = Part::of(target);
        if let Some(folder) = target.parent() {
            fs::create_dir_all(folder).map_err(part.failed())?;
        }
        if listed.sha256.is_none() && listed.git.is_none() {
            let reason = "the hub lists no digest of this file, so nobody could tell a wrong one".into();
            return Err(HubError::Answer { url: shown(&url), reason });
        }
        let wants_git = listed.sha256.is_none();
        if target.is_file()
            && let Ok(sums) = Checksums::of_file(target, wants_git)
            && differs(listed, &sums, &url).is_none()
        {
            count.say(&listed.path, listed.size, watch)?;
            return Ok(sums.sha256);
        }
        let what = format!("file `{}` in `{repository}` at {commit}", listed.path);
        // A right file is worth a second try from its beginning: lines and disks do flip bits.
        let mut is_last = false;
        loop {
            retry(&self.settings, &shown(&url), watch, |watch| {
                self.go_on(&url, repository, &what, listed, &part, count, watch)
            })?;
            let file = File::open(&part.path).map_err(part.failed())?;
            file.sync_all().map_err(part.failed())?;
            // Read back from the disk: what lies there is what is checked.
            let sums = Checksums::of_file(&part.path, wants_git).map_err(part.failed())?;
            match differs(listed, &sums, &url) {
                None => {
                    fs::rename(&part.path, target).map_err(part.failed())?;
                    part.forget_tag();
                    return Ok(sums.sha256);
                }
                Some(error) => {
                    part.remove();
                    if is_last {
                        return Err(error);
                    }
                    is_last = true;
                }
            }
        }
    }

    /// One attempt: asks for what the part lacks, and writes what comes.
    #[expect(clippy::too_many_arguments, reason = "each says something else about the one file")]
    fn go_on(
        &self,
        url: &Url,
        repository: &Repository,
        what: &str,
        listed: &Listed,
        part: &Part,
        count: &Count,
        watch: &mut Watch<'_>,
    ) -> Result<(), Fault> {
        let mut have = part.length();
        if have > listed.size {
            part.remove();
            have = 0;
        }
        if have == listed.size && part.path.exists() {
            return Ok(());
        }
        let mut headers = HeaderMap::new();
        let tag = part.tag();
        if have > 0 {
            let range = format!("bytes={have}-");
            headers.insert(RANGE, HeaderValue::from_str(&range).expect("digits are a header's value"));
            if let Some(tag) = &tag {
                headers.insert(IF_RANGE, tag.clone());
            }
        }
        let response = self.get(url, headers, repository, what, &[StatusCode::RANGE_NOT_SATISFIABLE])?;
        let from = match response.status() {
            StatusCode::PARTIAL_CONTENT if goes_on(&response, have, listed.size, tag.as_ref()) => have,
            StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE => {
                part.remove();
                return Err(Fault::passing("the server's range is not the one asked for"));
            }
            // It knows no ranges, or the file is another one by now: this is all of it.
            _ => 0,
        };
        let announced = response.content_length().map(|length| from.saturating_add(length));
        if let Some(length) = announced.filter(|length| *length != listed.size) {
            return Err(Fault::Final(HubError::Differs {
                file: listed.path.clone(),
                url: shown(url),
                what: "its size",
                expected: listed.size.to_string(),
                found: length.to_string(),
            }));
        }
        part.keep_tag(response.headers().get(ETAG));
        self.write(response, url, listed, part, from, count, watch)
    }

    #[expect(clippy::too_many_arguments, reason = "each says something else about the one file")]
    fn write(
        &self,
        mut response: Response,
        url: &Url,
        listed: &Listed,
        part: &Part,
        from: u64,
        count: &Count,
        watch: &mut Watch<'_>,
    ) -> Result<(), Fault> {
        let failed = |error| Fault::Final(part.failed()(error));
        let mut file =
            OpenOptions::new().create(true).truncate(false).write(true).open(&part.path).map_err(failed)?;
        file.set_len(from).map_err(failed)?;
        std::io::Seek::seek(&mut file, std::io::SeekFrom::Start(from)).map_err(failed)?;
        let mut have = from;
        let mut buffer = vec![0; 1 << 17];
        let mut pace = Pace::new(self.settings.timeout);
        loop {
            let read = match response.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) => {
                    let reason = format!("the connection breaks off at byte {have}: {}", told(&error));
                    return Err(Fault::Passing { reason, wish: None, advanced: have > from });
                }
            };
            file.write_all(&buffer[..read]).map_err(failed)?;
            have += read as u64;
            if have > listed.size {
                part.remove();
                return Err(Fault::Final(HubError::Differs {
                    file: listed.path.clone(),
                    url: shown(url),
                    what: "its size",
                    expected: listed.size.to_string(),
                    found: format!("at least {have}"),
                }));
            }
            count.say(&listed.path, have, watch)?;
            if let Some(reason) = pace.stalls(have - from).filter(|_| have < listed.size) {
                // What drips advances nothing: else it would be tried again without end.
                return Err(Fault::passing(reason));
            }
        }
        if have < listed.size {
            let reason = format!("only {have} of {} bytes came", listed.size);
            return Err(Fault::Passing { reason, wish: None, advanced: have > from });
        }
        Ok(())
    }
}

/// Whether a partial answer is the rest of the same file.
fn goes_on(response: &Response, have: u64, size: u64, tag: Option<&HeaderValue>) -> bool {
    let same = match (tag, response.headers().get(ETAG)) {
        (Some(ours), Some(theirs)) => ours == theirs,
        _ => true,
    };
    let range = response.headers().get(CONTENT_RANGE).and_then(|value| value.to_str().ok());
    same && have > 0
        && range.and_then(content_range).is_some_and(|(start, end, total)| {
            start == have && end + 1 == size && total.is_none_or(|total| total == size)
        })
}

/// `bytes START-END/TOTAL`, the total `*` if it is unknown.
fn content_range(text: &str) -> Option<(u64, u64, Option<u64>)> {
    let (range, total) = text.trim().strip_prefix("bytes")?.trim_start().split_once('/')?;
    let (start, end) = range.split_once('-')?;
    let total = match total.trim() {
        "*" => None,
        total => Some(total.parse().ok()?),
    };
    let (start, end) = (start.trim().parse().ok()?, end.trim().parse::<u64>().ok()?);
    (end < u64::MAX).then_some((start, end, total))
}

/// How the file differs from what is listed, if it does.
fn differs(listed: &Listed, sums: &Checksums, url: &Url) -> Option<HubError> {
    let error = |what, expected: &str, found: &str| HubError::Differs {
        file: listed.path.clone(),
        url: shown(url),
        what,
        expected: expected.to_owned(),
        found: found.to_owned(),
    };
    if sums.size != listed.size {
        return Some(error("its size", &listed.size.to_string(), &sums.size.to_string()));
    }
    match (&listed.sha256, &listed.git) {
        (Some(expected), _) if *expected != sums.sha256 => {
            Some(error("its SHA-256 digest", expected, &sums.sha256))
        }
        (None, Some(expected)) => {
            let found = sums.git.as_deref().unwrap_or_default();
            (expected != found).then(|| error("its Git digest", expected, found))
        }
        _ => None,
    }
}

/// A file on its way, and the tag of the server's file it is a part of.
struct Part {
    path: PathBuf,
    tag: PathBuf,
}

impl Part {
    fn of(target: &Path) -> Self {
        let name = |ending: &str| {
            let mut name = target.file_name().unwrap_or_default().to_owned();
            name.push(ending);
            target.with_file_name(name)
        };
        Self { path: name(".part"), tag: name(".part-tag") }
    }

    fn length(&self) -> u64 {
        fs::metadata(&self.path).map_or(0, |metadata| metadata.len())
    }

    /// The tag, if it is one that promises equal bytes.
    fn tag(&self) -> Option<HeaderValue> {
        let bytes = fs::read(&self.tag).ok()?;
        HeaderValue::from_bytes(&bytes).ok().filter(is_strong)
    }

    /// Remembers the tag. Without one a part is gone on with all the same: the digest decides.
    fn keep_tag(&self, tag: Option<&HeaderValue>) {
        match tag.filter(|tag| is_strong(tag)) {
            Some(tag) => drop(fs::write(&self.tag, tag.as_bytes())),
            None => self.forget_tag(),
        }
    }

    fn forget_tag(&self) {
        let _ = fs::remove_file(&self.tag);
    }

    fn remove(&self) {
        let _ = fs::remove_file(&self.path);
        self.forget_tag();
    }

    fn failed(&self) -> impl FnOnce(std::io::Error) -> HubError {
        let path = self.path.clone();
        move |source| HubError::Write { path, source }
    }
}

fn is_strong(tag: &HeaderValue) -> bool {
    let bytes = tag.as_bytes();
    bytes.len() >= 2 && bytes.starts_with(b"\"") && bytes.ends_with(b"\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_or_refused() {
        assert_eq!(content_range("bytes 5-9/10"), Some((5, 9, Some(10))));
        assert_eq!(content_range("bytes 5-9/*"), Some((5, 9, None)));
        for wrong in [
            "",
            "bytes",
            "bytes */10",
            "5-9/10 bytes",
            "bytes 5/10",
            "bytes -9/10",
            "bytes 5-18446744073709551615/1",
        ] {
            assert_eq!(content_range(wrong), None, "{wrong}");
        }
    }
}

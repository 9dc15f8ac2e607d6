//! Running `shortform` and the tools that judge what it made.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    sync::OnceLock,
};

/// An empty folder for the test called `name`, under one that is emptied when the tests begin.
pub(crate) fn folder(name: &str) -> PathBuf {
    static ROOT: OnceLock<PathBuf> = OnceLock::new();
    let root = ROOT.get_or_init(|| {
        let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("end_to_end");
        let _ = std::fs::remove_dir_all(&root);
        root
    });
    let folder = root.join(name);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// The program, cut off from the settings and the store of whoever runs the tests; its store lies in `folder`.
pub(crate) fn shortform(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shortform"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("SHORTFORM_") {
            command.env_remove(name);
        }
    }
    command.env("SHORTFORM_CACHE_DIR", folder.join("store")).current_dir(folder).stdin(Stdio::null());
    command
}

/// Runs it to its end.
pub(crate) fn finish(command: &mut Command) -> Output {
    command.output().unwrap_or_else(|error| panic!("{:?} does not start: {error}", command.get_program()))
}

/// Runs it, and it must succeed; its standard output.
pub(crate) fn succeed(command: &mut Command) -> Vec<u8> {
    let output = finish(command);
    assert!(output.status.success(), "{command:?} ended with {}\n{}", output.status, said(&output));
    output.stdout
}

/// Runs it, and it must end with this exit code and without a panic; what it said.
pub(crate) fn fail(command: &mut Command, code: i32) -> String {
    let output = finish(command);
    let said = said(&output);
    assert_eq!(output.status.code(), Some(code), "{command:?} said:\n{said}");
    assert!(!said.contains("panicked"), "{said}");
    assert!(!String::from_utf8_lossy(&output.stderr).trim().is_empty(), "{command:?} failed without a word");
    said
}

/// Both of its streams.
pub(crate) fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// The words of a command line, split at spaces.
pub(crate) fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split_whitespace()
}

/// What ffprobe tells about a file.
pub(crate) fn ffprobe(file: &Path, arguments: &str) -> serde_json::Value {
    let mut ffprobe = Command::new("ffprobe");
    ffprobe.args(["-v", "error", "-of", "json"]).args(words(arguments)).arg(file);
    serde_json::from_slice(&succeed(&mut ffprobe)).unwrap()
}

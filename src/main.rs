//! The `shortform` program.

use std::process::ExitCode;

fn main() -> ExitCode {
    shortform::cli::run()
}

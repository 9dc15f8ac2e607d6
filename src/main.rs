//! The `shortform` program.

fn main() {}

//! The content-addressed store: nothing is computed twice, nothing is lost.

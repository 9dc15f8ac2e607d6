//! The YAML: read with spans, layered, typed once, every mistake told at once.

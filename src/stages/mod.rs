//! The stages of a pipeline: glue from typed settings to the crafts.

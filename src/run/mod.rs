//! What would run, running it, and what happened meanwhile.

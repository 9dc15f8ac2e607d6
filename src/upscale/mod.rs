//! Images become stills of exactly the delivered size.

//! libav: encoder, muxer, decoder, and the check of the finished file.

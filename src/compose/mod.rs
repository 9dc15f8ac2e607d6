//! The picture at time t: camera, transitions, captions, in YUV planes.

//! ONNX Runtime: devices, memory, sessions. The only room that names `ort`.

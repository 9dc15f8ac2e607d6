"""What each network takes and gives as an ONNX file, with the names optimum gives; for the exporter and the reference suite."""

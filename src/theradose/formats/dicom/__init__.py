"""DICOM objects of nuclear medicine and radiotherapy."""

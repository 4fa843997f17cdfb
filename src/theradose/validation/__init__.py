"""Published numbers and the department's own phantom: whether an installation computes what it should.

:func:`theradose.validation.suite.run_suite` compares the program with the cases of ``validation/cases``;
:func:`theradose.validation.site.validate_site` takes a phantom of known content from DICOM to dose.
"""

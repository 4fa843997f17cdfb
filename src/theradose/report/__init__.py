"""Documents of a result: JSON, tables, figures, PDF and HTML.

:func:`theradose.report.pdf.write_pdf`, :func:`theradose.report.html.write_html`,
:func:`theradose.report.tables.write_tables` and :func:`theradose.report.document.write_result_json` write them;
:class:`theradose.report.exporters.Publication` draws the figures once for all. PDF and HTML show the same
:class:`theradose.report.blocks.Document`: data stay plain text until a template escapes them.
"""

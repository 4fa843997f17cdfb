import re
from datetime import UTC, datetime

from theradose.report.sheets import Sheet, SheetColumn, SheetField, write_sheet

HOSTILE = '#import "@preview/x:1.0.0": * #panic("x") $ *bold* _x_ `raw` <label> @ref \\u{41} #{1/0} // /* [ ] { }'
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def sheet(rows, text="x"):
    columns = (SheetColumn("what", 0, printed=True), SheetColumn("filled in", 1.0))
    return Sheet("Title", text, (SheetField("id"), SheetField("therapy", text)), columns, tuple([(text, "")] * rows))


def pages(path):
    return len(re.findall(rb"/Type\s*/Page\b", path.read_bytes()))


def test_a_dozen_rows_fit_on_a_page_and_many_run_over(tmp_path):
    for rows, on_one_page in ((1, True), (12, True), (60, False)):
        path = tmp_path / f"{rows}.pdf"
        write_sheet(sheet(rows), path, created=NOON)
        assert (pages(path) == 1) is on_one_page


def test_data_is_never_markup(tmp_path):
    write_sheet(sheet(2, HOSTILE), tmp_path / "sheet.pdf", created=NOON)
    assert (tmp_path / "sheet.pdf").read_bytes().startswith(b"%PDF-")


def test_the_same_sheet_gives_the_same_file(tmp_path):
    for name in ("a", "b"):
        write_sheet(sheet(3), tmp_path / name, created=NOON)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()

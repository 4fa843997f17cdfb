from theradose.report import exporters as module
from theradose.report.exporters import Publication, exporters


def test_each_exporter_writes_what_it_names_and_figures_are_drawn_once(
    result, images, curves, pictures, tmp_path, monkeypatch
):
    drawings = []
    monkeypatch.setattr(module, "draw_pictures", lambda *_: drawings.append(1) or pictures)
    publication = Publication(result, images, curves)
    for name in ("pdf", "html", "tables"):
        paths = exporters.get(name)(publication, tmp_path)
        assert paths
        assert all(path.is_file() and path.is_relative_to(tmp_path) for path in paths)
    assert len(drawings) == 1

import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest

from theradose.errors import DatabaseError
from theradose.store.pseudonyms import Secret, make_secret, read_secret

ONE, OTHER = Secret(b"1" * 32), Secret(b"2" * 32)


def test_a_patient_has_one_pseudonym_that_hangs_on_the_secret():
    assert ONE.pseudonym("patient", "123") == ONE.pseudonym("patient", "123")
    assert len({ONE.pseudonym(kind, name) for kind in ("patient", "run") for name in ("123", "124")}) == 4
    assert ONE.pseudonym("patient", "123") != OTHER.pseudonym("patient", "123")
    assert ONE.mark != OTHER.mark and "123" not in ONE.pseudonym("patient", "123")


def test_intervals_and_time_of_day_stay():
    first = datetime.fromisoformat("2026-01-05T09:50:00+01:00")
    second = datetime.fromisoformat("2026-07-02T10:10:00+02:00")
    moved = [ONE.moved("P1", moment, most_days=3652) for moment in (first, second)]
    assert moved[1] - moved[0] == second - first
    assert [moment.timetz() for moment in moved] == [first.timetz(), second.timetz()]
    assert timedelta(days=1) <= first - moved[0] <= timedelta(days=3652)
    assert ONE.moved("P2", first, most_days=3652) != moved[0]


def test_the_secret_is_made_once_for_its_owner(tmp_path):
    place = tmp_path / "site" / "db.secret"
    with ThreadPoolExecutor(8) as threads:
        made = {secret.key for secret in threads.map(make_secret, [place] * 16)}
    assert len(made) == 1 and read_secret(place).key in made
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    assert list(place.parent.iterdir()) == [place]
    assert read_secret(place).key.hex() not in repr(read_secret(place))


@pytest.mark.parametrize(
    ("text", "code"), [(None, "secret-missing"), ("xyz", "secret-invalid"), ("ab", "secret-invalid")]
)
def test_what_is_no_secret(tmp_path, text, code):
    place = tmp_path / "db.secret"
    if text is not None:
        place.write_text(text)
    with pytest.raises(DatabaseError) as caught:
        read_secret(place)
    assert caught.value.code == code

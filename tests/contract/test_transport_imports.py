"""The transport runs where nothing but numpy and numba is installed, as on a machine with a graphics card."""

import subprocess
import sys

PROBE = """
import sys

class Nothing:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top in sys.stdlib_module_names or top in ("theradose", "numpy", "numba", "llvmlite"):
            return None
        if name.startswith("_") or top.startswith("_"):
            return None
        raise ImportError(f"{name} is not installed")

# Before anything else, but behind what the interpreter itself brings.
sys.meta_path.insert(0, Nothing())
import theradose.radiation.transport.processor
import theradose.radiation.transport.radial
import theradose.radiation.transport.run
print(sorted(n for n in sys.modules if n.startswith("theradose") and "transport" not in n))
"""


def test_transport_needs_numpy_and_numba_only():
    """numba itself looks for optional libraries and goes on without them."""
    done = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    loaded = done.stdout.strip()
    assert loaded == "['theradose', 'theradose.compiled', 'theradose.provenance', 'theradose.radiation']"

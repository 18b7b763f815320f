"""A model that makes something as long as a value says is published within its memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from horngate.store.compiled import read_compiled

MAY_GROW = 1024
CHILD = """
import resource, sys
from pathlib import Path
import tensorflow as tf
from horngate.builder.publish import publish_saved_model

class Masks(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec([None], tf.int32, "length")])
    def count(self, length):
        return {"count": tf.reduce_sum(tf.cast(tf.sequence_mask(length), tf.float32), axis=1)}

folder = Path(sys.argv[1])
module = Masks()
tf.saved_model.save(module, str(folder / "exported"), {"serving_default": module.count})
# A publish that takes more fails by itself, and takes no other process of the machine with it.
resource.setrlimit(resource.RLIMIT_AS, (12 << 30, 12 << 30))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
publish_saved_model(folder / "exported", folder / "models", "masks")
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before >> 10)
"""


def test_a_length_that_follows_a_value_takes_no_gigabytes(tmp_path: Path) -> None:
    child = subprocess.run(
        [sys.executable, "-c", CHILD, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert child.returncode == 0, child.stderr
    assert int(child.stdout.splitlines()[-1]) < MAY_GROW
    record = read_compiled(tmp_path / "models" / "masks" / "1")
    assert record is not None
    assert record.signatures or record.refused

"""Publishes SavedModels one after another: a line of JSON in, a line of JSON out."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from horngate.builder.publish import publish_saved_model
from horngate.errors import PublishError


def publish(source: Path, repository: Path) -> dict[str, Any]:
    """What became of it; ``left`` are the names in the repository where it was refused."""
    repository.mkdir(exist_ok=True)
    try:
        published = publish_saved_model(source, repository, "m")
    except PublishError as error:
        left = [str(path.relative_to(repository)) for path in repository.rglob("*")]
        return {"refused": str(error), "compiled": "", "left": left}
    return {"refused": "", "compiled": str(published.compiled), "left": []}


def main() -> None:
    """Until there are no more lines."""
    # What TensorFlow and tf2onnx print is not an answer.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    for line in sys.stdin:
        told = json.loads(line)
        answer = publish(Path(told["source"]), Path(told["repository"]))
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()

from __future__ import annotations

import subprocess
import sys


def test_what_training_exports_loads_no_torch() -> None:
    code = (
        "import sys, odqa.training\n"
        "print(all(hasattr(odqa.training, name) for name in odqa.training.__all__))\n"
        "print(sorted({'torch', 'transformers', 'pandas', 'scipy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "[]"]

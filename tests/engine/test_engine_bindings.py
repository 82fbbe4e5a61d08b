"""The C functions that Traktir calls are there, with the arguments that it passes."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tui.domain.errors import BadInput
from tui.engine import SUPPORTED, SUPPORTED_RANGE, available, bindings
from tui.engine.gpu import unused_gpu_notice, visible_gpu
from tui.engine.settings import EngineSettings

SOURCE = Path(bindings.__file__)


MODULES = ("bindings", *bindings.NEIGHBOURS)


def called(module: str) -> set[str]:
    """Every llama_ name that the module takes from the library."""
    tree = ast.parse(SOURCE.with_name(f"{module}.py").read_text("utf-8"))
    return {
        node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr.startswith("llama_")
    }


def test_each_function_exists_with_the_signature_expected(library: Any) -> None:
    assert bindings.all_differences(library) == []


@pytest.mark.parametrize("name", MODULES)
def test_the_table_names_all_that_is_called_and_nothing_else(name: str) -> None:
    module = importlib.import_module(f"tui.engine.{name}")
    types = {
        "llama_progress_callback", "llama_log_callback", "llama_sampler_i_accept", "llama_sampler_i_apply",
        *module.FIELDS,
    }
    assert called(name) - types == set(module.SIGNATURES)


def test_no_other_module_touches_the_library() -> None:
    for path in SOURCE.parent.glob("*.py"):
        if path.stem not in MODULES:
            tree = ast.parse(path.read_text("utf-8"))
            names = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
            names += [a.name for node in ast.walk(tree) if isinstance(node, ast.Import) for a in node.names]
            assert not any(name.startswith("llama_cpp") for name in names), path


def test_drift_is_named(library: Any) -> None:
    changed = SimpleNamespace(**{name: getattr(library, name) for name in dir(library) if name.startswith("llama")})
    changed.llama_sampler_init_penalties = library.llama_sampler_init_temp
    del changed.llama_decode
    wrong = bindings.all_differences(changed)
    assert len(wrong) == 2
    assert any(line.startswith("llama_sampler_init_penalties(") for line in wrong)
    assert "llama_decode is gone" in wrong


def test_the_abort_flag_is_what_native_code_reads(library: Any) -> None:
    flag = bindings.AbortFlag()
    assert (flag.is_set, flag._strlen(flag._bytes)) == (False, 0)
    flag.set()
    assert (flag.is_set, flag._strlen(flag._bytes)) == (True, 1)
    flag.clear()
    assert (flag.is_set, flag._strlen(flag._bytes)) == (False, 0)


def test_without_llama_cpp_python_it_says_how_to_get_it() -> None:
    root = str(SOURCE.parents[2])
    code = f"import sys; sys.path.insert(0, {root!r}); from tui.engine import available; print(available())"
    done = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, check=True)
    assert "pip install 'llama-cpp-python>=" in done.stdout


def test_asking_whether_it_is_there_loads_nothing_native() -> None:
    code = "import sys; from tui.engine import available; available(); print('llama_cpp' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_the_range_is_the_one_that_the_package_asks_for() -> None:
    wanted = tomllib.loads((SOURCE.parents[2] / "pyproject.toml").read_text("utf-8"))
    assert f"llama-cpp-python{SUPPORTED_RANGE}" in wanted["project"]["optional-dependencies"]["llama"]
    assert ">={}.{}.{},<{}.{}.{}".format(*SUPPORTED[0], *SUPPORTED[1]) == SUPPORTED_RANGE


@pytest.mark.parametrize(("found", "fine"), [("0.3.36", True), ("0.3.35", False), ("0.3.37", False), ("1.0", False)])
def test_another_version_is_told(monkeypatch: pytest.MonkeyPatch, found: str, fine: bool) -> None:
    monkeypatch.setattr("importlib.metadata.version", lambda name: found)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    said = available()
    assert (said is None) is fine
    assert fine or found in str(said)


@pytest.mark.skipif(sys.platform != "linux", reason="looks at files of Linux")
@pytest.mark.parametrize(
    ("files", "maker", "option"),
    [
        ({"dev/nvidia0": "", "dev/nvidiactl": ""}, "NVIDIA", "GGML_CUDA"),
        ({"sys/class/drm/renderD128/device/vendor": "0x1002\n"}, "AMD", "GGML_VULKAN"),
        ({"sys/class/drm/renderD128/device/vendor": "0x8086\n"}, "", ""),
        ({"dev/nvidiactl": ""}, "", ""),
        ({}, "", ""),
    ],
)
def test_a_gpu_that_the_build_cannot_use_is_told_with_the_command(
    tmp_path: Path, files: dict[str, str], maker: str, option: str,
) -> None:
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    assert visible_gpu(tmp_path) == maker
    said = unused_gpu_notice(False, tmp_path)
    assert (said is None) is (maker == "")
    if said is not None:
        assert f"CMAKE_ARGS='-D{option}=on' pip install" in str(said)
    assert unused_gpu_notice(True, tmp_path) is None


@pytest.mark.parametrize(
    "values",
    [{"n_ctx": -1}, {"n_ctx": "8"}, {"n_gpu_layers": -2}, {"flash_attn": "maybe"}, {"n_threads": True},
     {"cache_shift": 1}, {"x": 1}],
)
def test_a_wrong_setting_is_named(values: dict[str, Any]) -> None:
    with pytest.raises(BadInput) as caught:
        EngineSettings.from_json(values)
    assert next(iter(values)) in str(caught.value)


def test_settings_survive_the_way_to_the_worker() -> None:
    settings = EngineSettings(n_ctx=4096, n_gpu_layers=12, flash_attn="off")
    assert EngineSettings.from_json(settings.to_json()) == settings
    assert EngineSettings(n_threads=0).threads() >= 1
    assert EngineSettings(n_threads=3).threads() == 3

"""What names of files tell, and what the file tells of itself beyond it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("gguf")
from gguf_maker import GEMMA3, LLAMA, make

from tui.engine.about import about
from tui.engine.gguf import read_metadata
from tui.engine.names import FileName, read_name


@pytest.mark.parametrize(("name", "model", "label", "matrix"), [
    ("Foo-7B.i1-Q4_K_S.gguf", "Foo-7B", "i1-Q4_K_S", True), ("Foo-7B-IQ4_XS.gguf", "Foo-7B", "IQ4_XS", False),
    ("foo-UD-Q4_K_XL-00001-of-00003.gguf", "foo", "UD-Q4_K_XL", False),
    ("oss-20b-mxfp4.gguf", "oss-20b", "MXFP4", False),
    ("Mistral.Q8_0", "Mistral", "Q8_0", False), ("Foo-Q4_K_M-imat.gguf", "Foo", "i1-Q4_K_M", True),
    ("x-fp16.gguf", "x", "F16", False), ("Qwen3-30B-A3B-Q4_0.gguf", "Qwen3-30B-A3B", "Q4_0", False),
    ("a/b/c-BF16.gguf", "c", "BF16", False), ("starter.gguf", "starter", "", False),
    ("FAQ4_0.gguf", "FAQ4_0", "", False), ("y-IQ2_XXS.gguf", "y", "IQ2_XXS", False), ("y-TQ1_0", "y", "TQ1_0", False),
])
def test_names_as_people_write_them(name: str, model: str, label: str, matrix: bool) -> None:
    found = read_name(name)
    assert (found.model, found.label, found.imatrix) == (model, label, matrix)


def test_parts_and_projectors() -> None:
    assert (read_name("a-Q8_0-00002-of-00003.gguf").part, read_name("a-Q8_0-00002-of-00003.gguf").parts) == (2, 3)
    assert read_name("mmproj-model-f16.gguf").projector
    assert read_name("model.mmproj-Q8_0.gguf").projector
    assert not read_name("mmprojector-Q8_0.gguf").projector


@given(st.text(max_size=400))
@settings(max_examples=200, derandomize=True, deadline=None)
def test_any_name_is_read(name: str) -> None:
    assert isinstance(read_name(name), FileName)


def test_the_real_types_of_the_tensors_are_told_beside_the_name(tmp_path: Path) -> None:
    told = about(read_metadata(make(tmp_path / "Bold-Claim-Q4_K_M.gguf", LLAMA, kind="Q8_0")))
    assert told["quantisation"] == "Q4_K_M"
    assert told["types"][0][0] == "Q8_0"
    assert told["types"][0][1] > 0.99
    assert 8.5 <= told["bits_per_weight"] < 8.6


def test_metadata_that_a_person_wants(tmp_path: Path) -> None:
    path = make(tmp_path / "g.gguf", GEMMA3, trained=131_072, more={
        "attention.sliding_window": 512, "rope.freq_base": 1e6, "rope.scaling.factor": 8.0,
        "rope.scaling.type": "linear"})
    told = about(read_metadata(path))
    assert (told["architecture"], told["context_length"], told["layers"]) == ("gemma3", 131_072, 12)
    assert told["rope"] == {"base": 1e6, "dimensions": 64, "scaling": "linear", "factor": 8.0, "original_context": None}

"""Our tokeniser gives the ids and the offsets of Hugging Face's.

The comparison itself is tests/reference/tokenizer_reference.py, which can be
run by hand over more texts.  Needs the model's vocab.txt (in the folder
SHEAF_TEST_MODEL, or build/model) and the package `tokenizers`.
"""
import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.sheaf import REPO

tokenizers = pytest.importorskip("tokenizers")
sys.path.insert(0, str(REPO / "tests/reference"))
import tokenizer_reference as ref  # noqa: E402

MODEL = Path(os.environ.get("SHEAF_TEST_MODEL", REPO / "build/model"))
TABLE = REPO / "src/embed/unicode_table.c"
MADE_UP = 3000  # texts; of a new seed every time, which a failure names


@pytest.fixture(scope="module")
def vocab():
    path = MODEL / "vocab.txt"
    if not path.exists():
        pytest.skip(f"no {path}: set SHEAF_TEST_MODEL")
    return path.read_bytes()


@pytest.fixture(scope="module")
def native(vocab):
    return ref.Native(vocab)


@pytest.fixture(scope="module")
def reference(vocab):
    return ref.reference(vocab)


def test_hard_cases(native, reference):
    texts = [text for _, text in ref.hard_cases()]
    n, _, n_tokens, n_bad = ref.compare(native, reference, texts)
    assert n >= 200 and n_tokens > 1000 and n_bad == 0


def test_golden_file_is_current(reference):
    golden = ref.GOLDEN.read_text(encoding="ascii")
    assert golden == ref.golden(reference)


def test_made_up_texts(native, reference):
    seed = int.from_bytes(os.urandom(4), "little")
    n, _, _, n_bad = ref.compare(native, reference,
                                 ref.made_up(seed, MADE_UP))
    assert n == MADE_UP
    assert n_bad == 0, f"repeat with --seed {seed} --fuzz {MADE_UP}"


@pytest.mark.timeout(600)  # the reference takes most of it
@pytest.mark.parametrize("folder", ["retrieval", "documents", "arxiv-rss"])
def test_recorded_texts(native, reference, recorded, folder):
    n, n_bytes, _, n_bad = ref.compare(native, reference,
                                       ref.folder_texts(recorded / folder))
    assert n > 0 and n_bytes > 10000 and n_bad == 0


def test_one_long_word(native, reference):
    """Too long for a token, and read once."""
    text = b"a" * (1 << 20) + " é[SEP]".encode()
    assert native.encode(text) == ref.expected(reference, text)
    assert native.encode(text)[0] == (100, 0, 1 << 20)


def test_unicode_table_is_current():
    if f"tokenizers {tokenizers.__version__}." not in TABLE.read_text():
        pytest.skip("made with another version of tokenizers than "
                    + tokenizers.__version__)
    subprocess.run([sys.executable, REPO / "scripts/gen_unicode.py",
                    "--check"], check=True)


def test_the_comparison_can_fail(native, reference):
    """Or all of the above would prove nothing."""
    class Lying:
        @staticmethod
        def encode(text):
            return [(id, start, end + 1)
                    for id, start, end in native.encode(text)]

    assert ref.compare(Lying, reference, [b"a word"], show=0)[3] == 1

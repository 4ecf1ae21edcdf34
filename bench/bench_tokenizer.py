"""The tokeniser beside Hugging Face tokenizers, on one thread each.

Ours is the built libsheaf.a under bench/tokenizer_bench.c.  The peer is asked
in each way it offers: a text at a time, as a batch, and as a batch without
offsets (encode_batch_fast), with its threads switched off.  Seconds are those
of the thread, on both sides.
"""
import os
import subprocess
import sys
import time
from pathlib import Path

from harness.process import BenchError
from harness.report import Row, interleave

SECTION = "tokeniser, one thread"
_REPO = Path(__file__).resolve().parent.parent
_TEXTS = 4000
_OTHER_SCRIPTS = ("documents/helm-ru", "documents/helm-ja",
                  "documents/kubernetes-zh")


def run(bench):
    """Time all over the same texts, in turn, after comparing the tokens."""
    print("\n-- tokeniser")
    model = Path(os.environ.get("SHEAF_TEST_MODEL", _REPO / "build/model"))
    vocab = model / "vocab.txt"
    if not vocab.exists():
        print(f"  skipped: {vocab} is missing (set SHEAF_TEST_MODEL)")
        return
    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # before it is imported
    peer = reference(vocab)
    ours = build(bench) if bench.sheaf else None
    sets = {"abstracts": [text["abstract"]
                          for text in bench.corpus().texts[:_TEXTS]],
            "Russian, Japanese, Chinese": list(pages(bench.data))}
    for name, texts in sets.items():
        if texts:
            compare(bench, name, texts, (ours, vocab), peer)


def reference(vocab):
    """The peer, set up as for the model."""
    sys.path.insert(0, str(_REPO / "tests/reference"))
    try:
        import tokenizer_reference
        tokenizer = tokenizer_reference.reference(vocab.read_bytes())
    except ImportError as problem:
        raise BenchError(f"{problem}: `pip install tokenizers`") from problem
    finally:
        sys.path.pop(0)
    return tokenizer_reference, tokenizer


def build(bench):
    """Our program, out of the library that the build left beside sheaf."""
    program = bench.work / "tokenizer_bench"
    library = bench.sheaf.parent / "libsheaf.a"
    if not library.exists():
        raise BenchError(f"{library} is missing: run `make` first")
    subprocess.run(
        [os.environ.get("CC", "gcc"), "-std=gnu17", "-O2", "-D_GNU_SOURCE",
         f"-I{_REPO / 'src'}", "-o", program,
         _REPO / "bench/tokenizer_bench.c", library], check=True)
    return program


def pages(data):
    """Paragraphs of documents that are not in English."""
    for folder in _OTHER_SCRIPTS:
        for path in sorted((data / folder).glob("*.md")):
            for part in path.read_text(encoding="utf-8").split("\n\n"):
                if part.strip():
                    yield " ".join(part.split())


class Ours:
    """Our program, which waits for commands between the peer's turns."""

    def __init__(self, program, vocab, texts, work):
        file = work / "tokenizer_texts"
        file.write_text("\n".join(texts), encoding="utf-8")
        self.child = subprocess.Popen(
            [program, vocab, file], text=True, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE)

    def ask(self, command):
        self.child.stdin.write(command + "\n")
        self.child.stdin.flush()
        return self.child.stdout.readline()

    def tokens(self):
        line, tokens = self.ask("dump"), []
        while line.strip():
            tokens.append(tuple(map(int, line.split())))
            line = self.child.stdout.readline()
        return tokens

    def stop(self):
        self.child.stdin.close()
        self.child.wait()
        self.child.stdout.close()


def compare(bench, name, texts, ours, peer):
    """The rows of one set of texts."""
    module, tokenizer = peer
    megabytes = sum(len(text.encode()) for text in texts) / 1e6
    contestants = {
        "encode": lambda _: megabytes / seconds(lambda: [
            tokenizer.encode(text, add_special_tokens=False)
            for text in texts]),
        "encode_batch": lambda _: megabytes / seconds(
            lambda: tokenizer.encode_batch(texts, add_special_tokens=False)),
        "encode_batch_fast": lambda _: megabytes / seconds(
            lambda: tokenizer.encode_batch_fast(
                texts, add_special_tokens=False)),
    }
    with bench.scope():
        if ours[0]:
            program = bench.start(Ours(*ours, texts, bench.work))
            expected = [token for text in texts
                        for token in module.expected(tokenizer, text.encode())]
            bench.report.check(f"{name}: ids and offsets of "
                               f"{len(expected):,} tokens",
                               program.tokens() == expected)
            for command in ("offsets", "ids"):
                contestants[command] = lambda _, c=command: (
                    megabytes / float(program.ask(c)))
        values = interleave(contestants, max(bench.args.rounds, 3))
    for way, mine in (("encode", "offsets"), ("encode_batch", "offsets"),
                      ("encode_batch_fast", "ids")):
        bench.report.add(Row(
            SECTION, f"{name}, {mine}", "MB/s", values.get(mine, []),
            values[way], goal=">= 10x",
            note=f"{megabytes:.1f} MB in {len(texts):,} texts; peer: {way}()"))


def seconds(work):
    start = time.thread_time()
    work()
    return time.thread_time() - start

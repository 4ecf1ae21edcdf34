"""Reference vectors of all-MiniLM-L6-v2, for tests/unit/test_encoder.c.

    python tests/reference/gen_golden.py MODEL_DIR >tests/reference/golden.txt

A second, independent forward pass in numpy, in double precision, straight from
the definition (BERT; mean pooling; L2), over the same model.safetensors; token
ids come from Hugging Face `tokenizers`.  Needs numpy and tokenizers.

Lines of the output:
    text <text>                 a sentence
    ids <id> ...                its tokens, special ones included
    vector <float> x 384        its embedding
    layer <i> <float> x 384     after i layers, the first token (first text only)
"""

import json
import math
import struct
import sys
from pathlib import Path

import numpy as np
from tokenizers import BertWordPieceTokenizer

MAX_TOKENS = 256
LAYERS, HEADS, WIDTH = 6, 12, 384

SENTENCES = [
    "The quick brown fox jumps over the lazy dog.",
    "a",
    "Attention is all you need",
    "We propose a new simple network architecture, the Transformer, based "
    "solely on attention mechanisms, dispensing with recurrence and "
    "convolutions entirely.",
    "What is the boiling point of water at an altitude of 3,000 metres?",
    "Graph neural networks for molecular property prediction",
    "arXiv:1706.03762v5 [cs.CL] 6 Dec 2017",
    "E = mc^2 and \\alpha \\leq \\beta_{i,j}",
    "Café crème brûlée, naïve façade, Ångström, Łódź",
    "深層学習による自然言語処理",
    "Привет, мир! Как дела?",
    "مرحبا بالعالم",
    "cats and dogs " * 30,
    "!!! ??? ... --- ###",
    "HIV-1 protease inhibitors reduce viral load in 95% of patients (p<0.01).",
    "int main(void) { return 0; }",
    "The cat sat on the mat.",
    "A feline was resting upon the rug.",
    "Stock prices fell sharply on Monday after the central bank raised rates.",
    "word " * 400,
]


def read_tensors(path):
    data = path.read_bytes()
    (n,) = struct.unpack("<Q", data[:8])
    tensors = {}
    for name, t in json.loads(data[8 : 8 + n]).items():
        if name == "__metadata__" or t["dtype"] != "F32":
            continue
        start, end = t["data_offsets"]
        flat = np.frombuffer(data[8 + n + start : 8 + n + end], "<f4")
        tensors[name] = flat.astype(np.float64).reshape(t["shape"])
    return tensors


def norm(x, w, prefix):
    x = x - x.mean(-1, keepdims=True)
    x = x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-12)
    return x * w[prefix + ".weight"] + w[prefix + ".bias"]


def dense(x, w, prefix):
    return x @ w[prefix + ".weight"].T + w[prefix + ".bias"]


def heads(x):
    return x.reshape(len(x), HEADS, WIDTH // HEADS).transpose(1, 0, 2)


def softmax(s):
    e = np.exp(s - s.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


erf = np.vectorize(math.erf)


def hidden_states(w, ids):
    """What each layer leaves: LAYERS + 1 arrays of tokens x WIDTH."""
    x = (
        w["embeddings.word_embeddings.weight"][ids]
        + w["embeddings.position_embeddings.weight"][: len(ids)]
        + w["embeddings.token_type_embeddings.weight"][0]
    )
    x = norm(x, w, "embeddings.LayerNorm")
    states = [x]
    for i in range(LAYERS):
        p = f"encoder.layer.{i}."
        q, k, v = (
            heads(dense(x, w, p + "attention.self." + name))
            for name in ("query", "key", "value")
        )
        s = softmax(q @ k.transpose(0, 2, 1) / math.sqrt(WIDTH // HEADS))
        ctx = (s @ v).transpose(1, 0, 2).reshape(len(ids), WIDTH)
        y = dense(ctx, w, p + "attention.output.dense")
        x = norm(x + y, w, p + "attention.output.LayerNorm")
        y = dense(x, w, p + "intermediate.dense")
        y = 0.5 * y * (1 + erf(y / math.sqrt(2)))
        y = dense(y, w, p + "output.dense")
        x = norm(x + y, w, p + "output.LayerNorm")
        states.append(x)
    return states


def line(*parts, floats=()):
    print(*parts, *(f"{v:.8g}" for v in floats))


def main():
    model = Path(sys.argv[1])
    w = read_tensors(model / "model.safetensors")
    tokenizer = BertWordPieceTokenizer(str(model / "vocab.txt"), lowercase=True)
    tokenizer.enable_truncation(MAX_TOKENS)
    for i, text in enumerate(SENTENCES):
        ids = tokenizer.encode(text).ids
        states = hidden_states(w, ids)
        line("text", text)
        line("ids", *ids)
        mean = states[-1].mean(0)
        line("vector", floats=mean / np.linalg.norm(mean))
        if i == 0:
            for k, state in enumerate(states):
                line("layer", k, floats=state[0])


if __name__ == "__main__":
    main()

"""ONNX Runtime on standard input and output: texts in, vectors out.

    server.py MODEL.onnx VOCAB THREADS BATCH [PAD]

Reads "N", then N texts (a JSON string a line), and writes N x 384 float32.
Tokenises with `tokenizers`, pads to the longest of the batch (or to PAD, as
Chroma does), pools and normalises with numpy as Chroma and fastembed do.
"""
import json
import sys

import numpy as np
import onnxruntime
from tokenizers import BertWordPieceTokenizer

MAX_TOKENS = 256


def session(path, threads):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.graph_optimization_level = (
        onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL)
    # Without it ONNX Runtime's threads spin for more work after each call,
    # and would take the next contestant's turn.
    options.add_session_config_entry(
        "session.force_spinning_stop", "1")
    return onnxruntime.InferenceSession(path, options,
                                        providers=["CPUExecutionProvider"])


class Model:
    def __init__(self, path, vocab, threads, pad):
        self.tokenizer = BertWordPieceTokenizer(vocab, lowercase=True)
        self.tokenizer.enable_truncation(MAX_TOKENS)
        self.tokenizer.enable_padding(length=pad)
        self.session = session(path, threads)
        self.wants_types = "token_type_ids" in {
            entry.name for entry in self.session.get_inputs()}

    def embed(self, texts):
        encoded = self.tokenizer.encode_batch(texts)
        ids = np.array([e.ids for e in encoded], np.int64)
        mask = np.array([e.attention_mask for e in encoded], np.int64)
        feed = {"input_ids": ids, "attention_mask": mask}
        if self.wants_types:
            feed["token_type_ids"] = np.zeros_like(ids)
        (hidden,) = self.session.run(["last_hidden_state"], feed)
        weights = mask[:, :, None].astype(np.float32)
        pooled = (hidden * weights).sum(1) / weights.sum(1)
        return pooled / np.linalg.norm(pooled, axis=1, keepdims=True)


def main():
    path, vocab, threads, batch, *pad = sys.argv[1:]
    model = Model(path, vocab, int(threads), int(pad[0]) if pad else None)
    batch = int(batch)
    lines, out = sys.stdin.buffer, sys.stdout.buffer
    while line := lines.readline():
        texts = [json.loads(lines.readline()) for _ in range(int(line))]
        for at in range(0, len(texts), batch):
            out.write(model.embed(texts[at:at + batch])
                      .astype("<f4").tobytes())
        out.flush()


if __name__ == "__main__":
    main()

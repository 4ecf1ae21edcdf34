"""Chroma, in this process, with a persistent client.

Its default embedding downloads the model from a bucket; here the same weights
run in ONNX Runtime in the same way (chromadb/utils/embedding_functions/
onnx_mini_lm_l6_v2.py): fp32, every text padded to 256 tokens, 32 at a time.
"""
from peer_onnx import graph
from peer_onnx.server import Model

from .desk import model_dir

_PAD, _BATCH = 256, 32


class Embedding:
    """texts -> vectors as Chroma's default embedding makes them, or, with
    pad None, without the padding: better than what its users have."""

    def __init__(self, work, threads, pad=_PAD):
        work.mkdir(exist_ok=True)
        path = work / "fp32.onnx"
        if not path.exists():
            graph.build(model_dir() / "model.safetensors", work)
        self.model = Model(path, str(model_dir() / "vocab.txt"), threads, pad)

    def __call__(self, texts):
        out = []
        for at in range(0, len(texts), _BATCH):
            out.extend(self.model.embed(texts[at:at + _BATCH]))
        return out


class Chroma:
    """One collection (cosine, else its defaults) in a folder of its own."""

    def __init__(self, folder):
        import chromadb
        self.client = chromadb.PersistentClient(
            str(folder), chromadb.Settings(anonymized_telemetry=False))
        self.collection = self.client.create_collection(
            "documents", embedding_function=None,
            metadata={"hnsw:space": "cosine"})
        self.batch = self.client.get_max_batch_size()

    def add(self, ids, texts, vectors):
        """Each with the metadata that our chunks have."""
        for at in range(0, len(ids), self.batch):
            part = slice(at, at + self.batch)
            self.collection.add(
                ids=ids[part], documents=texts[part],
                embeddings=vectors[part],
                metadatas=[{"source": i.rpartition("_")[0],
                            "chunk_index": n, "start_char": 0,
                            "end_char": len(t)} for n, (i, t) in enumerate(
                                zip(ids[part], texts[part]))])

    def query(self, vector, k=10):
        return self.collection.query(query_embeddings=[vector], n_results=k)

    def stop(self):
        """Its files are closed with the client; there is no call for it."""
        self.collection = self.client = None

"""The model as ONNX graphs, from the same weights that sheaf runs.

fp32: the graph that an export of the model has (MatMul, LayerNormalization,
GELU by Erf, Softmax), which ONNX Runtime then fuses as it likes.
int8: ONNX Runtime's own dynamic quantisation of it, per channel (what
sentence-transformers calls qint8): MatMulInteger.
"""
import json
import math
import struct
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

LAYERS, WIDTH, HEADS = 6, 384, 12
HEAD = WIDTH // HEADS
OPSET = 17


def read_safetensors(path):
    """{name: array} of a file of float32 tensors."""
    raw = np.memmap(path, dtype=np.uint8, mode="r")
    (size,) = struct.unpack("<Q", raw[:8].tobytes())
    header = json.loads(raw[8:8 + size].tobytes())
    header.pop("__metadata__", None)
    base = 8 + size
    return {name: raw[base + entry["data_offsets"][0]:
                      base + entry["data_offsets"][1]]
            .view(np.float32).reshape(entry["shape"])
            for name, entry in header.items() if entry["dtype"] == "F32"}


class Builder:
    """Nodes and constants of one graph; every method returns a name."""

    def __init__(self, weights):
        self.weights = {name.removeprefix("bert."): array
                        for name, array in weights.items()}
        self.nodes = []
        self.constants = {}

    def constant(self, name, array):
        if name not in self.constants:
            self.constants[name] = numpy_helper.from_array(
                np.ascontiguousarray(array), name)
        return name

    def number(self, value):
        return self.constant(f"number_{value}", np.float32(value))

    def shape(self, *dims):
        return self.constant("shape_" + "_".join(map(str, dims)),
                             np.array(dims, np.int64))

    def op(self, kind, *inputs, **attributes):
        name = f"{kind}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], name=name,
                                           **attributes))
        return name

    def linear(self, x, name):
        w = self.constant(name + ".weight.T",
                          self.weights[name + ".weight"].T)
        b = self.constant(name + ".bias", self.weights[name + ".bias"])
        return self.op("Add", self.op("MatMul", x, w), b)

    def norm(self, x, name):
        return self.op("LayerNormalization", x, *(
            self.constant(f"{name}.{part}", self.weights[f"{name}.{part}"])
            for part in ("weight", "bias")), axis=-1, epsilon=1e-12)

    def heads(self, x, order):
        split = self.op("Reshape", x, self.shape(0, 0, HEADS, HEAD))
        return self.op("Transpose", split, perm=order)

    def gelu(self, x):
        erf = self.op("Erf", self.op("Div", x, self.number(math.sqrt(2))))
        half = self.op("Mul", x, self.op("Add", erf, self.number(1.0)))
        return self.op("Mul", half, self.number(0.5))

    def embeddings(self):
        tables = {part: self.constant(
            part, self.weights[f"embeddings.{part}_embeddings.weight"])
            for part in ("word", "position")}
        kind = self.constant("kind", self.weights[
            "embeddings.token_type_embeddings.weight"][0])
        words = self.op("Gather", tables["word"], "input_ids", axis=0)
        length = self.op("Slice", self.op("Shape", "input_ids"),
                         self.shape(1), self.shape(2))
        places = self.op("Slice", tables["position"], self.shape(0), length,
                         self.shape(0))
        x = self.op("Add", words, places)
        return self.norm(self.op("Add", x, kind), "embeddings.LayerNorm")

    def layer(self, x, bias, name):
        part = f"{name}.attention.self."
        q = self.heads(self.linear(x, part + "query"), (0, 2, 1, 3))
        k = self.heads(self.linear(x, part + "key"), (0, 2, 3, 1))
        v = self.heads(self.linear(x, part + "value"), (0, 2, 1, 3))
        scores = self.op("Div", self.op("MatMul", q, k),
                         self.number(math.sqrt(HEAD)))
        share = self.op("Softmax", self.op("Add", scores, bias), axis=-1)
        mixed = self.op("Transpose", self.op("MatMul", share, v),
                        perm=(0, 2, 1, 3))
        mixed = self.op("Reshape", mixed, self.shape(0, 0, WIDTH))
        out = self.linear(mixed, f"{name}.attention.output.dense")
        x = self.norm(self.op("Add", out, x),
                      f"{name}.attention.output.LayerNorm")
        up = self.gelu(self.linear(x, f"{name}.intermediate.dense"))
        down = self.linear(up, f"{name}.output.dense")
        return self.norm(self.op("Add", down, x), f"{name}.output.LayerNorm")

    def model(self):
        mask = self.op("Cast", "attention_mask", to=TensorProto.FLOAT)
        mask = self.op("Unsqueeze", mask, self.shape(1, 2))
        bias = self.op("Mul", self.op("Sub", self.number(1.0), mask),
                       self.number(float(np.finfo(np.float32).min)))
        x = self.embeddings()
        for i in range(LAYERS):
            x = self.layer(x, bias, f"encoder.layer.{i}")
        self.nodes[-1].output[0] = "last_hidden_state"
        ints = [helper.make_tensor_value_info(name, TensorProto.INT64,
                                              ["batch", "sequence"])
                for name in ("input_ids", "attention_mask")]
        out = helper.make_tensor_value_info(
            "last_hidden_state", TensorProto.FLOAT,
            ["batch", "sequence", WIDTH])
        graph = helper.make_graph(self.nodes, "all-MiniLM-L6-v2", ints, [out],
                                  list(self.constants.values()))
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", OPSET)])
        model.ir_version = 8
        return model


def build(safetensors, folder):
    """{"fp32": path, "int8": path}"""
    from onnxruntime.quantization import QuantType, quantize_dynamic
    paths = {name: Path(folder) / f"{name}.onnx" for name in ("fp32", "int8")}
    model = Builder(read_safetensors(safetensors)).model()
    onnx.checker.check_model(model)
    onnx.save(model, paths["fp32"])
    quantize_dynamic(paths["fp32"], paths["int8"], per_channel=True,
                     weight_type=QuantType.QInt8)
    return paths

"""op_registry.py: TensorFlow's op registry as the table of crates/gtt-ops/src/registry/tensorflow.tsv, on stdout.

One op a line, five columns between tabs: name, operands, results, attributes, flags; entries between blanks.
An argument is `name:type`, `name:N*type` (as many as the attribute N says), `name:[L]` (one of each type in the list L);
a type is an element type, an attribute that holds one, or either in `Ref()`. An attribute is `name:kind` or `name:kind=default`.
"""
import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import tensorflow as tf
from tensorflow.core.framework import op_def_pb2, types_pb2
from tensorflow.python.client import pywrap_tf_session

ESCAPES = {"\\": "\\\\", " ": "\\s", "\t": "\\t", "\n": "\\n", ",": "\\c", "]": "\\b"}


def escaped(data):
    return "".join(ESCAPES.get(char, char) for char in data.decode())


def dtype(number):
    reference = number > 100
    name = types_pb2.DataType.Name(number - 100 * reference)[3:].lower()
    return f"Ref({name})" if reference else name


def argument(arg):
    if arg.type_list_attr:
        return f"{arg.name}:[{arg.type_list_attr}]"
    kind = arg.type_attr or dtype(arg.type)
    if arg.is_ref:
        kind = f"Ref({kind})"
    return f"{arg.name}:{arg.number_attr}*{kind}" if arg.number_attr else f"{arg.name}:{kind}"


def shape(value):
    return "?" if value.unknown_rank else "(" + "x".join(str(dim.size) for dim in value.dim) + ")"


def literal(value):
    kind = value.WhichOneof("value")
    if kind == "list":
        items = value.list
        parts = [escaped(s) for s in items.s] + [str(i) for i in items.i] + [f"{f:.9g}" for f in items.f]
        parts += [str(b).lower() for b in items.b] + [dtype(t) for t in items.type] + [shape(s) for s in items.shape]
        assert not items.tensor and not items.func
        return "[" + ",".join(parts) + "]"
    if kind == "tensor":
        array = tf.make_ndarray(value.tensor)
        dims = "x".join(map(str, array.shape))
        return f"{dtype(value.tensor.dtype)}({dims})[{','.join(map(str, array.ravel().tolist()))}]"
    one = getattr(value, kind)
    return {"s": escaped, "b": lambda b: str(b).lower(), "type": dtype, "shape": shape, "f": lambda f: f"{f:.9g}"}.get(kind, str)(one)


def attribute(attr):
    default = "=" + literal(attr.default_value) if attr.HasField("default_value") else ""
    return f"{attr.name}:{attr.type}{default}"


ops = op_def_pb2.OpList()
ops.ParseFromString(pywrap_tf_session.TF_GetBuffer(pywrap_tf_session.TF_GetAllOpList()))
print(f"# TensorFlow's op registry as the wheel tensorflow-cpu {tf.__version__} registers it. Written by `cargo xtask op-registry`.")
for op in sorted(ops.op, key=lambda op: op.name.encode()):
    if op.name == "DefaultAttrs":  # of TensorFlow's own tests
        continue
    flags = [name for name in ("is_commutative", "is_aggregate", "is_stateful", "allows_uninitialized_input") if getattr(op, name)]
    flags += [f"deprecated={op.deprecation.version}"] if op.HasField("deprecation") else []
    columns = [map(argument, op.input_arg), map(argument, op.output_arg), map(attribute, op.attr), flags]
    print("\t".join([op.name] + [" ".join(column) for column in columns]))

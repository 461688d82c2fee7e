"""first_run.py GRAPH.pb OUTPUTS GRAPPLER RUNS [NAME=EXTENTS…]: what TensorFlow's first run of a graph costs, on one thread.

OUTPUTS are tensor names with commas; GRAPPLER is `on` or `off` (the session's meta optimizer). Placeholders are fed with random
numbers; unknown extents are 1 unless given. One line of JSON: CPU milliseconds of parsing, import, the first run, the least and
the median later run, and the wall time of the first."""
import json
import os
import statistics
import sys
import time

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""
import numpy
import tensorflow as tf
from tensorflow.core.protobuf import rewriter_config_pb2

tf1 = tf.compat.v1
path, outputs, grappler, runs, *extents = sys.argv[1:]
given = dict(item.split("=") for item in extents)


def timed(call):
    cpu, wall = time.process_time(), time.perf_counter()
    result = call()
    return result, 1e3 * (time.process_time() - cpu), 1e3 * (time.perf_counter() - wall)


def parse():
    graph = tf1.GraphDef()
    with open(path, "rb") as file:
        graph.ParseFromString(file.read())
    return graph


def load(graph_def):
    graph = tf.Graph()
    with graph.as_default():
        tf1.import_graph_def(graph_def, name="")
    return graph


graph_def, parse_ms, _ = timed(parse)
graph, import_ms, _ = timed(lambda: load(graph_def))
fetches = [name if ":" in name else name + ":0" for name in outputs.split(",")]
needed = {name.split(":")[0] for name in fetches}
stack, order = list(needed), []
while stack:
    operation = graph.get_operation_by_name(stack.pop())
    order.append(operation)
    for source in [tensor.op for tensor in operation.inputs] + list(operation.control_inputs):
        if source.name not in needed:
            needed.add(source.name)
            stack.append(source.name)
random, feeds = numpy.random.RandomState(1), {}
for operation in sorted((op for op in order if op.type == "Placeholder"), key=lambda op: op.name):
    tensor = operation.outputs[0]
    if operation.name in given:
        shape = [int(extent) for extent in given[operation.name].split("x")]
    else:
        shape = [extent or 1 for extent in tensor.shape.as_list()]
    dtype = tensor.dtype.as_numpy_dtype
    if tensor.dtype.is_floating:
        feeds[tensor] = random.uniform(-1, 1, shape).astype(dtype)
    else:
        feeds[tensor] = random.randint(0, 2 if tensor.dtype == tf.bool else 255, shape).astype(dtype)
config = tf1.ConfigProto(intra_op_parallelism_threads=1, inter_op_parallelism_threads=1)
if grappler == "off":
    config.graph_options.rewrite_options.disable_meta_optimizer = True
with tf1.Session(graph=graph, config=config) as session:
    run = lambda: session.run(fetches, feeds)
    _, first, first_wall = timed(run)
    later = [timed(run)[1] for _ in range(int(runs))]
print(json.dumps({
    "nodes": len(graph_def.node), "parse": parse_ms, "import": import_ms, "first": first, "first_wall": first_wall,
    "least": min(later), "median": statistics.median(later),
}))

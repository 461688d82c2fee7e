"""graph_transform_tool.py JOBS: scenarios through TensorFlow's own Graph Transform Tool, which the tensorflow-cpu wheel carries.

JOBS is a file with one JSON object a line: `graph` (binary or text GraphDef), `inputs`, `outputs`, `transforms`, `ours` (our result,
if there is one), `feeds`, `seconds`. Prints one line of JSON a job. Whatever may abort or hang runs in a process of its own."""
import collections
import json
import os
import pickle
import select
import signal
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""
import numpy
import tensorflow as tf
from google.protobuf import text_format
from tensorflow.python.framework import op_def_registry
from tensorflow.python.framework.tensor_util import MakeNdarray
from tensorflow.python.util import _pywrap_transform_graph as native

tf1 = tf.compat.v1


def apart(seconds, call):
    """What a call returns: ("ok", result), ("error", words), ("abort", signal), ("hang", "")."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        try:
            found = ("ok", call())
        except Exception as error:
            found = ("error", str(error).strip().split("\n")[0])
        with os.fdopen(write, "wb") as pipe:
            pickle.dump(found, pipe)
        os._exit(0)
    os.close(write)
    data, hung = b"", False
    with os.fdopen(read, "rb", 0) as pipe:
        while True:
            if not select.select([pipe], [], [], seconds)[0]:
                os.kill(pid, signal.SIGKILL)
                hung = True
                break
            chunk = pipe.read(1 << 20)
            if not chunk:
                break
            data += chunk
    status = os.waitpid(pid, 0)[1]
    if hung:
        return "hang", ""
    return pickle.loads(data) if data else ("abort", f"signal {os.WTERMSIG(status)}")


def parse(path):
    graph, data = tf1.GraphDef(), open(path, "rb").read()
    if path.endswith(".pbtxt"):
        text_format.Parse(data.decode(), graph)
    else:
        graph.ParseFromString(data)
    return graph


def tensor(name):
    return name if ":" in name else name + ":0"


def feed(graph, names, given):
    """Generated tensors for the inputs, by the seed 1; `given` has shapes ("2,3") or values ("=[1, 2]") by name."""
    rng, feeds = numpy.random.default_rng(1), {}
    for name in names:
        fed = graph.get_tensor_by_name(tensor(name))
        wanted, dtype = given.get(name), fed.dtype.as_numpy_dtype
        if wanted and wanted.startswith("="):
            feeds[tensor(name)] = numpy.array(json.loads(wanted[1:]), dtype)
            continue
        shape = fed.shape.as_list() if fed.shape.rank is not None else [2, 3]
        shape = json.loads(f"[{wanted}]") if wanted is not None else [2 if extent is None else extent for extent in shape]
        values = rng.standard_normal(shape) if numpy.dtype(dtype).kind in "fc" else rng.integers(0, 2, shape)
        feeds[tensor(name)] = numpy.asarray(values).astype(dtype)
    return feeds


def answers(message, names, feeds):
    with tf.Graph().as_default() as graph:
        tf1.import_graph_def(message, name="")
        fetched = []
        for name in names:
            node = graph.as_graph_element(name.split(":")[0].lstrip("^"))
            fetched.append(graph.get_tensor_by_name(tensor(name)) if isinstance(node, tf.Operation) and node.outputs else node)
        options = tf1.ConfigProto(intra_op_parallelism_threads=1, inter_op_parallelism_threads=1)
        options.graph_options.optimizer_options.opt_level = -1
        options.graph_options.rewrite_options.disable_meta_optimizer = True
        with tf1.Session(graph=graph, config=options) as session:
            tf1.set_random_seed(1)
            feeds = feeds(graph) if callable(feeds) else feeds
            found = session.run(fetched, {key: value for key, value in feeds.items()})
            return [None if value is None else numpy.asarray(value) for value in found], feeds


def difference(expected, found):
    """The largest difference as a share of the largest magnitude; None when shapes or types differ."""
    worst = 0.0
    for a, b in zip(expected, found):
        if a is None or b is None:
            continue
        if a.shape != b.shape or a.dtype != b.dtype:
            return None
        if a.dtype.kind not in "fc" and a.dtype.name != "bfloat16":
            worst = worst if a.tolist() == b.tolist() else 1.0
            continue
        a, b = a.astype("complex128"), b.astype("complex128")
        if (numpy.isfinite(a) != numpy.isfinite(b)).any():
            return 1e9
        a, b = a[numpy.isfinite(a)], b[numpy.isfinite(b)]
        if a.size:
            worst = max(worst, float(abs(a - b).max() / (abs(a).max() or 1.0)))
    return worst


def attributes(node, literal):
    found = {key: value for key, value in node.attr.items()}
    known = op_def_registry.get(node.op)
    if known is not None and not literal:
        for attribute in known.attr:
            if attribute.HasField("default_value"):
                found.setdefault(attribute.name, attribute.default_value)
    return found


def same_value(a, b):
    if a.WhichOneof("value") != b.WhichOneof("value"):
        return False
    if a.WhichOneof("value") != "tensor" or a == b:
        return a == b
    a, b = MakeNdarray(a.tensor), MakeNdarray(b.tensor)
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    return difference([a], [b]) <= 1e-5


def edges(node):
    strip = lambda name: name[:-2] if name.endswith(":0") else name
    data = [strip(name) for name in node.input if not name.startswith("^")]
    return data, sorted({name[1:] for name in node.input if name.startswith("^")})


def node_difference(a, b, literal):
    if a.op != b.op or a.device != b.device:
        return f"`{a.name}` is {a.op} on `{a.device}` against {b.op} on `{b.device}`"
    left, right = attributes(a, literal), attributes(b, literal)
    for key in sorted(left.keys() | right.keys()):
        if key not in left or key not in right or not same_value(left[key], right[key]):
            return f"`{a.name}` ({a.op}): attribute `{key}`"
    return None


def graph_difference(left, right, literal):
    """The first difference of two graphs as sets of nodes; None when there is none."""
    a, b = ({node.name: node for node in graph.node} for graph in (left, right))
    if len(left.node) != len(a) or len(right.node) != len(b):
        return "two nodes of one name"
    for name in sorted(a.keys() ^ b.keys()):
        return f"only one of them has `{name}` ({(a.get(name) or b.get(name)).op})"
    for name in sorted(a):
        found = node_difference(a[name], b[name], literal)
        if found or edges(a[name]) != edges(b[name]):
            return found or f"`{name}` reads {list(a[name].input)} against {list(b[name].input)}"
    return None


def shape_difference(left, right, literal, ends):
    """The same up to names of nodes between inputs and outputs: pairs of nodes, from the outputs backwards."""
    a, b = ({node.name: node for node in graph.node} for graph in (left, right))
    if len(a) != len(b):
        ops = [collections.Counter(node.op for node in graph.node) for graph in (left, right)]
        return f"other nodes: {dict(ops[0] - ops[1])} against {dict(ops[1] - ops[0])}"
    work, paired = [(name, name) for name in ends], {}
    while work:
        one, other = work.pop()
        if one in paired:
            if paired[one] != other:
                return f"`{one}` is `{paired[one]}` and `{other}`"
            continue
        paired[one] = other
        if one not in a or other not in b:
            return f"no `{one}` or no `{other}`"
        found = node_difference(a[one], b[other], literal)
        if found:
            return found
        (data, control), (others, waits) = edges(a[one]), edges(b[other])
        ports = lambda names: [name.split(":")[1:] for name in names]
        if ports(data) != ports(others) or len(control) != len(waits):
            return f"`{one}` reads {list(a[one].input)} against {list(b[other].input)}"
        kind = lambda graph: lambda name: (graph[name].op if name in graph else "", name)
        pairs = zip(data + sorted(control, key=kind(a)), others + sorted(waits, key=kind(b)))
        work += [(x.split(":")[0], y.split(":")[0]) for x, y in pairs]
    return None


def look(graph):
    """What a scenario may ask of a result."""
    return {"ops": dict(collections.Counter(node.op for node in graph.node)), "nodes": {n.name: n.op for n in graph.node},
            "order": [node.name for node in graph.node], "size": len(graph.node), "producer": graph.versions.producer}


def job(task):
    graph = parse(task["graph"])
    split = lambda names: [name.strip() for name in names.split(",") if name.strip()]
    inputs, outputs, seconds = split(task["inputs"]), split(task["outputs"]), task["seconds"]
    words = [task["inputs"].encode(), task["outputs"].encode(), task["transforms"].encode()]
    data = graph.SerializeToString()
    state, result = apart(seconds, lambda: native.TransformGraphWithStringInputs(data, *words))
    found = {"theirs": {"state": state}, "ours": {}}
    results = {}
    if state == "ok":
        results["theirs"] = tf1.GraphDef.FromString(result)
    else:
        found["theirs"]["words"] = str(result)
    if task["ours"]:
        results["ours"] = parse(task["ours"])
    expected = ("off", "")
    if task["numerics"]:
        expected = apart(seconds, lambda: answers(graph, outputs, lambda loaded: feed(loaded, inputs, task["feeds"])))
    if expected[0] != "ok":
        found["unchecked"] = expected[1] or expected[0]
    for who, result in results.items():
        row = found[who]
        row.update(look(result))
        row["changed"] = graph_difference(graph, result, True)
        if expected[0] == "ok":
            state, got = apart(seconds, lambda: answers(result, outputs, expected[1][1]))
            row["run"] = state
            row["note"] = got if state != "ok" else ""
            if state == "ok":
                row["worst"] = difference(expected[1][0], got[0])
    if len(results) == 2:
        literal = task["literal"]
        found["differs"] = graph_difference(results["theirs"], results["ours"], literal)
        ends = [name.split(":")[0].lstrip("^") for name in outputs]
        found["differs_in_form"] = shape_difference(results["theirs"], results["ours"], literal, ends)
    return found


if __name__ == "__main__":
    print(json.dumps({"version": tf.__version__}), flush=True)
    for line in open(sys.argv[1]):
        task = json.loads(line)
        try:
            found = job(task)
        except Exception as error:
            found = {"problem": f"{type(error).__name__}: {error}"}
        print(json.dumps({"name": task["name"], **found}), flush=True)

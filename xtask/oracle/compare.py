"""compare.py reference MODEL FOLDER [NAME=EXTENT…]   inputs for MODEL, and what ONNX Runtime answers: FOLDER/reference.npz, feeds.npz
compare.py compare RESULT FOLDER                    does RESULT give these answers?
compare.py versions PACKAGE…

Prints one line of JSON. ONNX Runtime runs without optimizations."""
import importlib.metadata
import json
import os
import sys


def session(path):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def inner(attribute):
    return [attribute.g] if attribute.type == attribute.GRAPH else list(attribute.graphs)


def count(graph):
    return sum(1 + sum(count(g) for a in node.attribute for g in inner(a)) for node in graph.node)


def size(path):
    """Nodes with those of subgraphs and functions, and bytes with external data."""
    import onnx

    model = onnx.load(path, load_external_data=False)
    files = {e.value for t in tensors(model.graph) for e in t.external_data if e.key == "location"}
    folder = os.path.dirname(os.path.abspath(path))
    total = os.path.getsize(path) + sum(os.path.getsize(os.path.join(folder, f)) for f in files)
    return model, count(model.graph) + sum(len(f.node) for f in model.functions), total


def tensors(graph):
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == attribute.TENSOR:
                yield attribute.t
            for g in inner(attribute):
                yield from tensors(g)


def rows(model):
    """For each graph input that indexes a table: the table's rows."""
    graph, bound = model.graph, {}
    dims = {t.name: list(t.dims) for t in graph.initializer}
    source = {}
    for node in graph.node:
        if node.op_type in ("Cast", "Identity", "Reshape", "Unsqueeze", "Squeeze", "Flatten") and node.input:
            source[node.output[0]] = source.get(node.input[0], node.input[0])
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            dims[node.output[0]] = list(node.attribute[0].t.dims)
        if node.op_type == "Identity" and node.input[0] in dims:
            dims[node.output[0]] = dims[node.input[0]]
        if node.op_type == "Gather" and node.input[0] in dims:
            axis = next((a.i for a in node.attribute if a.name == "axis"), 0)
            name = source.get(node.input[1], node.input[1])
            bound[name] = min(bound.get(name, 1 << 62), dims[node.input[0]][axis])
    return bound


def recorded(path, names):
    """Inputs that lie beside the model: meta.json and io/setK_in.npz."""
    import numpy

    folder = os.path.dirname(os.path.abspath(path))
    meta = os.path.join(folder, "meta.json")
    entries = json.load(open(meta))["entries"] if os.path.exists(meta) else []
    for entry in entries:
        if entry["file"] == os.path.basename(path):
            sets = [os.path.join(folder, "io", f"set{k}_in.npz") for k in entry.get("io_sets") or (0, 1)]
            for path in filter(os.path.exists, sets):
                arrays = numpy.load(path)
                tensor = lambda t: t if t in names else t.split(":")[0]
                yield {tensor(t): arrays[logical] for logical, t in entry["inputs"].items()}


def generated(opened, model, extents, default):
    import numpy

    random, bound, feed = numpy.random.default_rng(7), rows(model), {}
    skip = {i.name for i in opened.get_overridable_initializers()}
    for i in opened.get_inputs():
        if i.name in skip:
            continue
        shape = [d if isinstance(d, int) else int(extents.get(str(d), default)) for d in i.shape]
        kind = i.type[len("tensor(") : -1]
        dtype = {"float": "float32", "double": "float64", "bool": "bool"}.get(kind, kind)
        if dtype.startswith("float"):
            feed[i.name] = random.standard_normal(shape).astype(dtype)
        elif dtype == "string":
            feed[i.name] = numpy.full(shape, "text", dtype=object)
        else:
            high = 2 if dtype == "bool" else 256 if dtype == "uint8" else min(bound.get(i.name, 5), 1 << 30)
            feed[i.name] = random.integers(0, high, shape).astype(dtype)
    return feed


def reference(path, folder, extents):
    import numpy

    model, nodes, total = size(path)
    found = {"nodes": nodes, "bytes": total}
    opened = session(path)
    feeds = list(recorded(path, {i.name for i in opened.get_inputs()}))[:2]
    problem = None
    for default in [None] if feeds else [2, 1, 3, 8]:
        trial = feeds or [generated(opened, model, extents, default)]
        try:
            answers = [opened.run(None, feed) for feed in trial]
        except Exception as error:
            problem = problem or str(error)
            continue
        arrays = {f"{k}/i/{name}": array for k, feed in enumerate(trial) for name, array in feed.items()}
        for k, answer in enumerate(answers):
            arrays.update({f"{k}/o/{o.name}": array for o, array in zip(opened.get_outputs(), answer)})
        numpy.savez(os.path.join(folder, "reference.npz"), **arrays)
        numpy.savez(os.path.join(folder, "feeds.npz"), **trial[0])
        return found
    return found | {"problem": problem}


def difference(expected, found):
    """The largest difference relative to the largest magnitude; None when it makes no sense to ask."""
    import numpy

    if expected.shape != found.shape or expected.dtype != found.dtype:
        return None
    if expected.dtype.kind not in "fc":
        return 0.0 if numpy.array_equal(expected, found) else None
    if expected.size == 0:
        return 0.0
    odd = ~numpy.isfinite(expected)
    if not numpy.array_equal(odd, ~numpy.isfinite(found)):
        return None
    if not numpy.array_equal(expected[odd], found[odd], equal_nan=True):
        return None
    a, b = expected[~odd].astype(numpy.float64), found[~odd].astype(numpy.float64)
    if a.size == 0:
        return 0.0
    return float(numpy.max(numpy.abs(a - b))) / max(float(numpy.max(numpy.abs(a))), 1e-9)


def compare(path, folder):
    import numpy

    _, nodes, total = size(path)
    found = {"nodes": nodes, "bytes": total}
    if not os.path.exists(os.path.join(folder, "reference.npz")):
        return found | {"problem": "no reference"}
    opened = session(path)
    wanted = {i.name for i in opened.get_inputs()} - {i.name for i in opened.get_overridable_initializers()}
    arrays = numpy.load(os.path.join(folder, "reference.npz"), allow_pickle=True)
    sets, worst = {}, 0.0
    for key in arrays.files:
        k, kind, name = key.split("/", 2)
        sets.setdefault(k, {"i": {}, "o": {}})[kind][name] = arrays[key]
    for k, tensors in sets.items():
        if not wanted <= set(tensors["i"]):
            return found | {"problem": "other inputs"}
        if [o.name for o in opened.get_outputs()] != list(tensors["o"]):
            return found | {"problem": "other outputs"}
        known = {i.name for i in opened.get_inputs()}
        if set(tensors["i"]) - known:
            found["note"] = "inputs lost"
        answers = opened.run(None, {n: t for n, t in tensors["i"].items() if n in known})
        for (name, expected), answer in zip(tensors["o"].items(), answers):
            off = difference(expected, numpy.asarray(answer))
            if off is None:
                return found | {"problem": f"output {name} differs in type, shape or kind"}
            worst = max(worst, off)
    return found | {"worst": worst}


def main():
    task, *arguments = sys.argv[1:]
    if task == "versions":
        return {package: importlib.metadata.version(package) for package in arguments}
    try:
        if task == "reference":
            return reference(arguments[0], arguments[1], dict(a.split("=") for a in arguments[2:]))
        return compare(*arguments)
    except Exception as error:
        return {"problem": f"{type(error).__name__}: {error}"[:300]}


if __name__ == "__main__":
    print(json.dumps(main()))

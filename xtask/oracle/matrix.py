"""matrix.py FOLDER WHO CASE…: what WHO makes of FOLDER/original/CASE.onnx, judged by ONNX Runtime without optimizations.

WHO is a peer, whose result is written to FOLDER/WHO, or somebody whose results are there already. One line of JSON a case:
`ok`; WRONG, WRONG_SHAPE: other answers; INVALID: does not load or run, or has another interface; INPUT_LOST; ERROR: WHO refused;
`noref`: the original does not run. A case that kills the process has no line."""
import json
import os
import sys

import numpy
import onnx

import compare
import peer


def interface(model):
    given = {t.name for t in model.graph.initializer}
    ports = [p for p in model.graph.input if p.name not in given], model.graph.output
    dims = lambda p: [d.dim_param or d.dim_value for d in p.type.tensor_type.shape.dim]
    return [[(p.name, dims(p)) for p in side] for side in ports]


def run(path, feed):
    opened = compare.session(path)
    known = {i.name for i in opened.get_inputs()}
    return [o.name for o in opened.get_outputs()], opened.run(None, {n: t for n, t in feed.items() if n in known})


def same(a, b, tolerance):
    if isinstance(a, (list, dict)) or isinstance(b, (list, dict)) or a is None or b is None:
        return str(a) == str(b)
    off = compare.difference(numpy.asarray(a), numpy.asarray(b))
    return off is not None and off <= (2e-3 if numpy.asarray(a).dtype == numpy.float16 else tolerance)


def shape(a):
    return (a.shape, a.dtype) if isinstance(a, numpy.ndarray) else type(a)


def judge(source, target, extents):
    original = onnx.load(source)
    try:
        feed = compare.generated(compare.session(source), original, extents, 2)
        names, expected = run(source, feed)
        again = run(source, feed)[1]
    except Exception as error:
        return "noref", str(error)
    try:
        result = onnx.load(target)
        before, after = interface(original), interface(result)
        if not {n for n, _ in before[0]} <= {n for n, _ in after[0]}:
            return "INPUT_LOST", ""
        if before[0] != after[0] or [n for n, _ in before[1]] != [n for n, _ in after[1]]:
            return "INVALID", f"the interface was {before} and is {after}"
        found = run(target, feed)[1]
        twice = run(target, feed)[1]
    except Exception as error:
        return "INVALID", str(error)
    for a, b, c, d in zip(expected, again, found, twice):
        if shape(a) != shape(c):
            return "WRONG_SHAPE", f"{shape(a)} became {shape(c)}"
        random = not same(a, b, 0)
        if random and same(c, d, 0):
            return "WRONG", "a random result is the same every time"
        if not random and not same(a, c, 1e-4):
            return "WRONG", ""
    try:
        onnx.checker.check_model(source, full_check=True)
    except Exception:
        return "ok", ""
    try:
        onnx.checker.check_model(target, full_check=True)
    except Exception as error:
        return "INVALID", f"onnx.checker: {error}"
    return "ok", ""


def main():
    folder, who, *cases = sys.argv[1:]
    extents = json.load(open(os.path.join(folder, "extents.json")))
    os.makedirs(os.path.join(folder, who), exist_ok=True)
    for case in cases:
        source = os.path.join(folder, "original", case + ".onnx")
        target = os.path.join(folder, who, case + ".onnx")
        verdict = None
        optimize = getattr(peer, who.replace("-", "_"), None)
        if optimize:
            try:
                optimize(source, target)
            except BaseException as error:
                verdict = "ERROR", f"{type(error).__name__}: {error}"
        nodes = None
        if not verdict:
            verdict = judge(source, target, extents.get(case, {}))
            try:
                nodes = compare.size(target)[1]
            except Exception:
                pass
        words = " ".join(verdict[1].split())[:200]
        sys.stdout.write("\n" + json.dumps({"case": case, "verdict": verdict[0], "note": words, "nodes": nodes}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()

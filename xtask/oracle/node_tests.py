"""node_tests.py FOLDER EACH PASS: models EACH/CASE@PASS/model.onnx against the expected outputs of FOLDER/CASE, in ONNX Runtime.

Counts only where the original gives them. One line of JSON."""
import glob
import json
import os
import sys

import numpy
import onnx
from onnx import numpy_helper

import compare


def load(path, value):
    data, kind = open(path, "rb").read(), value.type
    message, convert = onnx.TensorProto(), numpy_helper.to_array
    if kind.HasField("sequence_type"):
        message, convert = onnx.SequenceProto(), numpy_helper.to_list
    elif kind.HasField("optional_type"):
        message, convert = onnx.OptionalProto(), numpy_helper.to_optional
    elif kind.HasField("map_type"):
        message, convert = onnx.MapProto(), numpy_helper.to_dict
    message.ParseFromString(data)
    return convert(message)


def equal(a, b):
    if isinstance(a, list) or isinstance(b, list):
        return len(a) == len(b) and all(equal(x, y) for x, y in zip(a, b))
    if a is None or b is None or isinstance(a, dict):
        return a == b
    a, b = numpy.asarray(a), numpy.asarray(b)
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    if a.dtype.kind in "fc":
        return numpy.allclose(a, b, rtol=1e-3, atol=1e-5, equal_nan=True)
    return a.tolist() == b.tolist()


def right(path, model, folder):
    opened = compare.session(path)
    known = {i.name for i in opened.get_inputs()}
    for data in sorted(glob.glob(f"{folder}/test_data_set_*")):
        feed = {}
        for i, value in enumerate(model.graph.input):
            file = f"{data}/input_{i}.pb"
            if value.name in known and os.path.exists(file):
                feed[value.name] = load(file, value)
        answers = opened.run(None, feed)
        expected = [load(f"{data}/output_{i}.pb", value) for i, value in enumerate(model.graph.output)]
        if len(answers) != len(expected) or not all(map(equal, answers, expected)):
            return False
    return True


def ports(model):
    given = {t.name for t in model.graph.initializer}
    return [p.name for p in model.graph.input if p.name not in given], [p.name for p in model.graph.output]


def main():
    folder, each, name = sys.argv[1:]
    found = {"right": 0, "no reference": 0, "wrong": []}
    for path in sorted(glob.glob(f"{each}/*@{name}/model.onnx")):
        case = os.path.basename(os.path.dirname(path)).rsplit("@", 1)[0]
        original = f"{folder}/{case}/model.onnx"
        try:
            model = onnx.load(original)
            reference = right(original, model, f"{folder}/{case}")
        except Exception:
            reference = False
        if not reference:
            found["no reference"] += 1
            continue
        try:
            good = ports(model) == ports(onnx.load(path)) and right(path, model, f"{folder}/{case}")
            why = "other outputs"
        except Exception as error:
            good, why = False, str(error)[:160]
        if good:
            found["right"] += 1
        else:
            found["wrong"].append(f"{case}: {why}")
    print("\n" + json.dumps(found))


if __name__ == "__main__":
    main()

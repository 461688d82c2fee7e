"""peer.py PEER SOURCE TARGET: one ONNX optimizer with its defaults on one file."""
import sys


def onnxsim(source, target):
    import onnx
    import onnxsim

    model, _ = onnxsim.simplify(source)
    save(onnx, model, target)


def onnxslim(source, target):
    import onnxslim

    onnxslim.slim(source, target)


def onnxoptimizer(source, target):
    import onnx
    import onnxoptimizer

    passes = onnxoptimizer.get_fuse_and_elimination_passes()
    save(onnx, onnxoptimizer.optimize(onnx.load(source), passes, fixed_point=True), target)


def onnxscript(source, target):
    import onnx
    import onnxscript.optimizer

    save(onnx, onnxscript.optimizer.optimize(onnx.load(source)), target)


def ort_basic(source, target):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = target
    onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])


def save(onnx, model, target):
    onnx.save(model, target)


if __name__ == "__main__":
    peer, source, target = sys.argv[1:]
    globals()[peer.replace("-", "_")](source, target)

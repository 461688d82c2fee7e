#![doc = include_str!("README.md")]

use gtt_ir::{DType, Graph, GraphId, Tensor, ValueId};
use gtt_rewrite::{ArgError, Args, Change, Error, Kind, Numerics, Param, Pass, PassContext, PassInfo, is_fed};

mod grid;

use grid::Grid;

/// Its description.
pub static PASS: PassInfo = PassInfo {
    params: &[
        Param {
            default: Some("256"),
            ..Param::new("num_steps", Kind::Int, "how many distinct values may stay, at least 2")
        },
        Param { default: Some("16"), ..Param::new("minimum_size", Kind::Int, "constants of fewer elements stay") },
    ],
    numerics: Numerics::Lossy,
    ..PassInfo::new(
        "round_weights",
        "round each weight to one of a few values, so that the file compresses",
        include_str!("README.md"),
        build,
    )
};

const RULE: &str = "weight";

fn build(args: &Args) -> Result<Box<dyn Pass>, ArgError> {
    const STEPS: std::ops::RangeInclusive<i64> = 2..=1 << 20;
    let steps = args.int("num_steps")?;
    if !STEPS.contains(&steps) {
        return Err(ArgError::of("num_steps", format!("`num_steps` expects 2 to {}, found {steps}", STEPS.end())));
    }
    let minimum_size = usize::try_from(args.int("minimum_size")?).unwrap_or(0);
    Ok(Box::new(RoundWeights { steps: steps as usize, minimum_size }))
}

struct RoundWeights {
    steps: usize,
    minimum_size: usize,
}

impl Pass for RoundWeights {
    fn run(&self, cx: &mut PassContext<'_>) -> Result<(), Error> {
        for id in cx.graphs() {
            for value in self.candidates(cx.graph(id)) {
                self.round(cx, id, value);
            }
        }
        Ok(())
    }
}

impl RoundWeights {
    fn candidates(&self, graph: &Graph) -> Vec<ValueId> {
        let is_candidate = |id: ValueId, tensor: &Tensor| {
            tensor.dtype() == DType::F32
                && tensor.len() >= self.minimum_size
                && tensor.as_splat().is_none()
                && tensor.is_readable()
                && !is_fed(graph, id)
        };
        let constants = graph.constants();
        constants.filter(|(id, _, constant)| is_candidate(*id, &constant.tensor)).map(|(id, ..)| id).collect()
    }

    fn round(&self, cx: &mut PassContext<'_>, id: GraphId, value: ValueId) {
        let Some(tensor) = cx.graph(id).tensor(value) else { return };
        let (Some(bytes), shape) = (tensor.bytes(), tensor.shape().to_vec()) else { return };
        let elements =
            || bytes.chunks_exact(4).map(|bytes| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]));
        if grid::has_at_most(self.steps, elements()) {
            return;
        }
        let name = |model: &gtt_ir::Model| model.graph(id).value(value).name.to_string();
        let Some(grid) = Grid::of(self.steps, elements()) else {
            return cx.decline_with(RULE, "an element is not finite", name);
        };
        if !cx.permit_with(RULE, name) {
            return;
        }
        let mut change = Change::default();
        let round = |element: f32| {
            let rounded = grid.nearest(element);
            change.add(f64::from(element), f64::from(rounded));
            rounded
        };
        let mut rounded = Vec::with_capacity(bytes.len());
        elements().map(round).for_each(|element| rounded.extend_from_slice(&element.to_le_bytes()));
        let Ok(tensor) = Tensor::from_bytes(DType::F32, &shape, rounded.into()) else { return };
        cx.deviate(id, value, &change);
        cx.edit(id).set_tensor(value, tensor);
    }
}

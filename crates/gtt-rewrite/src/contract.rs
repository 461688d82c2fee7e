//! The interface contract: what a pass may do to a model's inputs and outputs.

use gtt_ir::{Def, Graph, GraphId, Model, Name, Type};
use gtt_ops::infer::Types;

use crate::{Interface, Numerics};

/// The interface of all graphs at one moment.
pub(crate) struct Contract {
    main: [Vec<PortState>; 2],
    counts: Vec<(GraphId, usize, usize)>,
}

struct PortState {
    name: Name,
    ty: Type,
    has_default: bool,
}

fn ports(graph: &Graph, id: GraphId, types: Option<&Types>) -> [Vec<PortState>; 2] {
    [graph.inputs(), graph.outputs()].map(|ports| {
        let state = |port: &gtt_ir::Port| {
            let value = graph.value(port.value);
            let ty = match types.map(|types| types.get(id, port.value)) {
                None | Some(Type::Unknown) => value.ty.clone(),
                Some(inferred) => inferred.clone(),
            };
            PortState {
                name: port.name.clone(),
                ty,
                has_default: matches!(&value.def, Def::Input { default: Some(_) }),
            }
        };
        ports.iter().map(state).collect()
    })
}

impl Contract {
    /// Writes the interface down. Types that were inferred already are used, none are inferred for this.
    pub(crate) fn of(model: &Model, types: Option<&Types>) -> Self {
        let nested = model.graphs().filter(|(id, _)| *id != model.main_id());
        Self {
            main: ports(model.main(), model.main_id(), types),
            counts: nested.map(|(id, graph)| (id, graph.inputs().len(), graph.outputs().len())).collect(),
        }
    }

    /// Compares with the interface after a pass; `Err` says what broke.
    pub(crate) fn check(
        &self,
        model: &Model,
        types: Option<&Types>,
        interface: Interface,
        numerics: Numerics,
    ) -> Result<(), String> {
        for &(id, inputs, outputs) in &self.counts {
            let Some(graph) = model.get_graph(id) else { continue };
            if graph.inputs().len() != inputs || graph.outputs().len() != outputs {
                return Err(format!("the number of inputs or outputs of graph `{}` changed", model.place(id)));
            }
        }
        if interface == Interface::Changes {
            return Ok(());
        }
        let after = ports(model.main(), model.main_id(), types);
        for (kind, (before, after)) in ["input", "output"].into_iter().zip(self.main.iter().zip(&after)) {
            let mut left = after.iter();
            let mut next = left.next();
            for port in before {
                let may_go = match interface {
                    Interface::DropsDefaults => port.has_default,
                    Interface::DropsInputs => kind == "input",
                    Interface::DropsOutputs => kind == "output",
                    _ => false,
                };
                let renamed = numerics == Numerics::Renames;
                match next {
                    Some(found) if renamed || found.name == port.name => {
                        if interface != Interface::ChangesTypes && contradict(&port.ty, &found.ty) {
                            return Err(format!("{kind} `{}` was {} and is now {}", port.name, port.ty, found.ty));
                        }
                        next = left.next();
                    }
                    _ if may_go => {}
                    Some(found) => {
                        return Err(format!("{kind} `{}` stands where {kind} `{}` was", found.name, port.name));
                    }
                    None => return Err(format!("{kind} `{}` is gone", port.name)),
                }
            }
            if let Some(found) = next {
                return Err(format!("{kind} `{}` is new", found.name));
            }
        }
        Ok(())
    }
}

/// The types cannot both be right.
pub fn contradict(a: &Type, b: &Type) -> bool {
    match (a, b) {
        (Type::Unknown, _) | (_, Type::Unknown) => false,
        (Type::Tensor { dtype: a, shape: x }, Type::Tensor { dtype: b, shape: y })
        | (Type::Sparse { dtype: a, shape: x }, Type::Sparse { dtype: b, shape: y }) => {
            let dtypes = matches!((a, b), (Some(a), Some(b)) if a != b);
            let shapes = match (x, y) {
                (Some(x), Some(y)) => {
                    let known = |(x, y): (&gtt_ir::Dim, &gtt_ir::Dim)| matches!((x.known(), y.known()), (Some(x), Some(y)) if x != y);
                    x.len() != y.len() || x.iter().zip(y).any(known)
                }
                _ => false,
            };
            dtypes || shapes
        }
        (Type::Sequence(a), Type::Sequence(b)) | (Type::Optional(a), Type::Optional(b)) => contradict(a, b),
        (Type::Map(k, a), Type::Map(l, b)) => k != l || contradict(a, b),
        _ => true,
    }
}

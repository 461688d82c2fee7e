//! Declaring inputs and dims anew, and everything that follows from it.

use std::collections::BTreeMap;

use gtt_ir::{Def, Dim, GraphId, Name, Shape, Type, ValueId};
use gtt_ops::infer::without_derived_names;
use gtt_rewrite::{Error, PassContext, contradict};
use rustc_hash::FxHashSet;

/// What is declared anew.
#[derive(Debug, Default)]
pub(crate) struct Retyping {
    /// Inputs of the main graph with their new types.
    pub(crate) inputs: Vec<(ValueId, Type)>,
    /// Extents of named dims.
    pub(crate) dims: BTreeMap<Name, u64>,
    /// An extent that was declared is another one now: what was declared of results may no longer be so.
    pub(crate) contradicts: bool,
}

impl Retyping {
    /// Changes declarations all over the model. The error says where they cannot all be true.
    pub(crate) fn apply(self, cx: &mut PassContext<'_>) -> Result<(), Error> {
        let main = cx.model().main_id();
        let known_before: FxHashSet<String> = cx.types().notes().iter().map(|note| note.text.clone()).collect();
        for graph in cx.model().nested(main) {
            self.declarations(cx, graph);
        }
        for (input, ty) in self.inputs {
            cx.edit(main).set_type(input, ty);
        }
        let types = cx.types();
        let said = |note: &&gtt_ops::infer::Note| !known_before.contains(&note.text);
        if let Some(note) = types.notes().iter().find(said) {
            let place = match note.node {
                Some(node) => gtt_rewrite::place(cx.model(), note.graph, node),
                None => cx.model().place(note.graph),
            };
            return Err(Error::failed(place, note.text.clone()));
        }
        let results: Vec<(ValueId, Type)> = cx
            .graph(main)
            .values()
            .filter(|(_, value)| matches!(value.def, Def::Node { .. }) && value.ty != Type::Unknown)
            .filter_map(|(id, value)| {
                let inferred = without_derived_names(types.get(main, id));
                let ty = if contradict(&inferred, &value.ty) { inferred } else { inferred.merged(&value.ty) };
                (ty != value.ty).then_some((id, ty))
            })
            .collect();
        let mut editor = cx.edit(main);
        for (value, ty) in results {
            editor.set_type(value, ty);
        }
        editor.redeclare_outputs();
        Ok(())
    }

    /// Named dims get their extents; in a subgraph, where a name may mean something else, they become unknown.
    fn declarations(&self, cx: &mut PassContext<'_>, graph: GraphId) {
        let is_main = graph == cx.model().main_id();
        let values: Vec<(ValueId, Type)> = cx
            .graph(graph)
            .values()
            .filter(|(_, value)| !matches!(value.def, Def::Const(_)) && value.ty != Type::Unknown)
            .filter_map(|(id, value)| {
                let is_result = matches!(value.def, Def::Node { .. } | Def::Capture { .. });
                let ty = map_shape(&value.ty, &|shape| {
                    if self.contradicts && is_result {
                        return None;
                    }
                    let dim = |dim: &Dim| match dim {
                        Dim::Symbol(name) => match self.dims.get(name) {
                            Some(&extent) if is_main => Dim::Known(extent),
                            Some(_) => Dim::Unknown,
                            None => dim.clone(),
                        },
                        _ => dim.clone(),
                    };
                    Some(shape.iter().map(dim).collect())
                });
                (ty != value.ty).then_some((id, ty))
            })
            .collect();
        for (value, ty) in values {
            cx.edit(graph).set_type(value, ty);
        }
    }
}

/// The type with another shape, inside of sequences and optionals as well.
pub(crate) fn map_shape(ty: &Type, change: &impl Fn(&Shape) -> Option<Shape>) -> Type {
    match ty {
        Type::Tensor { dtype, shape } => Type::Tensor { dtype: *dtype, shape: shape.as_ref().and_then(change) },
        Type::Sequence(element) => Type::Sequence(Box::new(map_shape(element, change))),
        Type::Optional(element) => Type::Optional(Box::new(map_shape(element, change))),
        other => other.clone(),
    }
}

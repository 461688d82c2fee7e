#![doc = include_str!("README.md")]

mod adapters;
mod table;
mod write;

use std::borrow::Cow;
use std::sync::Arc;

use gtt_ir::{Attr, Dialect, Domain, GraphId, Node, NodeId, Op, Tensor, Type, ValueId};
use gtt_ops::infer::Types;
use gtt_rewrite::{ArgError, Args, Error, Kind, Param, Pass, PassContext, PassInfo, Scope, constant_tensor};

use rustc_hash::FxHashSet;

use adapters::{Draft, Known, Slot};

/// Its description.
pub static PASS: PassInfo = PassInfo {
    aliases: &["version_converter", "convert_version"],
    params: &[Param { required: true, ..Param::new("to", Kind::Int, "version of the default operator set") }],
    dialects: &[Dialect::Onnx],
    scope: Scope::WithFunctions,
    ..PassInfo::new("upgrade_opset", "raise the version of the default operator set", include_str!("README.md"), build)
};

fn build(args: &Args) -> Result<Box<dyn Pass>, ArgError> {
    let to = args.int("to")?;
    if !(7..=table::NEWEST).contains(&to) {
        return Err(ArgError::new(format!("`to` must be a version from 7 to {}", table::NEWEST)));
    }
    Ok(Box::new(UpgradeOpset { to }))
}

struct UpgradeOpset {
    to: i64,
}

/// A node and what it becomes.
struct Change {
    graph: GraphId,
    node: NodeId,
    draft: Draft,
}

impl Pass for UpgradeOpset {
    fn run(&self, cx: &mut PassContext<'_>) -> Result<(), Error> {
        let graphs = cx.graphs();
        let types = cx.types();
        let known_since = table::known_since();
        let changing: FxHashSet<&str> = table::CHANGES.iter().map(|(op, ..)| *op).collect();
        let own = cx.model().functions.iter().map(|function| function.op.clone()).filter(|op| op.is_onnx(&op.name));
        let own: FxHashSet<Op> = own.collect();
        let (mut changes, mut refused) = (Vec::new(), Vec::new());
        for &graph in &graphs {
            let from = cx.opset_of(graph);
            if from == 0 || from >= self.to {
                continue;
            }
            for (node, content) in cx.graph(graph).nodes() {
                // A function of the model's own: its body is brought up instead.
                if !content.op.is_onnx(&content.op.name) || own.contains(&content.op) {
                    continue;
                }
                let name = content.op.name.as_str();
                let since = (known_since.get(name).copied(), changing.contains(name));
                let known = Operands { cx, types: &types, graph };
                match self.adapted(content, from, since, &known) {
                    Ok(None) => {}
                    Ok(Some(draft)) => changes.push(Change { graph, node, draft }),
                    Err(reason) => refused.push((graph, node, reason)),
                }
            }
        }
        if !refused.is_empty() {
            cx.note(format!("the operator set stays: {} nodes cannot follow", refused.len()));
            for (graph, node, reason) in refused {
                cx.decline("operator_set", graph, node, reason);
            }
            return Ok(());
        }
        let raised = (1..self.to).contains(&cx.opset());
        let functions = cx.model().functions.iter();
        let lower = |function: &gtt_ir::Function| {
            function.opsets.get(&Domain::ONNX).is_some_and(|version| (1..self.to).contains(version))
        };
        let functions: Vec<usize> =
            functions.enumerate().filter(|(_, function)| lower(function)).map(|(index, _)| index).collect();
        let from = cx.opset();
        if (!raised && functions.is_empty()) || !cx.permit_with("operator_set", |_| format!("{from} to {}", self.to)) {
            return Ok(());
        }
        write::write(cx, &changes);
        if raised {
            cx.set_opset(Domain::ONNX, Some(self.to));
        }
        for index in functions {
            cx.set_function_opset(index, Domain::ONNX, Some(self.to));
        }
        Ok(())
    }
}

impl UpgradeOpset {
    /// What a node becomes; `None` if it stays as it is.
    fn adapted(
        &self,
        node: &Node,
        from: i64,
        (since, changes): (Option<i64>, bool),
        known: &Operands<'_, '_>,
    ) -> Result<Option<Draft>, Cow<'static, str>> {
        let op = &node.op.name;
        let since = since.ok_or_else(|| format!("{op} is not known"))?;
        if from < since {
            return Err(format!("{op} before operator set {since} is not known").into());
        }
        let mut draft: Option<Draft> = None;
        if !changes {
            return Ok(draft);
        }
        // By version, since a node may go on as another op: `Upsample` as `Resize`.
        for at in from + 1..=self.to {
            let now = draft.as_ref().map_or(op, |draft| &draft.op);
            let change = table::CHANGES.iter().find(|(of, version, _)| *version == at && now == *of);
            let Some((.., adapter)) = change else { continue };
            if node.attrs.iter().any(|entry| matches!(entry.value, Attr::Ref(_))) {
                return Err(format!("{op}: an attribute is that of a function").into());
            }
            adapter(draft.get_or_insert_with(|| draft_of(node)), known)
                .map_err(|reason| format!("{op} at operator set {at}: {reason}"))?;
        }
        Ok(draft)
    }
}

fn draft_of(node: &Node) -> Draft {
    let results = node.outputs.iter().rposition(Option::is_some).map_or(0, |last| last + 1);
    Draft {
        op: node.op.name.clone(),
        inputs: node.inputs.iter().map(|input| input.map_or(Slot::Omitted, Slot::Old)).collect(),
        attrs: node.attrs.clone(),
        results,
        flattened_at: None,
        enlarges: false,
    }
}

struct Operands<'c, 'a> {
    cx: &'c PassContext<'a>,
    types: &'c Arc<Types>,
    graph: GraphId,
}

impl Known for Operands<'_, '_> {
    fn ty(&self, value: ValueId) -> &Type {
        match self.types.get(self.graph, value) {
            Type::Unknown => &self.cx.graph(self.graph).value(value).ty,
            inferred => inferred,
        }
    }

    fn tensor(&self, value: ValueId) -> Option<Tensor> {
        constant_tensor(self.cx.model(), self.graph, value).cloned()
    }
}

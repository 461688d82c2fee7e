//! `NodeProto`.

use gtt_ir::{
    Attr, Attrs, ConstMeta, ConstOrigin, Constant, Domain, GraphId, Name, NodeMeta, NodeSpec, Op, Tensor, Type, ValueId,
};
use gtt_wire::SliceFields;
use smallvec::SmallVec;

use super::{Body, Decoder, Scope};
use crate::envelope::Extra;
use crate::error::{Error, Result, Within as _};
use crate::tensor_proto::decode_sparse;
use crate::types::{bytes, text};

/// A `NodeProto` taken apart.
struct NodeMessage<'b> {
    inputs: SmallVec<[&'b str; 8]>,
    outputs: SmallVec<[&'b str; 4]>,
    attributes: SmallVec<[&'b [u8]; 8]>,
    name: &'b str,
    op: &'b str,
    domain: Option<&'b str>,
    overload: &'b str,
    extra: Extra<'b>,
}

impl<'b> NodeMessage<'b> {
    fn read(message: &'b [u8]) -> Result<Self> {
        let mut node = Self {
            inputs: SmallVec::new(),
            outputs: SmallVec::new(),
            attributes: SmallVec::new(),
            name: "",
            op: "",
            domain: None,
            overload: "",
            extra: Extra::default(),
        };
        let mut domain = &[][..];
        for field in SliceFields::new(message) {
            let field = field?;
            match field.tag {
                1 => node.inputs.push(text(&field)?),
                2 => node.outputs.push(text(&field)?),
                3 => {
                    node.name = text(&field)?;
                    // An empty name that is spelt out has no place in the IR.
                    if node.name.is_empty() {
                        node.extra.push(message, field.raw);
                    }
                }
                4 => node.op = text(&field)?,
                5 => node.attributes.push(bytes(&field)?),
                7 => {
                    node.domain = Some(text(&field)?);
                    domain = field.raw;
                }
                8 => node.overload = text(&field)?,
                _ => node.extra.push(message, field.raw),
            }
        }
        // How the default domain is spelt is a matter of the whole file, unless the node needs its own record anyway.
        if let Some(spelt) = node.domain
            && (spelt == "ai.onnx" || (spelt.is_empty() && !node.extra.is_empty()))
        {
            node.extra.push(message, domain);
        }
        Ok(node)
    }

    fn meta(self, root: &bytes::Bytes, explicit_domain: bool) -> Option<Box<NodeMeta>> {
        let default = matches!(self.domain, None | Some("" | "ai.onnx"));
        let odd = default && self.domain.is_some() != explicit_domain;
        if self.extra.is_empty() && self.overload.is_empty() && !odd {
            return None;
        }
        let mut extra = self.extra.finish(root);
        if self.domain == Some("") && extra.is_empty() {
            extra = bytes::Bytes::from_static(EMPTY_DOMAIN);
        }
        Some(Box::new(NodeMeta { device: Name::default(), overload: Name::new(self.overload), extra }))
    }
}

/// Field 7, an empty string.
pub(crate) const EMPTY_DOMAIN: &[u8] = &[0x3a, 0x00];

impl<'b> Decoder<'b> {
    /// Reads one node. Operands that are not defined yet are left to [`Decoder::link`].
    pub(super) fn node(
        &mut self,
        graph: GraphId,
        message: &'b [u8],
        rank: u32,
        scope: &mut Scope<'b>,
        body: &mut Body<'b>,
    ) -> Result<()> {
        let node = NodeMessage::read(message).within(|| format!("node {rank}"))?;
        let place = |name: &str, op: &str| if name.is_empty() { format!("{op}:{rank}") } else { name.to_owned() };
        let (name, op) = (node.name, node.op);
        self.add(graph, node, message, rank, scope, body).within(|| place(name, op))
    }

    fn add(
        &mut self,
        graph: GraphId,
        mut node: NodeMessage<'b>,
        message: &'b [u8],
        rank: u32,
        scope: &mut Scope<'b>,
        body: &mut Body<'b>,
    ) -> Result<()> {
        if node.op.is_empty() {
            return Err(Error::invalid("the node has no op type"));
        }
        let domain = Domain::onnx(node.domain.unwrap_or_default());
        if domain == Domain::ONNX && !std::mem::replace(&mut self.style_seen, true) {
            self.style.explicit_domain = node.domain == Some("");
        }
        let op = Op::new(domain, node.op);
        let pending = body.pending.len();
        let attributes = std::mem::take(&mut node.attributes);
        let mut attrs = Attrs::with_capacity(attributes.len());
        for attribute in attributes {
            attrs.push(self.attribute(graph, attribute, &mut body.pending)?);
        }
        let name = Name::new(node.name);
        let outputs = std::mem::take(&mut node.outputs);
        let inputs = std::mem::take(&mut node.inputs);
        if op.is_onnx("Constant")
            && inputs.is_empty()
            && let [output] = outputs[..]
            && !output.is_empty()
            && body.pending.len() == pending
            && let Some((at, tensor)) = self.constant(&attrs)?
        {
            let mut entries: Vec<_> = attrs.iter().cloned().collect();
            let value = Some(entries.remove(at));
            let mut attrs = Attrs::new();
            entries.into_iter().for_each(|entry| attrs.push(entry));
            let node = node.meta(self.root, self.style.explicit_domain).map(|meta| *meta).unwrap_or_default();
            let meta = ConstMeta { name, attrs, node, value, ..ConstMeta::default() };
            let meta = Some(Box::new(meta));
            let constant = Constant { tensor, origin: ConstOrigin::ConstantNode, rank, meta };
            let value = self.model.edit(graph).add_constant(output, constant);
            return scope.define(output, value);
        }
        let mut operands: SmallVec<[Option<ValueId>; 4]> = SmallVec::new();
        let mut complete = true;
        for &input in &inputs {
            let value = if input.is_empty() { None } else { scope.names.get(input).copied() };
            complete &= input.is_empty() || value.is_some();
            operands.push(value);
        }
        let mut spec = NodeSpec::new(op, name).rank(rank);
        spec.attrs = attrs;
        if complete {
            spec.inputs = operands;
        }
        spec.outputs = outputs.iter().map(|&output| (Name::new(output), Type::Unknown)).collect();
        spec.meta = node.meta(self.root, self.style.explicit_domain);
        let id = self.model.edit(graph).add_node(spec);
        let results: SmallVec<[Option<ValueId>; 4]> =
            self.model.graph(graph).node(id).outputs.iter().copied().collect();
        for (&output, value) in outputs.iter().zip(results) {
            if let Some(value) = value {
                scope.define(output, value)?;
            }
        }
        if !complete {
            body.unlinked.push((id, message));
        }
        body.owners.extend((pending..body.pending.len()).map(|_| id));
        Ok(())
    }

    /// Gives a node its operands, from this graph or by capture from one around it.
    pub(super) fn link(
        &mut self,
        graph: GraphId,
        id: gtt_ir::NodeId,
        message: &'b [u8],
        scopes: &mut [Scope<'b>],
    ) -> Result<()> {
        let mut operands: SmallVec<[Option<ValueId>; 8]> = SmallVec::new();
        for field in SliceFields::new(message) {
            let field = field?;
            if field.tag == 1 {
                let name = text(&field)?;
                operands.push(if name.is_empty() {
                    None
                } else {
                    let found = self.resolve(name, scopes);
                    Some(found.ok_or_else(|| Error::invalid(format!("operand `{name}` is not defined")))?)
                });
            }
        }
        self.model.edit(graph).set_inputs(id, operands);
        Ok(())
    }

    /// The tensor of a `Constant` node and which attribute it comes from. `None` when it is no constant: in a function the
    /// attribute may be the caller's.
    fn constant(&self, attrs: &Attrs) -> Result<Option<(usize, Tensor)>> {
        for (at, entry) in attrs.iter().enumerate() {
            let tensor = match (entry.name.as_str(), &entry.value) {
                ("value", Attr::Tensor(tensor)) => tensor.clone(),
                ("value_float", Attr::Float(value)) => Tensor::scalar(*value),
                ("value_int", Attr::Int(value)) => Tensor::scalar(*value),
                ("value_floats", Attr::Floats(values)) => Tensor::vector(values),
                ("value_ints", Attr::Ints(values)) => Tensor::vector(values),
                ("value_string", Attr::Str(value)) => Tensor::from_strings(&[], vec![value.clone()])?,
                ("value_strings", Attr::Strs(values)) => Tensor::from_strings(&[values.len()], values.clone())?,
                ("sparse_value", Attr::Raw(_)) => {
                    let Some(message) = sparse_value(entry.encoded.as_deref().unwrap_or_default())? else { continue };
                    decode_sparse(self.root, message)?.1
                }
                _ => continue,
            };
            return Ok(Some((at, tensor)));
        }
        Ok(None)
    }
}

/// The `SparseTensorProto` of an attribute.
fn sparse_value(attribute: &[u8]) -> Result<Option<&[u8]>> {
    for field in SliceFields::new(attribute) {
        let field = field?;
        if field.tag == 22 {
            return Ok(Some(bytes(&field)?));
        }
    }
    Ok(None)
}

//! The names under which the nodes of a graph are written.
//!
//! Public names are promises: an output `scores:0` is read from the node `scores`, whatever the passes made of it. Where the value
//! behind a port no longer sits under the port's name, its node is renamed; where that cannot be (it has a public name of its
//! own, is a fed tensor, or the slot differs) an `Identity` or `IdentityN` of the public name is added. For a fed tensor the
//! readers then read the added node, so that feeding it has its effect.

use std::cell::OnceCell;

use gtt_ir::{DType, Def, Graph, Id, Model, Name, Site, Tensor, Use, ValueId};
use gtt_ops::infer::Types;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::Error;

/// A reference without its control mark: node and slot. `a` is slot 0 of `a`; `a:b` is a name.
pub(crate) fn split_reference(reference: &str) -> (&str, u32) {
    if let Some((name, slot)) = reference.rsplit_once(':')
        && !name.is_empty()
        && !slot.is_empty()
        && slot.bytes().all(|byte| byte.is_ascii_digit())
        && let Ok(slot) = slot.parse()
    {
        return (name, slot);
    }
    (reference, 0)
}

/// A node to be written that the graph does not have.
#[derive(Debug, PartialEq)]
pub(crate) struct Adapter {
    pub(crate) name: Name,
    /// One for `Identity`, more for `IdentityN`.
    pub(crate) values: Vec<(ValueId, DType)>,
}

/// Names that differ from those in the graph, and nodes to add.
#[derive(Debug, Default)]
pub(crate) struct Names<'g> {
    renamed: FxHashMap<Site, Name>,
    /// Names in the file that no longer mean what they meant; for references by name.
    pub(crate) moved: FxHashMap<Name, Name>,
    pub(crate) adapters: Vec<Adapter>,
    /// Fed values whose readers read the result of an adapter.
    redirected: FxHashMap<ValueId, (Name, u32)>,
    /// Names that were given here.
    given: FxHashSet<Name>,
    sites: FxHashMap<&'g str, Site>,
}

fn site_name(graph: &Graph, site: Site) -> &Name {
    match site {
        Site::Node(node) => &graph.node(node).name,
        Site::Const(value) => &graph.value(value).name,
    }
}

fn site_of(graph: &Graph, value: ValueId) -> Option<(Site, u32)> {
    match graph.value(value).def {
        Def::Node { node, slot } => Some((Site::Node(node), slot)),
        Def::Const(_) => Some((Site::Const(value), 0)),
        _ => None,
    }
}

struct Claim {
    slot: u32,
    value: ValueId,
    site: Site,
    site_slot: u32,
    fed: bool,
}

impl<'g> Names<'g> {
    /// The names of a function's body: its ports promise nothing about nodes.
    pub(crate) fn as_they_are(graph: &'g Graph) -> Result<Self, Error> {
        let mut names = Names::default();
        names.collect(graph)?;
        Ok(names)
    }

    /// Settles the names. `dtype_of` says what it knows about ports (signatures).
    pub(crate) fn settle(model: &'g Model, dtype_of: impl Fn(&str) -> Option<DType>) -> Result<Self, Error> {
        let graph = model.main();
        let types = ElementTypes { model, inferred: OnceCell::new() };
        let mut names = Names::default();
        names.collect(graph)?;
        let mut order: Vec<&str> = Vec::new();
        let mut groups: FxHashMap<&str, Vec<Claim>> = FxHashMap::default();
        let fed = graph.inputs().iter().map(|port| (port, true));
        for (port, fed) in fed.chain(graph.outputs().iter().map(|port| (port, false))) {
            let (name, slot) = split_reference(&port.name);
            let Some((site, site_slot)) = site_of(graph, port.value) else {
                return Err(Error::internal(format!("the port `{}` stands for no node's result", port.name)));
            };
            let group = groups.entry(name).or_insert_with(|| {
                order.push(name);
                Vec::new()
            });
            group.push(Claim { slot, value: port.value, site, site_slot, fed });
        }
        let mut pinned: FxHashSet<Site> = graph.kept().iter().map(|&node| Site::Node(node)).collect();
        let mut settled: FxHashSet<&str> = FxHashSet::default();
        for &name in &order {
            let group = &groups[name];
            if one_site(group).is_some_and(|site| site_name(graph, site) == name) {
                pinned.insert(group[0].site);
                settled.insert(name);
            }
        }
        for &name in order.iter().filter(|&&name| !settled.contains(name)) {
            let group = &groups[name];
            let free = one_site(group).filter(|site| !pinned.contains(site));
            if let Some(&owner) = names.sites.get(name)
                && free != Some(owner)
            {
                if pinned.contains(&owner) && names.name(graph, owner) == name {
                    return Err(Error::internal(format!("two public names ask for the node `{name}`")));
                }
                if names.name(graph, owner) == name {
                    let fresh = names.fresh(name, &groups);
                    names.rename(graph, owner, fresh);
                }
            }
            match free {
                Some(site) => {
                    names.rename(graph, site, Name::new(name));
                    pinned.insert(site);
                }
                None => names.adapt(&types, name, group, &dtype_of)?,
            }
        }
        Ok(names)
    }

    fn collect(&mut self, graph: &'g Graph) -> Result<(), Error> {
        let count = graph.node_count();
        self.sites.reserve(count);
        let nodes = graph.nodes().map(|(id, node)| (node.name.as_str(), Site::Node(id)));
        let constants = graph.constants().map(|(id, value, _)| (value.name.as_str(), Site::Const(id)));
        for (name, site) in nodes.chain(constants) {
            if name.is_empty() {
                return Err(Error::internal("a node without a name"));
            }
            if self.sites.insert(name, site).is_some() {
                return Err(Error::internal(format!("two nodes are called `{name}`")));
            }
        }
        Ok(())
    }

    fn rename(&mut self, graph: &Graph, site: Site, name: Name) {
        self.moved.insert(site_name(graph, site).clone(), name.clone());
        self.given.insert(name.clone());
        self.renamed.insert(site, name);
    }

    fn fresh(&self, name: &str, claimed: &FxHashMap<&str, Vec<Claim>>) -> Name {
        let mut candidates = (1..).map(|number| Name::from(format!("{name}_{number}")));
        let free = |candidate: &Name| {
            !self.sites.contains_key(candidate.as_str())
                && !claimed.contains_key(candidate.as_str())
                && !self.given.contains(candidate)
        };
        candidates.find(free).unwrap_or_default()
    }

    fn adapt(
        &mut self,
        types: &ElementTypes<'_>,
        name: &str,
        group: &[Claim],
        dtype_of: impl Fn(&str) -> Option<DType>,
    ) -> Result<(), Error> {
        let graph = types.model.main();
        for claim in group.iter().filter(|claim| claim.fed) {
            let feeds = graph.value(claim.value).uses().iter().filter(|used| matches!(used, Use::Input { .. })).count();
            if feeds > 1 || self.redirected.insert(claim.value, (Name::new(name), claim.slot)).is_some() {
                return Err(Error::internal(format!("the fed tensor `{name}` was merged with another one")));
            }
        }
        let count = group.iter().map(|claim| claim.slot).max().unwrap_or(0) as usize + 1;
        if count > 4096 {
            return Err(Error::unsupported(format!("an output `{name}:{}` that its node does not have", count - 1)));
        }
        let mut values = Vec::with_capacity(count);
        for slot in 0..count as u32 {
            let claim = group.iter().find(|claim| claim.slot == slot).unwrap_or(&group[0]);
            let known = if claim.slot == 0 { dtype_of(name) } else { None };
            let known = known.or_else(|| dtype_of(&format!("{name}:{}", claim.slot)));
            let Some(dtype) = known.or_else(|| types.get(claim.value)) else {
                let found = &graph.value(claim.value).name;
                return Err(Error::unsupported(format!(
                    "output `{name}` needs an Identity of `{found}`, whose element type is not known"
                )));
            };
            values.push((claim.value, dtype));
        }
        self.given.insert(Name::new(name));
        self.adapters.push(Adapter { name: Name::new(name), values });
        Ok(())
    }

    /// The name that a node or constant is written under.
    pub(crate) fn name<'a>(&'a self, graph: &'a Graph, site: Site) -> &'a Name {
        self.renamed.get(&site).unwrap_or_else(|| site_name(graph, site))
    }

    /// The adapter's result that stands for a fed value.
    pub(crate) fn redirected(&self, value: ValueId) -> Option<(&str, u32)> {
        self.redirected.get(&value).map(|(name, slot)| (name.as_str(), *slot))
    }

    /// A node of this name is written.
    pub(crate) fn exists(&self, graph: &Graph, name: &str) -> bool {
        self.given.contains(name) || self.sites.get(name).is_some_and(|&site| self.name(graph, site) == name)
    }
}

/// The node that all claims of a group are results of, at the slots they ask for.
fn one_site(group: &[Claim]) -> Option<Site> {
    let site = group.first()?.site;
    group.iter().all(|claim| claim.site == site && claim.slot == claim.site_slot).then_some(site)
}

/// The element type of a value: declared, or inferred for the whole model when it comes to that.
struct ElementTypes<'m> {
    model: &'m Model,
    inferred: OnceCell<Types>,
}

impl ElementTypes<'_> {
    fn get(&self, value: ValueId) -> Option<DType> {
        let graph = self.model.main();
        let constant = || graph.tensor(value).map(Tensor::dtype);
        let inferred = || self.inferred.get_or_init(|| Types::of(self.model)).get(self.model.main_id(), value).dtype();
        graph.value(value).ty.dtype().or_else(constant).or_else(inferred)
    }
}

/// An order of sites for side tables and ties: constants before nodes of the same rank.
pub(crate) fn tie(site: Site) -> (u8, usize) {
    match site {
        Site::Const(value) => (0, value.index()),
        Site::Node(node) => (1, node.index()),
    }
}

//! Under which key of a checkpoint a variable is stored.

use gtt_ir::{Model, Name};
use rustc_hash::FxHashMap;

use super::objects::{self, OBJECT_GRAPH, Objects};
use super::restore::{self, Stored};
use super::variable;
use crate::{Checkpoint, Error};

/// What a model says about where its variables are stored. To be asked for before anything is taken out of the model: restore
/// ops are what no output depends on.
#[derive(Clone, Debug, Default)]
pub struct VariableKeys {
    restored: FxHashMap<Name, Vec<Stored>>,
    /// Numbers of the objects that variables are.
    numbers: FxHashMap<Name, u32>,
    /// The extents of the parts of partitioned variables, by the name of the whole.
    parts: FxHashMap<String, Vec<(usize, Vec<usize>)>>,
}

impl VariableKeys {
    /// What the model says.
    pub fn of(model: &Model) -> Self {
        let mut parts: FxHashMap<String, Vec<(usize, Vec<usize>)>> = FxHashMap::default();
        for (_, node) in model.main().nodes().filter(|(_, node)| variable::is_variable(node)) {
            let name = variable::name(node);
            let shape = variable::declared(node).1;
            let shape = shape.and_then(|shape| shape.iter().map(|dim| usize::try_from(dim.known()?).ok()).collect());
            if let (Some((whole, index)), Some(shape)) = (part(&name), shape) {
                parts.entry(whole.to_owned()).or_default().push((index, shape));
            }
        }
        for parts in parts.values_mut() {
            parts.sort();
            parts.dedup();
        }
        Self { restored: restore::restored(model), numbers: objects::numbers(model), parts }
    }

    pub(super) fn lookup<'k>(&'k self, checkpoint: &'k Checkpoint) -> Result<Lookup<'k>, Error> {
        let objects = match checkpoint.info(OBJECT_GRAPH) {
            Some(_) => {
                let tensor = checkpoint.tensor(OBJECT_GRAPH)?;
                let message = tensor.strings().and_then(<[_]>::first).cloned().unwrap_or_default();
                Objects::decode(&message).map_err(|error| error.at("the object graph of the checkpoint"))?
            }
            None => Objects::default(),
        };
        Ok(Lookup { keys: self, checkpoint, objects })
    }
}

/// The whole and the number of a part: `w/part_3`.
fn part(name: &str) -> Option<(&str, usize)> {
    let (whole, index) = name.rsplit_once("/part_")?;
    Some((whole, index.parse().ok()?))
}

/// A model's keys and a checkpoint.
pub(super) struct Lookup<'k> {
    keys: &'k VariableKeys,
    checkpoint: &'k Checkpoint,
    objects: Objects,
}

impl Lookup<'_> {
    /// What a variable of this name, held by this node, is stored as.
    pub(super) fn find(&self, name: &Name, node: &Name) -> Result<Stored, Error> {
        let whole = |key: &str| Stored { key: key.to_owned(), slice: String::new() };
        let restored = self.keys.restored.get(name).into_iter().flatten().cloned();
        let object = self.keys.numbers.get(name).and_then(|&number| self.objects.of_number(number));
        let named = self.objects.of_name(name);
        let attribute = format!("{name}/.ATTRIBUTES/VARIABLE_VALUE");
        let by_name = [name.as_str(), node.as_str(), &attribute];
        let candidates =
            restored.chain(object.into_iter().chain(named).chain(by_name).map(whole)).chain(self.part(name));
        let mut tried: Vec<Stored> = Vec::new();
        for candidate in candidates {
            if self.checkpoint.info(&candidate.key).is_some() {
                return Ok(candidate);
            }
            tried.push(candidate);
        }
        let first = tried.first().map_or(name.as_str(), |stored| stored.key.as_str());
        let missing = self.checkpoint.tensor(first).err();
        Err(missing.unwrap_or_else(|| Error::internal("a variable that is there and is not")))
    }

    /// A part of a partitioned variable by its name: parts lie one behind the other in the only dimension that they differ from the
    /// whole in.
    fn part(&self, name: &str) -> Option<Stored> {
        let (whole, index) = part(name)?;
        let (_, shape) = self.checkpoint.info(whole)?;
        let parts = self.keys.parts.get(whole)?;
        let complete = parts.iter().enumerate().all(|(position, (index, _))| position == *index);
        let (_, own) = parts.get(index).filter(|_| complete)?;
        let same_rank = parts.iter().all(|(_, part)| part.len() == shape.len());
        if !same_rank {
            return None;
        }
        let axis = (0..shape.len()).find(|&axis| own[axis] != shape[axis])?;
        let total: usize = parts.iter().map(|(_, part)| part[axis]).sum();
        let others_whole = |part: &[usize]| (0..shape.len()).all(|dim| dim == axis || part[dim] == shape[dim]);
        if total != shape[axis] || !parts.iter().all(|(_, part)| others_whole(part)) {
            return None;
        }
        let start: usize = parts[..index].iter().map(|(_, part)| part[axis]).sum();
        let extents: Vec<String> = shape.iter().map(usize::to_string).collect();
        let slices: Vec<String> = (0..shape.len())
            .map(|dim| if dim == axis { format!("{start},{}", own[axis]) } else { "-".to_owned() })
            .collect();
        Some(Stored { key: whole.to_owned(), slice: format!("{} {}", extents.join(" "), slices.join(":")) })
    }
}

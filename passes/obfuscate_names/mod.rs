#![doc = include_str!("README.md")]

use gtt_ir::{Dialect, GraphId, Name, Site};
use gtt_rewrite::{ArgError, Args, Error, Pass, PassContext, PassInfo, Scope};
use rustc_hash::FxHashSet;

use crate::support::renaming::{rename, site_name};
use crate::support::sites_by_rank;

/// Its description.
pub static PASS: PassInfo = PassInfo {
    dialects: &[Dialect::Tf],
    scope: Scope::Main,
    ..PassInfo::new(
        "obfuscate_names",
        "give nodes short names without meaning; inputs and outputs keep theirs",
        include_str!("README.md"),
        build,
    )
};

fn build(_: &Args) -> Result<Box<dyn Pass>, ArgError> {
    Ok(Box::new(ObfuscateNames))
}

struct ObfuscateNames;

impl Pass for ObfuscateNames {
    fn run(&self, cx: &mut PassContext<'_>) -> Result<(), Error> {
        for graph in cx.graphs() {
            let public = public(cx, graph);
            let mut names = (0..).map(short).filter(|name| !public.contains(name.as_str()));
            let mut renamed: Vec<(Site, Name)> = Vec::new();
            for site in sites_by_rank(cx, graph) {
                let old = site_name(cx, graph, site);
                if public.contains(old) {
                    continue;
                }
                let Some(new) = names.next() else { break };
                let new = Name::from(new);
                if *old != new {
                    renamed.push((site, new));
                }
            }
            let label = cx.model().place(graph);
            if !renamed.is_empty() && cx.permit_with("names", |_| label) {
                rename(cx, graph, &renamed);
            }
        }
        Ok(())
    }
}

/// Names of nodes that somebody outside of the graph knows: inputs, outputs, targets.
fn public(cx: &PassContext<'_>, graph: GraphId) -> FxHashSet<Name> {
    let within = cx.graph(graph);
    let mut public: FxHashSet<Name> = FxHashSet::default();
    for port in within.inputs().iter().chain(within.outputs()) {
        let site = within.def_node(port.value).map_or(Site::Const(port.value), Site::Node);
        public.insert(site_name(cx, graph, site).clone());
        // What the node will be called in the file.
        let slot = port.name.rsplit_once(':').filter(|(_, slot)| slot.bytes().all(|byte| byte.is_ascii_digit()));
        public.insert(slot.map_or_else(|| port.name.clone(), |(node, _)| Name::new(node)));
    }
    public.extend(within.kept().iter().map(|&node| within.node(node).name.clone()));
    public
}

/// Digits to base 62: 0 … 9, a … z, A … Z, 10, 11 …
fn short(mut number: u64) -> String {
    const DIGITS: &[u8; 62] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    let mut digits = Vec::new();
    loop {
        digits.push(char::from(DIGITS[(number % 62) as usize]));
        number /= 62;
        if number == 0 {
            return digits.iter().rev().collect();
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn numbers_are_written_to_base_62() {
        assert_eq!(
            [0, 9, 10, 35, 36, 61, 62, 63, 62 * 62].map(super::short),
            ["0", "9", "a", "z", "A", "Z", "10", "11", "100"]
        );
    }
}

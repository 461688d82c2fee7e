#![doc = include_str!("README.md")]

use gtt_ir::{Dialect, GraphId, Name, Port};
use gtt_rewrite::{ArgError, Args, Error, Kind, Numerics, Param, Pass, PassContext, PassInfo, Scope};

use crate::support::renaming::{rename, site_name};
use crate::support::sites_by_rank;

/// Its description.
pub static PASS: PassInfo = PassInfo {
    params: &[
        Param { required: true, ..Param::new("old_node_name", Kind::Name, "node to rename") },
        Param { required: true, ..Param::new("new_node_name", Kind::Name, "its new name") },
    ],
    dialects: &[Dialect::Tf],
    scope: Scope::Main,
    numerics: Numerics::Renames,
    idempotent: false,
    ..PassInfo::new("rename_node", "rename a node; its ports are renamed with it", include_str!("README.md"), build)
};

fn build(args: &Args) -> Result<Box<dyn Pass>, ArgError> {
    let new = args.str("new_node_name")?;
    let first = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'.';
    let rest = |byte: u8| first(byte) || matches!(byte, b'_' | b'/' | b'-' | b'>');
    if !new.bytes().next().is_some_and(first) || !new.bytes().all(rest) {
        let message = format!("TensorFlow has no node names like `{new}`: letters, digits and `._/>-`");
        return Err(ArgError::of("new_node_name", message));
    }
    Ok(Box::new(RenameNode { old: args.str("old_node_name")?.to_owned(), new: Name::new(new) }))
}

struct RenameNode {
    old: String,
    new: Name,
}

impl Pass for RenameNode {
    fn run(&self, cx: &mut PassContext<'_>) -> Result<(), Error> {
        let main = cx.model().main_id();
        let sites = sites_by_rank(cx, main);
        let named = |name: &str| sites.iter().copied().find(|&site| site_name(cx, main, site) == name);
        if named(&self.new).is_some() {
            return Err(Error::failed("main", format!("there is a node `{}` already", self.new)));
        }
        let Some(site) = named(&self.old) else { return Ok(()) };
        if !cx.permit_with("node", |_| format!("main/{}", self.old)) {
            return Ok(());
        }
        rename(cx, main, &[(site, self.new.clone())]);
        self.rename_ports(cx, main);
        cx.edit(main).note_renamed(self.old.as_str(), self.new.clone());
        Ok(())
    }
}

impl RenameNode {
    /// The name of a port of the node, with its slot as it was written.
    fn port(&self, name: &str) -> Option<Name> {
        let slot = name.strip_prefix(self.old.as_str())?;
        let digits = slot.strip_prefix(':').unwrap_or("0");
        let is_slot = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        (is_slot && (slot.is_empty() || slot.starts_with(':'))).then(|| Name::from(format!("{}{slot}", self.new)))
    }

    fn rename_ports(&self, cx: &mut PassContext<'_>, main: GraphId) {
        let graph = cx.graph(main);
        let renamed = |ports: &[Port]| -> Vec<(usize, Name)> {
            ports.iter().enumerate().filter_map(|(at, port)| Some((at, self.port(&port.name)?))).collect()
        };
        let (inputs, outputs) = (renamed(graph.inputs()), renamed(graph.outputs()));
        let mut editor = cx.edit(main);
        inputs.into_iter().for_each(|(at, name)| editor.set_input_port_name(at, name));
        outputs.into_iter().for_each(|(at, name)| editor.set_output_port_name(at, name));
    }
}

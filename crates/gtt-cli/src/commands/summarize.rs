//! `gtt summarize MODEL`: what is in it, and a command line to go on with.

use std::fmt::Write;

use gtt::{PortSummary, Source, Summary};
use serde::Serialize;

use crate::Outcome;
use crate::args::{Global, Summarize};
use crate::commands;
use crate::output::{self, BOLD, DIM, Table, WARN, bytes, count, styled};

/// The summary with what only the file knows.
#[derive(Serialize)]
struct Report<'a> {
    path: &'a std::path::Path,
    format: gtt::Format,
    bytes: u64,
    #[serde(flatten)]
    summary: &'a Summary,
    signatures: Vec<gtt::SignatureSummary>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nodes: Option<Vec<NodeEntry>>,
    next: Vec<String>,
}

#[derive(Serialize)]
struct NodeEntry {
    name: String,
    op: String,
}

pub(crate) fn run(global: Global, args: &Summarize) -> anyhow::Result<Outcome> {
    let source = commands::load(Global { quiet: true, ..global }, &commands::loader(&args.interface), &args.model)?;
    let summary = source.summary();
    let next = next_commands(&args.model, &summary, &source);
    let nodes = || gtt::nodes(source.model()).into_iter().map(|(name, op)| NodeEntry { name, op }).collect::<Vec<_>>();
    if args.json {
        output::emit_json(&Report {
            path: source.path(),
            format: source.format(),
            bytes: source.stored_bytes(),
            summary: &summary,
            signatures: source.signatures(),
            nodes: args.nodes.then(nodes),
            next,
        })?;
        return Ok(Outcome::Ok);
    }
    let mut text = text(&source, &summary);
    if args.nodes {
        let _ = writeln!(text, "\n{}", styled(BOLD, "nodes"));
        for NodeEntry { name, op } in nodes() {
            let _ = writeln!(text, "  {name}  {}", styled(DIM, op));
        }
    }
    let _ = writeln!(text, "\n{}\n  {}", styled(BOLD, "next"), next.join("\n  "));
    output::emit(&text)?;
    Ok(Outcome::Ok)
}

fn text(source: &Source, summary: &Summary) -> String {
    let mut text = String::new();
    let versions: Vec<String> = summary
        .opsets
        .iter()
        .map(|(domain, version)| match domain.as_str() {
            "" => format!("opset {version}"),
            "tf" => format!("version {version}"),
            domain => format!("opset {version} of {domain}"),
        })
        .collect();
    let _ = writeln!(
        text,
        "{}  {}, {}",
        styled(BOLD, source.path().display()),
        std::iter::once(source.format().to_string()).chain(versions).collect::<Vec<_>>().join(", "),
        bytes(source.stored_bytes())
    );
    let likely = if summary.interface_declared { "" } else { "likely " };
    ports(&mut text, &format!("{likely}inputs"), &summary.inputs);
    if !summary.optional_inputs.is_empty() {
        match summary.optional_inputs.len() {
            ..=8 => ports(&mut text, "inputs with a default", &summary.optional_inputs),
            many => {
                let _ = writeln!(text, "\n{}  {many}", styled(BOLD, "inputs with a default"));
            }
        }
    }
    ports(&mut text, &format!("{likely}outputs"), &summary.outputs);
    further(&mut text, "other inputs", &summary.other_inputs);
    further(&mut text, "other ends", &summary.other_outputs);
    for signature in source.signatures() {
        let _ =
            writeln!(text, "\n{} {}  {}", styled(BOLD, "signature"), signature.name, styled(DIM, &signature.method));
        for (role, list) in [("in", &signature.inputs), ("out", &signature.outputs)] {
            for (key, tensor) in list {
                let _ = writeln!(text, "  {role:<3}  {key} = {tensor}");
            }
        }
    }
    if !summary.variables.is_empty() {
        ports(&mut text, "variables (not frozen)", &summary.variables);
    }
    let constants = &summary.constants;
    let _ = writeln!(
        text,
        "\n{}  {} nodes, {} constants with {} elements ({})",
        styled(BOLD, "size"),
        count(summary.nodes as u64),
        count(constants.count as u64),
        count(constants.elements),
        bytes(constants.bytes)
    );
    let elements: u64 = summary.variables.iter().filter_map(elements).sum();
    if elements > 0 {
        let variables = count(summary.variables.len() as u64);
        let _ = writeln!(text, "      {variables} variables with {} elements", count(elements));
    }
    let extras = [
        (summary.subgraphs, "subgraphs"),
        (summary.functions.len(), "functions"),
        (summary.control_edges, "control edges"),
    ];
    let extras: Vec<String> =
        extras.iter().filter(|(figure, _)| *figure > 0).map(|(figure, what)| format!("{figure} {what}")).collect();
    if !extras.is_empty() {
        let _ = writeln!(text, "      {}", extras.join(", "));
    }
    let mut table = Table::new(&["op", ">count"]);
    for (op, figure) in &summary.ops {
        table.row([op.clone(), count(*figure as u64)]);
    }
    text.push('\n');
    text.push_str(&table.render(""));
    if !constants.types.is_empty() {
        let mut table = Table::new(&["constants of", ">count", ">elements", ">bytes"]);
        for (name, ty) in &constants.types {
            table.row([name.clone(), count(ty.count as u64), count(ty.elements), bytes(ty.bytes)]);
        }
        text.push('\n');
        text.push_str(&table.render(""));
        let mut table = Table::new(&["largest constants", "type", ">bytes"]);
        for constant in &constants.largest {
            table.row([constant.name.clone(), constant.ty.clone(), bytes(constant.bytes)]);
        }
        text.push('\n');
        text.push_str(&table.render(""));
    }
    if !summary.devices.is_empty() {
        let mut table = Table::new(&["device", ">nodes"]);
        for (device, figure) in &summary.devices {
            table.row([device.clone(), count(*figure as u64)]);
        }
        text.push('\n');
        text.push_str(&table.render(""));
    }
    text
}

fn ports(text: &mut String, title: &str, ports: &[PortSummary]) {
    let _ = writeln!(text, "\n{}", styled(BOLD, title));
    if ports.is_empty() {
        let _ = writeln!(text, "  {}", styled(WARN, "none"));
    }
    for port in ports {
        let op = if port.op.is_empty() { String::new() } else { format!("  {}", styled(DIM, &port.op)) };
        let _ = writeln!(text, "  {}: {}{op}", port.name, ty(port));
    }
}

/// What is probably not meant: the first few.
fn further(text: &mut String, title: &str, list: &[PortSummary]) {
    const SHOWN: usize = 4;
    if list.is_empty() {
        return;
    }
    ports(text, title, &list[..list.len().min(SHOWN)]);
    if list.len() > SHOWN {
        let more = format!("and {} more (--json)", list.len() - SHOWN);
        let _ = writeln!(text, "  {}", styled(DIM, more));
    }
}

/// How many elements a tensor of fixed shape has.
fn elements(port: &PortSummary) -> Option<u64> {
    let extents = port.shape.as_ref()?.iter().map(|extent| extent.parse::<u64>().ok());
    extents.product()
}

fn ty(port: &PortSummary) -> String {
    let dtype = port.dtype.as_deref().unwrap_or("?");
    match &port.shape {
        Some(shape) => format!("{dtype}[{}]", shape.join(",")),
        None => format!("{dtype}[…]"),
    }
}

/// Command lines that work as they are, as far as the model says enough.
fn next_commands(path: &std::path::Path, summary: &Summary, source: &Source) -> Vec<String> {
    let quoted = |text: &str| match text.chars().all(|c| c.is_ascii_alphanumeric() || "_-./:,".contains(c)) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', r"'\''")),
    };
    let model = quoted(&path.display().to_string());
    let stem = path.file_stem().map_or_else(|| "model".to_owned(), |stem| stem.to_string_lossy().into_owned());
    let is_graph = matches!(source.format(), gtt::Format::GraphDef | gtt::Format::GraphDefText);
    let mut interface = String::new();
    if !summary.interface_declared || is_graph {
        let names = |ports: &[PortSummary]| ports.iter().map(|port| port.name.clone()).collect::<Vec<_>>().join(",");
        if !summary.inputs.is_empty() {
            let _ = write!(interface, " --inputs {}", quoted(&names(&summary.inputs)));
        }
        if !summary.outputs.is_empty() {
            let _ = write!(interface, " --outputs {}", quoted(&names(&summary.outputs)));
        }
    }
    if !summary.variables.is_empty() {
        let model = if is_graph { format!("--graph {model} --checkpoint CHECKPOINT") } else { model };
        return vec![format!("gtt freeze {model}{interface} -o {}", quoted(&format!("{stem}.frozen.pb")))];
    }
    for port in &summary.inputs {
        let Some(shape) = &port.shape else { continue };
        let open = |dim: &String| dim.parse::<u64>().is_err();
        if shape.iter().skip(1).any(open) {
            let extents: Vec<&str> = shape
                .iter()
                .enumerate()
                .map(|(axis, dim)| match (open(dim), axis) {
                    (false, _) => dim.as_str(),
                    (true, 0) => "1",
                    (true, _) => "224",
                })
                .collect();
            let _ = write!(interface, " --input-shape {}", quoted(&format!("{}:{}", port.name, extents.join(","))));
        }
    }
    let extension = path.extension().map(|extension| format!(".{}", extension.to_string_lossy())).unwrap_or_default();
    let output = quoted(&format!("{stem}.optimized{extension}"));
    vec![format!("gtt transform {model}{interface} --verify -o {output}"), format!("gtt bench {model}{interface}")]
}

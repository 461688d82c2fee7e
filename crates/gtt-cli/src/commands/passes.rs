//! `gtt passes`: the registry, for people, for machines, and as the table of the README.

use gtt::{Numerics, PassInfo};
use serde::Serialize;

use crate::Outcome;
use crate::args::Passes;
use crate::output::{self, BOLD, Table, styled};

/// A pass as JSON.
#[derive(Serialize)]
pub(crate) struct PassEntry {
    name: &'static str,
    aliases: &'static [&'static str],
    summary: &'static str,
    dialects: Vec<&'static str>,
    numerics: Numerics,
    params: Vec<ParamEntry>,
}

#[derive(Serialize)]
struct ParamEntry {
    name: &'static str,
    kind: &'static str,
    repeated: bool,
    required: bool,
    default: Option<&'static str>,
    doc: &'static str,
}

#[derive(Serialize)]
struct Listing {
    passes: Vec<PassEntry>,
    presets: Vec<PresetEntry>,
}

#[derive(Serialize)]
struct PresetEntry {
    name: String,
    summary: &'static str,
    pipeline: &'static str,
}

impl PassEntry {
    pub(crate) fn of(pass: &PassInfo) -> Self {
        let params = pass.params.iter().map(|param| ParamEntry {
            name: param.name,
            kind: param.kind.name(),
            repeated: param.repeated,
            required: param.required,
            default: param.default,
            doc: param.doc,
        });
        Self {
            name: pass.name,
            aliases: pass.aliases,
            summary: pass.summary,
            dialects: dialects(pass),
            numerics: pass.numerics,
            params: params.collect(),
        }
    }
}

pub(crate) fn run(args: &Passes) -> anyhow::Result<Outcome> {
    let registry = gtt::passes();
    let mut passes = registry.passes().to_vec();
    passes.sort_by_key(|pass| pass.name);
    if args.json {
        let presets = registry.presets().iter().map(|preset| PresetEntry {
            name: format!("@{}", preset.name),
            summary: preset.summary,
            pipeline: preset.pipeline,
        });
        output::emit_json(&Listing {
            passes: passes.iter().map(|pass| PassEntry::of(pass)).collect(),
            presets: presets.collect(),
        })?;
        return Ok(Outcome::Ok);
    }
    if args.markdown {
        let mut text = String::from("| pass | does | models | results |\n|---|---|---|---|\n");
        for pass in passes {
            text.push_str(&format!(
                "| `{}` | {} | {} | {} |\n",
                pass.name,
                pass.summary,
                dialects(pass).join(", "),
                pass.numerics
            ));
        }
        output::emit(&text)?;
        return Ok(Outcome::Ok);
    }
    let mut table = Table::new(&["pass", "models", "results", "does"]);
    for pass in passes {
        table.row([
            pass.name.to_owned(),
            dialects(pass).join(", "),
            pass.numerics.to_string(),
            pass.summary.to_owned(),
        ]);
    }
    let mut text = table.render("");
    text.push('\n');
    let mut table = Table::new(&["preset", "is"]);
    for preset in registry.presets() {
        table.row([format!("@{}", preset.name), preset.summary.to_owned()]);
    }
    text.push_str(&table.render(""));
    text.push_str(&format!("\nMore about one: {}\n", styled(BOLD, "gtt explain NAME")));
    output::emit(&text)?;
    Ok(Outcome::Ok)
}

pub(crate) fn dialects(pass: &PassInfo) -> Vec<&'static str> {
    pass.dialects
        .iter()
        .map(|dialect| match dialect {
            gtt::ir::Dialect::Onnx => "ONNX",
            _ => "TensorFlow",
        })
        .collect()
}

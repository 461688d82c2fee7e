//! `gtt explain`: what a pass does, when it does not, and what a preset stands for.

use std::fmt::Write;

use anyhow::bail;
use gtt::{PassInfo, Preset, Registry, Synonym};

use crate::Outcome;
use crate::args::Explain;
use crate::commands::passes::{PassEntry, dialects};
use crate::output::{self, BOLD, DIM, Table, styled};

pub(crate) fn run(args: &Explain) -> anyhow::Result<Outcome> {
    let registry = gtt::passes();
    match args.name.strip_prefix('@') {
        Some(name) => match registry.preset(name) {
            Some(preset) => explain_preset(&registry, preset, args.json)?,
            None => bail!("there is no preset `@{name}`{}", suggest(registry.suggest_preset(name), "@")),
        },
        None => match registry.pass(&args.name) {
            Some(pass) if args.json => output::emit_json(&PassEntry::of(pass))?,
            Some(pass) => explain_pass(&registry, pass)?,
            None => match registry.preset(&args.name) {
                Some(preset) => explain_preset(&registry, preset, args.json)?,
                None => match registry.synonym(&args.name) {
                    Some(synonym) => explain_synonym(&registry, synonym, args.json)?,
                    None => bail!("there is no pass `{}`{}", args.name, suggest(registry.suggest_pass(&args.name), "")),
                },
            },
        },
    }
    Ok(Outcome::Ok)
}

fn suggest(close: Option<&str>, prefix: &str) -> String {
    match close {
        Some(name) => format!(", did you mean `{prefix}{name}`?"),
        None => "; `gtt passes` lists all".to_owned(),
    }
}

fn explain_pass(registry: &Registry, pass: &PassInfo) -> anyhow::Result<()> {
    let mut text = markdown(pass.doc);
    text.push('\n');
    if !pass.params.is_empty() {
        let _ = writeln!(text, "{}", styled(BOLD, "Arguments"));
        for param in pass.params {
            let mut traits = vec![param.kind.name().to_owned()];
            traits.extend(param.required.then(|| "required".to_owned()));
            traits.extend(param.repeated.then(|| "can be repeated".to_owned()));
            traits.extend(param.default.map(|default| format!("default `{default}`")));
            let _ = writeln!(
                text,
                "  {:<18} {} {}",
                param.name,
                param.doc,
                styled(DIM, format!("({})", traits.join(", ")))
            );
        }
        text.push('\n');
    }
    let _ = writeln!(text, "{}   {}", styled(BOLD, "Models"), dialects(pass).join(", "));
    let _ = writeln!(text, "{}  {}", styled(BOLD, "Results"), pass.numerics);
    if !pass.aliases.is_empty() {
        let _ = writeln!(text, "{}  {}", styled(BOLD, "Aliases"), pass.aliases.join(", "));
    }
    let elsewhere: Vec<String> =
        registry.synonyms_of(pass.name).map(|synonym| format!("{} ({})", synonym.name, synonym.of)).collect();
    if !elsewhere.is_empty() {
        let _ = writeln!(text, "{}  {}", styled(BOLD, "Elsewhere"), elsewhere.join(", "));
    }
    if !pass.after.is_empty() {
        let _ = writeln!(text, "{}    {}", styled(BOLD, "After"), pass.after.join(", "));
    }
    output::emit(&text)
}

/// What another optimizer's name is here: the one pass, explained, or the pipeline.
fn explain_synonym(registry: &Registry, synonym: &Synonym, json: bool) -> anyhow::Result<()> {
    if json {
        let entry = serde_json::json!({ "name": synonym.name, "of": synonym.of, "pipeline": synonym.pipeline });
        return output::emit_json(&entry);
    }
    let here = if synonym.pipeline.is_empty() { "nothing to be done here" } else { synonym.pipeline };
    output::emit(&format!("`{}` of {} is {}\n\n", synonym.name, synonym.of, styled(BOLD, here)))?;
    match registry.pass(synonym.pipeline.split('(').next().unwrap_or_default()) {
        Some(pass) => explain_pass(registry, pass),
        None => Ok(()),
    }
}

fn explain_preset(registry: &Registry, preset: &Preset, json: bool) -> anyhow::Result<()> {
    if json {
        let entry = serde_json::json!({
            "name": format!("@{}", preset.name), "summary": preset.summary, "pipeline": preset.pipeline,
        });
        return output::emit_json(&entry);
    }
    let mut text = format!("{}  {}\n\n", styled(BOLD, format!("@{}", preset.name)), preset.summary);
    for line in lines(preset.pipeline) {
        let _ = writeln!(text, "  {line}");
    }
    text.push('\n');
    let words = preset.pipeline.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '@' || c == '-'));
    let mut seen: Vec<&str> = Vec::new();
    let mut table = Table::new(&["pass", "does"]);
    for pass in words.filter_map(|word| registry.pass(word)) {
        if !seen.contains(&pass.name) {
            seen.push(pass.name);
            table.row([pass.name.to_owned(), pass.summary.to_owned()]);
        }
    }
    text.push_str(&table.render("  "));
    output::emit(&text)
}

/// A pipeline in lines, those of a `fixpoint` further in. Blanks are kept within brackets.
fn lines(pipeline: &str) -> Vec<String> {
    const WIDTH: usize = 100;
    let mut lines: Vec<String> = vec![String::new()];
    let (mut depth, mut inside) = (0usize, false);
    for word in pipeline.split_whitespace() {
        let (opens, closes) = (word.ends_with('{'), word == "}");
        depth -= usize::from(closes);
        let last = lines.last_mut().filter(|last| !closes && (inside || !opens && last.len() + word.len() < WIDTH));
        match last {
            Some(last) if last.trim().is_empty() => *last = format!("{}{word}", "  ".repeat(depth)),
            Some(last) => *last = format!("{last} {word}"),
            None => lines.push(format!("{}{word}", "  ".repeat(depth))),
        }
        inside = if inside { !word.contains(')') } else { word.contains('(') && !word.contains(')') };
        depth += usize::from(opens);
        if opens || closes {
            lines.push(String::new());
        }
    }
    lines.retain(|line| !line.trim().is_empty());
    lines
}

/// Markdown for a terminal: headings and code get styles, the rest stays as it is.
fn markdown(source: &str) -> String {
    let mut text = String::new();
    let mut fenced = false;
    for line in source.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
            continue;
        }
        let _ = match (fenced, line.trim_start_matches('#')) {
            (true, _) => writeln!(text, "    {}", styled(DIM, line)),
            (false, heading) if heading.len() < line.len() => writeln!(text, "{}", styled(BOLD, heading.trim_start())),
            (false, line) => writeln!(text, "{line}"),
        };
    }
    text
}

#[cfg(test)]
mod tests {
    use super::lines;

    #[test]
    fn a_pipeline_is_broken_at_its_braces() {
        assert_eq!(lines("a b(x=1, y=2) fixpoint{ c d } e"), ["a b(x=1, y=2)", "fixpoint{", "  c d", "}", "e"]);
        assert!(lines(&"pass ".repeat(50)).iter().all(|line| line.len() <= 105));
    }
}

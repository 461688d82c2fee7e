//! Rows for a terminal, tables for `docs/benchmarks.md`, and the bar of issue 3.

use std::fmt::Write;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::{Map, Value};

use super::{OURS, PEERS, Row};

const BEGIN: &str = "<!-- peers: made by `cargo xtask peers --markdown` -->";
const END: &str = "<!-- end peers -->";

/// Models above this many bytes are large: the bar is higher there.
const LARGE: u64 = 150_000_000;

pub(crate) fn head() -> String {
    let (wall, cpu) = ("wall s", "cpu s");
    format!("{:44} {:13} {:>6} {:>11} {wall:>7} {cpu:>7} {:>6} {:>6} outputs", "", "", "nodes", "bytes", "MB", "anon")
}

pub(crate) fn print(row: &Row) {
    let number = |value: Option<u64>| value.map_or("-".to_owned(), |value| value.to_string());
    let cost = row.cost.clone().unwrap_or_default();
    let cost = match row.cost {
        Some(_) => {
            let (wall, cpu, rss, anonymous) = (cost.wall, cost.cpu, cost.rss, cost.anonymous);
            format!("{wall:7.2} {cpu:7.2} {rss:6.0} {anonymous:6.0}")
        }
        None => " ".repeat(29),
    };
    let tract = row.tract.as_ref().map_or(String::new(), |verdict| format!("; tract: {verdict}"));
    let (nodes, bytes) = (number(row.nodes), number(row.bytes));
    println!("{:44} {:13} {nodes:>6} {bytes:>11} {cost} {}{tract}", row.model, row.who, outputs(row));
}

fn outputs(row: &Row) -> String {
    let remark = row.remark.clone().unwrap_or_default();
    match row.worst {
        Some(worst) if row.equal() => format!("equal ({worst:.0e}) {remark}").trim_end().to_owned(),
        Some(worst) => format!("DIFFERENT ({worst:.0e}) {remark}").trim_end().to_owned(),
        None => remark,
    }
}

fn models(rows: &[Row]) -> Vec<&str> {
    rows.iter().filter(|row| row.who == "original").map(|row| row.model.as_str()).collect()
}

fn find<'r>(rows: &'r [Row], model: &str, who: &str) -> Option<&'r Row> {
    rows.iter().find(|row| row.model == model && row.who == who)
}

/// Where issue 3's bar is missed, in words.
pub(crate) fn missed(rows: &[Row]) -> Vec<String> {
    let mut missed = Vec::new();
    for model in models(rows) {
        let (Some(original), Some(ours)) = (find(rows, model, "original"), find(rows, model, OURS)) else { continue };
        let mut miss = |words: String| missed.push(format!("missed: {model}: {words}"));
        let (Some(nodes), Some(bytes), Some(cost)) = (ours.nodes, ours.bytes, &ours.cost) else {
            miss(format!("no result: {}", outputs(ours)));
            continue;
        };
        if !ours.equal() && original.remark.is_none() {
            miss(format!("outputs: {}", outputs(ours)));
        }
        if ours.tract.as_deref().is_some_and(|verdict| verdict.contains("differ")) {
            miss("tract finds the outputs different".to_owned());
        }
        if original.bytes.is_some_and(|before| bytes > before) {
            miss(format!("{bytes} bytes, the original has {}", original.bytes.unwrap_or_default()));
        }
        // What is wrong or cannot be loaded is no competition.
        let peers = PEERS.iter().filter_map(|(peer, _)| find(rows, model, peer));
        let peers: Vec<&Row> = peers.filter(|row| row.equal() || original.remark.is_some()).collect();
        if let Some(best) = peers.iter().filter(|row| row.nodes.is_some()).min_by_key(|row| row.nodes)
            && best.nodes.is_some_and(|least| nodes > least)
        {
            miss(format!("{nodes} nodes, {} has {}", best.who, best.nodes.unwrap_or_default()));
        }
        let share = if original.bytes.is_some_and(|bytes| bytes >= LARGE) { 15.0 } else { 5.0 };
        for peer in peers {
            let Some(theirs) = &peer.cost else { continue };
            let times = match peer.who.as_str() {
                "onnxsim" | "onnxslim" => share,
                "ort-basic" => 1.0,
                _ => 0.0,
            };
            if cost.wall * times > theirs.wall {
                let (ours, theirs, who) = (cost.wall, theirs.wall, &peer.who);
                miss(format!("{ours:.2} s, {who} {theirs:.2} s; 1/{times} is asked for"));
            }
            if cost.anonymous > theirs.anonymous {
                let (ours, theirs, who) = (cost.anonymous, theirs.anonymous, &peer.who);
                miss(format!("{ours:.0} MB anonymous, {who} {theirs:.0} MB"));
            }
        }
    }
    missed
}

/// Replaces the tables in a file, or makes the file.
pub(crate) fn write_markdown(path: &Path, rows: &[Row], versions: &Map<String, Value>, gtt: &Path) -> Result<()> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|_| format!("# Benchmarks\n\n{BEGIN}\n{END}\n"));
    let begin = text.find(BEGIN).with_context(|| format!("`{}` has no `{BEGIN}`", path.display()))? + BEGIN.len();
    let end = text[begin..].find(END).with_context(|| format!("`{}` has no `{END}`", path.display()))? + begin;
    let tables = markdown(rows, versions, gtt);
    std::fs::write(path, format!("{}\n\n{tables}\n{}", &text[..begin], &text[end..]))?;
    Ok(())
}

fn markdown(rows: &[Row], versions: &Map<String, Value>, gtt: &Path) -> String {
    let mut text = String::new();
    let packages: Vec<String> = versions
        .iter()
        .map(|(package, version)| format!("{package} {}", version.as_str().unwrap_or_default()))
        .collect();
    let ours = std::process::Command::new(gtt).arg("--version").output();
    let ours = ours.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default();
    let _ = writeln!(text, "{} on {}: {ours}; {}.\n", date(), machine(), packages.join(", "));
    let who: Vec<&str> = [OURS].into_iter().chain(PEERS.iter().map(|(peer, _)| *peer)).collect();
    let who: Vec<&str> = who.into_iter().filter(|name| rows.iter().any(|row| row.who == *name)).collect();
    type Cell = fn(&Row) -> Option<String>;
    let tables: [(&str, bool, Cell); 6] = [
        ("Nodes (subgraphs, functions and Constant nodes included)", true, |row| Some(row.nodes?.to_string())),
        ("Bytes, external data included", true, |row| Some(row.bytes?.to_string())),
        ("Wall seconds", false, |row| Some(format!("{:.2}", row.cost.as_ref()?.wall))),
        ("CPU seconds", false, |row| Some(format!("{:.2}", row.cost.as_ref()?.cpu))),
        ("Peak memory in MB: anonymous, and all with mapped files", false, |row| {
            let cost = row.cost.as_ref()?;
            Some(format!("{:.0}, {:.0}", cost.anonymous, cost.rss))
        }),
        (
            "Largest difference of an output in ONNX Runtime (optimizations off), relative to the largest magnitude",
            false,
            |row| match row.worst {
                Some(0.0) => Some("0".to_owned()),
                Some(worst) if row.equal() => Some(format!("{worst:.0e}")),
                Some(worst) => Some(format!("**{worst:.0e}**")),
                None => row.remark.clone().map(|words| words.chars().take(60).collect()),
            },
        ),
    ];
    for (title, with_original, cell) in tables {
        let mut columns = who.clone();
        if with_original {
            columns.insert(0, "original");
        }
        let _ =
            writeln!(text, "{title}:\n\n| model | {} |\n|---|{}", columns.join(" | "), "---|".repeat(columns.len()));
        for model in models(rows) {
            let cells = columns.iter().map(|name| find(rows, model, name).and_then(cell).unwrap_or("–".to_owned()));
            let _ = writeln!(text, "| {model} | {} |", cells.collect::<Vec<_>>().join(" | "));
        }
        text.push('\n');
    }
    let missed = missed(rows);
    match missed.is_empty() {
        true => text.push_str("The bar (issue 3) is met on every model.\n"),
        false => missed.iter().for_each(|line| text.push_str(&format!("* {line}\n"))),
    }
    text
}

fn date() -> String {
    let output = std::process::Command::new("date").args(["-u", "+%F"]).output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
}

fn machine() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpu = read("/proc/cpuinfo");
    let name = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ")).map(|(_, name)| name);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let memory = read("/proc/meminfo");
    let memory = memory.lines().find_map(|line| line.strip_prefix("MemTotal:")?.split_whitespace().next());
    let gigabytes = memory.and_then(|kilobytes| kilobytes.parse::<f64>().ok()).map_or(0.0, |kb| kb / 1024.0 / 1024.0);
    format!("{} ({cores} cores, {gigabytes:.0} GB)", name.unwrap_or("an unknown processor"))
}

//! Scenario files: what goes through both tools, and what is expected of each.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Map, Value};

/// One scenario.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scenario {
    /// The file's name without extension: a transform, or another topic.
    pub(crate) topic: String,
    /// Unique within the topic.
    pub(crate) name: String,
    /// What is special about it; why the tools differ.
    pub(crate) words: String,
    /// What both are told to do; `{dir}` is the folder of scenarios.
    pub(crate) transforms: String,
    /// Fed tensors as both are told, if they are not those of the graph.
    pub(crate) inputs: Option<String>,
    /// Fetched tensors.
    pub(crate) outputs: Option<String>,
    /// The model in our text form, or a GraphDef as protobuf text.
    pub(crate) graph: String,
    /// Shapes (`2,3`) or values (`=[1, 2]`) of fed tensors.
    pub(crate) feeds: Map<String, Value>,
    /// How far answers may be off, as a share of their largest magnitude.
    pub(crate) within: f64,
    /// Answers are compared.
    pub(crate) numerics: bool,
    /// The version of TensorFlow that the graph says it is from.
    pub(crate) producer: Option<u8>,
    /// Attributes that are left out do not count as being at their default.
    pub(crate) literal: bool,
    /// What is expected of the two results.
    pub(crate) expect: Expect,
    /// What is expected of theirs and of ours.
    pub(crate) theirs: Vec<Wanted>,
    /// The same of ours.
    pub(crate) ours: Vec<Wanted>,
    /// Sections of the measured specification.
    pub(crate) spec: String,
}

/// How the two results relate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Expect {
    /// The same nodes under the same names.
    #[default]
    Same,
    /// The same but for names of nodes that are neither inputs nor outputs.
    SameForm,
    /// Different for a reason.
    Differs,
    /// Neither of them does it.
    Refuse,
}

/// Something to be seen of a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// The answers of the original.
    Equal,
    /// Other answers.
    Wrong,
    /// A graph that does not load or run.
    Invalid,
    /// TensorFlow does not run the original as it is: nothing to compare with.
    Unchecked,
    /// Refused with an error that has these words.
    Error(String),
    /// The process died.
    Abort,
    /// No end was seen.
    Hang,
    /// The graph as it was.
    Unchanged,
    /// Anything; for random graphs.
    Any,
    /// A decline with these words (ours only).
    Declines(String),
    /// So many nodes of an op.
    Has(u64, String),
    /// A node of this name, perhaps of an op.
    Node(String, Option<String>),
    /// No node of this name.
    NoNode(String),
    /// The version of TensorFlow that the graph says it is from.
    Producer(u64),
    /// The nodes in this order; without names, in the order of the other result.
    Order(Vec<String>),
}

const KEYS: &str = "transforms, inputs, outputs, feed, within, numerics, producer, attributes, expect, theirs, ours, spec, graph, random";

/// All scenarios of a folder, in the order of files and of each file.
pub(crate) fn read_folder(folder: &Path) -> Result<Vec<Scenario>> {
    let entries = std::fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let mut files: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "txt"));
    files.sort();
    let mut scenarios = Vec::new();
    for file in files {
        let topic = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&file)?;
        scenarios.extend(parse(&topic, &text).with_context(|| format!("{topic}.txt"))?);
    }
    Ok(scenarios)
}

/// The scenarios of one file.
pub(crate) fn parse(topic: &str, text: &str) -> Result<Vec<Scenario>> {
    let mut scenarios: Vec<Scenario> = Vec::new();
    let mut graphs: BTreeMap<String, String> = BTreeMap::new();
    let mut blocks = text.split("\n== ");
    let head = blocks.next().unwrap_or_default();
    let first = head.strip_prefix("== ").map(str::to_owned);
    ensure!(
        first.is_some() || head.lines().all(|line| line.is_empty() || line.starts_with('#')),
        "text before the first `== `"
    );
    for block in first.iter().map(String::as_str).chain(blocks) {
        let name = block.lines().next().unwrap_or_default().trim().to_owned();
        let (scenario, graph_of, random) = one(topic, &name, block).with_context(|| name.clone())?;
        let mut scenario = scenario;
        if let Some(other) = graph_of {
            scenario.graph =
                graphs.get(&other).with_context(|| format!("{name}: no scenario `{other}` above"))?.clone();
        }
        graphs.insert(name.clone(), scenario.graph.clone());
        let seeds = random.unwrap_or(None);
        match seeds {
            None => scenarios.push(scenario),
            Some((from, to)) => scenarios.extend((from..to).map(|seed| {
                let mut scenario = scenario.clone();
                scenario.name = format!("{name}_{seed}");
                scenario.graph = format!("random {seed}");
                scenario
            })),
        }
    }
    let mut names: Vec<&String> = scenarios.iter().map(|scenario| &scenario.name).collect();
    names.sort_unstable();
    if let Some(pair) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        bail!("two scenarios are called `{}`", pair[0]);
    }
    Ok(scenarios)
}

type Found = (Scenario, Option<String>, Option<Option<(u64, u64)>>);

fn one(topic: &str, name: &str, block: &str) -> Result<Found> {
    let word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    ensure!(!name.is_empty() && name.bytes().all(word), "the name has other characters than a-z, 0-9 and _");
    let mut scenario = Scenario {
        topic: topic.to_owned(),
        name: name.to_owned(),
        transforms: topic.to_owned(),
        within: 1e-5,
        numerics: true,
        ..Scenario::default()
    };
    let (mut graph_of, mut random, mut expected) = (None, None, false);
    let body = block.split_once('\n').map_or("", |(_, body)| body);
    let mut at = 0;
    for line in body.split_inclusive('\n') {
        let trimmed = line.trim();
        if trimmed.starts_with("model ") || trimmed.starts_with("node {") || trimmed.starts_with("versions {") {
            scenario.graph = body[at..].to_owned();
            break;
        }
        at += line.len();
        if trimmed.is_empty() || trimmed.starts_with('#') {
            continue;
        }
        let key = trimmed.split_once(':').filter(|(key, _)| KEYS.split(", ").any(|known| known == *key));
        let Some((key, value)) = key.map(|(key, value)| (key, value.trim())) else {
            ensure!(!expected, "`{trimmed}` is not one of: {KEYS}");
            if !scenario.words.is_empty() {
                scenario.words.push(' ');
            }
            scenario.words.push_str(trimmed);
            continue;
        };
        match key {
            "transforms" => scenario.transforms = value.to_owned(),
            "inputs" => scenario.inputs = Some(value.to_owned()),
            "outputs" => scenario.outputs = Some(value.to_owned()),
            "feed" => {
                let (name, shape) = value.split_once(' ').context("`feed: NAME SHAPE`")?;
                scenario.feeds.insert(name.to_owned(), shape.trim().into());
            }
            "within" => scenario.within = value.parse().context("`within: NUMBER`")?,
            "producer" => scenario.producer = Some(value.parse().context("`producer: NUMBER`")?),
            "numerics" => scenario.numerics = value != "off",
            "attributes" => scenario.literal = value == "literal",
            "expect" => {
                expected = true;
                scenario.expect = match value {
                    "same" => Expect::Same,
                    "same but names" => Expect::SameForm,
                    "differs" => Expect::Differs,
                    "both refuse" => Expect::Refuse,
                    _ => bail!("expected `same`, `same but names`, `differs` or `both refuse`, found `{value}`"),
                };
            }
            "theirs" => scenario.theirs = wanted(value)?,
            "ours" => scenario.ours = wanted(value)?,
            "spec" => scenario.spec = value.to_owned(),
            "graph" => graph_of = Some(value.to_owned()),
            _ => {
                let (from, to) = value.split_once("..").context("`random: FROM..TO`")?;
                random = Some(Some((from.trim().parse()?, to.trim().parse()?)));
            }
        }
    }
    ensure!(expected, "no `expect:`");
    ensure!(!scenario.words.is_empty(), "no words that say what is special");
    ensure!(
        !scenario.graph.is_empty() || graph_of.is_some() || random.is_some(),
        "neither a graph nor `graph:` nor `random:`"
    );
    if scenario.expect == Expect::Differs {
        ensure!(
            !scenario.theirs.is_empty() && !scenario.ours.is_empty(),
            "`expect: differs` needs `theirs:` and `ours:`"
        );
    }
    Ok((scenario, graph_of, random))
}

fn wanted(text: &str) -> Result<Vec<Wanted>> {
    text.split(';')
        .map(|item| {
            let item = item.trim();
            let (verb, rest) = item.split_once(' ').map_or((item, ""), |(verb, rest)| (verb, rest.trim()));
            Ok(match verb {
                "equal" => Wanted::Equal,
                "wrong" => Wanted::Wrong,
                "invalid" => Wanted::Invalid,
                "unchecked" => Wanted::Unchecked,
                "error" => Wanted::Error(rest.to_owned()),
                "abort" => Wanted::Abort,
                "hang" => Wanted::Hang,
                "unchanged" => Wanted::Unchanged,
                "any" => Wanted::Any,
                "declines" => Wanted::Declines(rest.to_owned()),
                "has" => {
                    let (count, op) = rest.split_once(' ').context("`has COUNT OP`")?;
                    Wanted::Has(count.parse()?, op.to_owned())
                }
                "lacks" => Wanted::Has(0, rest.to_owned()),
                "node" => match rest.split_once(' ') {
                    Some((name, op)) => Wanted::Node(name.to_owned(), Some(op.to_owned())),
                    None => Wanted::Node(rest.to_owned(), None),
                },
                "producer" => Wanted::Producer(rest.parse()?),
                "order" => Wanted::Order(rest.split_whitespace().map(str::to_owned).collect()),
                "no-node" => Wanted::NoNode(rest.to_owned()),
                _ => bail!("`{item}` cannot be expected"),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "# about\n\n== first\nTwo lines\nof words.\nexpect: same\nfeed: x 2,3\nmodel tf\ngraph main(x) -> (y) {}\n\n== second\nMore.\ngraph: first\ntransforms: a(b=1) c\nexpect: differs\ntheirs: wrong\nours: equal; declines it is; has 2 Mul; no-node a\n\n== many\nRandom.\nrandom: 3..5\nexpect: same but names\n";

    #[test]
    fn a_file_has_scenarios_that_may_share_a_graph() {
        let found = parse("topic", FILE).unwrap();
        let names: Vec<&str> = found.iter().map(|scenario| scenario.name.as_str()).collect();
        assert_eq!(names, ["first", "second", "many_3", "many_4"]);
        assert_eq!(found[0].words, "Two lines of words.");
        assert_eq!((found[0].transforms.as_str(), found[1].transforms.as_str()), ("topic", "a(b=1) c"));
        assert_eq!(found[1].graph, found[0].graph);
        assert!(found[0].graph.starts_with("model tf\ngraph main"));
        assert_eq!(found[1].ours.len(), 4);
        assert_eq!(found[2].expect, Expect::SameForm);
    }

    #[test]
    fn what_is_misspelt_is_refused() {
        let refused = |text: &str| format!("{:#}", parse("topic", text).unwrap_err());
        assert!(refused("== a\nWords.\nmodel tf").contains("no `expect:`"));
        assert!(refused("== a\nexpect: same\nmodel tf").contains("no words"));
        assert!(refused("== a\nWords.\nexpect: same").contains("neither a graph"));
        assert!(refused("== a\nWords.\nexpect: differs\nmodel tf").contains("needs `theirs:`"));
        assert!(refused("== a\nWords.\nexpect: same\nour: equal\nmodel tf").contains("is not one of"));
        assert!(refused("== a\nWords.\nexpect: same\nours: fine\nmodel tf").contains("cannot be expected"));
        assert!(refused("== a b\nWords.\nexpect: same\nmodel tf").contains("other characters"));
    }
}

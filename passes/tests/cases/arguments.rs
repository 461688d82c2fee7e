//! Passes that do nothing, or refuse to run, without arguments: what the random graphs, the node tests and the measurements of
//! `xtask` give them.

/// Names of passes with arguments.
pub(crate) const ARGUMENTS: &[(&str, &str)] = &[
    ("remove_attribute", "attribute_name=_class"),
    ("remove_nodes", "op=Identity, op=CheckNumerics, op=Dropout"),
    ("upgrade_opset", "to=21"),
];

/// The step that runs a pass.
pub(crate) fn step(pass: &str) -> String {
    let arguments = ARGUMENTS.iter().find(|(name, _)| *name == pass);
    arguments.map_or(pass.to_owned(), |(name, arguments)| format!("{name}({arguments})"))
}

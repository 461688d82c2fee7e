//! Passes that do nothing, or refuse to run, without arguments: what the random graphs, the node tests and the measurements of
//! `xtask` give them.

/// Names of passes with arguments.
pub(crate) const ARGUMENTS: &[(&str, &str)] = &[
    ("bind_placeholder", "name=input_1, value=1, ignore_errors=true"),
    ("freeze_requantization_ranges", "min_max_log=\"range__print__;__requant_min_max:[-1][2]\", ignore_errors=true"),
    ("fuse_lp_normalization", "ignore_zero_vectors=true"),
    ("legalize_ops", "op=Pow, op=Neg, op=Sum, op=GatherND"),
    ("drop_output", "name=output_1, ignore_errors=true"),
    ("extract", "outputs=output_1, ignore_errors=true"),
    ("rename_input_output", "from=input_0, to=renamed"),
    ("remove_attribute", "attribute_name=_class"),
    ("remove_nodes", "op=Identity, op=CheckNumerics, op=Dropout"),
    ("rename_attribute", "old_attribute_name=_class, new_attribute_name=_was_class"),
    ("rename_node", "old_node_name=output_0, new_node_name=renamed"),
    ("rename_op", "old_op_name=Relu, new_op_name=Relu6"),
    ("set_device", "device=\"/cpu:0\", if_default=true"),
    ("set_dim", "batch=1"),
    ("set_input_shape", "input_0=\"?,?,?,?\", ignore_errors=true"),
    ("upgrade_opset", "to=21"),
];

/// Passes whose results only newer operator sets have, with the lowest that has them: random graphs are of 17.
const NEWER: &[(&str, i64)] = &[
    ("fuse_attention", 23),
    ("fuse_gelu", 20),
    ("fuse_rms_norm", 23),
    ("fuse_rotary_embedding", 23),
    ("fuse_swish", 24),
];

/// The step that runs a pass, perhaps with one in front that makes room for it.
pub(crate) fn step(pass: &str) -> String {
    if let Some((_, opset)) = NEWER.iter().find(|(name, _)| *name == pass) {
        return format!("upgrade_opset(to={opset}) {pass}");
    }
    let arguments = ARGUMENTS.iter().find(|(name, _)| *name == pass);
    arguments.map_or(pass.to_owned(), |(name, arguments)| format!("{name}({arguments})"))
}

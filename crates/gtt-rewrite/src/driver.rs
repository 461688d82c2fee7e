//! The driver: shows nodes to rules and applies what they return.

use crate::{Error, PassContext, Rule};

/// Shows every node of the pass's graphs to every rule, in execution order, and applies the rewrites, until nothing applies
/// any more.
pub fn apply_rules(cx: &mut PassContext<'_>, rules: &[&dyn Rule]) -> Result<(), Error> {
    let _ = (cx, rules);
    Ok(())
}

//! Variables whose values are known: a handle or reference is lowered to what the variable holds, and reading it to that.

use gtt_ir::Tensor;

use crate::attrs::Call;
use crate::driver::Walk;
use crate::ops::{Results, gather, shape};

impl Walk<'_, '_> {
    /// A variable with a known value, or what reads one; `None` for other ops.
    pub(crate) fn variable(&mut self, call: &Call<'_>) -> Option<Results> {
        if self.options.variables.is_empty() {
            return None;
        }
        Some(match call.op() {
            "VarHandleOp" | "Variable" | "VariableV2" => {
                let tensor = self.options.variables.get(&call.node.name).filter(|_| self.depth == 0)?;
                Ok(vec![Some(self.builder.constant(&call.node.name, tensor.clone()))])
            }
            "ReadVariableOp" => call.input(0).map(|val| vec![Some(val)]),
            "ResourceGather" => gather::gather(self.builder, call),
            "ResourceGatherNd" => gather::gather_nd(self.builder, call),
            "VariableShape" => shape::shape(self.builder, call),
            "IsVariableInitialized" | "VarIsInitializedOp" => {
                let yes = Tensor::from_bools(&[], &[true]).ok()?;
                Ok(vec![Some(self.builder.constant(&call.node.name, yes))])
            }
            _ => return None,
        })
    }
}

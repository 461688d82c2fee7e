//! The view of `Resize`.

use gtt_ir::{Name, Node, ValueId};

use super::{Reader, arity};

/// `Resize` from operator set 11 on (before, it has factors only, and other defaults).
#[derive(Clone, Debug, PartialEq)]
pub struct Resize {
    /// Input.
    pub x: ValueId,
    /// The part of `x` that is resized, where the coordinates are transformed by `tf_crop_and_resize`.
    pub roi: Option<ValueId>,
    /// A factor for each of the axes. An empty tensor is as good as none.
    pub scales: Option<ValueId>,
    /// The extent of each of the axes of the result.
    pub sizes: Option<ValueId>,
    /// Result.
    pub y: Option<ValueId>,
    /// The axes that are resized (from operator set 18); `None`: all.
    pub axes: Option<Vec<i64>>,
    /// Smaller results average over more elements (from operator set 18).
    pub antialias: bool,
    /// How an index of the result becomes one of `x`.
    pub coordinate_transformation_mode: Name,
    /// A coefficient of cubic interpolation.
    pub cubic_coeff_a: f32,
    /// Weights outside of `x` are 0 and the others made up for it.
    pub exclude_outside: bool,
    /// What lies outside of `x`, with `tf_crop_and_resize`.
    pub extrapolation_value: f32,
    /// What becomes of `sizes` (from operator set 18): `stretch`, `not_larger`, `not_smaller`.
    pub keep_aspect_ratio_policy: Name,
    /// `nearest`, `linear` or `cubic`.
    pub mode: Name,
    /// How an index is rounded in mode `nearest`.
    pub nearest_mode: Name,
}

impl Resize {
    /// The view of a node.
    pub fn of(node: &Node, opset: i64) -> Option<Self> {
        arity(node, "Resize", 1..=4, 1)?;
        (opset >= 11).then_some(())?;
        let mut reader = Reader::new(&node.attrs);
        let view = Self {
            x: node.input(0)?,
            roi: node.input(1),
            scales: node.input(2),
            sizes: node.input(3),
            y: node.output(0),
            axes: if opset >= 18 { reader.ints("axes")? } else { None },
            antialias: opset >= 18 && reader.flag("antialias", false)?,
            coordinate_transformation_mode: reader.str("coordinate_transformation_mode", "half_pixel")?,
            cubic_coeff_a: reader.float("cubic_coeff_a", -0.75)?,
            exclude_outside: reader.flag("exclude_outside", false)?,
            extrapolation_value: reader.float("extrapolation_value", 0.0)?,
            keep_aspect_ratio_policy: if opset >= 18 {
                reader.str("keep_aspect_ratio_policy", "stretch")?
            } else {
                Name::new("stretch")
            },
            mode: reader.str("mode", "nearest")?,
            nearest_mode: reader.str("nearest_mode", "round_prefer_floor")?,
        };
        reader.finish()?;
        Some(view)
    }
}

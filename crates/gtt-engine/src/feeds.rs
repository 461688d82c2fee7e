//! Inputs for a model: made from a seed, or read from NumPy files.
//!
//! The same seed, shapes and options always give the same values. Extents that a model leaves open are bound by the caller
//! ([`Bindings`]); an open first extent defaults to 1, any other is asked for. What is generated stays in ranges that ordinary
//! models accept: see [`FeedOptions`].

use std::collections::BTreeMap;
use std::path::Path;

use bytes::Bytes;
use gtt_ir::{DType, Dialect, Dim, Model, Name, Tensor, Type};
use half::{bf16, f16};

use crate::npz;

/// Generated inputs larger than this are refused, in bytes.
const MAX_BYTES: usize = 1 << 32;

/// An input of a model.
#[derive(Clone, Debug, PartialEq)]
pub struct InputSpec {
    /// Public name.
    pub name: Name,
    /// Declared type.
    pub ty: Type,
}

/// One set of inputs.
#[derive(Clone, Debug)]
pub struct Feeds {
    /// Where it comes from, for reports: `uniform 0..1, seed 7` or a file name.
    pub label: String,
    /// Values by input name, in the order of the model.
    pub tensors: Vec<(Name, Tensor)>,
}

/// Why there are no inputs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FeedError {
    /// An extent is open and has no default.
    #[error("input `{name}` is {ty}: give --input-shape {name}:…{hint}")]
    ShapeUnknown {
        /// The input.
        name: Name,
        /// Its declared type, as text.
        ty: String,
        /// The symbol that could be bound instead, as text; may be empty.
        hint: String,
    },
    /// A given shape contradicts the declared one.
    #[error("input `{name}` is {ty}, which {found:?} does not fit")]
    ShapeMismatch {
        /// The input.
        name: Name,
        /// Its declared type, as text.
        ty: String,
        /// The extents that were given.
        found: Vec<u64>,
    },
    /// A binding or file names something that the model does not have.
    #[error("the model has no input `{name}`; it has {}", known.join(", "))]
    NoSuchInput {
        /// The name that was given.
        name: Name,
        /// The inputs there are.
        known: Vec<String>,
    },
    /// A binding could not be read.
    #[error("`{0}` is neither SYMBOL=EXTENT nor INPUT:EXTENT,EXTENT,…")]
    Syntax(String),
    /// Nothing can be generated for this input.
    #[error("input `{name}` is {ty}: no values can be made up for it, give them in a file")]
    NoValues {
        /// The input.
        name: Name,
        /// Its declared type, as text.
        ty: String,
    },
    /// A file of values could not be used.
    #[error("{0}")]
    File(String),
}

/// Extents given by the caller.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bindings {
    /// Extents of symbols, for all inputs.
    pub symbols: BTreeMap<Name, u64>,
    /// Whole shapes, by input name.
    pub shapes: BTreeMap<Name, Vec<u64>>,
    /// A whole shape without a name: for the only input of a model.
    pub only: Option<Vec<u64>>,
}

impl Bindings {
    /// Reads `batch=1`, `input:1,224,224,3` (also `input:1x224x224x3`) and, for a model with one input, `1,224,224,3`. The last
    /// colon separates the name, so that TensorFlow's `input:0:1,224,224,3` works.
    pub fn parse<S: AsRef<str>>(texts: impl IntoIterator<Item = S>) -> Result<Self, FeedError> {
        let mut bindings = Self::default();
        for text in texts {
            let text = text.as_ref().trim();
            let syntax = || FeedError::Syntax(text.to_owned());
            let extents = |text: &str| -> Option<Vec<u64>> {
                let text = text.trim_start_matches('[').trim_end_matches(']');
                text.split([',', 'x'])
                    .filter(|part| !part.trim().is_empty())
                    .map(|part| part.trim().parse().ok())
                    .collect()
            };
            if let Some((name, shape)) = text.rsplit_once(':') {
                bindings.shapes.insert(Name::new(name), extents(shape).ok_or_else(syntax)?);
            } else if let Some((symbol, extent)) = text.split_once('=') {
                bindings.symbols.insert(Name::new(symbol.trim()), extent.trim().parse().map_err(|_| syntax())?);
            } else {
                bindings.only = Some(extents(text).ok_or_else(syntax)?);
            }
        }
        Ok(bindings)
    }
}

/// How values are made up.
#[derive(Clone, Debug)]
pub struct FeedOptions {
    /// Extents of what the model leaves open.
    pub bindings: Bindings,
    /// Everything random follows from it.
    pub seed: u64,
    /// Inclusive ranges by input name, instead of the defaults: floats as the set says; u8 0..255, i8 -128..127, other integers 0..1
    /// (which fits masks, segment ids and indices into anything).
    pub ranges: BTreeMap<Name, (f64, f64)>,
}

impl Default for FeedOptions {
    fn default() -> Self {
        Self { bindings: Bindings::default(), seed: 1, ranges: BTreeMap::new() }
    }
}

/// The inputs that must be fed: every input port; those of ONNX with an overridable default are left at it.
pub fn inputs(model: &Model) -> Vec<InputSpec> {
    let graph = model.main();
    let open = |value: gtt_ir::ValueId| match (&graph.value(value).def, model.dialect) {
        (gtt_ir::Def::Input { default }, Dialect::Onnx) => default.is_none(),
        _ => true,
    };
    let ports = graph.inputs().iter().filter(|port| open(port.value));
    ports.map(|port| InputSpec { name: port.name.clone(), ty: graph.value(port.value).ty.clone() }).collect()
}

/// The extents of every input, with open ones bound.
pub fn shapes(specs: &[InputSpec], bindings: &Bindings) -> Result<Vec<Vec<usize>>, FeedError> {
    if let Some(name) = bindings.shapes.keys().find(|name| !specs.iter().any(|spec| spec.name == **name)) {
        return Err(no_such_input(name, specs));
    }
    if bindings.only.is_some() && specs.len() != 1 {
        return Err(no_such_input("", specs));
    }
    let mut symbols = bindings.symbols.clone();
    // A whole shape binds the symbols in it also for the other inputs.
    for spec in specs {
        let given = bindings.shapes.get(&spec.name).or(bindings.only.as_ref());
        if let (Some(given), Some(shape)) = (given, spec.ty.shape()) {
            for (dim, &extent) in shape.iter().zip(given) {
                if let Dim::Symbol(symbol) = dim {
                    symbols.entry(symbol.clone()).or_insert(extent);
                }
            }
        }
    }
    for spec in specs {
        if let Some(Dim::Symbol(symbol)) = spec.ty.shape().and_then(|shape| shape.first()) {
            symbols.entry(symbol.clone()).or_insert(1);
        }
    }
    specs.iter().map(|spec| shape(spec, bindings, &symbols)).collect()
}

fn shape(spec: &InputSpec, bindings: &Bindings, symbols: &BTreeMap<Name, u64>) -> Result<Vec<usize>, FeedError> {
    let given = bindings.shapes.get(&spec.name).or(bindings.only.as_ref());
    let unknown = |hint: String| FeedError::ShapeUnknown { name: spec.name.clone(), ty: spec.ty.to_string(), hint };
    let extents = match (given, spec.ty.shape()) {
        (None, None) => return Err(unknown(String::new())),
        (Some(given), None) => given.clone(),
        (Some(given), Some(declared)) => {
            let fits = |(dim, &extent): (&Dim, &u64)| dim.known().is_none_or(|known| known == extent);
            if given.len() != declared.len() || !declared.iter().zip(given).all(fits) {
                let ty = spec.ty.to_string();
                return Err(FeedError::ShapeMismatch { name: spec.name.clone(), ty, found: given.clone() });
            }
            given.clone()
        }
        (None, Some(declared)) => {
            let mut extents = Vec::with_capacity(declared.len());
            for (axis, dim) in declared.iter().enumerate() {
                extents.push(match dim {
                    Dim::Known(extent) => *extent,
                    Dim::Symbol(symbol) => match symbols.get(symbol) {
                        Some(extent) => *extent,
                        None => return Err(unknown(format!(" or {symbol}=…"))),
                    },
                    Dim::Unknown if axis == 0 => 1,
                    Dim::Unknown => return Err(unknown(String::new())),
                });
            }
            extents
        }
    };
    let extents: Option<Vec<usize>> = extents.iter().map(|&extent| usize::try_from(extent).ok()).collect();
    extents.ok_or_else(|| unknown(String::new()))
}

fn no_such_input(name: &str, specs: &[InputSpec]) -> FeedError {
    let known = specs.iter().map(|spec| format!("`{}`", spec.name)).collect();
    FeedError::NoSuchInput { name: Name::new(name), known }
}

/// `count` sets of inputs. Floats are uniform in 0..1 in the first set, uniform in -1..1 in the second, standard normal in the
/// third, and so on in turn.
pub fn generate(specs: &[InputSpec], options: &FeedOptions, count: usize) -> Result<Vec<Feeds>, FeedError> {
    let shapes = shapes(specs, &options.bindings)?;
    (0..count)
        .map(|set| {
            let mut tensors = Vec::with_capacity(specs.len());
            for (index, (spec, shape)) in specs.iter().zip(&shapes).enumerate() {
                let mut random = Random::new(options.seed, set as u64, index as u64);
                let range = options.ranges.get(&spec.name).copied();
                let no_values = || FeedError::NoValues { name: spec.name.clone(), ty: spec.ty.to_string() };
                let dtype = spec.ty.dtype().ok_or_else(no_values)?;
                let tensor = values(dtype, shape, Kind::of(set), range, &mut random).ok_or_else(no_values)?;
                tensors.push((spec.name.clone(), tensor));
            }
            Ok(Feeds { label: format!("{}, seed {}", Kind::of(set).label(), options.seed), tensors })
        })
        .collect()
}

#[derive(Clone, Copy)]
enum Kind {
    Unit,
    Symmetric,
    Normal,
}

impl Kind {
    fn of(set: usize) -> Self {
        [Kind::Unit, Kind::Symmetric, Kind::Normal][set % 3]
    }

    fn label(self) -> &'static str {
        match self {
            Kind::Unit => "uniform 0..1",
            Kind::Symmetric => "uniform -1..1",
            Kind::Normal => "normal",
        }
    }
}

/// Values of one input; `None` when the element type has none or they would be too many.
fn values(dtype: DType, shape: &[usize], kind: Kind, range: Option<(f64, f64)>, random: &mut Random) -> Option<Tensor> {
    let count = shape.iter().try_fold(1usize, |count, &extent| count.checked_mul(extent))?;
    if count.checked_mul(dtype.bits().max(64) / 8)? > MAX_BYTES {
        return None;
    }
    let mut float = || match (range, kind) {
        (Some((low, high)), _) => low + (high - low) * random.unit(),
        (None, Kind::Unit) => random.unit(),
        (None, Kind::Symmetric) => 2.0 * random.unit() - 1.0,
        (None, Kind::Normal) => random.normal(),
    };
    if dtype.is_float() {
        return match dtype {
            DType::F16 => Tensor::from_vec(shape, (0..count).map(|_| f16::from_f64(float())).collect()),
            DType::BF16 => Tensor::from_vec(shape, (0..count).map(|_| bf16::from_f64(float())).collect()),
            DType::F32 => Tensor::from_vec(shape, (0..count).map(|_| float() as f32).collect()),
            DType::F64 => Tensor::from_vec(shape, (0..count).map(|_| float()).collect()),
            _ => return None,
        }
        .ok();
    }
    let (low, high) = match (range, dtype) {
        (Some((low, high)), _) => (low as i64, high as i64),
        (None, DType::U8) => (0, 255),
        (None, DType::I8) => (-128, 127),
        (None, _) => (0, 1),
    };
    let mut int = || low + (random.next() % ((high - low).unsigned_abs() + 1)) as i64;
    match dtype {
        DType::Bool => Tensor::from_bools(shape, &(0..count).map(|_| random.next() & 1 == 1).collect::<Vec<_>>()),
        DType::U8 => Tensor::from_vec(shape, (0..count).map(|_| int() as u8).collect()),
        DType::I8 => Tensor::from_vec(shape, (0..count).map(|_| int() as i8).collect()),
        DType::U16 => Tensor::from_vec(shape, (0..count).map(|_| int() as u16).collect()),
        DType::I16 => Tensor::from_vec(shape, (0..count).map(|_| int() as i16).collect()),
        DType::U32 => Tensor::from_vec(shape, (0..count).map(|_| int() as u32).collect()),
        DType::I32 => Tensor::from_vec(shape, (0..count).map(|_| int() as i32).collect()),
        DType::U64 => Tensor::from_vec(shape, (0..count).map(|_| int() as u64).collect()),
        DType::I64 => Tensor::from_vec(shape, (0..count).map(|_| int()).collect()),
        DType::String => {
            let letters = (0..count).map(|_| Bytes::from(vec![b'a' + (random.next() % 4) as u8])).collect();
            Tensor::from_strings(shape, letters)
        }
        _ => return None,
    }
    .ok()
}

/// Inputs from an `.npz` file (one array an input, by name; a trailing `:0` may be missing or extra) or, for a model with one
/// input, an `.npy` file.
pub fn from_npz(path: &Path, specs: &[InputSpec]) -> Result<Feeds, FeedError> {
    let bytes = gtt_wire::map_file(path).map_err(|error| FeedError::File(format!("`{}`: {error}", path.display())))?;
    let label = path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned());
    let arrays = npz::read(&bytes).map_err(|error| FeedError::File(format!("`{}`: {error}", path.display())))?;
    Ok(Feeds { label, tensors: assign(arrays, specs)? })
}

/// The arrays of an `.npz` or `.npy` file by name, as they are.
pub fn read_npz(path: &Path) -> Result<Vec<(Name, Tensor)>, FeedError> {
    let bytes = gtt_wire::map_file(path).map_err(|error| FeedError::File(format!("`{}`: {error}", path.display())))?;
    npz::read(&bytes).map_err(|error| FeedError::File(format!("`{}`: {error}", path.display())))
}

fn assign(arrays: Vec<(Name, Tensor)>, specs: &[InputSpec]) -> Result<Vec<(Name, Tensor)>, FeedError> {
    fn base(name: &str) -> &str {
        name.strip_suffix(":0").unwrap_or(name)
    }
    let mut tensors: Vec<(Name, Tensor)> = Vec::with_capacity(specs.len());
    for spec in specs {
        let exact = arrays.iter().find(|(name, _)| *name == spec.name);
        let near = || arrays.iter().find(|(name, _)| base(name) == base(&spec.name));
        let only = || (arrays.len() == 1 && specs.len() == 1).then(|| &arrays[0]);
        let Some((_, tensor)) = exact.or_else(near).or_else(only) else {
            return Err(FeedError::File(format!("no array for input `{}`", spec.name)));
        };
        let found = || format!("input `{}` is {}, its array is {tensor:?}", spec.name, spec.ty);
        let same_dtype = spec.ty.dtype().is_none_or(|dtype| dtype == tensor.dtype());
        let fits = spec.ty.shape().is_none_or(|shape| {
            let fits = |(dim, &extent): (&Dim, &usize)| dim.known().is_none_or(|known| known == extent as u64);
            shape.len() == tensor.rank() && shape.iter().zip(tensor.shape()).all(fits)
        });
        if !same_dtype || !fits {
            return Err(FeedError::File(found()));
        }
        tensors.push((spec.name.clone(), tensor.clone()));
    }
    if let Some((name, _)) =
        arrays.iter().find(|(name, _)| arrays.len() > 1 && !specs.iter().any(|spec| base(&spec.name) == base(name)))
    {
        return Err(no_such_input(name, specs));
    }
    Ok(tensors)
}

/// SplitMix64 (Steele, Lea, Flood 2014): small, fast, the same everywhere.
struct Random(u64);

impl Random {
    fn new(seed: u64, set: u64, input: u64) -> Self {
        let mut random = Self(seed);
        random.0 ^= Self(set.wrapping_add(0x51)).next() ^ Self(input.wrapping_add(0xA7_0000)).next().rotate_left(17);
        random
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// In 0..1.
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Standard normal (Box and Muller).
    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(name: &str, dtype: DType, dims: &[Dim]) -> InputSpec {
        let ty = Type::Tensor { dtype: Some(dtype), shape: Some(dims.iter().cloned().collect()) };
        InputSpec { name: Name::new(name), ty }
    }

    fn symbol(name: &str) -> Dim {
        Dim::Symbol(Name::new(name))
    }

    #[test]
    fn binds_symbols_shapes_and_defaults() {
        let specs = [
            spec("x", DType::F32, &[symbol("N"), Dim::Known(3), symbol("H"), Dim::Unknown]),
            spec("mask", DType::I64, &[symbol("N"), symbol("H")]),
        ];
        let bindings = Bindings::parse(["x:2,3,5,7"]).unwrap();
        assert_eq!(shapes(&specs, &bindings).unwrap(), [vec![2, 3, 5, 7], vec![2, 5]]);
        let error = shapes(&specs, &Bindings::default()).unwrap_err();
        assert!(error.to_string().contains("--input-shape x:") && error.to_string().contains("H="), "{error}");
        let bindings = Bindings::parse(["H=4", "x:1x3x4x4"]).unwrap();
        assert_eq!(shapes(&specs, &bindings).unwrap()[1], [1, 4]);
    }

    #[test]
    fn refuses_a_shape_that_contradicts_the_declared_one() {
        let specs = [spec("x", DType::F32, &[Dim::Unknown, Dim::Known(3)])];
        let bindings = Bindings::parse(["1,4"]).unwrap();
        assert!(matches!(shapes(&specs, &bindings), Err(FeedError::ShapeMismatch { .. })));
        let bindings = Bindings::parse(["y:1,3"]).unwrap();
        assert!(matches!(shapes(&specs, &bindings), Err(FeedError::NoSuchInput { .. })));
        assert!(Bindings::parse(["x:1,-3"]).is_err());
    }

    #[test]
    fn reads_tensor_names_with_ports() {
        let bindings = Bindings::parse(["image:0:1,8,8,3"]).unwrap();
        assert_eq!(bindings.shapes[&Name::new("image:0")], [1, 8, 8, 3]);
    }

    #[test]
    fn the_same_seed_gives_the_same_values_and_sets_differ() {
        let specs = [spec("x", DType::F32, &[Dim::Known(1000)])];
        let make = |seed| generate(&specs, &FeedOptions { seed, ..FeedOptions::default() }, 3).unwrap();
        let (a, b, c) = (make(1), make(1), make(2));
        assert_eq!(a[0].tensors, b[0].tensors);
        assert_ne!(a[0].tensors, c[0].tensors);
        let sets: Vec<Vec<f64>> = a.iter().map(|set| set.tensors[0].1.to_f64s().unwrap()).collect();
        assert!(sets[0].iter().all(|x| (0.0..=1.0).contains(x)));
        assert!(sets[1].iter().any(|x| *x < -0.9) && sets[1].iter().all(|x| x.abs() <= 1.0));
        let mean = sets[2].iter().sum::<f64>() / 1000.0;
        let variance = sets[2].iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 1000.0;
        assert!(mean.abs() < 0.15 && (0.8..1.2).contains(&variance), "{mean} {variance}");
    }

    #[test]
    fn values_stay_in_their_ranges() {
        let specs = [spec("image", DType::U8, &[Dim::Known(999)]), spec("ids", DType::I64, &[Dim::Known(999)])];
        let mut options = FeedOptions::default();
        let feeds = generate(&specs, &options, 1).unwrap();
        let image = feeds[0].tensors[0].1.to_i64s().unwrap();
        assert!(image.iter().max() > Some(&250) && image.iter().min() < Some(&5));
        assert!(feeds[0].tensors[1].1.to_i64s().unwrap().iter().all(|id| (0..=1).contains(id)));
        options.ranges.insert(Name::new("ids"), (5.0, 9.0));
        let feeds = generate(&specs, &options, 1).unwrap();
        assert!(feeds[0].tensors[1].1.to_i64s().unwrap().iter().all(|id| (5..=9).contains(id)));
    }

    #[test]
    fn arrays_are_matched_by_name_type_and_shape() {
        let specs = [spec("x:0", DType::F32, &[Dim::Unknown])];
        let array = Tensor::vector(&[1f32, 2.0]);
        assert!(assign(vec![(Name::new("x"), array.clone())], &specs).is_ok());
        assert!(assign(vec![(Name::new("x"), Tensor::vector(&[1i32]))], &specs).is_err());
        assert!(assign(vec![(Name::new("x"), array.clone()), (Name::new("z"), array)], &specs).is_err());
    }
}

//! How fast is a model, and how much faster is it than another?
//!
//! Two models run in turn (A B, B A, A B …) until the time budget is spent, so that drift of the machine hits both alike. A sample is
//! as many runs as make a few milliseconds. The ratio is taken sample by sample; when the confidence interval of its median
//! contains 1, the report says that the difference lies within the noise. CPU time is what to compare on a busy machine.

use std::time::{Duration, Instant};

use gtt_ir::{Name, Tensor};
use serde::Serialize;

use crate::engine::{Elapsed, Engine, EngineError, LoadOptions, Mode, ModelFile, Prepared, Trust};

/// A sample lasts at least this long, in seconds.
const SAMPLE: f64 = 0.004;
/// Fewer samples than this are noted.
const FEW: usize = 10;
/// The most samples that are kept.
const MOST: usize = 10_000;

/// How to time.
#[derive(Clone, Debug)]
pub struct BenchOptions {
    /// Time for the runs after the first, over both models.
    pub budget: Duration,
    /// The engine's own optimization.
    pub mode: Mode,
    /// Threads of one run.
    pub threads: usize,
    /// Whether models that the engine is not proven for are timed too.
    pub trust: Trust,
}

impl Default for BenchOptions {
    fn default() -> Self {
        Self { budget: Duration::from_secs(5), mode: Mode::default(), threads: 1, trust: Trust::Anything }
    }
}

/// Quantiles of samples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Spread {
    /// Half are below.
    pub median: f64,
    /// The smallest.
    pub min: f64,
    /// A tenth are below.
    pub p10: f64,
    /// A tenth are above.
    pub p90: f64,
}

/// The times of one model, in seconds a run.
#[derive(Clone, Debug, Serialize)]
pub struct Timing {
    /// What it is, as given.
    pub label: String,
    /// Loading: parsing, the engine's optimization, planning.
    pub load: Elapsed,
    /// The first run.
    pub first_run: Elapsed,
    /// Runs after the first.
    pub runs: u64,
    /// CPU seconds a run.
    pub cpu: Spread,
    /// Wall seconds a run.
    pub wall: Spread,
}

/// How the ratio is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Finding {
    /// The second model takes less time.
    Faster,
    /// The second model takes more time.
    Slower,
    /// Not to be told apart.
    WithinNoise,
}

/// Time of the first model over time of the second, sample by sample: above 1 the second is faster.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Ratio {
    /// Quantiles of the quotients.
    #[serde(flatten)]
    pub spread: Spread,
    /// 95 % confidence interval of the median.
    pub interval: (f64, f64),
    /// What may be said.
    pub finding: Finding,
}

/// The result of timing one or two models.
#[derive(Clone, Debug, Serialize)]
pub struct BenchReport {
    /// The engine.
    pub engine: String,
    /// Its own optimization.
    pub mode: Mode,
    /// Threads of one run.
    pub threads: usize,
    /// One or two models, in the order given.
    pub models: Vec<Timing>,
    /// CPU time of the first over the second.
    pub cpu_ratio: Option<Ratio>,
    /// Wall time of the first over the second.
    pub wall_ratio: Option<Ratio>,
    /// Circumstances that limit what the numbers say.
    pub notes: Vec<String>,
}

/// Times one or two models on the same inputs.
pub fn bench(
    engine: &dyn Engine,
    models: &[(String, ModelFile)],
    feeds: &[(Name, Tensor)],
    options: &BenchOptions,
) -> Result<BenchReport, EngineError> {
    let mut subjects = Vec::new();
    for (label, model) in models.iter().take(2) {
        let mut load = LoadOptions::for_feeds(feeds);
        (load.mode, load.threads, load.trust) = (options.mode, options.threads, options.trust);
        subjects.push(Subject::start(label, engine.load(model, &load)?, feeds)?);
    }
    let repeats = subjects.iter().map(|subject| subject.repeats).max().unwrap_or(1);
    let start = Instant::now();
    let mut round = 0usize;
    while round < MOST && (round == 0 || start.elapsed() < options.budget) {
        let backwards = round % 2 == 1;
        for position in 0..subjects.len() {
            let index = if backwards { subjects.len() - 1 - position } else { position };
            subjects[index].sample(repeats)?;
        }
        round += 1;
    }
    let mut notes = Vec::new();
    let threads = options.threads.clamp(1, engine.max_threads());
    if threads < options.threads {
        notes.push(format!("{} runs on {threads} thread at most", engine.name()));
    }
    if round < FEW {
        notes.push(format!("only {round} samples: give more time for a figure to rely on"));
    }
    let ratio = |pick: fn(&Elapsed) -> f64| match subjects.as_slice() {
        [a, b] => Some(Ratio::of(a.samples.iter().zip(&b.samples).map(|(a, b)| pick(a) / pick(b)).collect())),
        _ => None,
    };
    let (cpu_ratio, wall_ratio) = (ratio(|time| time.cpu), ratio(|time| time.wall));
    if let Some(Ratio { finding: Finding::WithinNoise, .. }) = cpu_ratio {
        notes.push("the two models cannot be told apart: the difference lies within the noise".to_owned());
    }
    if options.mode == Mode::Optimized && subjects.len() == 2 {
        notes.push("the engine folds and fuses on its own, in both models".to_owned());
    }
    let models: Vec<Timing> = subjects.into_iter().map(|subject| subject.finish(repeats)).collect();
    if let Some(busy) = models.iter().find(|model| model.wall.median > 1.5 * model.cpu.median && threads == 1) {
        let share = busy.wall.median / busy.cpu.median;
        notes.push(format!("the machine is busy: wall time is {share:.1} times CPU time, compare CPU time"));
    }
    Ok(BenchReport { engine: engine.name(), mode: options.mode, threads, models, cpu_ratio, wall_ratio, notes })
}

struct Subject {
    label: String,
    prepared: Box<dyn Prepared>,
    first_run: Elapsed,
    repeats: u32,
    samples: Vec<Elapsed>,
}

impl Subject {
    fn start(label: &str, mut prepared: Box<dyn Prepared>, feeds: &[(Name, Tensor)]) -> Result<Self, EngineError> {
        prepared.feed(feeds)?;
        let first_run = prepared.execute(1)?;
        let second = prepared.execute(1)?;
        let repeats = (SAMPLE / second.wall.max(1e-7)).ceil().clamp(1.0, 10_000.0) as u32;
        Ok(Self { label: label.to_owned(), prepared, first_run, repeats, samples: Vec::new() })
    }

    fn sample(&mut self, repeats: u32) -> Result<(), EngineError> {
        let elapsed = self.prepared.execute(repeats)?;
        let each = f64::from(repeats);
        self.samples.push(Elapsed { wall: elapsed.wall / each, cpu: elapsed.cpu / each });
        Ok(())
    }

    fn finish(self, repeats: u32) -> Timing {
        Timing {
            load: self.prepared.load_time(),
            label: self.label,
            first_run: self.first_run,
            runs: self.samples.len() as u64 * u64::from(repeats),
            cpu: Spread::of(self.samples.iter().map(|sample| sample.cpu).collect()),
            wall: Spread::of(self.samples.iter().map(|sample| sample.wall).collect()),
        }
    }
}

impl Spread {
    fn of(mut samples: Vec<f64>) -> Self {
        samples.sort_by(f64::total_cmp);
        let quantile = |share: f64| {
            let last = samples.len().saturating_sub(1);
            samples.get((share * last as f64).round() as usize).copied().unwrap_or(f64::NAN)
        };
        Self { median: quantile(0.5), min: quantile(0.0), p10: quantile(0.1), p90: quantile(0.9) }
    }
}

impl Ratio {
    fn of(mut quotients: Vec<f64>) -> Self {
        quotients.retain(|quotient| quotient.is_finite());
        quotients.sort_by(f64::total_cmp);
        let spread = Spread::of(quotients.clone());
        // Order statistics around the median, from the normal approximation of the binomial distribution.
        let count = quotients.len() as f64;
        let half = 0.98 * count.sqrt();
        let at = |rank: f64| quotients.get((rank.max(0.0) as usize).min(quotients.len().saturating_sub(1))).copied();
        let low = at((count / 2.0 - half).floor()).unwrap_or(f64::NAN);
        let high = at((count / 2.0 + half).ceil()).unwrap_or(f64::NAN);
        let finding = if quotients.len() >= FEW && low > 1.01 {
            Finding::Faster
        } else if quotients.len() >= FEW && high < 0.99 {
            Finding::Slower
        } else {
            Finding::WithinNoise
        };
        Self { spread, interval: (low, high), finding }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_samples() {
        let spread = Spread::of((1..=11).map(f64::from).collect());
        assert_eq!((spread.min, spread.p10, spread.median, spread.p90), (1.0, 2.0, 6.0, 10.0));
        assert!(Spread::of(Vec::new()).median.is_nan());
    }

    #[test]
    fn a_ratio_that_straddles_one_is_noise() {
        let noise = (0..100).map(|i| 1.0 + 0.1 * ((i * 37 % 100) as f64 - 49.5) / 50.0).collect();
        assert_eq!(Ratio::of(noise).finding, Finding::WithinNoise);
        let faster = Ratio::of((0..100).map(|i| 1.3 + 0.1 * ((i * 37 % 100) as f64 - 49.5) / 50.0).collect());
        assert_eq!(faster.finding, Finding::Faster);
        assert!(faster.interval.0 > 1.25 && faster.interval.1 < 1.35);
        assert_eq!(Ratio::of(vec![0.8; 50]).finding, Finding::Slower);
    }

    #[test]
    fn too_few_samples_find_nothing() {
        assert_eq!(Ratio::of(vec![2.0; 3]).finding, Finding::WithinNoise);
    }
}

//! The log of ranges.

use rustc_hash::FxHashMap;

const NAME_END: &str = "__print__";
const PREFIX: &str = "__requant_min_max:";

/// Ranges by node, and what could not be read.
#[derive(Debug, Default)]
pub(super) struct Log<'t> {
    /// In the order of their first lines.
    pub(super) nodes: Vec<(&'t str, Ranges)>,
    places: FxHashMap<&'t str, usize>,
    /// Lines with the marks of a range that are none.
    pub(super) malformed: usize,
}

/// All ranges of one node.
#[derive(Debug, Default)]
pub(super) struct Ranges {
    mins: Vec<f32>,
    maxs: Vec<f32>,
}

impl<'t> Log<'t> {
    pub(super) fn read(text: &'t str) -> Self {
        let mut log = Self::default();
        let marks = [NAME_END, ";", PREFIX].concat();
        for line in text.lines().filter(|line| line.contains(&marks)) {
            let Some((name, min, max)) = record(line) else {
                log.malformed += 1;
                continue;
            };
            let at = *log.places.entry(name).or_insert_with(|| {
                log.nodes.push((name, Ranges::default()));
                log.nodes.len() - 1
            });
            let ranges = &mut log.nodes[at].1;
            ranges.mins.push(min);
            ranges.maxs.push(max);
        }
        log
    }

    /// Which of the nodes has the name.
    pub(super) fn place(&self, name: &str) -> Option<usize> {
        self.places.get(name).copied()
    }
}

/// `…;NAME__print__;__requant_min_max:[MIN][MAX]…`: the last such part of the line.
fn record(line: &str) -> Option<(&str, f32, f32)> {
    let parts: Vec<&str> = line.split(';').collect();
    let at = parts.iter().rposition(|part| part.starts_with(PREFIX))?;
    let name = parts[at.checked_sub(1)?].strip_suffix(NAME_END).filter(|name| !name.is_empty())?;
    let rest = parts[at][PREFIX.len()..].trim_start().strip_prefix('[')?;
    let (min, rest) = rest.split_once(']')?;
    let (max, rest) = rest.trim_start().strip_prefix('[')?.split_once(']')?;
    if rest.contains(['[', ']']) {
        return None;
    }
    let number = |text: &str| text.trim().parse::<f32>().ok().filter(|number| number.is_finite());
    Some((name, number(min)?, number(max)?))
}

impl Ranges {
    /// The smallest value but for a share of them, and the largest; shares in percent.
    pub(super) fn at(&mut self, min_percentile: f32, max_percentile: f32) -> (f32, f32) {
        let last = self.mins.len().saturating_sub(1);
        self.mins.sort_unstable_by(f32::total_cmp);
        self.maxs.sort_unstable_by(f32::total_cmp);
        // In float32 and in this order, as the Graph Transform Tool does: it shows where a share is half a value.
        let count = self.mins.len() as f32;
        let low = (count * min_percentile / 100.0).round() as usize;
        let high = (count * (1.0 - max_percentile / 100.0)).round() as usize;
        (self.mins[low.min(last)], self.maxs[high.min(last)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_without_the_marks_do_not_count_and_malformed_ones_are_counted() {
        let log = Log::read(
            "noise\n\
             2020 x.cc:1] ;op;a__print__;__requant_min_max:[-1][2.5] end\n\
             b__print__;__requant_min_max:[1e3]\n\
             b__print__;__requant_min_max:[nan][1]\n\
             __print__;__requant_min_max:[1][2]\n\
             b__print__;__requant_min_max:[1][2][3]\n\
             a__print__;__requant_min_max:[-3][1]",
        );
        assert_eq!((log.nodes.len(), log.malformed), (1, 4));
        assert_eq!((log.nodes[0].0, &log.nodes[0].1.mins[..]), ("a", &[-1.0, -3.0][..]));
    }

    #[test]
    fn percentiles_count_from_the_ends() {
        let mut ranges =
            Ranges { mins: (1..=100).map(|i| -(i as f32)).collect(), maxs: (1..=100).map(|i| i as f32).collect() };
        assert_eq!(ranges.at(5.0, 5.0), (-95.0, 96.0));
        assert_eq!(ranges.at(0.0, 0.0), (-100.0, 100.0));
        assert_eq!(ranges.at(100.0, 100.0), (-1.0, 1.0));
        let mut ten =
            Ranges { mins: (1..=10).map(|i| -(i as f32)).collect(), maxs: (1..=10).map(|i| i as f32).collect() };
        assert_eq!(ten.at(50.0, 50.0), (-5.0, 6.0));
    }
}

//! "Did you mean": the closest of some known names.

/// The known name closest to a misspelt one, if it is close: at most a third of the letters differ, or one contains the other.
pub fn closest<'a>(misspelt: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = misspelt.to_ascii_lowercase().replace('-', "_");
    if wanted.is_empty() || wanted.len() > 100 {
        return None;
    }
    let limit = wanted.len().div_ceil(3);
    let score = |name: &str| {
        let name = name.to_ascii_lowercase();
        let contained = wanted.len() >= 4 && name.len() >= 4 && (name.contains(&wanted) || wanted.contains(&name));
        let distance = distance(&wanted, &name);
        (contained || distance <= limit).then_some((distance.min(if contained { limit } else { usize::MAX }), name))
    };
    known.into_iter().filter_map(|name| Some((score(name)?, name))).min().map(|(_, name)| name)
}

/// Edit distance in bytes: insertions, deletions, replacements, and swaps of neighbours.
fn distance(a: &str, b: &str) -> usize {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replaced = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replaced.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(before[j - 2] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::closest;

    const NAMES: [&str; 4] = ["fold_constants", "fold_batch_norms", "fold_old_batch_norms", "remove_nodes"];

    #[test]
    fn a_misspelt_name_finds_its_neighbour() {
        assert_eq!(closest("fold_constant", NAMES), Some("fold_constants"));
        assert_eq!(closest("fold_cosntants", NAMES), Some("fold_constants"));
        assert_eq!(closest("Remove-Nodes", NAMES), Some("remove_nodes"));
        assert_eq!(closest("batch_norms", NAMES), Some("fold_batch_norms"));
    }

    #[test]
    fn an_unrelated_name_finds_nothing() {
        assert_eq!(closest("quantize", NAMES), None);
        assert_eq!(closest("", NAMES), None);
    }
}

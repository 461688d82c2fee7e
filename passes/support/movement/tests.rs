//! Movements against a model of what they do.

use gtt_ops::infer::Extent;

use super::{Movement, Step, target};

fn dims(extents: &[u32]) -> Vec<Extent> {
    extents.iter().map(|&extent| Extent::number(extent)).collect()
}

fn reshape(extents: &[u32]) -> Step {
    Step::Reshape(dims(extents))
}

fn transpose(perm: &[usize]) -> Step {
    Step::Transpose(perm.to_vec())
}

/// Element numbers and extents after steps.
fn run(extents: &[u32], steps: &[Step]) -> (Vec<usize>, Vec<i64>) {
    let mut shape: Vec<usize> = extents.iter().map(|&extent| extent as usize).collect();
    let mut elements: Vec<usize> = (0..shape.iter().product()).collect();
    for step in steps {
        match step {
            Step::Reshape(to) => shape = to.iter().map(|extent| extent.known().unwrap() as usize).collect(),
            Step::Transpose(perm) => {
                let to: Vec<usize> = perm.iter().map(|&axis| shape[axis]).collect();
                let moved = (0..elements.len()).map(|at| {
                    let (mut rest, mut index) = (at, vec![0; to.len()]);
                    for axis in (0..to.len()).rev() {
                        index[perm[axis]] = rest % to[axis];
                        rest /= to[axis];
                    }
                    elements[index.iter().zip(&shape).fold(0, |place, (&index, &extent)| place * extent + index)]
                });
                elements = moved.collect();
                shape = to;
            }
        }
    }
    (elements, shape.iter().map(|&extent| extent as i64).collect())
}

/// Every plan does what the steps do; the length of the shortest.
fn shortest(extents: &[u32], steps: &[Step]) -> usize {
    let mut movement = Movement::of(&dims(extents));
    for step in steps {
        movement.then(step).unwrap();
    }
    let expected = run(extents, steps);
    let plans = movement.plans();
    for plan in &plans {
        assert_eq!(run(extents, plan), expected, "{plan:?}");
    }
    plans[0].len()
}

#[test]
fn heads_of_attention_need_two_nodes_instead_of_three() {
    let steps = [reshape(&[5, 24, 4]), transpose(&[1, 0, 2]), reshape(&[2, 12, 5, 4])];
    assert_eq!(shortest(&[5, 2, 48], &steps), 2);
}

#[test]
fn packed_projections_lose_their_squeezes() {
    let steps =
        [reshape(&[5, 2, 3, 8]), reshape(&[1, 5, 2, 3, 8]), transpose(&[3, 1, 2, 0, 4]), reshape(&[3, 5, 2, 8])];
    assert_eq!(shortest(&[5, 2, 24], &steps), 2);
}

#[test]
fn what_comes_back_is_nothing() {
    assert_eq!(shortest(&[2, 3, 4], &[transpose(&[1, 2, 0]), transpose(&[2, 0, 1])]), 0);
    assert_eq!(shortest(&[2, 1, 4], &[transpose(&[1, 0, 2]), reshape(&[8]), reshape(&[2, 1, 4])]), 0);
    assert_eq!(shortest(&[2, 1, 4], &[transpose(&[1, 0, 2])]), 1);
}

#[test]
fn blocks_that_move_together_are_permuted_together() {
    let steps = [transpose(&[2, 0, 1]), reshape(&[4, 6]), transpose(&[1, 0]), reshape(&[24])];
    assert_eq!(shortest(&[2, 3, 4], &steps), 1);
    let steps = [reshape(&[2, 3, 4, 5]), transpose(&[2, 3, 0, 1]), reshape(&[10, 12])];
    // Blocks (4, 5) and (2, 3) change places; the cut at the end is another one, so it cannot be said in atoms of the blocks alone.
    let mut movement = Movement::of(&dims(&[120]));
    assert!(movement.then(&steps[0]).is_some() && movement.then(&steps[1]).is_some());
    assert!(movement.then(&steps[2]).is_none() || !movement.plans().is_empty());
}

#[test]
fn random_chains_and_their_plans_agree() {
    let mut random = gtt_testkit::generate::Random::new(7);
    for _ in 0..3000 {
        let extents: Vec<u32> = (0..1 + random.below(3)).map(|_| random.pick(&[1, 2, 3, 4, 6])).collect();
        let mut movement = Movement::of(&dims(&extents));
        let mut steps = Vec::new();
        for _ in 0..1 + random.below(4) {
            let (_, shape) = run(&extents, &steps);
            let step = if random.one_in(2) {
                let mut perm: Vec<usize> = (0..shape.len()).collect();
                for index in (1..perm.len()).rev() {
                    perm.swap(index, random.below(index + 1));
                }
                Step::Transpose(perm)
            } else {
                let mut left = shape.iter().product::<i64>() as u32;
                let mut to = Vec::new();
                while left > 1 || to.is_empty() {
                    let divisors: Vec<u32> = (1..=left).filter(|divisor| left.is_multiple_of(*divisor)).collect();
                    to.push(random.pick(&divisors));
                    left /= to[to.len() - 1];
                    if to.len() == 5 {
                        to.push(left);
                        break;
                    }
                }
                reshape(&to)
            };
            let before = movement.clone();
            if movement.then(&step).is_none() {
                movement = before;
                break;
            }
            steps.push(step);
        }
        let expected = run(&extents, &steps);
        for plan in movement.plans() {
            assert_eq!(run(&extents, &plan), expected, "{extents:?} {steps:?} {plan:?}");
        }
        let mut first = Movement::of(&dims(&extents));
        let half = steps.len() / 2;
        assert!(steps[..half].iter().all(|step| first.then(step).is_some()));
        let rest = movement.after(&first).unwrap();
        for plan in rest.plans() {
            let steps: Vec<Step> = steps[..half].iter().cloned().chain(plan).collect();
            assert_eq!(run(&extents, &steps), expected, "{steps:?}");
        }
    }
}

#[test]
fn operands_of_a_reshape_copy_rather_than_leave_open() {
    let n = Extent::unknown(0);
    let m = Extent::unknown(1);
    let twice = n.times(&Extent::number(2)).unwrap();
    let number = |extent| Extent::number(extent);
    assert_eq!(target(&[n.clone(), number(6)], &[n.clone(), number(2), number(3)], false), Some(vec![0, 2, 3]));
    assert_eq!(target(&[n.clone(), number(6)], &[twice.clone(), number(3)], false), Some(vec![-1, 3]));
    assert_eq!(target(&[n.clone(), m.clone()], &[n.clone(), twice.clone()], false), None);
    assert_eq!(target(&[n.clone(), m.clone()], &[n.clone(), twice.clone()], true), Some(vec![0, -1]));
    assert_eq!(target(std::slice::from_ref(&n), &[m, twice], true), None);
    assert_eq!(target(&[number(0)], &[number(0), number(2)], true), None);
}

//! Topological order: Kahn's algorithm with a heap over the original places, so that it is stable.
//! It must not know what is ordered.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

/// The order of some names and the wave of each, or the names of a cycle.
///
/// `edges` holds, for each name in its original place, the names it depends on.
///
/// # Errors
/// With a cycle, its first name repeated at the end.
pub fn topological(edges: &[(String, BTreeSet<String>)]) -> Result<Vec<(usize, usize)>, Vec<String>> {
    let place: BTreeMap<&str, usize> =
        edges.iter().enumerate().map(|(index, (name, _))| (name.as_str(), index)).collect();
    let depends: Vec<BTreeSet<usize>> =
        edges.iter().map(|(_, on)| on.iter().filter_map(|name| place.get(name.as_str()).copied()).collect()).collect();
    let mut waiting: Vec<usize> = depends.iter().map(BTreeSet::len).collect();
    let mut wave = vec![0; edges.len()];
    let mut ready: BinaryHeap<Reverse<usize>> = (0..edges.len()).filter(|&i| waiting[i] == 0).map(Reverse).collect();
    let mut order = Vec::with_capacity(edges.len());
    while let Some(Reverse(next)) = ready.pop() {
        order.push((next, wave[next]));
        for (index, on) in depends.iter().enumerate().filter(|(_, on)| on.contains(&next)) {
            debug_assert!(on.len() >= waiting[index]);
            wave[index] = wave[index].max(wave[next] + 1);
            waiting[index] -= 1;
            if waiting[index] == 0 {
                ready.push(Reverse(index));
            }
        }
    }
    if order.len() == edges.len() { Ok(order) } else { Err(cycle(edges, &depends, &waiting)) }
}

/// Walks dependencies among what could not be ordered until a place comes again.
fn cycle(edges: &[(String, BTreeSet<String>)], depends: &[BTreeSet<usize>], waiting: &[usize]) -> Vec<String> {
    let mut path = Vec::new();
    let mut at = waiting.iter().position(|&count| count > 0);
    while let Some(place) = at {
        if let Some(start) = path.iter().position(|&seen| seen == place) {
            let names = path[start..].iter().chain([&place]);
            return names.map(|&place: &usize| edges[place].0.clone()).collect();
        }
        path.push(place);
        at = depends[place].iter().copied().find(|&on| waiting[on] > 0);
    }
    Vec::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edges(list: &[(&str, &[&str])]) -> Vec<(String, BTreeSet<String>)> {
        list.iter().map(|(name, on)| ((*name).to_owned(), on.iter().map(|on| (*on).to_owned()).collect())).collect()
    }

    #[test]
    fn keeps_the_original_order_where_it_can() {
        let order = topological(&edges(&[("c", &["a"]), ("a", &[]), ("b", &[]), ("d", &["c", "b"])])).unwrap();
        assert_eq!(order, [(1, 0), (0, 1), (2, 0), (3, 2)]);
    }

    #[test]
    fn names_the_cycle() {
        let error = topological(&edges(&[("x", &[]), ("a", &["x", "b"]), ("b", &["c"]), ("c", &["a"])])).unwrap_err();
        assert_eq!(error, ["a", "b", "c", "a"]);
    }
}

//! Where the nodes of a tree go on a picture: roots left, children right of their parent, nothing overlapping.
//! It must not know how a node is drawn, only how large it is.

use std::collections::BTreeMap;

use crate::model::{Health, Tree};

/// Size of a node.
pub(crate) const NODE: (i32, i32) = (216, 60);
/// Space between columns and between rows.
const GAP: (i32, i32) = (44, 12);
/// Space around all.
const MARGIN: i32 = 8;
/// Of more children of one kind, only some are drawn: nobody reads a hundred pods.
const SIBLING_LIMIT: usize = 6;

/// What is drawn in one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Item {
    /// A node of the tree.
    Node(usize),
    /// Further nodes of a kind that are not drawn.
    More { kind: String, count: usize, health: Option<Health> },
}

/// An item and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) item: Item,
    /// Position, among the places, of what it belongs to.
    pub(crate) parent: Option<usize>,
    /// Left and top.
    pub(crate) at: (i32, i32),
}

/// All places, and the size of the whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) places: Vec<Place>,
    pub(crate) size: (i32, i32),
}

/// Lays a tree out.
pub(crate) fn layout(tree: &Tree) -> Layout {
    let mut children: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (position, node) in tree.nodes.iter().enumerate() {
        if let Some(parent) = node.parent {
            children.entry(parent).or_default().push(position);
        }
    }
    let mut painter = Painter { tree, children, layout: Layout::default(), rows: 0, columns: 0 };
    if !tree.nodes.is_empty() {
        painter.place(Item::Node(0), None, 0);
    }
    let mut layout = painter.layout;
    layout.size =
        (2 * MARGIN + painter.columns * (NODE.0 + GAP.0) - GAP.0, 2 * MARGIN + painter.rows * (NODE.1 + GAP.1) - GAP.1);
    layout
}

struct Painter<'a> {
    tree: &'a Tree,
    children: BTreeMap<usize, Vec<usize>>,
    layout: Layout,
    rows: i32,
    columns: i32,
}

impl Painter<'_> {
    /// Places an item and all below it; gives its top. A leaf takes the next row, a parent the middle of its children.
    fn place(&mut self, item: Item, parent: Option<usize>, column: i32) -> i32 {
        self.columns = self.columns.max(column + 1);
        let below = match &item {
            Item::Node(node) => self.below(*node),
            Item::More { .. } => Vec::new(),
        };
        let position = self.layout.places.len();
        let left = MARGIN + column * (NODE.0 + GAP.0);
        self.layout.places.push(Place { item, parent, at: (left, 0) });
        let tops: Vec<i32> = below.into_iter().map(|child| self.place(child, Some(position), column + 1)).collect();
        let top = match (tops.first(), tops.last()) {
            (Some(first), Some(last)) => (first + last) / 2,
            _ => self.next_row(),
        };
        self.layout.places[position].at.1 = top;
        top
    }

    fn next_row(&mut self) -> i32 {
        let top = MARGIN + self.rows * (NODE.1 + GAP.1);
        self.rows += 1;
        top
    }

    /// The children of a node, those too many of one kind summed up; the unwell are the last to be left out.
    fn below(&self, node: usize) -> Vec<Item> {
        let mut kinds: Vec<(&str, Vec<usize>)> = Vec::new();
        for child in self.children.get(&node).into_iter().flatten() {
            let kind = self.tree.nodes[*child].object.kind.as_str();
            match kinds.iter_mut().find(|(known, _)| *known == kind) {
                Some((_, group)) => group.push(*child),
                None => kinds.push((kind, vec![*child])),
            }
        }
        kinds.into_iter().flat_map(|(kind, group)| self.shorten(kind, group)).collect()
    }

    fn shorten(&self, kind: &str, mut group: Vec<usize>) -> Vec<Item> {
        if group.len() <= SIBLING_LIMIT {
            return group.into_iter().map(Item::Node).collect();
        }
        group.sort_by_key(|node| std::cmp::Reverse(self.tree.nodes[*node].health()));
        let hidden = group.split_off(SIBLING_LIMIT - 1);
        let health = hidden.iter().filter_map(|node| self.tree.nodes[*node].health()).max();
        group.sort_unstable();
        let more = Item::More { kind: kind.to_owned(), count: hidden.len(), health };
        group.into_iter().map(Item::Node).chain([more]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{World, tree};
    use serde_json::json;

    fn star(children: usize) -> Tree {
        let resources: Vec<_> =
            (0..children).map(|i| json!({"kind": "Service", "version": "v1", "name": format!("s{i:03}")})).collect();
        let application = json!({"kind": "Application", "metadata": {"name": "a"}, "status": {"resources": resources}});
        tree(&World { application, ..World::default() })
    }

    #[test]
    fn a_parent_is_in_the_middle_and_nothing_overlaps() {
        let layout = layout(&star(3));
        let tops: Vec<i32> = layout.places.iter().map(|place| place.at.1).collect();
        assert_eq!(tops, [80, 8, 80, 152]);
        assert_eq!(layout.size, (16 + 216 + 44 + 216, 16 + 3 * 60 + 2 * 12));
    }

    #[test]
    fn too_many_of_a_kind_are_summed_up() {
        let layout = layout(&star(100));
        assert_eq!(layout.places.len(), 1 + SIBLING_LIMIT);
        let Item::More { count, .. } = &layout.places.last().unwrap().item else { panic!("the last is the sum") };
        assert_eq!(*count, 95);
    }
}

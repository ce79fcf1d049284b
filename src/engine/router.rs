//! From a path to what stands there.

use crate::{
    ground::id::MountId,
    wire::{pattern::Pattern, request::Method, target::Path},
};

/// What stands at a matched path.
#[derive(Debug, Clone, Default)]
pub(crate) struct Place {
    pub(crate) mount: Option<MountId>,
    /// The routes by method.
    pub(crate) routes: Vec<(Method, usize)>,
}

/// All patterns with what stands there, the most specific first.
#[derive(Debug, Default)]
pub(crate) struct Router {
    places: Vec<(Pattern, Place)>,
}

impl Router {
    /// The place of a pattern: the one that matches exactly the same paths, or a new one.
    pub(crate) fn place(&mut self, pattern: Pattern) -> (&Pattern, &mut Place) {
        let at = match self.places.iter().position(|(p, _)| p.overlaps_same(&pattern)) {
            Some(at) => at,
            None => {
                let at = self.places.partition_point(|(p, _)| p.specificity_cmp(&pattern).is_le());
                self.places.insert(at, (pattern, Place::default()));
                at
            }
        };
        let (pattern, place) = &mut self.places[at];
        (pattern, place)
    }

    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    /// The most specific place that matches, and what its parameters matched.
    pub(crate) fn find(&self, path: &Path<'_>) -> Option<(&Place, Vec<(String, String)>)> {
        self.places.iter().find_map(|(pattern, place)| Some((place, pattern.matches(path)?)))
    }
}

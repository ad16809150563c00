//! Sets and maps out of a few items.

/// `collect` for sets and maps, one insertion at a time. The standard library sorts first, which is faster for thousands
/// of items; where there are few, each type's sort would only add five kilobytes to a component.
pub(crate) fn gather<T, C: Default + Extend<T>>(items: impl IntoIterator<Item = T>) -> C {
    let mut collection = C::default();
    collection.extend(items);
    collection
}

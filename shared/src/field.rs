//! A field of a report that may be left out.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What a report says of a field. A platform that may not share a field leaves its key out, which says nothing; `null`
/// says that there is none. Only the second may clear what an earlier report set.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Field<T> {
    /// The key was not there: nothing is said.
    #[default]
    Absent,
    /// `null`: there is none.
    None,
    Some(T),
}

impl<T> Field<T> {
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }

    pub fn as_ref(&self) -> Field<&T> {
        match self {
            Self::Absent => Field::Absent,
            Self::None => Field::None,
            Self::Some(value) => Field::Some(value),
        }
    }

    /// The value, where there is one.
    pub fn value(self) -> Option<T> {
        match self {
            Self::Some(value) => Some(value),
            Self::Absent | Self::None => None,
        }
    }

    /// What is said, where something is: `Some(None)` clears.
    pub fn said(self) -> Option<Option<T>> {
        match self {
            Self::Absent => None,
            Self::None => Some(None),
            Self::Some(value) => Some(Some(value)),
        }
    }

    /// Keeps a value that `f` can read; one that it cannot read says nothing.
    pub fn and_then<U>(self, f: impl FnOnce(T) -> Option<U>) -> Field<U> {
        match self {
            Self::Absent => Field::Absent,
            Self::None => Field::None,
            Self::Some(value) => f(value).map_or(Field::Absent, Field::Some),
        }
    }
}

impl<T: Serialize> Serialize for Field<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Some(value) => serializer.serialize_some(value),
            Self::Absent | Self::None => serializer.serialize_none(),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Field<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(deserializer)?.map_or(Self::None, Self::Some))
    }
}

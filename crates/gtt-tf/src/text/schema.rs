//! Tables of messages: what the text format calls each field.

pub(crate) use super::schema_graph::GRAPH_DEF;
#[cfg(test)]
pub(crate) use super::schema_graph::TENSOR_PROTO;
pub(crate) use super::schema_saved_model::SAVED_MODEL;

/// A message type. The fields are sorted as their definition lists them.
#[derive(Debug)]
pub(crate) struct Message {
    pub(super) name: &'static str,
    pub(super) fields: &'static [Field],
}

#[derive(Debug)]
pub(super) struct Field {
    pub(super) number: u32,
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) repeated: bool,
}

/// The type of a field. Repeated numbers of this schema are all packed.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Double,
    Float,
    Int,
    Int32,
    Uint,
    Sint,
    Fixed64,
    Bool,
    String,
    Bytes,
    Enum(Enum),
    Message(&'static Message),
    /// Entries of a map, whose order does not matter.
    Map(&'static Message),
}

impl Kind {
    pub(super) fn message(self) -> Option<&'static Message> {
        match self {
            Kind::Message(message) | Kind::Map(message) => Some(message),
            _ => None,
        }
    }

    /// Repeated values share one field.
    pub(super) fn packs(self) -> bool {
        !matches!(self, Kind::String | Kind::Bytes | Kind::Message(_) | Kind::Map(_))
    }
}

/// The names of an enum.
#[derive(Clone, Copy, Debug)]
pub(super) enum Enum {
    /// TensorFlow's `DataType`.
    DType,
    Named(&'static [(&'static str, u64)]),
}

impl Enum {
    pub(super) fn number(self, name: &str) -> Option<u64> {
        match self {
            Enum::DType => crate::dtype::number_of_name(name),
            Enum::Named(names) => names.iter().find(|(other, _)| *other == name).map(|(_, number)| *number),
        }
    }

    pub(super) fn name(self, number: u64) -> Option<String> {
        match self {
            Enum::DType => crate::dtype::name_of_number(number),
            Enum::Named(names) => names.iter().find(|(_, other)| *other == number).map(|(name, _)| (*name).to_owned()),
        }
    }
}

impl Message {
    pub(super) fn by_name(&self, name: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    pub(super) fn by_number(&self, number: u32) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.number == number)
    }
}

pub(super) const fn one(number: u32, name: &'static str, kind: Kind) -> Field {
    Field { number, name, kind, repeated: false }
}

pub(super) const fn many(number: u32, name: &'static str, kind: Kind) -> Field {
    Field { number, name, kind, repeated: true }
}

macro_rules! message {
    ($static:ident = $name:literal { $($field:expr,)* }) => {
        pub(crate) static $static: Message = Message { name: $name, fields: &[$($field,)*] };
    };
}
pub(super) use message;

#[cfg(test)]
mod tests {
    use rustc_hash::FxHashSet;

    use super::*;

    #[test]
    fn no_message_has_two_fields_of_one_name_or_number() {
        let mut seen: FxHashSet<&str> = FxHashSet::default();
        let mut work: Vec<&'static Message> = vec![&SAVED_MODEL, &GRAPH_DEF];
        while let Some(message) = work.pop() {
            if !seen.insert(message.name) {
                continue;
            }
            for (index, field) in message.fields.iter().enumerate() {
                let clash = |other: &Field| other.name == field.name || other.number == field.number;
                assert!(!message.fields[..index].iter().any(clash), "{}.{}", message.name, field.name);
                assert!(field.repeated || !matches!(field.kind, Kind::Map(_)));
                work.extend(field.kind.message());
            }
        }
        assert_eq!(seen.len(), 89);
    }
}

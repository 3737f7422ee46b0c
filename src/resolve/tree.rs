//! A tree of values as serde reads it, in place: no copy of it is made. Pure.

use std::cell::Cell;
use std::slice;

use serde::de::value::Error;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error as _, IntoDeserializer, MapAccess, SeqAccess, Unexpected,
    VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use crate::source::yaml::{Entry, Kind, Node};

/// A value to be read.
#[derive(Clone, Copy)]
pub struct Tree<'a> {
    /// The value.
    pub node: &'a Node,
    /// Set where a part of it was passed over, as no type takes it.
    pub ignored: &'a Cell<bool>,
}

impl<'a> Tree<'a> {
    fn of(self, node: &'a Node) -> Self {
        Self { node, ..self }
    }
}

impl<'de> Deserializer<'de> for Tree<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match &self.node.kind {
            Kind::Null => visitor.visit_unit(),
            Kind::Bool(value) => visitor.visit_bool(*value),
            Kind::Number { value, .. } => match (value.as_u64(), value.as_i64(), value.as_f64()) {
                (Some(value), ..) => visitor.visit_u64(value),
                (None, Some(value), _) => visitor.visit_i64(value),
                (None, None, value) => visitor.visit_f64(value.unwrap_or(f64::NAN)),
            },
            Kind::Text(text) => visitor.visit_borrowed_str(text),
            Kind::List(items) => visitor.visit_seq(Items {
                tree: self,
                left: items.iter(),
            }),
            Kind::Map(map) => visitor.visit_map(Entries {
                tree: self,
                left: map.iter(),
                value: None,
            }),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.node.kind {
            Kind::Null => visitor.visit_none(),
            Kind::Bool(_) | Kind::Number { .. } | Kind::Text(_) | Kind::List(_) | Kind::Map(_) => {
                visitor.visit_some(self)
            }
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_enum(self)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match &self.node.kind {
            // A derived visitor would take a list for the fields in their order.
            Kind::List(_) => Err(Error::invalid_type(Unexpected::Seq, &visitor)),
            Kind::Null | Kind::Bool(_) | Kind::Number { .. } | Kind::Text(_) | Kind::Map(_) => {
                self.deserialize_any(visitor)
            }
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.ignored.set(true);
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        seq tuple tuple_struct map identifier
    }
}

/// The items of a list.
struct Items<'a> {
    tree: Tree<'a>,
    left: slice::Iter<'a, Node>,
}

impl<'de> SeqAccess<'de> for Items<'de> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        let item = self.left.next();
        item.map(|item| seed.deserialize(self.tree.of(item))).transpose()
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left.len())
    }
}

/// The entries of a map.
struct Entries<'a> {
    tree: Tree<'a>,
    left: indexmap::map::Iter<'a, String, Entry>,
    value: Option<&'a Node>,
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        let Some((key, entry)) = self.left.next() else {
            return Ok(None);
        };
        self.value = Some(&entry.value);
        seed.deserialize(key.as_str().into_deserializer()).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        match self.value.take() {
            Some(value) => seed.deserialize(self.tree.of(value)),
            None => Err(Error::custom("a value was read before its key")),
        }
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left.len())
    }
}

/// One of several words; none of the types has a choice that holds more than its name.
impl<'de> EnumAccess<'de> for Tree<'de> {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Error> {
        match &self.node.kind {
            Kind::Text(text) => Ok((seed.deserialize(text.as_str().into_deserializer())?, self)),
            Kind::Null => Err(Error::invalid_type(Unexpected::Unit, &"text")),
            Kind::Bool(value) => Err(Error::invalid_type(Unexpected::Bool(*value), &"text")),
            Kind::Number { written, .. } => Err(Error::invalid_type(Unexpected::Other(written), &"text")),
            Kind::List(_) => Err(Error::invalid_type(Unexpected::Seq, &"text")),
            Kind::Map(_) => Err(Error::invalid_type(Unexpected::Map, &"text")),
        }
    }
}

impl<'de> VariantAccess<'de> for Tree<'de> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, _: T) -> Result<T::Value, Error> {
        Err(Error::invalid_type(Unexpected::NewtypeVariant, &"a word"))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, Error> {
        Err(Error::invalid_type(Unexpected::TupleVariant, &"a word"))
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], _: V) -> Result<V::Value, Error> {
        Err(Error::invalid_type(Unexpected::StructVariant, &"a word"))
    }
}

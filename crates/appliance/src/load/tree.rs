//! A TOML document as a tree of values that know their places.

use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A value and where it stands, in bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    pub place: Range<usize>,
    pub value: Value,
    /// Stands for a value that is missing or wrong, which has been reported: nothing more is said about it.
    pub is_hole: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Table(Vec<Entry>),
    Array(Vec<Node>),
    Text(String),
    /// None when it does not fit 64 bits.
    Integer(Option<i64>),
    Boolean(bool),
    Float,
    Date,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    pub key: String,
    pub key_place: Range<usize>,
    pub node: Node,
}

/// A step on the way to a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<'a> {
    Key(&'a str),
    Index(usize),
}

/// A way into the tree: `Way::to("file").index(2).key("path")`.
#[derive(Debug, Clone, Default)]
pub struct Way<'a>(Vec<Step<'a>>);

impl<'a> Way<'a> {
    pub fn to(key: &'a str) -> Self {
        Way(vec![Step::Key(key)])
    }
    pub fn key(&self, key: &'a str) -> Self {
        self.then(Step::Key(key))
    }
    /// The last key.
    pub fn name(&self) -> &'a str {
        let key = |step: &Step<'a>| if let Step::Key(key) = step { Some(*key) } else { None };
        self.0.iter().rev().find_map(key).unwrap_or_default()
    }
    pub fn index(&self, index: usize) -> Self {
        self.then(Step::Index(index))
    }
    fn then(&self, step: Step<'a>) -> Self {
        let mut steps = self.0.clone();
        steps.push(step);
        Way(steps)
    }
}

impl Node {
    pub fn get(&self, key: &str) -> Option<&Node> {
        match &self.value {
            Value::Table(entries) => entries.iter().find(|e| e.key == key).map(|e| &e.node),
            _ => None,
        }
    }
    pub fn elements(&self) -> &[Node] {
        if let Value::Array(nodes) = &self.value { nodes } else { &[] }
    }
    pub fn text(&self) -> Option<&str> {
        if let Value::Text(text) = &self.value { Some(text) } else { None }
    }
    /// The value at the end of a way, or the last one before the way ends too early.
    pub fn follow(&self, way: &Way<'_>) -> &Node {
        let mut node = self;
        for step in &way.0 {
            let next = match step {
                Step::Key(key) => node.get(key),
                Step::Index(index) => node.elements().get(*index),
            };
            let Some(next) = next else { break };
            node = next;
        }
        node
    }
    /// As JSON, for serde. Only called when every value has been found right.
    pub fn to_json(&self) -> serde_json::Value {
        match &self.value {
            Value::Table(entries) => entries
                .iter()
                .map(|e| (e.key.clone(), e.node.to_json()))
                .collect::<serde_json::Map<_, _>>()
                .into(),
            Value::Array(nodes) => nodes.iter().map(Node::to_json).collect::<Vec<_>>().into(),
            Value::Text(text) => text.as_str().into(),
            Value::Integer(number) => (*number).into(),
            Value::Boolean(boolean) => (*boolean).into(),
            Value::Float | Value::Date => serde_json::Value::Null,
        }
    }
}

/// The tree of a parsed document.
pub fn document(table: &Spanned<DeTable<'_>>) -> Node {
    Node { place: table.span(), value: Value::Table(entries(table.get_ref())), is_hole: false }
}

fn entries(table: &DeTable<'_>) -> Vec<Entry> {
    let entry = |(key, value): (&Spanned<_>, &Spanned<DeValue<'_>>)| {
        let key: &Spanned<toml::de::DeString<'_>> = key;
        Entry { key: key.get_ref().to_string(), key_place: key.span(), node: node(value) }
    };
    let mut entries: Vec<Entry> = table.iter().map(entry).collect();
    entries.sort_by_key(|e| e.key_place.start);
    entries
}

fn node(value: &Spanned<DeValue<'_>>) -> Node {
    let place = value.span();
    let value = match value.get_ref() {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(number) => Value::Integer(i64::from_str_radix(number.as_str(), number.radix()).ok()),
        DeValue::Float(_) => Value::Float,
        DeValue::Boolean(boolean) => Value::Boolean(*boolean),
        DeValue::Datetime(_) => Value::Date,
        DeValue::Array(array) => Value::Array(array.iter().map(node).collect()),
        DeValue::Table(table) => Value::Table(entries(table)),
    };
    Node { place, value, is_hole: false }
}

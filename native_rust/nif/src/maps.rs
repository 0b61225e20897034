//! Structs of the engine as maps of Elixir's, whose keys are the names of the fields.

/// A struct that is made `from` one of the engine's, or `into` one, with the same fields.
macro_rules! map {
    (
        #[$derive:meta]
        struct $name:ident from $engine:ident { $($field:ident: $type:ty),+ $(,)? }
    ) => {
        #[$derive]
        struct $name { $($field: $type),+ }

        impl From<$engine> for $name {
            fn from(engine: $engine) -> Self {
                Self { $($field: engine.$field.into()),+ }
            }
        }
    };
    (
        #[$derive:meta]
        struct $name:ident into $engine:ident { $($field:ident: $type:ty),+ $(,)? }
    ) => {
        #[$derive]
        struct $name { $($field: $type),+ }

        impl From<$name> for $engine {
            fn from(map: $name) -> Self {
                Self { $($field: map.$field.into()),+ }
            }
        }
    };
}

pub(crate) use map;

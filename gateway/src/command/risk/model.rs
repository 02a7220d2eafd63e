//! `crossmargin risk model`: a built-in margin model with every parameter and what it rests on.

use clap::Args;
use risk::model::Model;

use crate::command::{failure::Failure, output};

/// Arguments of `crossmargin risk model`.
#[derive(Clone, Debug, Args)]
pub struct ModelArgs {
    /// The model, such as treasury-house/2; without it the built-in ones are listed.
    pub version: Option<String>,

    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Runs `crossmargin risk model`.
///
/// # Errors
/// A version that is not built in.
pub(super) fn run(args: &ModelArgs) -> Result<(), Failure> {
    let Some(version) = &args.version else {
        let versions: Vec<String> = Model::built_in().iter().map(|model| model.version.to_string()).collect();
        return output::answer(args.json, &versions, |versions| versions.join("\n"));
    };
    let model = built_in(version)?;
    // A model always is a table of TOML: the arrangement holds it as one.
    let text = text(&model).map_err(|error| Failure::of("writing the model as TOML", &error))?;
    output::answer(args.json, &model, |_| text)
}

fn built_in(version: &str) -> Result<Model, Failure> {
    let known = Model::built_in();
    let names = known.iter().map(|model| model.version.to_string()).collect::<Vec<_>>().join(", ");
    let found = known.into_iter().find(|model| model.version.0 == version);
    found.ok_or_else(|| Failure::new(format!("{version:?} is not built in: {names} are")))
}

/// The model as TOML, in the form that an arrangement takes as `parameters`; what each parameter rests on stands at its
/// end.
fn text(model: &Model) -> Result<String, toml::ser::Error> {
    let digest = hex::encode(model.digest());
    Ok(format!("# {}, digest {digest}\n\n{}", model.version, toml::to_string(model)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_reads_back_as_the_same_model() {
        for model in Model::built_in() {
            let printed = text(&model).unwrap();
            let read: Model = toml::from_str(&printed).unwrap();
            assert_eq!(read, model);
            assert!(printed.contains(&hex::encode(model.digest())));
            let json = serde_json::to_string(&model).unwrap();
            assert_eq!(serde_json::from_str::<Model>(&json).unwrap(), model);
        }
    }

    #[test]
    fn a_model_that_is_not_built_in_is_refused_with_those_that_are() {
        let told = built_in("treasury-house/0").unwrap_err().to_string();
        assert!(told.contains("treasury-house/0") && told.contains("treasury-house/2, futures-house/2"), "{told}");
    }
}

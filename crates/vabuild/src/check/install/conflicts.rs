//! Two appliances on one machine: the first to seed a question wins, so both have to mean the same.

use appliance::{Definition, model::Appliance, seed_value};

/// One line for each question that two of the appliances seed differently. An answer of the owner is another one in
/// each appliance, even under the same name.
pub fn conflicts(definitions: &[(&Appliance, &Definition)]) -> Vec<String> {
    let mut found = vec![];
    for (index, (one, first)) in definitions.iter().enumerate() {
        for (other, second) in &definitions[index + 1..] {
            for a in &first.seeds {
                let differs = |b: &&appliance::model::Seed| {
                    b.question == a.question && (a.value != b.value || depends_on_answers(&a.value))
                };
                for b in second.seeds.iter().filter(differs) {
                    found.push(format!(
                        "{} is seeded as `{}` by {} and as `{}` by {}: on one machine only the first would count",
                        a.question, a.value, one.name, b.value, other.name
                    ));
                }
            }
        }
    }
    found
}

fn depends_on_answers(value: &str) -> bool {
    let parts = seed_value::parse(value).unwrap_or_default();
    seed_value::answers_used(&parts).next().is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_means_the_same_goes_together() {
        let one = |name: &str, seeds: &[(&str, &str)]| {
            let appliance = serde_json::json!({
                "name": name, "version": "1", "summary": "x", "maintainer": "A <a@example.org>", "packages": [], "url": "http://x/"
            });
            let seed = |(question, value): &(&str, &str)| serde_json::json!({ "package": "p", "question": question, "value": value });
            let seeds: Vec<_> = seeds.iter().map(seed).collect();
            serde_json::from_value::<Definition>(serde_json::json!({ "appliance": appliance, "seed": seeds }))
                .unwrap()
        };
        let a = one("a", &[("p/same", "1"), ("p/other", "1"), ("p/asked", "{{ answers.x }}")]);
        let b = one("b", &[("p/same", "1"), ("p/other", "2"), ("p/asked", "{{ answers.x }}")]);
        let both: Vec<_> = [&a, &b].map(|d| (d.appliance.as_ref().unwrap(), d)).into();
        let found = conflicts(&both);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].starts_with("p/other is seeded as `1` by a and as `2` by b"), "{found:?}");
        assert!(found[1].starts_with("p/asked"), "{found:?}");
    }
}
